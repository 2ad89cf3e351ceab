//! Housekeeping: what keeps plans right and files small.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Database, DbError, Dialect, Lease};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Chore {
    /// Takes new statistics for the planner.
    Analyze,
    /// Gives back the space of dead rows.
    Vacuum,
    /// Builds the indexes anew.
    Reindex,
}

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    action: Chore,
    milliseconds: f64,
}

impl Lease {
    /// Runs a statement of this program that may take minutes: without time limit, breaker and metrics.
    pub(super) async fn without_limit(&mut self, text: String) -> Result<(), DbError> {
        use super::connection::Connection;
        let text = sqlx::AssertSqlSafe(text);
        // Only the simple protocol takes statements that cannot be in a transaction, and it prepares nothing.
        let ran = match self.bare()? {
            Connection::Sqlite(connection) => sqlx::raw_sql(text)
                .execute(&mut **connection)
                .await
                .map(drop),
            Connection::Postgres(connection) => sqlx::raw_sql(text)
                .execute(&mut **connection)
                .await
                .map(drop),
        };
        ran.map_err(DbError::from)
    }
}

impl Database {
    /// Does a chore on the whole database.
    pub(crate) async fn maintain(&self, action: Chore) -> Result<Done, DbError> {
        let began = Instant::now();
        let text = match (action, self.dialect()) {
            (Chore::Analyze, _) => "ANALYZE",
            (Chore::Vacuum, Dialect::Sqlite) => "PRAGMA wal_checkpoint(TRUNCATE); VACUUM",
            (Chore::Vacuum, Dialect::Postgres) => "VACUUM (ANALYZE)",
            (Chore::Reindex, Dialect::Sqlite) => "REINDEX",
            (Chore::Reindex, Dialect::Postgres) => "REINDEX SCHEMA CONCURRENTLY CURRENT_SCHEMA",
        };
        let mut lease = self.write().await?;
        // PostgreSQL wants the schema by its name here.
        let text = if text.contains("CURRENT_SCHEMA") {
            const SCHEMA: super::Statement =
                super::Statement::same("advisor_schema", "SELECT current_schema()::text");
            let (schema,): (String,) = lease.fetch_one(&SCHEMA, &[]).await?;
            format!(
                "REINDEX SCHEMA CONCURRENTLY \"{}\"",
                schema.replace('"', "\"\"")
            )
        } else {
            text.to_owned()
        };
        lease.without_limit(text).await?;
        Ok(Done {
            action,
            milliseconds: began.elapsed().as_secs_f64() * 1e3,
        })
    }
}
