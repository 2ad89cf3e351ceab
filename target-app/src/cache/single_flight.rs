//! Single-flight: of concurrent readers that miss the same key, one loads and the others wait for its result.
//!
//! A reader joins only a load that began after the last invalidation it must see. When a leader is dropped, for example
//! because its client disconnected, the waiters wake up and one of them becomes the leader. All waiters of a failed
//! load get its error, except readers that arrived after any invalidation: the missing row may have been created since,
//! and a new row has no key to invalidate.

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

/// Few enough to sweep, and enough that two misses rarely contend for the same lock.
const SHARDS: usize = 16;

/// The result of a load; an error has the type that the leader's caller knows.
#[derive(Clone)]
pub(super) enum LoadResult {
    /// The body and its origin.
    Body(Bytes, Lookup),
    /// The `Arc<E>` of the leader's error.
    Failed(Arc<dyn Any + Send + Sync>),
}

type ResultReceiver = watch::Receiver<Option<LoadResult>>;
type LoadShard = HashMap<CacheKey, SharedLoad>;

/// The loads in progress.
pub(super) struct SingleFlight {
    shards: [Mutex<LoadShard>; SHARDS],
    hasher: RandomState,
}

/// A load in progress.
struct SharedLoad {
    /// The generation stamp of its key and the number of invalidations begun, both from before the load.
    seen: Stamp,
    begun: u64,
    result: ResultReceiver,
}

/// The role of a reader that missed.
pub(super) enum Role<'a> {
    /// Load, then [`LoadLeader::publish`].
    Lead(LoadLeader<'a>),
    /// Wait with [`LoadWaiter::result`].
    Wait(LoadWaiter),
}

/// The role that loads; dropped without a result it passes to a waiter.
pub(super) struct LoadLeader<'a> {
    single_flight: &'a SingleFlight,
    key: CacheKey,
    result: ResultReceiver,
    sender: watch::Sender<Option<LoadResult>>,
}

/// The role that waits for a leader.
pub(super) struct LoadWaiter {
    result: ResultReceiver,
    /// Whether any invalidation began since the load did.
    is_late: bool,
}

impl SingleFlight {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    /// Joins the load of `key` in progress. Becomes the leader if there is none, or only one that began before `seen`.
    /// `begun` is the number of invalidations begun when the reader arrived.
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

    /// Number of loads in progress.
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
    /// Hands the result to the waiters.
    pub(super) fn publish(self, result: LoadResult) {
        // Leaves first: a reader that joined now could get a result that is too old for it, and would join again.
        self.leave();
        self.sender.send_replace(Some(result));
    }

    fn leave(&self) {
        let mut shard = self.single_flight.shard(&self.key);
        // A later load may have replaced this one.
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
    /// Waits for the result; `None` if the leader was dropped, or failed to find a row that may have been created
    /// since. The caller then has to retry.
    pub(super) async fn result(mut self) -> Option<LoadResult> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        let result = result.clone()?;
        (!self.is_late || matches!(result, LoadResult::Body(..))).then_some(result)
    }
}
