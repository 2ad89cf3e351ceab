//! The bounded queue between a run and a receiver.
//!
//! A state holds everything since the load began, so a newer one replaces an older: if the queue is full the oldest is
//! dropped, and once the run is over only the last is sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::state::RunState;

/// The states in the queue: two minutes of a receiver that does not answer.
const ROOM: usize = 24;

/// The queue.
#[derive(Default)]
pub(super) struct Outbox {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Arc<RunState>>,
    is_closed: bool,
    tally: Tally,
}

/// The counts of states that were sent, failed or were dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// The receiver has accepted them.
    pub(super) sent: u64,
    /// The receiver refused them, or did not answer after all retries.
    pub(super) failed: u64,
    /// Newer ones took their place.
    pub(super) dropped: u64,
    /// True if the last state of the run was accepted.
    pub(super) has_last: bool,
    /// The first error.
    pub(super) error: Option<String>,
}

impl Outbox {
    /// Queues a state, without ever waiting.
    pub(super) fn put(&self, state: Arc<RunState>) {
        let mut inner = self.lock();
        if inner.waiting.len() >= ROOM {
            inner.waiting.pop_front();
            inner.tally.dropped += 1;
        }
        inner.waiting.push_back(state);
        drop(inner);
        self.changed.notify_one();
    }

    /// Queues the last state; those before it are dropped.
    pub(super) fn close(&self, last: Arc<RunState>) {
        let mut inner = self.lock();
        inner.tally.dropped += inner.waiting.len() as u64;
        inner.waiting.clear();
        inner.waiting.push_back(last);
        inner.is_closed = true;
        drop(inner);
        self.changed.notify_one();
    }

    /// The next state, and whether it is the last; `None` at the end.
    pub(super) async fn next(&self) -> Option<(Arc<RunState>, bool)> {
        loop {
            {
                let mut inner = self.lock();
                if let Some(state) = inner.waiting.pop_front() {
                    return Some((state, inner.is_closed));
                }
                if inner.is_closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// True if no retry is worth it: a newer state waits for the end.
    pub(super) fn is_outdated(&self) -> bool {
        let inner = self.lock();
        inner.is_closed && !inner.waiting.is_empty()
    }

    /// Changes the tally.
    pub(super) fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.lock().tally);
    }

    /// The tally so far.
    pub(super) fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
