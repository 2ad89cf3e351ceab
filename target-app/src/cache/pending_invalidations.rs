//! Invalidations that the shared store has not executed, or that other instances have not received.
//!
//! While there are any, this instance does not read the second level, because it may hold invalid entries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Sweep;

/// Maximum pending keys and patterns; with more, everything is invalidated.
const MOST_PENDING: usize = 1_000;

/// See the module documentation.
#[derive(Default)]
pub(super) struct PendingInvalidations {
    has_pending: AtomicBool,
    pending: Mutex<PendingSweep>,
}

#[derive(Default)]
struct PendingSweep {
    sweep: Sweep,
    /// Increases with every addition.
    count: u64,
}

impl PendingInvalidations {
    /// Whether the store may hold invalid entries.
    pub(super) fn has_pending(&self) -> bool {
        self.has_pending.load(Ordering::Acquire)
    }

    /// Adds a sweep that the store has not executed or that was not published.
    pub(super) fn add(&self, sweep: &Sweep) {
        let mut pending = self.pending();
        pending.count += 1;
        pending.sweep.add(sweep);
        if pending.sweep.texts.len() + pending.sweep.patterns.len() > MOST_PENDING {
            pending.sweep = Sweep::everything();
        }
        self.has_pending.store(true, Ordering::Release);
    }

    /// The pending sweep, and a token for [`PendingInvalidations::complete`].
    pub(super) fn snapshot(&self) -> Option<(Sweep, u64)> {
        let pending = self.pending();
        self.has_pending()
            .then(|| (pending.sweep.clone(), pending.count))
    }

    /// Clears the pending sweep, if nothing was added since the snapshot of this token.
    pub(super) fn complete(&self, receipt: u64) {
        let mut pending = self.pending();
        if pending.count == receipt {
            pending.sweep = Sweep::default();
            self.has_pending.store(false, Ordering::Release);
        }
    }

    fn pending(&self) -> MutexGuard<'_, PendingSweep> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_snapshot_clears_the_pending_invalidations() {
        let pending_invalidations = PendingInvalidations::default();
        assert!(pending_invalidations.snapshot().is_none());
        pending_invalidations.add(&Sweep::documents([1].into_iter()));
        let (_, early) = pending_invalidations.snapshot().expect("a debt");
        pending_invalidations.add(&Sweep::documents([2].into_iter()));
        pending_invalidations.complete(early);
        let (sweep, receipt) = pending_invalidations.snapshot().expect("still a debt");
        assert_eq!(sweep.texts.len(), 2);
        pending_invalidations.complete(receipt);
        assert!(!pending_invalidations.has_pending());
        pending_invalidations.add(&Sweep::documents(0..=MOST_PENDING as i64));
        let (sweep, _) = pending_invalidations.snapshot().expect("a debt");
        assert!(sweep.texts.is_empty() && sweep.patterns.contains("*"));
    }
}
