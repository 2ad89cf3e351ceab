//! Is it alive, can it work.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;

use super::documents::json;
use crate::error::Problem;
use crate::state::App;

/// When to ask again: a database that was away is noticed within a second of its return.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The process answers.
pub(super) async fn live() -> Response {
    json(Bytes::from_static(br#"{"status":"ok"}"#))
}

/// The database answers too.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    match app.store.ping().await {
        Ok(()) => Ok(json(Bytes::from_static(br#"{"status":"ready"}"#))),
        Err(_) => Err(Problem::unavailable(
            "the service is not ready to answer",
            RETRY_AFTER,
        )),
    }
}
