//! Around every request: its identity, what it cost (`Server-Timing`) and its place in the metrics.

mod trace;

use std::cell::Cell;
use std::io::{self, Write as _};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;

use crate::db::Repeats;
use crate::error::{Cause, Problem};
use crate::metrics::method_label;
use crate::state::App;

pub(crate) use trace::{TRACEPARENT, Trace};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Longest request identity that is taken over from a client, in bytes.
const LONGEST_REQUEST_ID: usize = 128;

tokio::task_local! {
    /// What the request that this task works on has cost so far.
    static COST: Cost;
}

/// The cost of one request: written by the cache and the store, read once for `Server-Timing`.
#[derive(Default)]
struct Cost {
    lookup: Cell<Lookup>,
    queries: Cell<u32>,
    pool: Cell<Duration>,
    database: Cell<Duration>,
    repeats: Repeats,
    trace: Option<Trace>,
}

/// What the cache did for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The request asked no cache, or there is none.
    #[default]
    Off,
    /// The first level had it, and may have been renewed before its time.
    L1,
    /// The second level had it, and may have been renewed before its time.
    L2,
    /// No level had it: the database had to be asked, by this request or by one that it waited for.
    Miss,
}

/// Adds a statement to the cost of the current request, if there is one.
pub(crate) fn note_query(name: &'static str, took: Duration) {
    let _ = COST.try_with(|cost| {
        cost.queries.set(cost.queries.get() + 1);
        cost.repeats.count(name);
        cost.database.set(cost.database.get() + took);
    });
}

/// Adds the time that the current request, if there is one, waited for a connection.
pub(crate) fn note_pool_wait(took: Duration) {
    let _ = COST.try_with(|cost| cost.pool.set(cost.pool.get() + took));
}

/// The place of the current request in a trace, for requests that are made on its behalf.
pub(crate) fn current_trace() -> Option<Trace> {
    COST.try_with(|cost| cost.trace.clone()).ok().flatten()
}

/// Sets what the cache did for the current request, if there is one; the last word counts.
pub(crate) fn note_lookup(lookup: Lookup) {
    let _ = COST.try_with(|cost| cost.lookup.set(lookup));
}

/// Does `work`, whose lookups are only a part of what the current request looks up.
pub(crate) async fn aside<T>(work: impl Future<Output = T>) -> T {
    let noted = COST.try_with(|cost| cost.lookup.get());
    let done = work.await;
    if let Ok(lookup) = noted {
        note_lookup(lookup);
    }
    done
}

