//! One cache of two levels: reads through it, with stampede protection.
//!
//! A read never returns a value that was stale before it began: queued writes come first, and every cached value
//! carries the generations from before its load. Misses of the first level are handled by [`super::fetch`].

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::fetch::{Fetched, is_due};
use super::generations::Place;
use super::instruments::{CacheCounters, is_sampled, observe};
use super::key::{CacheKey, CacheKind, KeyClass};
use super::l1::{EvictedEntry, L1Cache, L1Entry};
use super::l2::L2Cache;
use super::pending_invalidations::PendingInvalidations;
use super::single_flight::{LoadResult, Role, SingleFlight};
use super::write_buffer::WriteBuffer;
use crate::kv::Kv;
use crate::observe::{Lookup, note_lookup};
use crate::settings::{CacheMode, Live, Stampede};

/// Maximum evicted entries that wait for demotion; more are dropped.
pub(super) const DEMOTIONS: usize = 256;

/// One of the two caches; see the module documentation.
pub(crate) struct TwoLevel {
    pub(super) settings: Arc<Live>,
    write_buffer: Arc<WriteBuffer>,
    pub(super) home: CacheKind,
    pub(super) l1: L1Cache,
    pub(super) l2: L2Cache,
    pub(super) single_flight: SingleFlight,
    pub(super) counters: Arc<CacheCounters>,
}

/// The parameters of one read, fixed until it ends.
pub(super) struct CacheRead<'a> {
    pub(super) key: &'a CacheKey,
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) mode: CacheMode,
    pub(super) stampede: Stampede,
}

impl TwoLevel {
    /// An empty cache and the queue of its [`TwoLevel::demote`].
    pub(super) fn new(
        home: CacheKind,
        kv: Kv,
        settings: Arc<Live>,
        pending_invalidations: Arc<PendingInvalidations>,
        write_buffer: Arc<WriteBuffer>,
        counters: CacheCounters,
    ) -> (Self, mpsc::Receiver<EvictedEntry>) {
        let counters = Arc::new(counters);
        let (evicted, demotions) = mpsc::channel(DEMOTIONS);
        let items = settings.load().cache.l1_items;
        let cache = Self {
            l1: L1Cache::new(items, evicted, Arc::clone(&counters)),
            l2: L2Cache::new(kv, home, pending_invalidations, Arc::clone(&counters)),
            single_flight: SingleFlight::new(),
            settings,
            write_buffer,
            home,
            counters,
        };
        (cache, demotions)
    }

    /// The cached body of `key`, else the result of `load`, which is then cached. A failed load is not cached; all its
    /// waiters get its error.
    pub(crate) async fn get<E, F>(
        &self,
        key: CacheKey,
        load: impl FnOnce() -> F,
    ) -> Result<Bytes, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Bytes, E>>,
    {
        if !self.write_buffer.is_empty() {
            if let Some(body) = self.write_buffer.body(&key) {
                self.counters.l1.hits.inc();
                note_lookup(Lookup::L1);
                return Ok(body);
            }
            if matches!(key.class(), KeyClass::Pages | KeyClass::Searches) {
                self.counters.read_past_queue.inc();
            }
        }
        let (mode, stampede, beta) = {
            let settings = self.settings.load();
            let cache = &settings.cache;
            match cache.mode {
                // The entry may become part of entries in the second level, so it must be as new as those. The first
                // level, or a load in progress, may be older until an invalidation arrives.
                CacheMode::L1l2 | CacheMode::L2 if key.class().is_part() => {
                    (CacheMode::L2, Stampede::None, 0.0)
                }
                mode => (mode, cache.stampede, cache.early_beta),
            }
        };
        if mode.has_l1()
            && let Some(entry) = self.look_l1(&key).await
        {
            if stampede == Stampede::Early && is_due(entry.cost, entry.until, beta) {
                let read = CacheRead::new(&key, mode, stampede);
                return Ok(Box::pin(self.renew(&read, entry, load)).await);
            }
            self.counters.l1.hits.inc();
            note_lookup(Lookup::L1);
            return Ok(entry.body);
        }
        if mode == CacheMode::Off {
            self.counters.loads.inc();
            return load().await.map_err(Arc::new);
        }
        let read = CacheRead::new(&key, mode, stampede);
        Box::pin(self.miss(&read, beta, load)).await
    }

