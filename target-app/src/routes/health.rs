//! Liveness and readiness.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;

use super::documents::json;
use crate::error::{FieldFault, Problem};
use crate::state::App;

/// A database that was unavailable is noticed within a second of its return.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The process answers.
pub(crate) async fn live() -> Response {
    json(Bytes::from_static(br#"{"status":"ok"}"#))
}

/// Checks that the database and the shared store answer; names those that do not.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let (database, shared_store) = tokio::join!(app.store.ping(), app.kv.ping());
    let missing = [
        database
            .err()
            .map(|_| fault("database", "it does not answer; requests that the cache cannot answer fail")),
        shared_store.err().map(|_| {
            let without =
                "it does not answer; reads continue without it, but sessions cannot be opened or checked";
            fault("shared_store", without)
        }),
    ];
    let missing: Vec<_> = missing.into_iter().flatten().collect();
    if missing.is_empty() {
        return Ok(json(Bytes::from_static(br#"{"status":"ready"}"#)));
    }
    let names: Vec<_> = missing.iter().map(|fault| &*fault.field).collect();
    let detail = format!("not ready: {} unavailable", names.join(" and "));
    Err(Problem::unavailable(detail, RETRY_AFTER).naming(missing))
}

fn fault(field: &'static str, message: &str) -> FieldFault {
    FieldFault {
        field: field.into(),
        message: message.to_owned(),
    }
}
