//! Database maintenance: statistics, space, indexes.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::indexes::lock;
use super::{Database, DbError, Dialect, Lease, Statement};

/// A maintenance action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaintenanceAction {
    /// Updates the planner's statistics.
    Analyze,
    /// Reclaims the space of deleted rows.
    Vacuum,
    /// Rebuilds the indexes.
    Reindex,
}

/// The completed action.
#[derive(Debug, Serialize)]
pub(crate) struct MaintenanceReport {
    action: MaintenanceAction,
    milliseconds: f64,
}

impl Database {
    /// Runs an action on the whole database.
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

/// PostgreSQL needs the schema's name.
async fn reindex(lease: &mut Lease) -> Result<String, DbError> {
    const SCHEMA: Statement = Statement::same("advisor_schema", "SELECT current_schema()::text");
    let (schema,): (String,) = lease.fetch_one(&SCHEMA, &[]).await?;
    let schema = schema.replace('"', "\"\"");
    Ok(format!("REINDEX SCHEMA CONCURRENTLY \"{schema}\""))
}
