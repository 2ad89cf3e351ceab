//! The lab's routes. Measured routes are behind the gate and return their duration in a header; control routes are not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::Lab;
use super::bodies::{BrokenBody, DripBody, SizedBody};
use super::counters::LabSnapshot;
use super::gate::Stall;
use super::law::{LONGEST, Law};
use crate::error::{FieldFault, Problem};
use crate::input::{QueryFields, Segment};
use crate::settings::Span;

/// Microseconds from the request's arrival in the lab to its response, including stalls, rounded down.
const DELAY: HeaderName = HeaderName::from_static("x-lab-delay-us");
/// Microseconds drawn from the distribution.
const DRAWN: HeaderName = HeaderName::from_static("x-lab-drawn-us");
/// Maximum body that the lab generates, in bytes.
const MOST_BYTES: u64 = 1 << 30;
/// Maximum body that the lab echoes, in bytes.
const MOST_ECHOED: usize = 16 << 20;
/// Maximum redirects of a chain.
const MOST_REDIRECTS: u32 = 100;

/// The routes under `/lab`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(lab: &Arc<Lab>) -> Router<S> {
    let measured = Router::new()
        .route("/lab/delay", any(delay))
        .route("/lab/status/{code}", any(status))
        .route("/lab/bytes/{count}", any(bytes))
        .route("/lab/drip", any(drip))
        .route("/lab/redirect/{hops}", any(redirect))
        .route("/lab/echo", any(echo))
        .route("/lab/close", any(close))
        .layer(DefaultBodyLimit::max(MOST_ECHOED))
        .layer(from_fn_with_state(Arc::clone(lab), gated));
    let steering = Router::new()
        .route("/lab/stall", post(stall))
        .route("/lab/pause", get(is_paused).post(pause).delete(resume))
        .route("/lab/counters", get(counters))
        .route("/lab/counters/reset", post(reset));
    measured.merge(steering).with_state(Arc::clone(lab))
}

async fn gated(State(lab): State<Arc<Lab>>, request: Request, next: Next) -> Response {
    let arrived = Instant::now();
    lab.gate.pass(&lab.timer).await;
    let mut response = next.run(request).await;
    response.headers_mut().insert(
        DELAY,
        HeaderValue::from(arrived.elapsed().as_micros() as u64),
    );
    response
}

/// `?law=constant&value=5ms`, `uniform&low&high`, `two_point&low&high&chance`, `lognormal&median&sigma`,
/// `exponential&mean`: the delay starts when the gate is passed and ends at a fixed deadline.
async fn delay(State(lab): State<Arc<Lab>>, mut query: QueryFields) -> Result<Response, Problem> {
    let began = Instant::now();
    let law = Law::read(&mut query);
    query.finish()?;
    let drawn = law.delay(lab.seed, lab.next_draw());
    lab.timer.until(began + drawn).await;
    let mut response = Json(json!({ "drawn_us": drawn.as_micros() as u64 })).into_response();
    response
        .headers_mut()
        .insert(DRAWN, HeaderValue::from(drawn.as_micros() as u64));
    Ok(response)
}

async fn status(Segment(code): Segment) -> Result<Response, Problem> {
    let code = code.parse().ok().filter(|code| (200..=599).contains(code));
    let code = code.and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.ok_or_else(|| fault("code", "expected a status from 200 to 599"))?;
    let has_body = !matches!(
        code,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    Ok(if has_body {
        (code, Json(json!({ "status": code.as_u16() }))).into_response()
    } else {
        code.into_response()
    })
}

async fn bytes(Segment(count): Segment) -> Result<Response, Problem> {
    let count = count.parse().ok().filter(|&count| count <= MOST_BYTES);
    let count =
        count.ok_or_else(|| fault("count", "expected a number of bytes up to 1073741824"))?;
    Ok(octets(Body::new(SizedBody::of(count))))
}

/// `?bytes=100&every=10ms&part=1`.
async fn drip(mut query: QueryFields) -> Result<Response, Problem> {
    let bytes = query.parsed(
        "bytes",
        None,
        "a number of bytes up to 1073741824",
        |bytes| *bytes <= MOST_BYTES,
    );
    let part = query.parsed("part", Some(1), "a number of bytes from 1", |part| {
        *part > 0
    });
    let every = query.parsed(
        "every",
        None,
        "a duration of at most 10m, such as 10ms",
        |Span(every)| *every <= LONGEST,
    );
    query.finish()?;
    let Span(every) = every.unwrap_or(Span(Duration::ZERO));
    Ok(octets(Body::new(DripBody::start(
        bytes.unwrap_or_default(),
        part.unwrap_or(1),
        every,
    ))))
}

async fn redirect(Segment(hops): Segment) -> Result<Response, Problem> {
    let hops = hops
        .parse()
        .ok()
        .filter(|&hops: &u32| hops <= MOST_REDIRECTS);
    match hops.ok_or_else(|| fault("hops", "expected a number of redirects up to 100"))? {
        0 => Ok(Json(json!({ "redirects": 0 })).into_response()),
        hops => {
            let location = format!("/lab/redirect/{}", hops - 1);
            Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
        }
    }
}

/// The request as JSON; bytes that are not UTF-8 are replaced.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    Json(json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": uri.query(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "body_bytes": body.len(),
    }))
}

/// Closes the connection without a response.
async fn close() -> Response {
    let mut response = Response::new(Body::new(BrokenBody));
    response.extensions_mut().insert(BrokenBody);
    response
}

/// `?for=1s&after=2s`: measured requests that arrive in this period wait until its end.
async fn stall(
    State(lab): State<Arc<Lab>>,
    mut query: QueryFields,
) -> Result<Json<Value>, Problem> {
    let now = Instant::now();
    let expected = "a duration of at most 10m, such as 1s";
    let after = query.parsed(
        "after",
        Some(Span(Duration::ZERO)),
        expected,
        |Span(after)| *after <= LONGEST,
    );
    let lasting = query.parsed("for", None, expected, |Span(lasting)| *lasting <= LONGEST);
    query.finish()?;
    let (Some(Span(after)), Some(Span(lasting))) = (after, lasting) else {
        return Err(fault("for", expected));
    };
    lab.gate.schedule(Stall {
        start: now + after,
        end: now + after + lasting,
    });
    Ok(Json(
        json!({ "after_us": after.as_micros() as u64, "for_us": lasting.as_micros() as u64 }),
    ))
}

async fn is_paused(State(lab): State<Arc<Lab>>) -> Json<Value> {
    Json(json!({ "paused": lab.gate.is_paused() }))
}

async fn pause(State(lab): State<Arc<Lab>>) -> Json<Value> {
    lab.gate.set_paused(true);
    Json(json!({ "paused": true }))
}

async fn resume(State(lab): State<Arc<Lab>>) -> Json<Value> {
    lab.gate.set_paused(false);
    Json(json!({ "paused": false }))
}

async fn counters(State(lab): State<Arc<Lab>>) -> Json<LabSnapshot> {
    Json(lab.counters.snapshot())
}

async fn reset(State(lab): State<Arc<Lab>>) -> StatusCode {
    lab.counters.reset();
    StatusCode::NO_CONTENT
}

fn octets(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    response
}

fn fault(field: &'static str, message: &str) -> Problem {
    Problem::invalid(vec![FieldFault {
        field: field.into(),
        message: message.to_owned(),
    }])
}
