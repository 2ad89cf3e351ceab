//! The extractor for routes that need to know who asks.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::Token;
use crate::error::Problem;
use crate::state::App;

/// The user and session that a request's bearer token stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) user_id: i64,
    pub(crate) session_id: i64,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let presented = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = presented
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| Token::presented(token.trim()))
            .ok_or_else(|| Problem::unauthorized("a bearer token is needed"))?;
        let found = app.store.caller(&token.hash()).await?;
        let (session_id, user_id) = found
            .ok_or_else(|| Problem::unauthorized("the access token is unknown or has run out"))?;
        Ok(Self {
            user_id,
            session_id,
        })
    }
}
