//! The path of a read that the first level cannot answer: it reads the second level, loads (under the lock, if
//! configured) and stores the result.
//!
//! A level that fails is skipped; only a failed load is an error.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::TwoLevel;
use super::envelope::LoadedEntry;
use super::expiry;
use super::generations::{Place, Stamp};
use super::key::KeyClass;
use super::l1::L1Entry;
use super::l2::{FillOutcome, FillToken, L2Lookup};
use super::lock::{LoadLock, LockOutcome};
use super::single_flight::{LoadLeader, LoadResult};
use super::two_level::CacheRead;
use crate::observe::Lookup;
use crate::settings::Stampede;

/// A body, its origin, and the fill of the second level that is still to be made.
pub(super) struct Fetched {
    body: Bytes,
    pub(super) lookup: Lookup,
    below: Option<PendingFill>,
}

/// A pending fill of the second level, its fill token, and the lock under which the body was loaded.
struct PendingFill {
    made: LoadedEntry,
    ticket: Option<FillToken>,
    lock: Option<LoadLock>,
}

impl TwoLevel {
    /// Gets the body from the second level or by a load. `replaces` is the expiry of an entry that is being renewed:
    /// the second level's entry is then used only if it expires later.
    pub(super) async fn fetch<E, F>(
        &self,
        read: &CacheRead<'_>,
        seen: Stamp,
        beta: f64,
        replaces: Option<Instant>,
        load: impl FnOnce() -> F,
    ) -> Result<Fetched, E>
    where
        F: Future<Output = Result<Bytes, E>>,
    {
        let mut kept = None;
        let mut ticket = None;
        let mut lock = None;
        if read.mode.has_l2() {
            match self.l2.get(&read.text, read.place).await {
                L2Lookup::Entry(made, found) => {
                    self.counters.l2.hits.inc();
                    let is_wanted = match replaces {
                        // Both expiries were computed from a millisecond clock.
                        Some(until) => made.until > until + Duration::from_millis(10),
                        None => {
                            read.stampede != Stampede::Early || !is_due(made.cost, made.until, beta)
                        }
                    };
                    if is_wanted {
                        return Ok(self.promote(read, seen, made).await);
                    }
                    kept = replaces.is_none().then_some(made);
                    ticket = Some(found);
                }
                L2Lookup::Nothing(found) => {
                    self.counters.l2.misses.inc();
                    ticket = Some(found);
                }
                L2Lookup::Unknown => {}
            }
        }
        if read.stampede == Stampede::RedisLock && ticket.is_some() {
            match self.take_load_lock(&read.text, read.place).await {
                LockOutcome::Mine(held, fresh) => {
                    lock = Some(held);
                    ticket = Some(fresh);
                }
                LockOutcome::Served(made) => {
                    self.counters.lock_served.inc();
                    return Ok(self.promote(read, seen, made).await);
                }
                LockOutcome::Overdue => self.counters.lock_overdue.inc(),
                LockOutcome::Unknown => ticket = None,
            }
        }
        if kept.is_some() || replaces.is_some() {
            self.counters.early_loads.inc();
        } else {
            self.counters.loads.inc();
        }
        // An early renewal is not a miss.
        let lookup = match kept {
            Some(_) => Lookup::L2,
            None => Lookup::Miss,
        };
        let began = Instant::now();
        let body = match (load().await, kept) {
            (Ok(body), _) => body,
            (Err(_), Some(made)) => return Ok(self.promote(read, seen, made).await),
            (Err(error), None) => return Err(error),
        };
        let made = self.make(read.place.class(), body, began.elapsed());
        Ok(Fetched {
            body: made.body.clone(),
            lookup,
            below: Some(PendingFill { made, ticket, lock }),
        })
    }

    async fn promote(&self, read: &CacheRead<'_>, seen: Stamp, made: LoadedEntry) -> Fetched {
        if read.mode.has_l1() && seen.is_settled() {
            let entry = entry(&made, read.place, seen, true);
            if self.l1.put(read.key.clone(), entry).await {
                self.counters.promotions.inc();
            }
        }
        Fetched {
            body: made.body,
            lookup: Lookup::L2,
            below: None,
        }
    }

    /// Stores a loaded body: in the first level, then hands it to the waiters, then stores it in the second level.
    /// Without a first level the second level is filled first; otherwise a reader that arrives in between would load
    /// again.
    pub(super) async fn finish(
        &self,
        read: &CacheRead<'_>,
        seen: Stamp,
        fetched: Fetched,
        leader: Option<LoadLeader<'_>>,
    ) -> Bytes {
        let Fetched {
            body,
            lookup,
            below,
        } = fetched;
        let has_l1 = read.mode.has_l1();
        if has_l1 && let Some(PendingFill { made, ticket, .. }) = &below {
            let entry = entry(made, read.place, seen, ticket.is_some());
            self.l1.put(read.key.clone(), entry).await;
        }
        let mut leader = leader;
        let mut publish = || {
            if let Some(leader) = leader.take() {
                leader.publish(LoadResult::Body(body.clone(), lookup));
            }
        };
        if has_l1 {
            publish();
        }
        if let Some(PendingFill { made, ticket, lock }) = below {
            if let Some(ticket) = ticket
                && self.l2.fill(&read.text, &made, ticket).await == FillOutcome::Failed
                && has_l1
            {
                let entry = entry(&made, read.place, seen, false);
                self.l1.put(read.key.clone(), entry).await;
            }
            if let Some(lock) = lock {
                lock.release().await;
            }
        }
        publish();
        body
    }

    pub(super) fn make(&self, class: KeyClass, body: Bytes, cost: Duration) -> LoadedEntry {
        let settings = self.settings.load();
        let ttl = expiry::time_to_live(class, &settings.cache);
        let ttl = expiry::jittered(ttl, settings.cache.jitter, rand::random());
        LoadedEntry {
            body,
            cost,
            until: Instant::now() + ttl,
        }
    }
}

pub(super) fn entry(made: &LoadedEntry, place: Place, seen: Stamp, is_below: bool) -> L1Entry {
    L1Entry {
        body: made.body.clone(),
        until: made.until,
        entered: Instant::now(),
        cost: made.cost,
        place,
        seen,
        is_below,
    }
}

/// Whether an entry that expires at `until` should be reloaded now.
pub(super) fn is_due(cost: Duration, until: Instant, beta: f64) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    // Uniform in (0, 1].
    let draw = 1.0 - rand::random::<f64>();
    expiry::is_due(cost, beta, left, draw)
}
