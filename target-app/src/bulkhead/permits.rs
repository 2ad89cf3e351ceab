//! Permits to hold a connection: a semaphore whose size can change while it is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many permits as the pool may have connections.
pub(crate) struct ConnectionPermits {
    semaphore: Arc<Semaphore>,
    /// Permits to withdraw as soon as they are returned.
    surplus: AtomicUsize,
    size: AtomicUsize,
}

/// One permit; dropping it returns it.
pub(crate) struct ConnectionPermit {
    permit: Option<OwnedSemaphorePermit>,
    permits: Arc<ConnectionPermits>,
}

impl ConnectionPermits {
    pub(crate) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            semaphore: Arc::new(Semaphore::new(size)),
            surplus: AtomicUsize::new(0),
            size: AtomicUsize::new(size),
        })
    }

    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Waits in order for a permit; `None` after [`ConnectionPermits::close`].
    pub(crate) async fn take(self: &Arc<Self>) -> Option<ConnectionPermit> {
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok()?;
        Some(ConnectionPermit {
            permit: Some(permit),
            permits: Arc::clone(self),
        })
    }

    /// Closes the semaphore; waiters get `None`.
    pub(crate) fn close(&self) {
        self.semaphore.close();
    }

    /// A permit, if one is free now.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<ConnectionPermit> {
        let permit = Arc::clone(&self.semaphore).try_acquire_owned().ok()?;
        Some(ConnectionPermit {
            permit: Some(permit),
            permits: Arc::clone(self),
        })
    }

    /// Sets the number of permits to `size`; permits in use beyond it are withdrawn when they are returned. One caller
    /// at a time.
    pub(crate) fn resize(&self, size: usize) {
        let before = self.size.swap(size, Ordering::Relaxed);
        if size > before {
            let mut more = size - before;
            // Permits that were still to be withdrawn need not be added again.
            let _ = self
                .surplus
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                    let settled = surplus.min(size - before);
                    more = size - before - settled;
                    Some(surplus - settled)
                });
            self.semaphore.add_permits(more);
        } else {
            let fewer = before - size;
            let forgotten = self.semaphore.forget_permits(fewer);
            self.surplus.fetch_add(fewer - forgotten, Ordering::AcqRel);
        }
    }

    /// Whether a returned permit must be withdrawn.
    fn settles(&self) -> bool {
        self.surplus
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                surplus.checked_sub(1)
            })
            .is_ok()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.permits.settles()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_never_exceed_the_size_during_resizes() {
        let permits = ConnectionPermits::new(3);
        let taken: Vec<_> = std::iter::from_fn(|| permits.try_take()).collect();
        assert_eq!(taken.len(), 3);
        permits.resize(1);
        let mut taken = taken.into_iter();
        drop(taken.next());
        assert!(permits.try_take().is_none(), "two are lent, one is allowed");
        permits.resize(2);
        assert!(
            permits.try_take().is_none(),
            "two are lent, two are allowed"
        );
        drop(taken);
        assert_eq!(
            std::iter::from_fn(|| permits.try_take())
                .map(std::mem::forget)
                .count(),
            2
        );
    }

    #[tokio::test]
    async fn a_waiter_gets_a_permit_when_the_size_grows() {
        let permits = ConnectionPermits::new(1);
        let _held = permits.take().await;
        let waiting = tokio::spawn({
            let permits = Arc::clone(&permits);
            async move { permits.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        permits.resize(2);
        drop(waiting.await.expect("it gets one"));
    }
}
