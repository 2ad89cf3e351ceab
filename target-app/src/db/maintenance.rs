//! Housekeeping: what keeps plans right and files small.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::indexes::lock;
use super::{Database, DbError, Dialect, Lease, Statement};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaintenanceAction {
    /// Takes new statistics for the planner.
    Analyze,
    /// Gives back the space of dead rows.
    Vacuum,
    /// Builds the indexes anew.
    Reindex,
}

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct MaintenanceReport {
    action: MaintenanceAction,
    milliseconds: f64,
}

impl Database {
    /// Does a chore on the whole database.
    pub(crate) async fn maintain(
        &self,
        action: MaintenanceAction,
    ) -> Result<MaintenanceReport, DbError> {
        let began = Instant::now();
        self.run_to_end(move |mut lease| async move {
            let text = match (action, lease.dialect()) {
                (MaintenanceAction::Analyze, _) => "ANALYZE".to_owned(),
                (MaintenanceAction::Vacuum, Dialect::Sqlite) => {
                    "PRAGMA wal_checkpoint(TRUNCATE); VACUUM".to_owned()
                }
                (MaintenanceAction::Vacuum, Dialect::Postgres) => "VACUUM (ANALYZE)".to_owned(),
                (MaintenanceAction::Reindex, Dialect::Sqlite) => "REINDEX".to_owned(),
                (MaintenanceAction::Reindex, Dialect::Postgres) => {
                    lock(&mut lease).await?;
                    reindex(&mut lease).await?
                }
            };
            lease.without_limit(text).await
        })
        .await?;
        Ok(MaintenanceReport {
            action,
            milliseconds: began.elapsed().as_secs_f64() * 1e3,
        })
    }
}

/// PostgreSQL wants the schema by its name.
async fn reindex(lease: &mut Lease) -> Result<String, DbError> {
    const SCHEMA: Statement = Statement::same("advisor_schema", "SELECT current_schema()::text");
    let (schema,): (String,) = lease.fetch_one(&SCHEMA, &[]).await?;
    let schema = schema.replace('"', "\"\"");
    Ok(format!("REINDEX SCHEMA CONCURRENTLY \"{schema}\""))
}
