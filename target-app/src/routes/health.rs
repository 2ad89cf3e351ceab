//! Is it alive, can it work.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::documents::json;
use crate::error::Problem;
use crate::state::App;
use bytes::Bytes;

/// The process answers.
pub(super) async fn live() -> Response {
    json(Bytes::from_static(br#"{"status":"ok"}"#))
}

/// The database answers too.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    match app.store.ping().await {
        Ok(()) => Ok(json(Bytes::from_static(br#"{"status":"ready"}"#))),
        Err(_) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the service is not ready to answer",
        )),
    }
}
