//! Database errors, sorted by what the caller can do about them.

use std::time::Duration;

/// Error of a statement or a connection.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection became free within `pool.timeout`.
    #[error("no connection of pool {pool} became free within {waited:?}")]
    PoolTimeout {
        /// Name of the pool.
        pool: &'static str,
        /// The maximum wait.
        waited: Duration,
    },
    /// The database is unreachable, or the connection broke.
    #[error("the database cannot be reached")]
    Unreachable(#[source] DriverError),
    /// The statement took longer than `db.timeout`.
    #[error("statement {statement} took longer than {limit:?}")]
    StatementTimeout {
        /// Name of the statement.
        statement: &'static str,
        /// The time limit.
        limit: Duration,
    },
    /// The circuit breaker is open, or too many statements are in progress.
    #[error(
        "the database is not called: its circuit breaker is open or its concurrency limit is reached"
    )]
    Refused {
        /// Time until a retry makes sense.
        retry_after: Duration,
    },
    /// Another transaction holds a lock that is needed, or both would deadlock; a retry may succeed.
    #[error("another transaction blocked the statement")]
    Contended(#[source] DriverError),
    /// A unique constraint was violated.
    #[error("a row with the same unique value already exists")]
    Duplicate(#[source] DriverError),
    /// The statement is wrong, or the database rejected its content.
    #[error("the database rejected a statement")]
    Statement(#[source] DriverError),
}

/// The driver's error. Its text includes its causes, so it has no source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DriverError(sqlx::Error);

impl<E: Into<sqlx::Error>> From<E> for DriverError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl DbError {
    /// Classifies a driver's error.
    pub(super) fn of(error: sqlx::Error) -> Self {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        match &error {
            Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed | WorkerCrashed => {
                Self::Unreachable(error.into())
            }
            sqlx::Error::Database(said) => {
                if said.is_unique_violation() {
                    return Self::Duplicate(error.into());
                }
                match DriverErrorKind::of(&said.code().unwrap_or_default()) {
                    DriverErrorKind::Server => Self::Unreachable(error.into()),
                    DriverErrorKind::Contention => Self::Contended(error.into()),
                    DriverErrorKind::Statement => Self::Statement(error.into()),
                }
            }
            _ => Self::Statement(error.into()),
        }
    }

    /// Whether the database failed, rather than the statement.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::StatementTimeout { .. })
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self::of(error)
    }
}

/// The cause of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DriverErrorKind {
    /// The connection, the machine, or a server that is starting or stopping.
    Server,
    /// Other transactions.
    Contention,
    /// The statement itself.
    Statement,
}

impl DriverErrorKind {
    fn of(code: &str) -> Self {
        // PostgreSQL codes are five letters and digits, SQLite codes a number of up to four digits whose lowest byte is
        // the kind.
        match (code.len(), code.parse::<u32>()) {
            (..5, Ok(code)) => match code & 0xff {
                // SQLITE_BUSY, SQLITE_LOCKED.
                5 | 6 => Self::Contention,
                // SQLITE_READONLY, SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN.
                8 | 9 | 10 | 13 | 14 => Self::Server,
                _ => Self::Statement,
            },
            // A serialization failure or a deadlock; a lock that could not be acquired.
            _ if code.starts_with("40") || code == "55P03" => Self::Contention,
            // Connection, read-only server, resources, operator intervention, input and output.
            _ if ["08", "25006", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class)) =>
            {
                Self::Server
            }
            _ => Self::Statement,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_of_both_databases_are_classified_by_cause() {
        for (code, fault) in [
            ("57P01", DriverErrorKind::Server),
            ("53300", DriverErrorKind::Server),
            ("08006", DriverErrorKind::Server),
            ("57014", DriverErrorKind::Server),
            ("58030", DriverErrorKind::Server),
            ("25006", DriverErrorKind::Server),
            ("25001", DriverErrorKind::Statement),
            ("40001", DriverErrorKind::Contention),
            ("40P01", DriverErrorKind::Contention),
            ("55P03", DriverErrorKind::Contention),
            ("22001", DriverErrorKind::Statement),
            ("42601", DriverErrorKind::Statement),
            ("", DriverErrorKind::Statement),
            // Primary and extended codes of SQLite: IOERR_WRITE, CANTOPEN_ISDIR, BUSY_SNAPSHOT, CONSTRAINT_CHECK.
            ("10", DriverErrorKind::Server),
            ("778", DriverErrorKind::Server),
            ("526", DriverErrorKind::Server),
            ("13", DriverErrorKind::Server),
            ("8", DriverErrorKind::Server),
            ("5", DriverErrorKind::Contention),
            ("517", DriverErrorKind::Contention),
            ("275", DriverErrorKind::Statement),
            ("1", DriverErrorKind::Statement),
        ] {
            assert_eq!(DriverErrorKind::of(code), fault, "{code}");
        }
    }
}