/// Does `work` to its end even when the request is dropped meanwhile, and puts its cost to the request's account.
///
/// For writes: between the commit and the invalidation of what it made stale no client may get in the way by going. A
/// request does one such work at a time.
pub(crate) async fn unhurried<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let cost = Cost {
        trace: current_trace(),
        ..Cost::default()
    };
    let _ = COST.try_with(|before| before.swap(&cost));
    let accounted = COST.scope(cost, async {
        let answer = work.await;
        let cost = Cost::default();
        COST.with(|after| after.swap(&cost));
        (answer, cost)
    });
    match tokio::spawn(accounted).await {
        Ok((answer, cost)) => {
            let _ = COST.try_with(|before| before.swap(&cost));
            answer
        }
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Cost {
    fn swap(&self, other: &Self) {
        self.lookup.swap(&other.lookup);
        self.queries.swap(&other.queries);
        self.database.swap(&other.database);
        self.pool.swap(&other.pool);
        self.repeats.swap(&other.repeats);
    }

    fn header(&self) -> HeaderValue {
        let lookup = match self.lookup.get() {
            Lookup::Off => "off",
            Lookup::L1 => "l1",
            Lookup::L2 => "l2",
            Lookup::Miss => "miss",
        };
        let is_idle = self.queries.get() == 0 && self.pool.get().is_zero();
        match self.lookup.get() {
            Lookup::L1 if is_idle => {
                HeaderValue::from_static("cache;desc=l1, pool;dur=0, db;dur=0, queries;desc=0")
            }
            Lookup::L2 if is_idle => {
                HeaderValue::from_static("cache;desc=l2, pool;dur=0, db;dur=0, queries;desc=0")
            }
            Lookup::Off if is_idle => {
                HeaderValue::from_static("cache;desc=off, pool;dur=0, db;dur=0, queries;desc=0")
            }
            _ => text(&format!(
                "cache;desc={lookup}, pool;dur={:.3}, db;dur={:.3}, queries;desc={}",
                self.pool.get().as_secs_f64() * 1e3,
                self.database.get().as_secs_f64() * 1e3,
                self.queries.get(),
            )),
        }
    }
}

/// Identities for requests that bring none: unique in the process by a count, across processes by a random start.
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Result<Self, io::Error> {
        Ok(Self {
            process: getrandom::u64()?,
            next: AtomicU64::new(0),
        })
    }

    fn next(&self) -> HeaderValue {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 32];
        write_hex(self.process, &mut id[..16]);
        write_hex(count, &mut id[16..]);
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static(""))
    }

    /// A number for a span of a trace: never zero, which would stand for none.
    fn span(&self) -> u64 {
        // The finaliser of SplitMix64 (Steele et al. 2014): a bijection, so that spans differ as long as counts do.
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut span = self
            .process
            .wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        span = (span ^ (span >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        span = (span ^ (span >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (span ^ (span >> 31)).max(1)
    }
}

/// Writes the digits of `number`, leading zeros included; formatting would cost three times as much.
fn write_hex(number: u64, digits: &mut [u8]) {
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * place)) as usize & 0xf];
    }
}

/// The middleware: see the module.
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

    let cost = Cost {
        trace,
        ..Cost::default()
    };
    let (mut response, timing, trace) = COST
        .scope(cost, async {
            // The panic has told of itself on standard error; the client and the metrics are to have an answer as well.
            let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
            let response = response
                .unwrap_or_else(|_| Problem::internal(&"the request panicked").into_response());
            COST.with(|cost| {
                let recorder = app.store.database.recorder();
                recorder.repeated(route.pattern(), &cost.repeats);
                (response, cost.header(), cost.trace.clone())
            })
        })
        .await;

    if let Some(Cause(cause)) = response.extensions_mut().remove() {
        let asked = format!("{} {}", method_label(&method), route.pattern());
        let line = log_line(&asked, &id, trace.as_ref(), &cause);
        // A log that cannot be written must not take the answer with it.
        let _ = writeln!(io::stderr(), "{line}");
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(SERVER_TIMING, timing);
    if let Some(trace) = trace {
        headers.insert(TRACEPARENT, trace.parent());
    }
    route.answered(&method, response.status(), began.elapsed());
    response
}

/// One line, whatever clients and causes put into it.
fn log_line(asked: &str, id: &HeaderValue, trace: Option<&Trace>, cause: &str) -> String {
    let trace = trace.map_or_else(String::new, |trace| format!(" trace {}", trace.id()));
    format!("{asked} request {id:?}{trace}: {cause}").replace(char::is_control, " ")
}

/// A header value from text made here, of visible ASCII only.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
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
    fn a_line_of_the_log_is_one_line() {
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

    #[tokio::test]
    async fn work_that_outlives_its_request_stays_in_its_trace() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = HeaderValue::from_static(parent);
        let headers = axum::http::HeaderMap::from_iter([(TRACEPARENT, parent)]);
        let cost = Cost {
            trace: Trace::join(&headers, || 7),
            ..Cost::default()
        };
        let (before, within) = COST
            .scope(cost, async {
                let before = current_trace();
                (before, unhurried(async { current_trace() }).await)
            })
            .await;
        assert!(before.is_some());
        assert_eq!(before, within);
        assert_eq!(current_trace(), None);
    }
}
