//! The requests and responses of an exchange, for showing them. An exchange has no trace unless its caller sets one, so a
//! load keeps nothing of this.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};

use super::body::{Effort, MemoryBudget, inflate};
use super::content::{Content, OutgoingBody};
use super::net::ConnectPhases;
use crate::plan::HeaderCase;

/// The maximum size of a decompressed body in a trace, in bytes.
const MAX_BODY: u64 = 64 << 20;

/// The requests of an exchange in their order: one, and one for each redirect.
#[derive(Debug, Default)]
pub struct Trace {
    /// At least one, if a request was sent.
    pub hops: Vec<TracedHop>,
}

/// A request as it was sent, and its response.
#[derive(Debug)]
pub struct TracedHop {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub uri: Uri,
    /// The version of HTTP.
    pub version: Version,
    /// The headers, without those that describe the length of the content.
    pub headers: HeaderMap,
    /// The names of headers that are not sent in lower case.
    pub header_case: Option<Arc<HeaderCase>>,
    /// The content.
    pub content: Content,
    /// When the request was handed over: before its connection was opened, if it needed a new one.
    pub started: Instant,
    /// The phases of the connection that was opened for it; `None` if an open one was used.
    pub connection: Option<ConnectPhases>,
    /// The response, once its head has arrived.
    pub response: Option<TracedResponse>,
}

/// A response.
#[derive(Debug)]
pub struct TracedResponse {
    /// The version of HTTP.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// When its first byte arrived.
    pub first_byte: Option<Instant>,
    /// When its last byte was read; `None` if the body is not complete.
    pub finished: Option<Instant>,
    /// The body as received.
    pub body: Bytes,
}

impl TracedHop {
    /// The content in memory without its codings; empty if it is sent in pieces.
    pub fn decoded(&self) -> Bytes {
        match &self.content {
            Content::Whole(bytes) => decoded(&self.headers, bytes),
            Content::Pieces(_) => Bytes::new(),
        }
    }
}

impl TracedResponse {
    /// The body without its content codings; as received if it cannot be decoded.
    pub fn decoded(&self) -> Bytes {
        decoded(&self.headers, &self.body)
    }
}

fn decoded(headers: &HeaderMap, body: &Bytes) -> Bytes {
    let budget = Arc::new(MemoryBudget::default());
    let inflated = inflate(headers, body.clone(), MAX_BODY, &budget, Effort::Whole);
    inflated.ok().flatten().unwrap_or_else(|| body.clone())
}

impl Trace {
    /// A request is handed over.
    pub(super) fn sends(&mut self, uri: &Uri, request: &Request<OutgoingBody>, content: Content) {
        self.hops.push(TracedHop {
            method: request.method().clone(),
            uri: uri.clone(),
            version: request.version(),
            headers: request.headers().clone(),
            header_case: request.extensions().get().cloned(),
            content,
            started: Instant::now(),
            connection: None,
            response: None,
        });
    }

    /// A connection was opened for the request.
    pub(super) fn connected(&mut self, phases: ConnectPhases) {
        if let Some(hop) = self.hops.last_mut() {
            hop.connection = Some(phases);
        }
    }

    /// The head of the response has arrived.
    pub(super) fn answered(&mut self, head: &http::response::Parts, first_byte: Option<Instant>) {
        if let Some(hop) = self.hops.last_mut() {
            hop.response = Some(TracedResponse {
                version: head.version,
                status: head.status,
                headers: head.headers.clone(),
                first_byte,
                finished: None,
                body: Bytes::new(),
            });
        }
    }

    /// The body of the response is complete.
    pub(super) fn finished(&mut self, body: Bytes, at: Instant) {
        let response = self.hops.last_mut().and_then(|hop| hop.response.as_mut());
        if let Some(response) = response {
            response.body = body;
            response.finished = Some(at);
        }
    }
}
