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

use super::generations::Seen;
use super::key::Key;
use crate::observe::Lookup;

/// Few enough to clear, many enough that two misses seldom meet at a lock.
const SHARDS: usize = 16;

/// What a load came to; its error is of the type that the leader's caller knows.
#[derive(Clone)]
pub(super) enum Landing {
    /// The body, and where it came from.
    Body(Bytes, Lookup),
    /// The `Arc<E>` of the leader's error.
    Failed(Arc<dyn Any + Send + Sync>),
}

type Landed = watch::Receiver<Option<Landing>>;
type Shard = HashMap<Key, Flight>;

/// The loads under way.
pub(super) struct Flights {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

/// A load under way.
struct Flight {
    /// The generations of its key, and how many invalidations were begun, both from before it.
    seen: Seen,
    begun: u64,
    landed: Landed,
}

/// What a reader that missed has to do.
pub(super) enum Boarding<'a> {
    /// Load, then [`Leader::land`].
    Lead(Leader<'a>),
    /// Wait with [`Waiter::landing`].
    Wait(Waiter),
}

/// The duty to load; dropped without landing it passes to one who waits.
pub(super) struct Leader<'a> {
    flights: &'a Flights,
    key: Key,
    landed: Landed,
    land: watch::Sender<Option<Landing>>,
}

/// A place behind a leader.
pub(super) struct Waiter {
    landed: Landed,
    /// Whether something was invalidated since the load began.
    is_late: bool,
}

impl Flights {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    /// Joins the load of `key` that is under way, or leads one if there is none, or only one that began before `seen`;
    /// `begun` is how many invalidations were when the reader came.
    pub(super) fn board(&self, key: &Key, seen: Seen, begun: u64) -> Boarding<'_> {
        let mut shard = self.shard(key);
        match shard.entry(key.clone()) {
            Entry::Occupied(flight) if flight.get().seen == seen => {
                let flight = flight.get();
                Boarding::Wait(Waiter {
                    landed: flight.landed.clone(),
                    is_late: flight.begun != begun,
                })
            }
            place => {
                let (land, landed) = watch::channel(None);
                place.insert_entry(Flight {
                    seen,
                    begun,
                    landed: landed.clone(),
                });
                Boarding::Lead(Leader {
                    flights: self,
                    key: key.clone(),
                    landed,
                    land,
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

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader<'_> {
    /// Tells those who wait.
    pub(super) fn land(self, landing: Landing) {
        // Nobody may board any more who would be told what is of no use to him, and board again.
        self.leave();
        self.land.send_replace(Some(landing));
    }

    fn leave(&self) {
        let mut shard = self.flights.shard(&self.key);
        // A later flight may have taken the place of this one.
        if let Entry::Occupied(flight) = shard.entry(self.key.clone())
            && flight.get().landed.same_channel(&self.landed)
        {
            flight.remove();
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Waiter {
    /// What the load came to; `None` when its leader was dropped, or failed to find what may have been made since, and one
    /// of those who wait must lead.
    pub(super) async fn landing(mut self) -> Option<Landing> {
        let landed = self.landed.wait_for(Option::is_some).await.ok()?;
        let landing = landed.clone()?;
        (!self.is_late || matches!(landing, Landing::Body(..))).then_some(landing)
    }
}
