//! What a read that the first level cannot answer does: asks the second, loads under the lock if there is to be one, and
//! keeps what came of it.
//!
//! A level that fails is passed over; only a failed load is an error.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::TwoLevel;
use super::envelope::Made;
use super::expiry;
use super::first::Entry;
use super::flight::{Landing, Leader};
use super::generations::{Place, Seen};
use super::key::Class;
use super::lock::{Held, Turn};
use super::second::{Filled, Found, Ticket};
use super::two_level::Read;
use crate::observe::Lookup;
use crate::settings::Stampede;

/// A body, where it came from, and what is still to be stored below.
pub(super) struct Fetched {
    body: Bytes,
    pub(super) lookup: Lookup,
    below: Option<Below>,
}

/// What is to be stored below, by what right, and the lock that it is loaded under.
struct Below {
    made: Made,
    ticket: Option<Ticket>,
    lock: Option<Held>,
}

impl TwoLevel {
    /// The body from the second level or from a load. `replaces` is when the entry runs out that is to be renewed: then the
    /// second level only counts if it has a later one.
    pub(super) async fn fetch<E, F>(
        &self,
        read: &Read<'_>,
        seen: Seen,
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
        if read.mode.has_second() {
            match self.second.look(&read.text, read.place).await {
                Found::Entry(made, found) => {
                    self.counters.l2.hits.inc();
                    let is_wanted = match replaces {
                        // Both ends were computed from a clock of milliseconds.
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
                Found::Nothing(found) => {
                    self.counters.l2.misses.inc();
                    ticket = Some(found);
                }
                Found::Unknown => {}
            }
        }
        if read.stampede == Stampede::RedisLock && ticket.is_some() {
            match self.take_turn(&read.text, read.place).await {
                Turn::Mine(held, fresh) => {
                    lock = Some(held);
                    ticket = Some(fresh);
                }
                Turn::Served(made) => {
                    self.counters.lock_served.inc();
                    return Ok(self.promote(read, seen, made).await);
                }
                Turn::Overdue => self.counters.lock_overdue.inc(),
                Turn::Unknown => ticket = None,
            }
        }
        if kept.is_some() || replaces.is_some() {
            self.counters.early_loads.inc();
        } else {
            self.counters.loads.inc();
        }
        // What is renewed before its time was there.
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
            below: Some(Below { made, ticket, lock }),
        })
    }

    async fn promote(&self, read: &Read<'_>, seen: Seen, made: Made) -> Fetched {
        if read.mode.has_first() && seen.is_settled() {
            let entry = entry(&made, read.place, seen, true);
            if self.first.put(read.key.clone(), entry).await {
                self.counters.promotions.inc();
            }
        }
        Fetched {
            body: made.body,
            lookup: Lookup::L2,
            below: None,
        }
    }

    /// Keeps what was loaded: in the first level, then for those who wait, then below; without a first level below before
    /// those who wait are told, or who comes in between would load again.
    pub(super) async fn finish(
        &self,
        read: &Read<'_>,
        seen: Seen,
        fetched: Fetched,
        leader: Option<Leader<'_>>,
    ) -> Bytes {
        let Fetched {
            body,
            lookup,
            below,
        } = fetched;
        let has_first = read.mode.has_first();
        if has_first && let Some(Below { made, ticket, .. }) = &below {
            let entry = entry(made, read.place, seen, ticket.is_some());
            self.first.put(read.key.clone(), entry).await;
        }
        let mut leader = leader;
        let mut land = || {
            if let Some(leader) = leader.take() {
                leader.land(Landing::Body(body.clone(), lookup));
            }
        };
        if has_first {
            land();
        }
        if let Some(Below { made, ticket, lock }) = below {
            if let Some(ticket) = ticket
                && self.second.fill(&read.text, &made, ticket).await == Filled::Failed
                && has_first
            {
                let entry = entry(&made, read.place, seen, false);
                self.first.put(read.key.clone(), entry).await;
            }
            if let Some(lock) = lock {
                lock.release().await;
            }
        }
        land();
        body
    }

    pub(super) fn make(&self, class: Class, body: Bytes, cost: Duration) -> Made {
        let settings = self.settings.load();
        let ttl = expiry::time_to_live(class, &settings.cache);
        let ttl = expiry::jittered(ttl, settings.cache.jitter, rand::random());
        Made {
            body,
            cost,
            until: Instant::now() + ttl,
        }
    }
}

pub(super) fn entry(made: &Made, place: Place, seen: Seen, is_below: bool) -> Entry {
    Entry {
        body: made.body.clone(),
        until: made.until,
        entered: Instant::now(),
        cost: made.cost,
        place,
        seen,
        is_below,
    }
}

/// Whether an entry that is good `until` then is to be loaded anew now.
pub(super) fn is_due(cost: Duration, until: Instant, beta: f64) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    // Uniform in (0, 1].
    let draw = 1.0 - rand::random::<f64>();
    expiry::is_due(cost, beta, left, draw)
}