    async fn look_l1(&self, key: &CacheKey) -> Option<L1Entry> {
        if !is_sampled() {
            return self.l1.get(key).await;
        }
        let began = Instant::now();
        let entry = self.l1.get(key).await;
        observe(&self.counters.l1_get, began.elapsed());
        entry
    }

    async fn miss<E, F>(
        &self,
        read: &CacheRead<'_>,
        beta: f64,
        load: impl FnOnce() -> F,
    ) -> Result<Bytes, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Bytes, E>>,
    {
        loop {
            let begun = self.l1.generations.begun();
            let seen = self.l1.generations.seen(read.place);
            if read.stampede == Stampede::None {
                self.count_miss(read);
                let fetched = self.fetch(read, seen, beta, None, load).await;
                note_lookup(looked_up(&fetched));
                let fetched = fetched.map_err(Arc::new)?;
                return Ok(self.finish(read, seen, fetched, None).await);
            }
            match self.single_flight.join(read.key, seen, begun) {
                Role::Lead(leader) => {
                    // Another load may have finished since this read's lookup.
                    if read.mode.has_l1()
                        && let Some(entry) = self.l1.get(read.key).await
                    {
                        leader.publish(LoadResult::Body(entry.body.clone(), Lookup::L1));
                        self.counters.l1.hits.inc();
                        note_lookup(Lookup::L1);
                        return Ok(entry.body);
                    }
                    self.count_miss(read);
                    let fetched = self.fetch(read, seen, beta, None, load).await;
                    note_lookup(looked_up(&fetched));
                    return match fetched {
                        Ok(fetched) => Ok(self.finish(read, seen, fetched, Some(leader)).await),
                        Err(error) => {
                            let error = Arc::new(error);
                            leader.publish(LoadResult::Failed(Arc::clone(&error) as _));
                            Err(error)
                        }
                    };
                }
                Role::Wait(waiter) => match waiter.result().await {
                    Some(LoadResult::Body(body, lookup)) => {
                        self.count_shared(read, lookup);
                        note_lookup(lookup);
                        return Ok(body);
                    }
                    Some(LoadResult::Failed(error)) => {
                        if let Ok(error) = error.downcast() {
                            self.count_shared(read, Lookup::Miss);
                            note_lookup(Lookup::Miss);
                            return Err(error);
                        }
                    }
                    // The leader was dropped: one of the waiters leads.
                    None => {}
                },
            }
        }
    }

    /// Reloads before `old` expires. Concurrent readers get `old`; if the load fails, everyone does.
    async fn renew<E, F>(
        &self,
        read: &CacheRead<'_>,
        old: L1Entry,
        load: impl FnOnce() -> F,
    ) -> Bytes
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Bytes, E>>,
    {
        let begun = self.l1.generations.begun();
        let seen = self.l1.generations.seen(read.place);
        self.counters.l1.hits.inc();
        note_lookup(Lookup::L1);
        let Role::Lead(leader) = self.single_flight.join(read.key, seen, begun) else {
            return old.body;
        };
        match self.fetch(read, seen, 0.0, Some(old.until), load).await {
            Ok(fetched) => self.finish(read, seen, fetched, Some(leader)).await,
            Err(_) => old.body,
        }
    }

    fn count_miss(&self, read: &CacheRead<'_>) {
        if read.mode.has_l1() {
            self.counters.l1.misses.inc();
        }
    }

    /// Counts a read that waited for another one, with the result `lookup`.
    fn count_shared(&self, read: &CacheRead<'_>, lookup: Lookup) {
        let (level, own) = if read.mode.has_l1() {
            (&self.counters.l1, Lookup::L1)
        } else {
            (&self.counters.l2, Lookup::L2)
        };
        if lookup == own {
            level.hits.inc();
        } else {
            level.shared.inc();
        }
    }
}

impl<'a> CacheRead<'a> {
    fn new(key: &'a CacheKey, mode: CacheMode, stampede: Stampede) -> Self {
        let text = key.to_string();
        let place = Place::of(&text, key.class());
        Self {
            key,
            text,
            place,
            mode,
            stampede,
        }
    }
}

/// The lookup result of a read that the first level did not answer.
fn looked_up<E>(fetched: &Result<Fetched, E>) -> Lookup {
    match fetched {
        Ok(fetched) => fetched.lookup,
        Err(_) => Lookup::Miss,
    }
}
