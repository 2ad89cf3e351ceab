//! The caller of a request and its bearer token.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::AuthError;
use super::token::SessionId;

/// The user and session of a request's access token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) user_id: i64,
    pub(crate) session: SessionId,
}

/// The token after `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn no_token() -> AuthError {
    AuthError::Refused("missing access token; send Authorization: Bearer TOKEN")
}
