//! The write-behind buffer: the bodies of queued writes. Reads look here before any cache level while the database has
//! an older version.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::CacheKey;

/// Bodies that are newer than those in the database, by document.
#[derive(Default)]
pub(super) struct WriteBuffer {
    count: AtomicUsize,
    bodies: Mutex<HashMap<i64, BufferedBody>>,
}

/// The body of a document's newest write.
pub(super) struct BufferedBody {
    pub(super) revision: u64,
    pub(super) body: Bytes,
    /// Time of the document's oldest acknowledged write that the database does not have.
    pub(super) since: Instant,
}

impl WriteBuffer {
    /// The newest body of a document whose write is queued.
    pub(super) fn body(&self, key: &CacheKey) -> Option<Bytes> {
        if self.is_empty() {
            return None;
        }
        let CacheKey::Document(id) = key else {
            return None;
        };
        self.bodies().get(id).map(|newest| newest.body.clone())
    }

    /// Whether no write is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Documents whose writes are queued.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Time since the oldest write was acknowledged.
    pub(super) fn oldest(&self) -> Duration {
        let bodies = self.bodies();
        let oldest = bodies.values().map(|newest| newest.since).min();
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Sets the body that reads of the document return.
    pub(super) fn put(&self, id: i64, newest: BufferedBody) {
        let mut bodies = self.bodies();
        bodies.insert(id, newest);
        self.count.store(bodies.len(), Ordering::Release);
    }

    /// Removes the body of `revision`, unless there is a newer one.
    pub(super) fn remove(&self, id: i64, revision: u64) {
        let mut bodies = self.bodies();
        if bodies
            .get(&id)
            .is_some_and(|newest| newest.revision == revision)
        {
            bodies.remove(&id);
        }
        self.count.store(bodies.len(), Ordering::Release);
    }

    fn bodies(&self) -> MutexGuard<'_, HashMap<i64, BufferedBody>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
