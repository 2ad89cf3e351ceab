//! Single flight: of those who miss one key at one time, one loads and the others wait for it.
//!
//! A reader only joins a load that began after the last invalidation it must see. A leader that is dropped half-way, its
//! client gone, wakes those who wait, and one of them leads anew. A failed load is told to all who wait for it, but for
//! those who came after an invalidation of anything: what was not there may have been made since, and had no key to
//! invalidate.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::generations::Stamp;
use super::key::CacheKey;
use crate::observe::Lookup;

/// Few enough to clear, many enough that two misses seldom meet at a lock.
const SHARDS: usize = 16;

/// What a load came to; its error is of the type that the leader's caller knows.
#[derive(Clone)]
pub(super) enum LoadResult {
    /// The body, and where it came from.
    Body(Bytes, Lookup),
    /// The `Arc<E>` of the leader's error.
    Failed(Arc<dyn Any + Send + Sync>),
}

type ResultReceiver = watch::Receiver<Option<LoadResult>>;
type LoadShard = HashMap<CacheKey, SharedLoad>;

/// The loads under way.
pub(super) struct SingleFlight {
    shards: [Mutex<LoadShard>; SHARDS],
    hasher: RandomState,
}

/// A load under way.
struct SharedLoad {
    /// The generations of its key, and how many invalidations were begun, both from before it.
    seen: Stamp,
    begun: u64,
    result: ResultReceiver,
}

/// What a reader that missed has to do.
pub(super) enum Role<'a> {
    /// Load, then [`LoadLeader::publish`].
    Lead(LoadLeader<'a>),
    /// Wait with [`LoadWaiter::result`].
    Wait(LoadWaiter),
}

/// The duty to load; dropped without landing it passes to one who waits.
pub(super) struct LoadLeader<'a> {
    single_flight: &'a SingleFlight,
    key: CacheKey,
    result: ResultReceiver,
    sender: watch::Sender<Option<LoadResult>>,
}

/// A place behind a leader.
pub(super) struct LoadWaiter {
    result: ResultReceiver,
    /// Whether something was invalidated since the load began.
    is_late: bool,
}

impl SingleFlight {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    /// Joins the load of `key` that is under way, or leads one if there is none, or only one that began before `seen`;
    /// `begun` is how many invalidations were when the reader came.
    pub(super) fn join(&self, key: &CacheKey, seen: Stamp, begun: u64) -> Role<'_> {
        let mut shard = self.shard(key);
        match shard.entry(key.clone()) {
            Entry::Occupied(load) if load.get().seen == seen => {
                let load = load.get();
                Role::Wait(LoadWaiter {
                    result: load.result.clone(),
                    is_late: load.begun != begun,
                })
            }
            place => {
                let (sender, result) = watch::channel(None);
                place.insert_entry(SharedLoad {
                    seen,
                    begun,
                    result: result.clone(),
                });
                Role::Lead(LoadLeader {
                    single_flight: self,
                    key: key.clone(),
                    result,
                    sender,
                })
            }
        }
    }

    /// Loads under way.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let lengths = self
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len());
        lengths.sum()
    }

    fn shard(&self, key: &CacheKey) -> MutexGuard<'_, LoadShard> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoadLeader<'_> {
    /// Tells those who wait.
    pub(super) fn publish(self, result: LoadResult) {
        // Nobody may board any more who would be told what is of no use to him, and board again.
        self.leave();
        self.sender.send_replace(Some(result));
    }

    fn leave(&self) {
        let mut shard = self.single_flight.shard(&self.key);
        // A later flight may have taken the place of this one.
        if let Entry::Occupied(load) = shard.entry(self.key.clone())
            && load.get().result.same_channel(&self.result)
        {
            load.remove();
        }
    }
}

impl Drop for LoadLeader<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl LoadWaiter {
    /// What the load came to; `None` when its leader was dropped, or failed to find what may have been made since, and one
    /// of those who wait must lead.
    pub(super) async fn result(mut self) -> Option<LoadResult> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        let result = result.clone()?;
        (!self.is_late || matches!(result, LoadResult::Body(..))).then_some(result)
    }
}
