//! Administration: closed unless an admin token is configured, and then open only to loopback clients with that token.

mod breaker;
mod cache;
mod config;
mod database;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use subtle::ConstantTimeEq as _;

use super::{assets, metrics, tasks, wrong_method};
use crate::auth::bearer;
use crate::config::Secret;
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
        .method_not_allowed_fallback(guarded_wrong_method)
}

/// Admits loopback clients with the token.
async fn guard(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    check(&app, &request)?;
    Ok(next.run(request).await)
}

/// The answer to an unsupported method, behind the same guard.
async fn guarded_wrong_method(State(app): State<Arc<App>>, request: Request) -> Response {
    match check(&app, &request) {
        Ok(()) => wrong_method().await.into_response(),
        Err(problem) => {
            let mut response = problem.into_response();
            // Without this header the router would list the supported methods.
            let none = HeaderValue::from_static("");
            response.headers_mut().insert(header::ALLOW, none);
            response
        }
    }
}

/// Rejects unauthorised clients without revealing anything.
fn check(app: &App, request: &Request) -> Result<(), Problem> {
    let closed = || Problem::not_found("resource");
    let token = app.started.admin_token.as_ref().map(Secret::reveal);
    // An empty token would match a client that sends none.
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Err(closed());
    };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if !peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback()) {
        return Err(closed());
    }
    let shown = bearer(request.headers()).unwrap_or_default();
    if !bool::from(shown.as_bytes().ct_eq(token.as_bytes())) {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "the admin token is required; send Authorization: Bearer TOKEN",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::handler::Handler as _;
    use axum::http::header::{AUTHORIZATION, HOST};

    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn only_loopback_peers_are_admitted_whatever_their_headers() {
        let config = Config {
            documents: 1,
            users: 1,
            admin_token: Some(Secret::new("open-sesame")),
            ..Config::default()
        };
        let state = crate::State::open(&config).await.expect("a state");
        let inside = async || StatusCode::OK;
        let guarded = inside.layer(from_fn_with_state(Arc::clone(&state.0), guard));
        for (peer, expected) in [
            (Some("127.0.0.1"), StatusCode::OK),
            (Some("127.9.9.9"), StatusCode::OK),
            (Some("::1"), StatusCode::OK),
            (Some("::ffff:127.0.0.1"), StatusCode::OK),
            (Some("192.0.2.7"), StatusCode::NOT_FOUND),
            (Some("::ffff:192.0.2.7"), StatusCode::NOT_FOUND),
            (Some("10.0.0.1"), StatusCode::NOT_FOUND),
            (Some("0.0.0.0"), StatusCode::NOT_FOUND),
            (Some("::"), StatusCode::NOT_FOUND),
            (Some("fe80::1"), StatusCode::NOT_FOUND),
            (None, StatusCode::NOT_FOUND),
        ] {
            let mut request = Request::builder()
                .header(AUTHORIZATION, "Bearer open-sesame")
                .header(HOST, "localhost")
                .header("x-forwarded-for", "127.0.0.1")
                .header("x-real-ip", "127.0.0.1")
                .header("forwarded", "for=127.0.0.1")
                .body(Body::empty())
                .expect("a request");
            if let Some(peer) = peer {
                let peer = SocketAddr::new(peer.parse().expect("an address"), 4_711);
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            let answer = guarded.clone().call(request, ()).await;
            assert_eq!(answer.status(), expected, "{peer:?}");
        }
    }
}
