//! The right to hold a connection: a semaphore whose size can change while it is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many rights as the pool may have connections.
pub(crate) struct Slots {
    semaphore: Arc<Semaphore>,
    /// Rights to take away as soon as they come back.
    debt: AtomicUsize,
    size: AtomicUsize,
}

/// One right; dropping it gives it back.
pub(crate) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    slots: Arc<Slots>,
}

impl Slots {
    pub(crate) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            semaphore: Arc::new(Semaphore::new(size)),
            debt: AtomicUsize::new(0),
            size: AtomicUsize::new(size),
        })
    }

    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Waits in turn for a right; none when there will never be one again.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Slot> {
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok()?;
        Some(Slot {
            permit: Some(permit),
            slots: Arc::clone(self),
        })
    }

    /// Who waits, and who comes, gets none.
    pub(crate) fn close(&self) {
        self.semaphore.close();
    }

    /// A right, if one is free now.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let permit = Arc::clone(&self.semaphore).try_acquire_owned().ok()?;
        Some(Slot {
            permit: Some(permit),
            slots: Arc::clone(self),
        })
    }

    /// Makes it `size` rights in all; those lent beyond it are taken away when they come back. One caller at a time.
    pub(crate) fn resize(&self, size: usize) {
        let before = self.size.swap(size, Ordering::Relaxed);
        if size > before {
            let mut more = size - before;
            // What was still to be taken away need not be given anew.
            let _ = self
                .debt
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |debt| {
                    let settled = debt.min(size - before);
                    more = size - before - settled;
                    Some(debt - settled)
                });
            self.semaphore.add_permits(more);
        } else {
            let fewer = before - size;
            let forgotten = self.semaphore.forget_permits(fewer);
            self.debt.fetch_add(fewer - forgotten, Ordering::AcqRel);
        }
    }

    /// Whether one that comes back has to stay away.
    fn settles(&self) -> bool {
        self.debt
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |debt| {
                debt.checked_sub(1)
            })
            .is_ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.slots.settles()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_never_exceed_the_size_however_it_changes() {
        let slots = Slots::new(3);
        let taken: Vec<_> = std::iter::from_fn(|| slots.try_take()).collect();
        assert_eq!(taken.len(), 3);
        slots.resize(1);
        let mut taken = taken.into_iter();
        drop(taken.next());
        assert!(slots.try_take().is_none(), "two are lent, one is allowed");
        slots.resize(2);
        assert!(slots.try_take().is_none(), "two are lent, two are allowed");
        drop(taken);
        assert_eq!(
            std::iter::from_fn(|| slots.try_take())
                .map(std::mem::forget)
                .count(),
            2
        );
    }

    #[tokio::test]
    async fn who_waits_gets_a_right_when_the_size_grows() {
        let slots = Slots::new(1);
        let _held = slots.take().await;
        let waiting = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        slots.resize(2);
        drop(waiting.await.expect("it gets one"));
    }
}
