//! Reading what was just written from a database whose replicas lag behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a replica may lag: until then what was written is read from the primary, so that no cache is filled with
/// what was before.
const LONGEST: Duration = Duration::from_secs(1);

/// When this instance last ended a write, or heard of one.
pub(super) struct Lag {
    opened: Instant,
    /// Milliseconds since `opened`; a database that was opened just now may have been filled just now.
    last_write: AtomicU64,
}

impl Lag {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            last_write: AtomicU64::new(0),
        }
    }

    /// A write has ended just now.
    pub(super) fn wrote(&self) {
        self.last_write.store(self.now(), Ordering::Relaxed);
    }

    /// Whether a replica may still show what was before the last write.
    pub(super) fn is_possible(&self) -> bool {
        self.now() < self.last_write.load(Ordering::Relaxed) + LONGEST.as_millis() as u64
    }

    fn now(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }
}
