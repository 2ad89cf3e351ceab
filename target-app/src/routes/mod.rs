//! The routes of the service and the layers around them.

mod auth;
mod documents;
mod health;
mod input;
mod orders;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::State;
use crate::error::Problem;
use crate::lab;
use crate::observe::observe;

pub(crate) use input::QueryFields;

/// Largest JSON body that the service reads, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// Answers below this many bytes go out as they are: packing them costs more than it saves.
const WORTH_COMPRESSING: u64 = 4 * 1024;

/// The whole service as a router over `state`; the lab is part of it when the state was opened with one.
pub fn app(state: State) -> Router {
    let State(app) = state;
    let service = Router::new()
        .route("/health", get(health::live))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/api/v1/auth/login", post(auth::login))
        .route("/api/v1/auth/refresh", post(auth::refresh))
        .route("/api/v1/auth/logout", post(auth::logout))
        .route("/api/v1/auth/sessions", get(auth::sessions))
        .route("/api/v1/documents", get(documents::list))
        .route("/api/v1/documents/{id}", get(documents::one))
        .route("/api/v1/search", get(documents::search))
        .route("/api/v1/orders", post(orders::place))
        .route("/api/v1/orders/{id}", get(orders::one))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(WORTH_COMPRESSING)));
    let counted = app.lab.clone();
    let service = match &counted {
        Some(lab) => service.merge(lab::routes(lab)),
        None => service,
    };
    let service = service
        .fallback(async || Problem::not_found("resource"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "the resource does not know this method",
            )
        })
        .layer(from_fn_with_state(Arc::clone(&app), observe));
    let service = match counted {
        Some(lab) => service.layer(from_fn_with_state(lab, lab::count)),
        None => service,
    };
    service.with_state(app)
}
