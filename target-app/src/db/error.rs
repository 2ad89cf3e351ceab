//! Why the database did not do as it was asked, sorted by what the caller can do about it.

use std::time::Duration;

/// A statement or a connection that failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection came free within `pool.timeout`.
    #[error("no connection of pool {pool} became free within {waited:?}")]
    PoolTimeout {
        /// Which pool.
        pool: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The database cannot be reached, or the connection broke.
    #[error("the database cannot be reached")]
    Unreachable(#[source] DriverError),
    /// The statement took longer than `db.timeout`.
    #[error("statement {statement} took longer than {limit:?}")]
    StatementTimeout {
        /// Name of the statement.
        statement: &'static str,
        /// What it was given.
        limit: Duration,
    },
    /// The circuit breaker is open, or too many statements are under way.
    #[error(
        "the database is not called: its circuit breaker is open or its concurrency limit is reached"
    )]
    Refused {
        /// When to try again.
        retry_after: Duration,
    },
    /// Another transaction has what it needs, or they wait for each other; it may do when it is tried again.
    #[error("another transaction blocked the statement")]
    Contended(#[source] DriverError),
    /// A constraint stands against it: what is unique is there already.
    #[error("a row with the same unique value already exists")]
    Duplicate(#[source] DriverError),
    /// The statement is wrong or was refused for what it says.
    #[error("the database rejected a statement")]
    Statement(#[source] DriverError),
}

/// What the driver said. Its text holds that of its causes, which are therefore not told again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DriverError(sqlx::Error);

impl<E: Into<sqlx::Error>> From<E> for DriverError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl DbError {
    /// Sorts what the driver said.
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

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DriverErrorKind {
    /// The connection's, the machine's, or the server's, which may be starting or stopping.
    Server,
    /// Other transactions'.
    Contention,
    /// Its own.
    Statement,
}

impl DriverErrorKind {
    fn of(code: &str) -> Self {
        // PostgreSQL has five letters and digits, SQLite a number of up to four whose lowest byte is the kind.
        match (code.len(), code.parse::<u32>()) {
            (..5, Ok(code)) => match code & 0xff {
                // SQLITE_BUSY, SQLITE_LOCKED.
                5 | 6 => Self::Contention,
                // SQLITE_READONLY, SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN.
                8 | 9 | 10 | 13 | 14 => Self::Server,
                _ => Self::Statement,
            },
            // A serialization failure or a deadlock; a lock that was not to be had.
            _ if code.starts_with("40") || code == "55P03" => Self::Contention,
            // Connection, read-only server, resources, intervention of an operator, input and output.
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
    fn codes_of_both_databases_are_sorted_by_whose_fault_it_is() {
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
            // Plain, and as SQLite extends it: IOERR_WRITE, CANTOPEN_ISDIR, BUSY_SNAPSHOT, CONSTRAINT_CHECK.
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
