//! Connections: one user's HTTP exchanges over hyper, timed, bounded and classified.
//!
//! A [`Client`] belongs to one user: its connections (one per origin), its cookies. [`Shared`] belongs to the run: TLS
//! roots, the address policy, limits. Nothing here repeats what may have had an effect, follows what may not
//! be followed, or keeps a byte that nobody reads.

mod address;
mod apart;
mod body;
mod classify;
mod client;
mod connection;
mod cookies;
mod deadline;
mod destination;
mod dial;
mod inflate;
mod io;
mod origin;
mod redirect;
mod resolver;
mod set_cookie;
mod shared;
mod tls;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

pub use client::Client;
pub use destination::{Destination, NoDestination};
pub use set_cookie::values_set;
pub use shared::{Settings, Shared, TransportError};

use crate::outcome::Outcome;
use crate::plan::ReadsBody;
use crate::scenario::Timeouts;

/// A request ready to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// The method.
    pub method: &'a Method,
    /// Absolute: scheme, authority, path and query.
    pub uri: &'a Uri,
    /// Headers but `host`, `content-length` and `cookie`, which the client adds if they are not there.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// Whether the response's body is to be kept and inflated.
    pub reads_body: ReadsBody,
}

/// What came of a request: always something, never an error.
#[derive(Debug)]
pub struct Exchange {
    /// When it actually started: connect begun, or the first byte handed to an open connection.
    pub started: Instant,
    /// When the first byte of the final response was there, not of an informational one (1xx) before it.
    pub first_byte: Option<Instant>,
    /// When the last byte was read, or the failure was known.
    pub finished: Instant,
    /// How it ended, as far as the transport can tell: [`Outcome::Ok`] whatever the status.
    pub outcome: Outcome,
    /// The failure in words, at most 200 characters; empty when it is [`Outcome::Ok`].
    pub detail: String,
    /// The final response's status.
    pub status: Option<StatusCode>,
    /// The final response's headers.
    pub headers: HeaderMap,
    /// The body, inflated, if it was asked for and arrived whole.
    pub body: Option<Bytes>,
    /// How the body of a response of status 400 or above begins, as it came, if the body was not asked for.
    excerpt: Option<Bytes>,
    /// Whether anything of the request was written to the wire; after redirects, of the last one.
    pub is_sent: bool,
    /// Statuses of the redirects followed on the way.
    pub redirects: Vec<u16>,
    /// Where the final response came from, if redirects led there.
    pub page: Option<Box<Uri>>,
    /// How often it was sent once more because a kept connection had been closed under it, all hops.
    pub resent: u64,
    /// Bytes read off the wire, heads and bodies, all hops; over TLS those of HTTP, before encryption.
    pub bytes_in: u64,
    /// Bytes written to the wire, heads and bodies, all hops; over TLS those of HTTP, before encryption.
    pub bytes_out: u64,
    /// Of the connection opened for it, if one was (the last one, over redirects).
    pub connection: Option<ConnectPhases>,
}

impl Exchange {
    /// How the body begins, inflated as far as it goes, for quoting it; none if it was not read.
    pub fn body_start(&self) -> Option<Bytes> {
        let of_excerpt = |excerpt: &Bytes| inflate::start_of(&self.headers, excerpt);
        let excerpt = self.excerpt.as_ref().map(of_excerpt);
        self.body.clone().or(excerpt)
    }
}

/// How long it took to open a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectPhases {
    /// To resolve the name; zero for an address.
    pub dns: Duration,
    /// To connect (TCP).
    pub connect: Duration,
    /// The TLS handshake, if there was one.
    pub tls: Option<Duration>,
}
