//! Whether a request sends trace context.

use http::HeaderName;

use super::request::Headers;
use crate::scenario::{HttpOptions, TraceSampling};

/// The header of a trace (W3C Trace Context, 3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The `traceparent` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceContext {
    /// It sends none.
    None,
    /// It sends the header that the scenario sets.
    Own,
    /// It begins a trace, which is sampled for this share of requests.
    New(TraceSampling),
}

impl TraceContext {
    /// That of a request with these headers: one of its own takes precedence.
    pub(super) fn of(http: &HttpOptions, headers: &Headers) -> Self {
        let mut rendered = headers.rendered.iter();
        if headers.literal.contains_key(TRACEPARENT)
            || rendered.any(|(name, _)| *name == TRACEPARENT)
        {
            return Self::Own;
        }
        http.trace_context.map_or(Self::None, Self::New)
    }
}
