//! One cache of two levels: reads through it, with protection against stampedes.
//!
//! A read never gives what was stale before it began: queued writes come first, and whatever is kept carries the
//! generations from before it was loaded. What the first level has not is left to [`super::fetch`].

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::debt::Debt;
use super::fetch::{Fetched, is_due};
use super::first::{Entry, Evicted, First};
use super::flight::{Boarding, Flights, Landing};
use super::generations::Place;
use super::instruments::{Counters, is_sampled, observe};
use super::key::{Class, Home, Key};
use super::second::Second;
use super::unwritten::Unwritten;
use crate::kv::Kv;
use crate::observe::{Lookup, note_lookup};
use crate::settings::{CacheMode, Live, Stampede};

/// Evicted entries that may wait to be demoted; more are dropped.
pub(super) const DEMOTIONS: usize = 256;

/// One of the two caches; see the module.
pub(crate) struct TwoLevel {
    pub(super) settings: Arc<Live>,
    unwritten: Arc<Unwritten>,
    pub(super) home: Home,
    pub(super) first: First,
    pub(super) second: Second,
    pub(super) flights: Flights,
    pub(super) counters: Arc<Counters>,
}

/// What a read asks for and how, fixed for the whole of it.
pub(super) struct Read<'a> {
    pub(super) key: &'a Key,
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) mode: CacheMode,
    pub(super) stampede: Stampede,
}

impl TwoLevel {
    /// An empty cache and the queue of its [`TwoLevel::demote`].
    pub(super) fn new(
        home: Home,
        kv: Kv,
        settings: Arc<Live>,
        debt: Arc<Debt>,
        unwritten: Arc<Unwritten>,
        counters: Counters,
    ) -> (Self, mpsc::Receiver<Evicted>) {
        let counters = Arc::new(counters);
        let (evicted, demotions) = mpsc::channel(DEMOTIONS);
        let items = settings.load().cache.l1_items;
        let cache = Self {
            first: First::new(items, evicted, Arc::clone(&counters)),
            second: Second::new(kv, home, debt, Arc::clone(&counters)),
            flights: Flights::new(),
            settings,
            unwritten,
            home,
            counters,
        };
        (cache, demotions)
    }

    /// The body kept under `key`, else the one that `load` makes, which is then kept. A failed load is not kept; it is told
    /// to all who waited for it.
    pub(crate) async fn get<E, F>(
        &self,
        key: Key,
        load: impl FnOnce() -> F,
    ) -> Result<Bytes, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Bytes, E>>,
    {
        if !self.unwritten.is_empty() {
            if let Some(body) = self.unwritten.body(&key) {
                self.counters.l1.hits.inc();
                note_lookup(Lookup::L1);
                return Ok(body);
            }
            if matches!(key.class(), Class::Pages | Class::Searches) {
                self.counters.read_past_queue.inc();
            }
        }
        let (mode, stampede, beta) = {
            let settings = self.settings.load();
            let cache = &settings.cache;
            match cache.mode {
                // What it becomes a part of may go below, and so it has to be as new as what is there: not as old as what
                // this instance keeps, or has begun to load, until it hears of an invalidation.
                CacheMode::L1l2 | CacheMode::L2 if key.class().is_part() => {
                    (CacheMode::L2, Stampede::None, 0.0)
                }
                mode => (mode, cache.stampede, cache.early_beta),
            }
        };
        if mode.has_first()
            && let Some(entry) = self.look_first(&key).await
        {
            if stampede == Stampede::Early && is_due(entry.cost, entry.until, beta) {
                let read = Read::new(&key, mode, stampede);
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
        let read = Read::new(&key, mode, stampede);
        Box::pin(self.miss(&read, beta, load)).await
    }

    async fn look_first(&self, key: &Key) -> Option<Entry> {
        if !is_sampled() {
            return self.first.get(key).await;
        }
        let began = Instant::now();
        let entry = self.first.get(key).await;
        observe(&self.counters.l1_get, began.elapsed());
        entry
    }

    async fn miss<E, F>(
        &self,
        read: &Read<'_>,
        beta: f64,
        load: impl FnOnce() -> F,
    ) -> Result<Bytes, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Bytes, E>>,
    {
        loop {
            let begun = self.first.generations.begun();
            let seen = self.first.generations.seen(read.place);
            if read.stampede == Stampede::None {
                self.count_miss(read);
                let fetched = self.fetch(read, seen, beta, None, load).await;
                note_lookup(looked_up(&fetched));
                let fetched = fetched.map_err(Arc::new)?;
                return Ok(self.finish(read, seen, fetched, None).await);
            }
            match self.flights.board(read.key, seen, begun) {
                Boarding::Lead(leader) => {
                    // Another may have landed since this read looked.
                    if read.mode.has_first()
                        && let Some(entry) = self.first.get(read.key).await
                    {
                        leader.land(Landing::Body(entry.body.clone(), Lookup::L1));
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
                            leader.land(Landing::Failed(Arc::clone(&error) as _));
                            Err(error)
                        }
                    };
                }
                Boarding::Wait(waiter) => match waiter.landing().await {
                    Some(Landing::Body(body, lookup)) => {
                        self.count_shared(read, lookup);
                        note_lookup(lookup);
                        return Ok(body);
                    }
                    Some(Landing::Failed(error)) => {
                        if let Ok(error) = error.downcast() {
                            self.count_shared(read, Lookup::Miss);
                            note_lookup(Lookup::Miss);
                            return Err(error);
                        }
                    }
                    // The leader is gone: one of those who waited leads.
                    None => {}
                },
            }
        }
    }

    /// Loads before the time of `old` is over; whoever else reads meanwhile, and everyone if it fails, gets `old`.
    async fn renew<E, F>(&self, read: &Read<'_>, old: Entry, load: impl FnOnce() -> F) -> Bytes
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Bytes, E>>,
    {
        let begun = self.first.generations.begun();
        let seen = self.first.generations.seen(read.place);
        self.counters.l1.hits.inc();
        note_lookup(Lookup::L1);
        let Boarding::Lead(leader) = self.flights.board(read.key, seen, begun) else {
            return old.body;
        };
        match self.fetch(read, seen, 0.0, Some(old.until), load).await {
            Ok(fetched) => self.finish(read, seen, fetched, Some(leader)).await,
            Err(_) => old.body,
        }
    }

    fn count_miss(&self, read: &Read<'_>) {
        if read.mode.has_first() {
            self.counters.l1.misses.inc();
        }
    }

    /// Counts a read that waited for another one, which came to `lookup`.
    fn count_shared(&self, read: &Read<'_>, lookup: Lookup) {
        let (level, own) = if read.mode.has_first() {
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

impl<'a> Read<'a> {
    fn new(key: &'a Key, mode: CacheMode, stampede: Stampede) -> Self {
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

/// What a read that was not answered at the first level came to.
fn looked_up<E>(fetched: &Result<Fetched, E>) -> Lookup {
    match fetched {
        Ok(fetched) => fetched.lookup,
        Err(_) => Lookup::Miss,
    }
}
