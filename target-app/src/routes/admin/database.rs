//! `/admin/db`: plans, the slow-query log, the advisor, indexes, maintenance.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::db::{ExplainMode, MaintenanceAction};
use crate::error::{FieldFault, Problem};
use crate::input::{JsonFields, QueryFields, found};
use crate::settings::Span;
use crate::state::App;
use crate::store::StoreError;

/// A service typically uses most of its statements within this time.
const UNUSED_AFTER: Span = Span::seconds(600);

/// `?statement=documents_page&analyze=1`: the plans of a statement that ran. Only the service's own statements can be
/// explained; clients cannot send SQL.
pub(super) async fn explain(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Json<Value>, Problem> {
    let known: Vec<&str> = app.store.database.statement_names();
    let expected = match known.as_slice() {
        [] => "the name of a statement that has run; none has run yet".to_owned(),
        names => format!("the name of a statement that has run: {}", names.join(", ")),
    };
    let statement: Option<String> = query.parsed("statement", None, expected, |name: &String| {
        known.contains(&name.as_str())
    });
    let analyze = query.parsed("analyze", Some(0), "0 or 1", |analyze| *analyze <= 1_u8);
    query.finish()?;
    let analyze = match analyze {
        Some(1) => ExplainMode::CarryOut,
        _ => ExplainMode::PlanOnly,
    };
    let statement = statement.unwrap_or_default();
    let plans = app.store.database.explain(&statement, analyze).await;
    Ok(Json(json!({ "items": plans.map_err(StoreError::from)? })))
}

pub(super) async fn slow(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "slower_than_ms": app.settings.load().db.slow_ms,
        "items": app.store.database.recorder().slow_log(),
    }))
}

/// Clears the recorded statements, including the slow ones, so that the advisor analyses only new ones.
pub(super) async fn forget(State(app): State<Arc<App>>) -> Json<Value> {
    app.store.database.recorder().clear();
    Json(json!({ "forgotten": true }))
}

/// `?unused_after=10m`: minimum recording time before an index is called unused.
pub(super) async fn advise(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Json<Value>, Problem> {
    let expected = "a duration such as 30s, 10m or 2h";
    let unused_after = query.parsed("unused_after", Some(UNUSED_AFTER), expected, |_| true);
    query.finish()?;
    let advice = app
        .store
        .database
        .advise(unused_after.unwrap_or(UNUSED_AFTER).0)
        .await
        .map_err(StoreError::from)?;
    Ok(Json(json!(advice)))
}

pub(super) async fn indexes(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let indexes = app
        .store
        .database
        .indexes()
        .await
        .map_err(StoreError::from)?;
    Ok(Json(json!({ "items": indexes })))
}

/// `{"action": "analyze"}`, `vacuum` or `reindex`.
pub(super) async fn maintain(
    State(app): State<Arc<App>>,
    mut fields: JsonFields,
) -> Result<Json<Value>, Problem> {
    let action = fields.text("action", 1..=20);
    fields.finish()?;
    let chore: MaintenanceAction = serde_json::from_value(json!(action)).map_err(|_| {
        Problem::invalid(vec![FieldFault {
            field: "action".into(),
            message: format!(
                "expected analyze, vacuum or reindex, found {}",
                found::text(&action)
            ),
        }])
    })?;
    let done = app.store.database.maintain(chore).await;
    Ok(Json(json!(done.map_err(StoreError::from)?)))
}
