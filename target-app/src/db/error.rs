//! Why the database did not do as it was asked, sorted by what the caller can do about it.

use std::time::Duration;

/// A statement or a connection that failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection came free within `pool.timeout`.
    #[error("no connection of pool {pool} came free within {waited:?}")]
    PoolTimeout {
        /// Which pool.
        pool: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The database cannot be reached, or the connection broke.
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The statement took longer than `db.timeout`.
    #[error("statement {statement} took longer than {limit:?}")]
    StatementTimeout {
        /// Name of the statement.
        statement: &'static str,
        /// What it was given.
        limit: Duration,
    },
    /// The circuit breaker is open, or too many statements are under way.
    #[error("the database is not asked at the moment")]
    Refused {
        /// When to try again.
        retry_after: Duration,
    },
    /// A constraint stands against it: what is unique is there already.
    #[error("there is such a row already")]
    Duplicate(#[source] sqlx::Error),
    /// The statement is wrong or was refused for what it says.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
}

impl DbError {
    /// Sorts what the driver said.
    pub(super) fn of(error: sqlx::Error) -> Self {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        match &error {
            Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed | WorkerCrashed => {
                Self::Unreachable(error)
            }
            sqlx::Error::Database(said) => {
                if said.is_unique_violation() {
                    Self::Duplicate(error)
                } else if said.code().is_some_and(|code| is_going_away(&code)) {
                    Self::Unreachable(error)
                } else {
                    Self::Statement(error)
                }
            }
            _ => Self::Statement(error),
        }
    }

    /// Whether it tells against the database rather than against the statement.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::StatementTimeout { .. })
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self::of(error)
    }
}

/// PostgreSQL's classes 08 (connection), 53 (resources), 57P (shutdown, starting up) and `SQLite`'s disk and file errors.
fn is_going_away(code: &str) -> bool {
    code.starts_with("08")
        || code.starts_with("53")
        || code.starts_with("57P")
        || matches!(code, "10" | "13" | "14")
}
