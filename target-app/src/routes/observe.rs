//! The middleware around every request: its id, its cost (`Server-Timing`) and its metrics.

use std::io::{self, Write as _};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;

use crate::error::{InternalCause, Problem};
use crate::metrics::method_label;
use crate::observe::{Cost, TRACEPARENT, Trace, accounted};
use crate::state::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Maximum bytes of a request id that is accepted from a client.
const LONGEST_REQUEST_ID: usize = 128;

/// The middleware; see the module documentation.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let requests = &app.metrics.requests;
    let _in_flight = requests.enter();
    let matched = request.extensions().get::<MatchedPath>();
    let route = requests.route(matched.map_or("unmatched", MatchedPath::as_str));
    let method = request.method().clone();
    let headers = request.headers();
    let trace = Trace::join(headers, || app.request_ids.span());
    let id = headers
        .get(REQUEST_ID)
        .filter(|id| (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.to_str().is_ok())
        .cloned();
    let id = id.unwrap_or_else(|| app.request_ids.next());

    // The panic hook has already reported the panic; the client and the metrics still need an answer.
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    let (ran, cost) = accounted(Cost::on(trace), run).await;
    let mut response =
        ran.unwrap_or_else(|_| Problem::internal(&"the request panicked").into_response());
    let recorder = app.store.database.recorder();
    recorder.repeated(route.pattern(), cost.repeats());

    if let Some(InternalCause(cause)) = response.extensions_mut().remove() {
        let asked = format!("{} {}", method_label(&method), route.pattern());
        let line = log_line(&asked, &id, cost.trace(), &cause);
        // A failure to write the log must not fail the request.
        let _ = writeln!(io::stderr(), "{line}");
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(SERVER_TIMING, cost.header());
    if let Some(trace) = cost.trace() {
        headers.insert(TRACEPARENT, trace.parent());
    }
    route.answered(&method, response.status(), began.elapsed());
    response
}

/// Formats one line, whatever the inputs contain.
fn log_line(asked: &str, id: &HeaderValue, trace: Option<&Trace>, cause: &str) -> String {
    let trace = trace.map_or_else(String::new, |trace| format!(" trace {}", trace.id()));
    format!("{asked} request {id:?}{trace}: {cause}").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::handler::Handler as _;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_and_counted() {
        let config = crate::Config {
            documents: 1,
            users: 1,
            ..crate::Config::default()
        };
        let state = crate::State::open(&config).await.expect("a state");
        let app = Arc::clone(&state.0);
        let panics = async || -> Response { panic!("asked to panic") };
        let observed = panics.layer(from_fn_with_state(Arc::clone(&app), observe));
        let response = observed.call(Request::new(Body::empty()), ()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().contains_key(REQUEST_ID));
        let text = app.metrics.render().expect("metrics");
        for line in [
            r#"folio_http_requests_total{method="GET",route="unmatched",status="500"} 1"#,
            "folio_http_requests_in_flight 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn a_log_entry_is_one_line() {
        let id = HeaderValue::from_static("mine\t42");
        let line = log_line(
            "GET /",
            &id,
            None,
            "a cause\r\nGET / request \"forged\": \x1b[31m",
        );
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.starts_with("GET / request \"mine"), "{line}");
    }
}
