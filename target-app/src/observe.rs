//! Around every request: its identity, what it cost (`Server-Timing`) and its place in the metrics.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::IntGauge;

use crate::error::Cause;
use crate::state::App;

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
    database: Cell<Duration>,
}

/// What the cache did for a request; the last lookup counts when there are several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The request asked no cache, or there is none.
    #[default]
    Off,
    /// The first level had it.
    L1,
    /// The database had to be asked, by this request or by one that it waited for.
    Miss,
}

/// Adds a statement to the cost of the current request, if there is one.
pub(crate) fn note_query(took: Duration) {
    let _ = COST.try_with(|cost| {
        cost.queries.set(cost.queries.get() + 1);
        cost.database.set(cost.database.get() + took);
    });
}

/// Sets what the cache did for the current request, if there is one.
pub(crate) fn note_lookup(lookup: Lookup) {
    let _ = COST.try_with(|cost| cost.lookup.set(lookup));
}

impl Cost {
    fn header(&self) -> HeaderValue {
        let lookup = match self.lookup.get() {
            Lookup::Off => "off",
            Lookup::L1 => "l1",
            Lookup::Miss => "miss",
        };
        match (self.queries.get(), self.lookup.get()) {
            (0, Lookup::L1) => HeaderValue::from_static("cache;desc=l1, db;dur=0, queries;desc=0"),
            (0, Lookup::Off) => {
                HeaderValue::from_static("cache;desc=off, db;dur=0, queries;desc=0")
            }
            (queries, _) => {
                let milliseconds = self.database.get().as_secs_f64() * 1e3;
                text(&format!(
                    "cache;desc={lookup}, db;dur={milliseconds:.3}, queries;desc={queries}"
                ))
            }
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
        let mut id = String::with_capacity(24);
        // Writing to a String cannot fail.
        let _ = write!(
            id,
            "{:016x}{:08x}",
            self.process,
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        text(&id)
    }
}

/// The middleware: see the module.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let _in_flight = InFlight::enter(&app.metrics.in_flight);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let method = method_label(request.method());
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|id| id.len() <= LONGEST_REQUEST_ID)
        .cloned();
    let id = id.unwrap_or_else(|| app.request_ids.next());

    let (mut response, timing) = COST
        .scope(Cost::default(), async {
            let response = next.run(request).await;
            (response, COST.with(Cost::header))
        })
        .await;

    if let Some(Cause(cause)) = response.extensions_mut().remove() {
        // A log that cannot be written must not take the answer with it.
        let _ = writeln!(io::stderr(), "{method} {route} request {id:?}: {cause}");
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(SERVER_TIMING, timing);
    app.metrics
        .requests
        .with_label_values(&[route, method, response.status().as_str()])
        .inc();
    app.metrics
        .request_seconds
        .with_label_values(&[route])
        .observe(began.elapsed().as_secs_f64());
    response
}

/// Leaves the gauge right also when the client goes away and the request is dropped half-way.
struct InFlight<'a>(&'a IntGauge);

impl<'a> InFlight<'a> {
    fn enter(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A client may send any token as its method: those that Folio does not know share one label value.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A header value from text made here, of visible ASCII only.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}
