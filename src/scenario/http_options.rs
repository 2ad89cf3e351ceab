//! `http:` in a scenario file: the options of every request. A step can override some of them.

use std::time::Duration;

use http::HeaderName;

use super::{Auth, FailedStatuses, Template, TraceSampling};
use crate::format::Field;
use crate::format::tables::http::timeout;
use crate::format::words::Cookies;
use crate::units::{ByteSize, parse_duration};

/// Defaults of every request: `http:` in the file.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Headers of every request; a header of the step with the same name replaces them.
    pub headers: Vec<(HeaderName, Template)>,
    /// The credentials of every request to `target` and `targets` that does not set its own.
    pub auth: Option<Auth>,
    /// Header names as written, for those with capital letters: they are sent in this case.
    pub header_cases: Vec<String>,
    /// The statuses that fail a request: `fail_on`.
    pub failed: FailedStatuses,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// The maximum number of redirects to follow; with 0, checks see the redirect itself.
    pub redirects: u8,
    /// Whether each user keeps a cookie jar.
    pub cookies: Cookies,
    /// The maximum size of a body, as received.
    pub body_limit: ByteSize,
    /// Whether requests accept compressed bodies.
    pub compression: Compression,
    /// True if a repeatable request is sent once more when the server closes its reused connection before the first
    /// byte of the response.
    pub resend: bool,
    /// True if the durations in `server-timing` headers are recorded.
    pub server_timing: bool,
    /// The share of sampled requests, if requests send trace context.
    pub trace_context: Option<TraceSampling>,
    /// TLS settings.
    pub tls: TlsOptions,
}

/// Whether requests accept compressed bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Adds `accept-encoding: gzip, br, zstd` unless the scenario sets that header.
    Accept,
    /// Adds no header.
    Off,
}

/// TLS settings: `http.tls`.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// The certificates to trust.
    pub trust: Trust,
}

/// Which certificates are accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Certificates of the system's roots.
    #[default]
    System,
    /// Certificates of the system's roots and of those in this PEM text (`http.tls.ca: file`).
    SystemAnd(Vec<u8>),
    /// Any certificate (`http.tls.insecure: true`).
    Anything,
}

/// Time limits of a request. Each limit has its own outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For name resolution, connection and TLS handshake.
    pub connect: Duration,
    /// From the handover of the request to a connection to the first byte of the response.
    pub first_byte: Duration,
    /// Between two reads of the body.
    pub idle: Duration,
    /// The whole request, redirects included.
    pub total: Duration,
}

impl Default for Timeouts {
    /// The defaults of the format.
    fn default() -> Self {
        let of = |field: &Field| parse_duration(field.default_text()).unwrap_or_default();
        Self {
            connect: of(&timeout::CONNECT),
            first_byte: of(&timeout::FIRST_BYTE),
            idle: of(&timeout::IDLE),
            total: of(&timeout::TOTAL),
        }
    }
}
