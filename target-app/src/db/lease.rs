//! A checked-out connection and the statements executed on it, each timed, limited and recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, PgConnection, Postgres, Sqlite, SqliteConnection};
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::lag::Lag;
use super::pool::Checkout;
use super::statement::{postgres_arguments, sqlite_arguments};
use super::{DbError, Dialect, SqlValue, Statement};
use crate::settings::Live;

/// A row that both databases can decode.
pub(crate) trait DbRow:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> DbRow for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A connection that is returned to its pool when this is dropped, or closed if a statement or transaction was left
/// unfinished.
pub(crate) struct Lease {
    checkout: Checkout,
    settings: Arc<Live>,
    state: ConnectionState,
    /// Notified when a writing lease ends.
    lag: Option<Arc<Lag>>,
}

/// The protocol state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionState {
    Idle,
    InTransaction,
    /// A statement is in progress; if its future is dropped, the connection cannot be reused.
    InStatement,
    /// The connection will be closed when the lease ends.
    Unfit,
}

/// The result of a statement.
struct StatementOutcome<T> {
    rows: Vec<T>,
    affected: u64,
}

impl Lease {
    pub(super) fn new(checkout: Checkout, settings: Arc<Live>) -> Self {
        Self {
            checkout,
            settings,
            state: ConnectionState::Idle,
            lag: None,
        }
    }

    /// A lease for writing; it notifies `lag` when it ends.
    pub(super) fn for_writing(mut self, lag: Arc<Lag>) -> Self {
        self.lag = Some(lag);
        self
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.checkout.pool().dialect()
    }

    /// Returns every row.
    pub(crate) async fn fetch_all<T: DbRow>(
        &mut self,
        statement: &Statement,
        values: &[SqlValue],
    ) -> Result<Vec<T>, DbError> {
        Ok(self.run(statement, values).await?.rows)
    }

    /// Returns the first row, if there is one.
    pub(crate) async fn fetch_optional<T: DbRow>(
        &mut self,
        statement: &Statement,
        values: &[SqlValue],
    ) -> Result<Option<T>, DbError> {
        let outcome = self.run(statement, values).await?;
        Ok(outcome.rows.into_iter().next())
    }

    /// Returns the only row.
    pub(crate) async fn fetch_one<T: DbRow>(
        &mut self,
        statement: &Statement,
        values: &[SqlValue],
    ) -> Result<T, DbError> {
        self.fetch_optional(statement, values)
            .await?
            .ok_or(DbError::Statement(sqlx::Error::RowNotFound.into()))
    }

    /// Executes a statement without result rows; returns the number of changed rows.
    pub(crate) async fn execute(
        &mut self,
        statement: &Statement,
        values: &[SqlValue],
    ) -> Result<u64, DbError> {
        let outcome: StatementOutcome<()> = self.run(statement, values).await?;
        Ok(outcome.affected)
    }

    /// Begins a transaction that is rolled back unless it is committed.
    pub(crate) async fn begin(&mut self) -> Result<(), DbError> {
        // A deferred SQLite transaction that reads first cannot become a writer after another connection wrote.
        const BEGIN: Statement = Statement::each("begin", "BEGIN IMMEDIATE", "BEGIN");
        self.execute(&BEGIN, &[]).await?;
        self.state = ConnectionState::InTransaction;
        Ok(())
    }

    /// Commits the changes since [`Lease::begin`].
    pub(crate) async fn commit(&mut self) -> Result<(), DbError> {
        const COMMIT: Statement = Statement::same("commit", "COMMIT");
        self.execute(&COMMIT, &[]).await?;
        self.state = ConnectionState::Idle;
        Ok(())
    }

    /// Rolls back the changes since [`Lease::begin`].
    pub(crate) async fn roll_back(&mut self) -> Result<(), DbError> {
        const ROLLBACK: Statement = Statement::same("rollback", "ROLLBACK");
        self.execute(&ROLLBACK, &[]).await?;
        self.state = ConnectionState::Idle;
        Ok(())
    }

    /// Does not return the connection to the pool: it is closed when the lease ends, which also ends its session's
    /// locks.
    pub(super) fn close_at_end(&mut self) {
        self.state = ConnectionState::Unfit;
    }

    /// Executes a statement of this program that may take minutes: without time limit, circuit breaker and metrics.
    pub(super) async fn without_limit(&mut self, text: String) -> Result<(), DbError> {
        let text = sqlx::AssertSqlSafe(text);
        let before = std::mem::replace(&mut self.state, ConnectionState::InStatement);
        // Some statements cannot run in a transaction; only the simple protocol can send them, and it prepares nothing.
        let ran = match self.bare()? {
            Connection::Sqlite(connection) => sqlx::raw_sql(text)
                .execute(&mut **connection)
                .await
                .map(drop),
            Connection::Postgres(connection) => sqlx::raw_sql(text)
                .execute(&mut **connection)
                .await
                .map(drop),
        }
        .map_err(DbError::from);
        self.state = match &ran {
            Err(error) if error.is_outage() => ConnectionState::Unfit,
            _ => before,
        };
        ran
    }

