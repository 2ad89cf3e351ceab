//! Errors of tokens and sessions, and the answers that clients get for them.

use std::io;
use std::time::Duration;

use crate::error::Problem;
use crate::kv::KvError;

/// Value of `Retry-After` while the shared store is unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The reason why a client is not authenticated, or not now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// The credentials are invalid or no longer valid.
    #[error("{0}")]
    Refused(&'static str),
    /// The credentials could not be checked. Rejecting or accepting them could both be wrong.
    #[error("the shared store did not answer")]
    Unreachable(#[from] KvError),
    /// Other instances changed the same entry repeatedly.
    #[error(
        "concurrent changes to the same entry in the shared store; gave up after several attempts"
    )]
    Contended,
    /// The shared store holds a value under a key of this module that this module did not write.
    #[error("the entry {0} in the shared store is not in the expected format")]
    Damaged(&'static str),
    /// An entry or a token could not be encoded.
    #[error("cannot encode a token or a session entry")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system provided no random bytes.
    #[error("the operating system did not provide random bytes")]
    Randomness(#[from] io::Error),
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        const UNCHECKED: &str = "the session store is unavailable, so the session could not be checked; retry \
         with the same token";
        match error {
            AuthError::Refused(detail) => Self::unauthorized(detail),
            AuthError::Unreachable(cause) => {
                Self::unavailable(UNCHECKED, cause.retry_after().unwrap_or(RETRY_AFTER))
            }
            AuthError::Contended => Self::unavailable(UNCHECKED, RETRY_AFTER),
            AuthError::Encode(ref source) => Self::internal(&format_args!("{error}: {source}")),
            AuthError::Damaged(_) | AuthError::Randomness(_) => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{StatusCode, header};
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn an_unavailable_store_answers_503_and_not_401() {
        let away = AuthError::from(KvError::TimedOut);
        let response = Problem::from(away).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
