//! Exact request counts, against which a client can check its own.
//!
//! A request is counted when its response is ready, before the client can see it: a client that has read a response
//! finds it in the counts. A request whose client disconnected first is counted as abandoned. Requests for the counts
//! themselves are not counted.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::Error;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::Serialize;

use super::Lab;
use super::bodies::BrokenBody;

/// Maximum paths with separate counts; further ones share `__other__`.
const MOST_PATHS: usize = 1_000;

/// The counts.
#[derive(Default)]
pub(super) struct LabCounters {
    requests: Mutex<RequestCounts>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

#[derive(Default)]
struct RequestCounts {
    begun: u64,
    abandoned: u64,
    answered: u64,
    by_path: BTreeMap<String, BTreeMap<u16, u64>>,
}

/// The counts as `GET /lab/counters` returns them.
#[derive(Serialize)]
pub(super) struct LabSnapshot {
    /// `answered + abandoned + in_flight`.
    begun: u64,
    /// Responses sent.
    answered: u64,
    /// Requests dropped before there was a response.
    abandoned: u64,
    in_flight: u64,
    /// Bytes of request bodies read.
    body_bytes_in: u64,
    /// Bytes of response bodies handed to connections, after compression.
    body_bytes_out: u64,
    requests: Vec<PathCounts>,
}

#[derive(Serialize)]
struct PathCounts {
    path: String,
    /// Zero for a connection that was closed without a response.
    status: u16,
    count: u64,
}

impl LabCounters {
    pub(super) fn snapshot(&self) -> LabSnapshot {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = requests.by_path.iter().flat_map(|(path, statuses)| {
            statuses.iter().map(|(&status, &count)| PathCounts {
                path: path.clone(),
                status,
                count,
            })
        });
        LabSnapshot {
            begun: requests.begun,
            answered: requests.answered,
            abandoned: requests.abandoned,
            in_flight: requests.begun - requests.answered - requests.abandoned,
            body_bytes_in: self.bytes_in.load(Ordering::Relaxed),
            body_bytes_out: self.bytes_out.load(Ordering::Relaxed),
            requests: rows.collect(),
        }
    }

    /// Resets the counts; requests in progress stay counted as begun, so that they can be answered.
    pub(super) fn reset(&self) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let in_flight = requests.begun - requests.answered - requests.abandoned;
        *requests = RequestCounts {
            begun: in_flight,
            ..RequestCounts::default()
        };
        self.bytes_in.store(0, Ordering::Relaxed);
        self.bytes_out.store(0, Ordering::Relaxed);
    }

    fn begin(self: &Arc<Self>) -> PendingRequest {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .begun += 1;
        PendingRequest {
            counters: Arc::clone(self),
            is_answered: false,
        }
    }
}

/// A request without a response yet: it becomes abandoned if it is dropped first.
struct PendingRequest {
    counters: Arc<LabCounters>,
    is_answered: bool,
}

impl PendingRequest {
    fn answer(mut self, path: String, status: u16) {
        self.is_answered = true;
        let mut requests = self
            .counters
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        requests.answered += 1;
        let is_known = requests.by_path.contains_key(&path);
        let path = if is_known || requests.by_path.len() < MOST_PATHS {
            path
        } else {
            "__other__".to_owned()
        };
        *requests
            .by_path
            .entry(path)
            .or_default()
            .entry(status)
            .or_default() += 1;
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        if !self.is_answered {
            self.counters
                .requests
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .abandoned += 1;
        }
    }
}

/// The middleware: outermost, so that it sees bodies as they are sent.
pub(crate) async fn count(State(lab): State<Arc<Lab>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/lab/counters" || path == "/lab/counters/reset" {
        return next.run(request).await;
    }
    let path = path.to_owned();
    let counters = &lab.counters;
    let open = counters.begin();
    let request = request.map(|body| counted(body, counters, |counters| &counters.bytes_in));
    let response = next.run(request).await;
    let status = if response.extensions().get::<BrokenBody>().is_some() {
        0
    } else {
        response.status().as_u16()
    };
    open.answer(path, status);
    response.map(|body| counted(body, counters, |counters| &counters.bytes_out))
}

fn counted(
    body: Body,
    counters: &Arc<LabCounters>,
    account: fn(&LabCounters) -> &AtomicU64,
) -> Body {
    if body.is_end_stream() {
        body
    } else {
        Body::new(CountedBody {
            body,
            counters: Arc::clone(counters),
            account,
        })
    }
}

/// A body whose bytes are counted as they are handed over.
struct CountedBody {
    body: Body,
    counters: Arc<LabCounters>,
    account: fn(&LabCounters) -> &AtomicU64,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            (self.account)(&self.counters).fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
