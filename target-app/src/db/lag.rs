//! Reads of recent writes in a database whose replicas lag behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Maximum assumed lag of a replica: for this long after a write, reads go to the primary, so that no cache is filled
/// with old data.
const LONGEST: Duration = Duration::from_secs(1);

/// Time when this instance last finished a write, or heard of one.
pub(super) struct Lag {
    opened: Instant,
    /// Milliseconds since `opened`; a database that was just opened may have been filled just before.
    last_write: AtomicU64,
}

impl Lag {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            last_write: AtomicU64::new(0),
        }
    }

    /// Records that a write has just finished.
    pub(super) fn wrote(&self) {
        self.last_write.store(self.now(), Ordering::Relaxed);
    }

    /// Whether a replica may still return data from before the last write.
    pub(super) fn is_possible(&self) -> bool {
        self.now() < self.last_write.load(Ordering::Relaxed) + LONGEST.as_millis() as u64
    }

    fn now(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }
}
