//! One user's exchanges with the target: timed, bounded and classified.
//!
//! A [`Client`] belongs to one user and owns its connections (one per origin) and its cookies. [`Shared`] belongs to
//! the run. `net` opens byte streams, `http1` speaks a protocol over one, `client` assigns requests to connections. The
//! transport repeats no request that may have had an effect, and keeps no byte that is not read.
//!
//! To add a protocol (`http2`, `websocket`, `sse`), add a directory beside `http1` that turns a `net::Stream` into a
//! connection, and its ALPN name to `Shared::new`. The client's use of `http1::Connection` is the interface: `open`,
//! `is_usable`, `head`, `body`, `traffic`. The connection in `client::pool` becomes an enum; an exchange of messages has
//! no [`HttpResponse`].

mod body;
mod client;
mod content;
mod deadline;
mod error;
mod failure;
mod http1;
mod net;
mod offload;
mod origin;
mod shared;
mod trace;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

pub use client::{Client, Destination, NoDestination, values_set};
pub use content::{Content, Piece, Pieces};
pub use error::TransportError;
pub use net::ConnectPhases;
pub use shared::{Settings, Shared};
pub use trace::{Trace, TracedHop, TracedResponse};

use self::failure::ExchangeFailure;
use crate::outcome::Outcome;
use crate::plan::{HeaderCase, ReadsBody};
use crate::scenario::Timeouts;

/// A request ready to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The method.
    pub method: &'a Method,
    /// Absolute: scheme, authority, path and query.
    pub uri: &'a Uri,
    /// Headers; the client adds `host`, `content-length` and `cookie` if they are missing.
    pub headers: HeaderMap,
    /// The content; may be empty.
    pub content: Content,
    /// Cookies, as `name=value`, that go into the user's jar first.
    pub cookies: Vec<HeaderValue>,
    /// The names of headers that are not sent in lower case.
    pub header_case: Option<&'a Arc<HeaderCase>>,
    /// The maximum number of redirects, if not that of the run.
    pub redirects: Option<u8>,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Whether the response's body is kept and decompressed.
    pub reads_body: ReadsBody,
}

/// One exchange with the target, of any protocol and with any outcome.
#[derive(Debug)]
pub struct Exchange {
    /// Its actual start: the start of the connection, or the handover of the request to an open connection.
    pub started: Instant,
    /// When the first byte of the final response arrived, not that of an informational one (1xx) before it.
    pub first_byte: Option<Instant>,
    /// When the last byte was read, or the failure was known.
    pub finished: Instant,
    /// Its outcome, as far as the transport knows: [`Outcome::Ok`] for any status.
    pub outcome: Outcome,
    /// The failure in words, at most 200 characters; empty if the outcome is [`Outcome::Ok`].
    pub detail: String,
    /// The final HTTP response; `None` before its head is complete.
    pub response: Option<HttpResponse>,
    /// Whether anything of the request was written to the wire; after redirects, of the last request.
    pub is_sent: bool,
    /// Statuses of the redirects that were followed.
    pub redirects: Vec<u16>,
    /// The URL of the final response, if redirects led there.
    pub page: Option<Box<Uri>>,
    /// The number of resent requests, because the target had closed the reused connection, over all redirects.
    pub resent: u64,
    /// Bytes read, heads and bodies, over all redirects; over TLS those of HTTP, before encryption.
    pub bytes_in: u64,
    /// Bytes written, heads and bodies, over all redirects; over TLS those of HTTP, before encryption.
    pub bytes_out: u64,
    /// The phases of the connection opened for it, if any; with redirects, of the last one.
    pub connection: Option<ConnectPhases>,
    /// Its requests and responses, if the caller wants them.
    pub trace: Option<Box<Trace>>,
}

/// An HTTP response, of any version of HTTP.
#[derive(Debug)]
pub struct HttpResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its decompressed body, if requested and complete.
    pub body: Option<Bytes>,
    /// The beginning of the body as received, for a status of 400 or above whose body was not requested.
    excerpt: Option<Bytes>,
}

impl Exchange {
    /// An exchange that starts now, with nothing sent.
    pub fn starting() -> Self {
        let started = Instant::now();
        Self {
            started,
            first_byte: None,
            finished: started,
            outcome: Outcome::Ok,
            detail: String::new(),
            response: None,
            is_sent: false,
            redirects: Vec::new(),
            page: None,
            resent: 0,
            bytes_in: 0,
            bytes_out: 0,
            connection: None,
            trace: None,
        }
    }

    /// The final response's status, as a number.
    pub fn status(&self) -> Option<u16> {
        let response = self.response.as_ref();
        response.map(|response| response.status.as_u16())
    }

    /// The final response's decompressed body, if requested and complete.
    pub fn body(&self) -> Option<&Bytes> {
        self.response.as_ref()?.body.as_ref()
    }

    /// Records a redirect; the next request follows.
    fn follow_redirect(&mut self) {
        let redirect = self.response.take();
        self.redirects
            .extend(redirect.map(|response| response.status.as_u16()));
        self.is_sent = false;
        self.first_byte = None;
    }

    /// Ends the exchange with a failure.
    fn fail(&mut self, failure: ExchangeFailure) {
        self.end_now(failure.outcome);
        self.detail = failure.detail;
    }

    /// Ends the exchange with an outcome.
    pub fn end_now(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.finished = Instant::now();
    }
}

impl HttpResponse {
    /// The beginning of the body, decompressed as far as possible, for quoting it; `None` if the body was not read.
    pub fn body_start(&self) -> Option<Bytes> {
        let of_excerpt = |excerpt: &Bytes| body::excerpt(&self.headers, excerpt);
        let excerpt = self.excerpt.as_ref().map(of_excerpt);
        self.body.clone().or(excerpt)
    }
}
