//! The service's routes and middleware layers.

mod admin;
mod assets;
mod audit;
mod auth;
mod bulk;
mod caller;
mod courses;
mod dashboard;
mod documents;
mod health;
mod live;
mod metrics;
mod observe;
mod openapi;
mod orders;
mod status;
mod tasks;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::State;
use crate::admission::{Lane, admit};
use crate::compression::compress;
use crate::error::Problem;
use crate::lab;
use crate::state::App;

pub(crate) use health::live as alive;
use observe::observe;

/// The whole service as a router over `state`; includes the lab if the state was opened with it.
pub fn app(state: State) -> Router {
    let State(app) = state;
    let packed = |routes: Router<Arc<App>>| {
        routes.route_layer(from_fn_with_state(Arc::clone(&app.packer), compress))
    };
    // Compression is part of the limited work, so it is inside the limits.
    let behind = |lane, routes: Router<Arc<App>>| {
        packed(routes).route_layer(from_fn_with_state(
            (Arc::clone(&app.admission), lane),
            admit,
        ))
    };
    let open = Router::new()
        .route("/health", get(health::live))
        .route("/ready", get(health::ready))
        .route("/", get(status::page))
        .route("/openapi.json", get(openapi::description))
        .route("/metrics", get(metrics::all))
        .route("/api/v1/metrics", get(metrics::sections))
        .route("/api/v1/performance/metrics", get(metrics::performance));
    let auth = Router::new()
        .route("/api/v1/auth/register", post(auth::register))
        .route("/api/v1/auth/login", post(auth::login))
        .route("/api/v1/auth/refresh", post(auth::refresh))
        .route("/api/v1/auth/logout", post(auth::logout))
        .route("/api/v1/auth/logout-all", post(auth::logout_all))
        .route("/api/v1/auth/sessions", get(auth::sessions));
    let standard = Router::new()
        .route(
            "/api/v1/documents",
            get(documents::list).post(documents::create),
        )
        .route(
            "/api/v1/documents/{id}",
            get(documents::one)
                .put(documents::replace)
                .delete(documents::delete),
        )
        .route("/api/v1/courses", get(courses::list))
        .route("/api/v1/courses/{id}/students", get(courses::students))
        .route("/api/v1/dashboard", get(dashboard::show))
        .route("/api/v1/orders", get(orders::list).post(orders::place))
        .route("/api/v1/orders/{id}", get(orders::one))
        .route("/api/v1/orders/{id}/payments", post(orders::pay))
        .route("/api/v1/audit", get(audit::list))
        .route("/api/v1/tasks", post(tasks::submit))
        .route("/api/v1/tasks/{id}", get(tasks::one))
        .route("/assets/{name}", get(assets::one));
    let heavy = Router::new().route("/api/v1/search", get(documents::search));
    let bulk = Router::new().route("/api/v1/documents/bulk", post(bulk::write));
    let service = packed(open.merge(admin::routes(&app)))
        .merge(behind(Lane::Auth, auth))
        .merge(behind(Lane::Standard, standard))
        .merge(behind(Lane::Heavy, heavy))
        .merge(behind(Lane::Bulk, bulk))
        .route("/ws", get(live::socket))
        .route("/events", get(live::events));
    let counted = app.lab.clone();
    let service = match &counted {
        Some(lab) => service.merge(lab::routes(lab)),
        None => service,
    };
    let service = service
        .fallback(async || Problem::not_found("resource"))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), observe));
    let service = match counted {
        Some(lab) => service.layer(from_fn_with_state(lab, lab::count)),
        None => service,
    };
    service.with_state(app)
}

/// The answer to an unsupported method.
async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this resource does not support the request's method",
    )
}

#[cfg(test)]
mod cost;
