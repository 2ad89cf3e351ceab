//! The wall clock, for what outlives the process: tokens and entries in the shared store.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; zero on a clock that is set before.
pub(super) fn unix_milliseconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
