//! Errors of the store, and the answers that clients get for them.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use crate::db::{DbError, OpenError};
use crate::error::Problem;

/// The detail of all internal failures.
const BUSY: &str = "the service is temporarily unavailable; try again later";

/// Error of an operation on the tables.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object does not exist.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The statement or the connection failed.
    #[error("the database operation failed")]
    Database(#[from] DbError),
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An answer could not be encoded as JSON.
    #[error("cannot encode an answer as JSON")]
    Encode(#[from] serde_json::Error),
    /// A row could not be encoded as `MessagePack`.
    #[error("cannot encode a row as MessagePack")]
    Pack(#[from] rmp_serde::encode::Error),
    /// The error of another request that loaded the same key.
    #[error(transparent)]
    Shared(#[from] Arc<StoreError>),
    /// The database was seeded with other numbers.
    #[error(
        "the database in {place} was seeded with {found}, expected {expected}; use another database or the \
     same numbers"
    )]
    SeededOtherwise {
        /// The directory or database.
        place: String,
        /// The numbers of its catalogue.
        found: String,
        /// The numbers of the configuration.
        expected: String,
    },
}

impl StoreError {
    /// The error and all its causes in one line, for the log.
    pub(crate) fn with_sources(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Self::not_found(what),
            StoreError::Shared(error) => Self::from(&**error),
            StoreError::Database(DbError::Duplicate(_)) => Self::new(
                StatusCode::CONFLICT,
                "an object with the same unique value already exists",
            ),
            StoreError::Database(DbError::Statement(_)) => Self::internal(&error.with_sources()),
            StoreError::Database(DbError::Refused { retry_after }) => {
                Self::unavailable(BUSY, *retry_after)
            }
            StoreError::Database(DbError::PoolTimeout { .. }) => {
                Self::unavailable(BUSY, Duration::from_secs(1))
            }
            StoreError::Database(_) => {
                Self::unavailable(BUSY, Duration::from_secs(1)).because(&error.with_sources())
            }
            other => Self::internal(&other.with_sources()),
        }
    }
}
