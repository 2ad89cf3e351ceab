//! Context of the current request: its id, its trace and its cost so far.

mod cost;
mod ids;
mod repeats;
mod trace;

use axum::http::HeaderValue;

pub(crate) use cost::{
    Cost, Lookup, accounted, aside, current_trace, note_lookup, note_pool_wait, note_query,
    run_to_completion,
};
pub(crate) use ids::RequestIds;
pub(crate) use repeats::Repeats;
pub(crate) use trace::{TRACEPARENT, Trace};

/// A header value from text generated here, of visible ASCII only.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}
