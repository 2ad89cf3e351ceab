//! What holds for every request of a scenario unless a step says otherwise: `http:` in the file.

use std::time::Duration;

use http::HeaderName;

use super::Template;
use crate::format::Field;
use crate::format::tables::http::timeout;
use crate::format::words::Cookies;
use crate::units::{ByteSize, parse_duration};

/// Defaults of every request: `http:` in the file.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Headers sent with every request unless the step sets the same name.
    pub headers: Vec<(HeaderName, Template)>,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// How many redirects are followed; 0 hands the redirect itself to the checks.
    pub redirects: u8,
    /// Whether each user keeps a cookie jar.
    pub cookies: Cookies,
    /// The most bytes of one body that are read off the wire.
    pub body_limit: ByteSize,
    /// Whether to ask for compressed bodies (`accept-encoding: gzip, br, zstd`).
    pub compression: Compression,
    /// Whether a request that may be repeated is sent once more when the kept connection it went out on was closed
    /// before a byte of the answer.
    pub resend: bool,
    /// TLS settings.
    pub tls: TlsOptions,
}

/// Whether a compressed body is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `accept-encoding: gzip, br, zstd` unless the scenario sets the header itself.
    Accept,
    /// No header is added.
    Off,
}

/// TLS settings: `http.tls`.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Whom to trust.
    pub trust: Trust,
}

/// Which certificates are accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's roots.
    #[default]
    System,
    /// The system's roots and those in this PEM text (`http.tls.ca: file`).
    SystemAnd(Vec<u8>),
    /// Any certificate at all (`http.tls.insecure: true`).
    Anything,
}

/// Limits in time of one request; each starts a failure of its own when it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve, connect and shake hands.
    pub connect: Duration,
    /// From the request being sent to the first byte of the response.
    pub first_byte: Duration,
    /// Between two reads of the body.
    pub idle: Duration,
    /// The whole request, redirects included.
    pub total: Duration,
}

impl Default for Timeouts {
    /// What the format says of each.
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
