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
    Unreachable(#[source] Said),
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
    /// Another transaction has what it needs, or they wait for each other; it may do when it is tried again.
    #[error("the database was busy with another transaction")]
    Contended(#[source] Said),
    /// A constraint stands against it: what is unique is there already.
    #[error("there is such a row already")]
    Duplicate(#[source] Said),
    /// The statement is wrong or was refused for what it says.
    #[error("the database refused a statement")]
    Statement(#[source] Said),
}

/// What the driver said. Its text holds that of its causes, which are therefore not told again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said(sqlx::Error);

impl<E: Into<sqlx::Error>> From<E> for Said {
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
                match Fault::of(&said.code().unwrap_or_default()) {
                    Fault::Server => Self::Unreachable(error.into()),
                    Fault::Contention => Self::Contended(error.into()),
                    Fault::Statement => Self::Statement(error.into()),
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
enum Fault {
    /// The connection's, the machine's, or the server's, which may be starting or stopping.
    Server,
    /// Other transactions'.
    Contention,
    /// Its own.
    Statement,
}

impl Fault {
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
            ("57P01", Fault::Server),
            ("53300", Fault::Server),
            ("08006", Fault::Server),
            ("57014", Fault::Server),
            ("58030", Fault::Server),
            ("25006", Fault::Server),
            ("25001", Fault::Statement),
            ("40001", Fault::Contention),
            ("40P01", Fault::Contention),
            ("55P03", Fault::Contention),
            ("22001", Fault::Statement),
            ("42601", Fault::Statement),
            ("", Fault::Statement),
            // Plain, and as SQLite extends it: IOERR_WRITE, CANTOPEN_ISDIR, BUSY_SNAPSHOT, CONSTRAINT_CHECK.
            ("10", Fault::Server),
            ("778", Fault::Server),
            ("526", Fault::Server),
            ("13", Fault::Server),
            ("8", Fault::Server),
            ("5", Fault::Contention),
            ("517", Fault::Contention),
            ("275", Fault::Statement),
            ("1", Fault::Statement),
        ] {
            assert_eq!(Fault::of(code), fault, "{code}");
        }
    }
}
