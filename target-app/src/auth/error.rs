//! Why a token or a session did not do, and what the client is told of it.

use std::io;
use std::time::Duration;

use crate::error::Problem;
use crate::kv::KvError;

/// How long a client should wait before it asks again while the shared store is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why someone is not let in, or not let in now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// The credentials are not, or no longer, good.
    #[error("{0}")]
    Refused(&'static str),
    /// Whether they are good cannot be told now: refusing them might be wrong, and so might letting them in.
    #[error("the shared store did not answer")]
    Unreachable(#[from] KvError),
    /// Other instances changed the same entry again and again.
    #[error(
        "concurrent changes to the same entry in the shared store; gave up after several attempts"
    )]
    Contended,
    /// What the shared store holds under a key of this module was not written by it.
    #[error("the entry {0} in the shared store is not in the expected format")]
    Damaged(&'static str),
    /// An entry or a token could not be written.
    #[error("cannot encode a token or a session entry")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system gave no randomness.
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
    fn a_store_that_is_away_is_a_reason_to_come_again_and_not_to_log_in_again() {
        let away = AuthError::from(KvError::TimedOut);
        let response = Problem::from(away).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
