//! Administration: closed unless a token was configured, and then only for who shows it from this machine.

mod breaker;
mod cache;
mod config;
mod database;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use subtle::ConstantTimeEq as _;

use super::{assets, metrics, tasks};
use crate::auth::bearer;
use crate::error::Problem;
use crate::state::App;

/// The routes below `/admin`, behind the guard.
pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/admin/config", get(config::show).patch(config::change))
        .route("/admin/breaker", get(breaker::show).post(breaker::force))
        .route("/admin/cache/stats", get(cache::stats))
        .route("/admin/cache/warm", post(cache::warm))
        .route("/admin/cache/invalidate", post(cache::invalidate))
        .route("/admin/db/explain", get(database::explain))
        .route(
            "/admin/db/slow",
            get(database::slow).delete(database::forget),
        )
        .route("/admin/db/advise", get(database::advise))
        .route("/admin/db/indexes", get(database::indexes))
        .route("/admin/db/maintain", post(database::maintain))
        .route("/admin/edge/purge", post(assets::purge))
        .route("/admin/edge/stats", get(assets::stats))
        .route("/admin/tasks/dead", get(tasks::dead))
        .route("/admin/tasks/{id}/retry", post(tasks::retry))
        .route("/api/v1/admin/gc", post(metrics::collect))
        .route_layer(from_fn_with_state(Arc::clone(app), guard))
}

/// Lets through who comes from loopback and shows the token. Who may not come in learns nothing of what is inside.
async fn guard(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let closed = || Problem::not_found("resource");
    let Some(token) = &app.started.admin_token else {
        return Err(closed());
    };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if !peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback()) {
        return Err(closed());
    }
    let shown = bearer(request.headers()).unwrap_or_default();
    if !bool::from(shown.as_bytes().ct_eq(token.reveal().as_bytes())) {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "the administrator's token is needed",
        ));
    }
    Ok(next.run(request).await)
}
