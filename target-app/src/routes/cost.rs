//! Measures the cost of admission and compression for a request that no limit stops: for reading, not for assertions on
//! a shared machine.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::handler::Handler;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use bytes::Bytes;

use crate::admission::{Lane, admit};
use crate::bulkhead::{Gate, RequestPriority};
use crate::compression::compress;
use crate::{Config, Settings, State};

const ROUNDS: u32 = 200_000;

/// Mean nanoseconds of `handler` for `request`.
async fn cost<T>(handler: impl Handler<T, ()>, request: impl Fn() -> Request) -> f64 {
    let round = async |rounds: u32| {
        let began = Instant::now();
        for _ in 0..rounds {
            let response = handler.clone().call(request(), ()).await;
            assert_eq!(response.status(), 200);
        }
        began.elapsed().as_nanos() as f64 / f64::from(rounds)
    };
    round(ROUNDS / 10).await;
    round(ROUNDS).await
}

#[tokio::test]
#[ignore = "a measurement: run it alone, optimised, with --nocapture"]
async fn measure_admission_and_compression() {
    let mut settings = Settings::default();
    settings.admission.api_keys = vec!["known".to_owned()];
    settings.admission.per_second = 1_000_000;
    settings.admission.burst = 1_000_000;
    let config = Config {
        documents: 1,
        users: 1,
        settings,
        ..Config::default()
    };
    let state = State::open(&config).await.expect("a state");
    let State(app) = &state;
    let kept = Bytes::from(r#"{"title":"a document"}"#.repeat(140));
    let answer = move || {
        let body = kept.clone();
        async move {
            let mut response = Response::new(Body::from(body));
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
    };
    let peer: SocketAddr = "127.0.0.1:4711".parse().expect("an address");
    let bare = || {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    };
    let with = |name: &'static str, value: &str| {
        let value: HeaderValue = value.parse().expect("a value");
        move || {
            let mut request = bare();
            request.headers_mut().insert(name, value.clone());
            request
        }
    };
    let pair = app.auth.open(1, "cost").await.expect("a session");
    let pair = serde_json::to_value(pair).expect("JSON");
    let bearer = format!("Bearer {}", pair["access_token"].as_str().expect("a token"));
    let through = |lane| from_fn_with_state((Arc::clone(&app.admission), lane), admit);
    let mut out = io::stderr();
    let mut emit = |what: &str, nanoseconds: f64| {
        writeln!(out, "{nanoseconds:7.0} ns  {what}").expect("a terminal");
    };
    let alone = cost(answer.clone(), bare).await;
    emit("handler alone", alone);
    for (what, lane) in [
        ("admission, exempt from rates", Lane::Standard),
        ("admission, exempt from rates, heavy", Lane::Heavy),
    ] {
        let nanoseconds = cost(answer.clone().layer(through(lane)), bare).await;
        emit(what, nanoseconds - alone);
    }
    for (what, request) in [
        ("admission by API key", with("x-api-key", "known")),
        ("admission by token", with("authorization", &bearer)),
    ] {
        let nanoseconds = cost(answer.clone().layer(through(Lane::Standard)), &request).await;
        emit(what, nanoseconds - cost(answer.clone(), &request).await);
    }
    let packed = || {
        answer
            .clone()
            .layer(from_fn_with_state(Arc::clone(&app.packer), compress))
    };
    emit("packing, not accepted", cost(packed(), bare).await - alone);
    let accepting = with("accept-encoding", "gzip, deflate, br");
    emit(
        "packing, remembered",
        cost(packed(), accepting).await - alone,
    );
    let gate = Gate::cache(
        Arc::clone(&app.settings),
        &crate::metrics::Metrics::new().expect("metrics"),
    );
    let gate = gate.expect("a gate");
    let began = Instant::now();
    for _ in 0..ROUNDS {
        drop(gate.enter(RequestPriority::Normal).await.expect("a place"));
    }
    emit(
        "gate, in and out",
        began.elapsed().as_nanos() as f64 / f64::from(ROUNDS),
    );
}