    /// The bare connection, for migrations and bulk loading. Nothing is recorded.
    pub(super) fn bare(&mut self) -> Result<&mut Connection, DbError> {
        self.checkout
            .connection()
            .ok_or(DbError::Unreachable(sqlx::Error::PoolClosed.into()))
    }

    /// PostgreSQL's own connection, for COPY; nothing is recorded.
    pub(crate) fn postgres(&mut self) -> Option<&mut PgConnection> {
        match self.checkout.connection()? {
            Connection::Postgres(connection) => Some(connection),
            Connection::Sqlite(_) => None,
        }
    }

    async fn run<T: DbRow>(
        &mut self,
        statement: &Statement,
        values: &[SqlValue],
    ) -> Result<StatementOutcome<T>, DbError> {
        let (limit, round_trip) = {
            let settings = self.settings.load();
            let round_trip = Duration::from_millis(settings.db.rtt_ms.into());
            (settings.db.timeout.0, round_trip)
        };
        let guard = Arc::clone(self.checkout.pool().guard());
        let permit = guard.admit()?;
        let before = std::mem::replace(&mut self.state, ConnectionState::InStatement);
        let began = Instant::now();
        let answer = timeout(limit, async {
            if !round_trip.is_zero() {
                sleep(round_trip).await;
            }
            let connection = self
                .checkout
                .connection()
                .ok_or(DbError::Unreachable(sqlx::Error::PoolClosed.into()))?;
            // Boxed: the drivers' futures of about 10 KB would be part of every request's future, even without database
            // access.
            Box::pin(act(connection, statement, values))
                .await
                .map_err(DbError::of)
        })
        .await
        .unwrap_or(Err(DbError::StatementTimeout {
            statement: statement.name,
            limit,
        }));
        let dialect = self.dialect();
        let rows = answer.as_ref().map_or(0, |outcome: &StatementOutcome<T>| {
            match outcome.rows.len() as u64 {
                // After a statement that changes nothing, SQLite still reports the changes of the statement before.
                0 if statement.is_change(dialect) => outcome.affected,
                given => given,
            }
        });
        guard.ran(statement, values, dialect, began.elapsed(), rows);
        self.state = before;
        match &answer {
            Err(error) if error.is_outage() => {
                permit.failed();
                self.state = ConnectionState::Unfit;
                if matches!(error, DbError::Unreachable(_)) {
                    self.checkout.pool().clear_idle();
                }
            }
            _ => permit.succeeded(),
        }
        answer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.state != ConnectionState::Idle {
            self.checkout.discard();
        }
        // At the end and not at the start: the write may have been committed just now.
        if let Some(lag) = &self.lag {
            lag.wrote();
        }
    }
}

async fn act<T: DbRow>(
    connection: &mut Connection,
    statement: &Statement,
    values: &[SqlValue],
) -> Result<StatementOutcome<T>, sqlx::Error> {
    match connection {
        Connection::Sqlite(connection) => on_sqlite(connection, statement, values).await,
        Connection::Postgres(connection) => on_postgres(connection, statement, values).await,
    }
}

/// Both drivers have the same interface but no common type that a generic function could name without many bounds.
macro_rules! on {
    ($name:ident, $database:ty, $connection:ty, $dialect:expr, $arguments:path) => {
        async fn $name<T: DbRow>(
            connection: &mut $connection,
            statement: &Statement,
            values: &[SqlValue],
        ) -> Result<StatementOutcome<T>, sqlx::Error> {
            use futures_util::TryStreamExt as _;
            use sqlx::Executor as _;
            let query =
                sqlx::query_with::<$database, _>(statement.sql($dialect), $arguments(values)?)
                    .persistent(statement.persists());
            let mut outcome = StatementOutcome {
                rows: Vec::new(),
                affected: 0,
            };
            // Reads to the end: only then does SQLite commit a statement and report whether it could.
            let mut answers = connection.fetch_many(query);
            while let Some(answer) = answers.try_next().await? {
                match answer {
                    sqlx::Either::Left(done) => outcome.affected += done.rows_affected(),
                    sqlx::Either::Right(row) => outcome.rows.push(T::from_row(&row)?),
                }
            }
            Ok(outcome)
        }
    };
}

on!(
    on_sqlite,
    Sqlite,
    SqliteConnection,
    Dialect::Sqlite,
    sqlite_arguments
);
on!(
    on_postgres,
    Postgres,
    PgConnection,
    Dialect::Postgres,
    postgres_arguments
);
