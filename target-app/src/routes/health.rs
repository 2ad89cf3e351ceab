//! Is it alive, can it work, how is it doing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

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

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let text = app
        .metrics
        .render()
        .map_err(|error| Problem::internal(&error))?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
