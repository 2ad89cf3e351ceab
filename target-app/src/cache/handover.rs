//! What gets into the levels beside reads: bodies of writes, warmed entries, and what the first level has no room for.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::envelope::Made;
use super::fetch::entry;
use super::first::{Evicted, UNHEARD_AGE};
use super::generations::{Place, Seen};
use super::second::{Filled, Found, Ticket};
use super::two_level::DEMOTIONS;
use super::{Key, TwoLevel};

/// A key that is to be warmed, and its generations from before it is looked for.
pub(super) struct Wanted {
    pub(super) key: Key,
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) seen: Seen,
}

impl TwoLevel {
    /// Puts what a write made of the entry `key`, unless something was invalidated since `seen`.
    pub(super) async fn put_first(&self, key: Key, place: Place, seen: Seen, body: Bytes) {
        if self.settings.load().cache.mode.has_first() {
            let made = self.make(place.class(), body, Duration::ZERO);
            self.first.put(key, entry(&made, place, seen, false)).await;
        }
    }

    /// The right to fill a key below, when the second level is on and answers.
    pub(super) async fn ticket(&self, text: &str, place: Place) -> Option<Ticket> {
        if !self.settings.load().cache.mode.has_second() {
            return None;
        }
        match self.second.look(text, place).await {
            Found::Entry(_, ticket) | Found::Nothing(ticket) => Some(ticket),
            Found::Unknown => None,
        }
    }

    /// Whether the first level is on and has a good entry.
    pub(super) async fn has_good(&self, key: &Key) -> bool {
        self.settings.load().cache.mode.has_first() && self.first.get(key).await.is_some()
    }

    /// Copies those of `wanted` to the first level that the second one has; which of them it has.
    pub(super) async fn promote_many(&self, wanted: &[Wanted]) -> Vec<bool> {
        let mode = self.settings.load().cache.mode;
        if !mode.has_second() || wanted.is_empty() {
            return vec![false; wanted.len()];
        }
        let keys: Vec<_> = wanted
            .iter()
            .map(|one| (one.text.as_str(), one.place))
            .collect();
        let found = self.second.look_many(&keys).await;
        let mut is_found = Vec::with_capacity(wanted.len());
        for (one, made) in wanted.iter().zip(found) {
            is_found.push(made.is_some());
            if let Some(made) = made.filter(|_| mode.has_first()) {
                let entry = entry(&made, one.place, one.seen, true);
                if self.first.put(one.key.clone(), entry).await {
                    self.counters.promotions.inc();
                }
            }
        }
        is_found
    }

    /// Keeps what was loaded for `wanted` in the levels that are on.
    pub(super) async fn keep(&self, wanted: &Wanted, made: Made, ticket: Option<Ticket>) {
        if self.settings.load().cache.mode.has_first() {
            let entry = entry(&made, wanted.place, wanted.seen, ticket.is_some());
            self.first.put(wanted.key.clone(), entry).await;
        }
        if let Some(ticket) = ticket {
            self.second.fill(&wanted.text, &made, ticket).await;
        }
    }

    /// Stores evicted entries below that are not there, for ever.
    ///
    /// An entry is only stored when, for as long as an invalidation can take to be heard, none came: it may have been made
    /// before the store was asked, when another instance had already invalidated it there.
    pub(super) async fn demote(&self, mut evicted: mpsc::Receiver<Evicted>) {
        let mut batch = Vec::with_capacity(DEMOTIONS);
        while evicted.recv_many(&mut batch, DEMOTIONS).await > 0 {
            let mut asked = Vec::with_capacity(batch.len());
            for (key, entry) in batch.drain(..) {
                let text = key.to_string();
                if !self.settings.load().cache.mode.has_second() {
                    self.counters.not_demoted.inc();
                } else if let Found::Nothing(ticket) = self.second.look(&text, entry.place).await {
                    asked.push((text, entry, ticket));
                } else {
                    self.counters.not_demoted.inc();
                }
            }
            sleep(UNHEARD_AGE).await;
            for (text, entry, ticket) in asked {
                let is_good = self.first.generations.holds(entry.place, entry.seen)
                    && !self.first.is_unlinked();
                let made = Made {
                    body: entry.body,
                    cost: entry.cost,
                    until: entry.until,
                };
                if is_good && self.second.fill(&text, &made, ticket).await == Filled::Stored {
                    self.counters.demoted.inc();
                } else {
                    self.counters.not_demoted.inc();
                }
            }
        }
    }

    /// The key with its place and its generations of now.
    pub(super) fn wanted(&self, key: Key) -> Wanted {
        let text = key.to_string();
        let place = Place::of(&text, key.class());
        Wanted {
            seen: self.first.generations.seen(place),
            key,
            text,
            place,
        }
    }
}
