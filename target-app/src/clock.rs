//! The wall clock: time stamps for persistent data and for clients.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;

/// The current time in Unix seconds.
pub(crate) fn now() -> i64 {
    Utc::now().timestamp()
}

/// Milliseconds since 1970; zero if the clock is set before that.
pub(crate) fn unix_milliseconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// Formats Unix seconds for clients: RFC 3339 in UTC.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
pub(crate) fn rfc3339<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = DateTime::<Utc>::from_timestamp(*seconds, 0).unwrap_or_default();
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
