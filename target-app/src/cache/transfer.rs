//! Inserts into the cache levels that are not part of a read: bodies of writes, warmed entries, and entries evicted
//! from the first level.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::envelope::LoadedEntry;
use super::fetch::entry;
use super::generations::{Place, Stamp};
use super::l1::{EvictedEntry, UNHEARD_AGE};
use super::l2::{FillOutcome, FillToken, L2Lookup};
use super::two_level::DEMOTIONS;
use super::{CacheKey, TwoLevel};

/// A key to be warmed, with its stamp from before the lookup.
pub(super) struct WarmingKey {
    pub(super) key: CacheKey,
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) seen: Stamp,
}

impl TwoLevel {
    /// Stores the body that a write produced for `key`, unless something was invalidated since `seen`.
    pub(super) async fn put_l1(&self, key: CacheKey, place: Place, seen: Stamp, body: Bytes) {
        if self.settings.load().cache.mode.has_l1() {
            let made = self.make(place.class(), body, Duration::ZERO);
            self.l1.put(key, entry(&made, place, seen, false)).await;
        }
    }

    /// A fill token for the second level, if it is on and answers.
    pub(super) async fn ticket(&self, text: &str, place: Place) -> Option<FillToken> {
        if !self.settings.load().cache.mode.has_l2() {
            return None;
        }
        match self.l2.get(text, place).await {
            L2Lookup::Entry(_, ticket) | L2Lookup::Nothing(ticket) => Some(ticket),
            L2Lookup::Unknown => None,
        }
    }

    /// Whether the first level is on and has a valid entry.
    pub(super) async fn has_good(&self, key: &CacheKey) -> bool {
        self.settings.load().cache.mode.has_l1() && self.l1.get(key).await.is_some()
    }

    /// Copies the entries of `wanted` that the second level has to the first; returns which of them it has.
    pub(super) async fn promote_many(&self, wanted: &[WarmingKey]) -> Vec<bool> {
        let mode = self.settings.load().cache.mode;
        if !mode.has_l2() || wanted.is_empty() {
            return vec![false; wanted.len()];
        }
        let keys: Vec<_> = wanted
            .iter()
            .map(|one| (one.text.as_str(), one.place))
            .collect();
        let found = self.l2.get_many(&keys).await;
        let mut is_found = Vec::with_capacity(wanted.len());
        for (one, made) in wanted.iter().zip(found) {
            is_found.push(made.is_some());
            if let Some(made) = made.filter(|_| mode.has_l1()) {
                let entry = entry(&made, one.place, one.seen, true);
                if self.l1.put(one.key.clone(), entry).await {
                    self.counters.promotions.inc();
                }
            }
        }
        is_found
    }

    /// Stores a loaded body for `wanted` in the levels that are on.
    pub(super) async fn keep(
        &self,
        wanted: &WarmingKey,
        made: LoadedEntry,
        ticket: Option<FillToken>,
    ) {
        if self.settings.load().cache.mode.has_l1() {
            let entry = entry(&made, wanted.place, wanted.seen, ticket.is_some());
            self.l1.put(wanted.key.clone(), entry).await;
        }
        if let Some(ticket) = ticket {
            self.l2.fill(&wanted.text, &made, ticket).await;
        }
    }

    /// Stores evicted entries in the second level, forever.
    ///
    /// Waits as long as an invalidation can take to arrive, and stores an entry only if none came: the entry may be
    /// older than an invalidation that another instance has already executed in the store.
    pub(super) async fn demote(&self, mut evicted: mpsc::Receiver<EvictedEntry>) {
        let mut batch = Vec::with_capacity(DEMOTIONS);
        while evicted.recv_many(&mut batch, DEMOTIONS).await > 0 {
            let mut asked = Vec::with_capacity(batch.len());
            for (key, entry) in batch.drain(..) {
                let text = key.to_string();
                if !self.settings.load().cache.mode.has_l2() {
                    self.counters.not_demoted.inc();
                } else if let L2Lookup::Nothing(ticket) = self.l2.get(&text, entry.place).await {
                    asked.push((text, entry, ticket));
                } else {
                    self.counters.not_demoted.inc();
                }
            }
            sleep(UNHEARD_AGE).await;
            for (text, entry, ticket) in asked {
                let is_good =
                    self.l1.generations.holds(entry.place, entry.seen) && !self.l1.is_unlinked();
                let made = LoadedEntry {
                    body: entry.body,
                    cost: entry.cost,
                    until: entry.until,
                };
                if is_good && self.l2.fill(&text, &made, ticket).await == FillOutcome::Stored {
                    self.counters.demoted.inc();
                } else {
                    self.counters.not_demoted.inc();
                }
            }
        }
    }

    /// The key with its place and its current stamp.
    pub(super) fn wanted(&self, key: CacheKey) -> WarmingKey {
        let text = key.to_string();
        let place = Place::of(&text, key.class());
        WarmingKey {
            seen: self.l1.generations.seen(place),
            key,
            text,
            place,
        }
    }
}
