//! The part of the store under one lock: entries, their order of expiry, and their memory use.
//!
//! Three classes have separate budgets, so that a flood of one never affects another. If a class has no budget left,
//! cached values and rate windows are evicted, earliest expiry first; permanent entries are rejected instead, because a
//! lost session would log its user out, and a lost revocation would make a session valid again.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::expiring_set::ExpiringSet;
use crate::glob;
use crate::kv::error::KvError;

/// Bytes of each class in the whole store, in the order of [`EvictionClass`].
const BUDGETS: [usize; 3] = [64 << 20, 64 << 20, 256 << 20];
/// Approximate bytes of an entry beyond its key and value: its places in the map and in the order.
const OVERHEAD: usize = 256;
/// Bytes of a set member beyond its text.
const MEMBER_OVERHEAD: usize = 48;
/// Expired entries that one write removes, per class; more than one, so that their number decreases.
const SWEPT: usize = 4;

/// The treatment of an entry when its class has no budget left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EvictionClass {
    /// Evicted: it can be loaded again.
    Cached,
    /// Evicted: a rate limit starts again.
    Windows,
    /// Never evicted: new entries are rejected.
    Kept,
}

/// The value of a key.
#[derive(Debug)]
pub(super) enum StoredValue {
    /// Bytes.
    Plain(Bytes),
    /// A set of texts.
    Members(HashSet<Box<str>>),
    /// A set whose members expire one by one.
    Roll(ExpiringSet),
    /// Times of accepted calls, oldest first.
    Log(VecDeque<Instant>),
}

/// See the module documentation.
pub(super) struct StoreShard {
    entries: HashMap<Arc<str>, StoredEntry>,
    classes: [ClassUsage; BUDGETS.len()],
    /// Number of the next entry; distinguishes entries that expire at the same time.
    next: u64,
}

struct StoredEntry {
    value: StoredValue,
    class: EvictionClass,
    weight: usize,
    turn: ExpiryPosition,
}

/// Expiry of an entry, and its number.
type ExpiryPosition = (Instant, u64);

/// The entries of one class.
struct ClassUsage {
    by_turn: BTreeMap<ExpiryPosition, Arc<str>>,
    weight: usize,
    budget: usize,
}

impl StoreShard {
    /// A shard with the budget of one of `shards`.
    pub(super) fn new(shards: usize) -> Self {
        Self {
            entries: HashMap::new(),
            classes: BUDGETS.map(|budget| ClassUsage {
                by_turn: BTreeMap::new(),
                weight: 0,
                budget: budget / shards,
            }),
            next: 0,
        }
    }

    /// The value at `key`, if it has not expired; call [`StoreShard::weigh`] after changing its size.
    pub(super) fn live(&mut self, key: &str, now: Instant) -> Option<&mut StoredValue> {
        let entry = self.entries.get_mut(key)?;
        (entry.turn.0 > now).then_some(&mut entry.value)
    }

    /// Whether the plain value at `key` equals `expected`.
    pub(super) fn is_equal(
        &mut self,
        key: &str,
        expected: &[u8],
        now: Instant,
    ) -> Result<bool, KvError> {
        match self.live(key, now) {
            None => Ok(false),
            Some(StoredValue::Plain(value)) => Ok(value == expected),
            Some(_) => Err(KvError::wrong_kind()),
        }
    }

    /// The class of the entry at `key`.
    pub(super) fn class(&self, key: &str) -> Option<EvictionClass> {
        self.entries.get(key).map(|entry| entry.class)
    }

    /// Remaining time to live of `key`.
    pub(super) fn remaining(&self, key: &str, now: Instant) -> Option<Duration> {
        let left = self.entries.get(key)?.turn.0.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Sets `key` to `value`, if its class has or can free enough budget.
    pub(super) fn put(
        &mut self,
        key: &str,
        value: StoredValue,
        class: EvictionClass,
        now: Instant,
        ttl: Duration,
    ) -> Result<(), KvError> {
        self.sweep(now);
        let weight = weight_of(key, &value);
        let before = self.entries.get(key);
        let freed = before.map_or(0, |entry| entry.weight * usize::from(entry.class == class));
        if !self.classes[class as usize].has_room(class, weight.saturating_sub(freed)) {
            return Err(KvError::Full);
        }
        let key = match self.take(key) {
            Some((key, _)) => key,
            None => Arc::from(key),
        };
        self.insert(key, value, class, now + ttl);
        Ok(())
    }

    /// Sets the time to live of `key` to `ttl` and updates its weight.
    pub(super) fn renew(&mut self, key: &str, now: Instant, ttl: Duration) {
        if let Some((key, entry)) = self.take(key) {
            self.insert(key, entry.value, entry.class, now + ttl);
        }
    }

    /// Whether a kept set may grow by `member`.
    pub(super) fn has_room_for(&self, member: &str) -> bool {
        self.classes[EvictionClass::Kept as usize]
            .has_room(EvictionClass::Kept, member.len() + MEMBER_OVERHEAD)
    }

    /// Updates the weight of `key`.
    pub(super) fn weigh(&mut self, key: &str) {
        if let Some(entry) = self.entries.get_mut(key) {
            let weight = weight_of(key, &entry.value);
            let tally = &mut self.classes[entry.class as usize];
            tally.weight = tally.weight - entry.weight + weight;
            entry.weight = weight;
        }
    }

    /// Removes `key`; returns whether there was an unexpired entry.
    pub(super) fn remove(&mut self, key: &str, now: Instant) -> bool {
        self.take(key).is_some_and(|(_, entry)| entry.turn.0 > now)
    }

    /// Removes the keys that match `pattern`; returns how many were unexpired.
    pub(super) fn remove_matching(&mut self, pattern: &str, now: Instant) -> u64 {
        let keys: Vec<_> = self
            .entries
            .keys()
            .filter(|key| glob::matches(pattern, key))
            .cloned()
            .collect();
        keys.iter()
            .map(|key| u64::from(self.remove(key, now)))
            .sum()
    }

    fn take(&mut self, key: &str) -> Option<(Arc<str>, StoredEntry)> {
        let (key, entry) = self.entries.remove_entry(key)?;
        let tally = &mut self.classes[entry.class as usize];
        tally.weight -= entry.weight;
        tally.by_turn.remove(&entry.turn);
        Some((key, entry))
    }

    fn sweep(&mut self, now: Instant) {
        for tally in &mut self.classes {
            for _ in 0..SWEPT {
                if tally
                    .by_turn
                    .first_key_value()
                    .is_none_or(|(turn, _)| turn.0 > now)
                {
                    break;
                }
                tally.drop_first(&mut self.entries);
            }
        }
    }

    /// Inserts an entry at a `key` that has none, and evicts others until it fits or is alone.
    fn insert(&mut self, key: Arc<str>, value: StoredValue, class: EvictionClass, until: Instant) {
        let weight = weight_of(&key, &value);
        let tally = &mut self.classes[class as usize];
        while class != EvictionClass::Kept && !tally.fits(weight) && !tally.by_turn.is_empty() {
            tally.drop_first(&mut self.entries);
        }
        let turn = (until, self.next);
        self.next += 1;
        tally.weight += weight;
        tally.by_turn.insert(turn, Arc::clone(&key));
        let entry = StoredEntry {
            value,
            class,
            weight,
            turn,
        };
        self.entries.insert(key, entry);
    }
}

impl ClassUsage {
    fn fits(&self, weight: usize) -> bool {
        self.weight + weight <= self.budget
    }

    /// Whether there is budget for `weight`, or it can be freed.
    fn has_room(&self, class: EvictionClass, weight: usize) -> bool {
        class != EvictionClass::Kept || self.fits(weight)
    }

    fn drop_first(&mut self, entries: &mut HashMap<Arc<str>, StoredEntry>) {
        if let Some((_, key)) = self.by_turn.pop_first()
            && let Some(entry) = entries.remove(&key)
        {
            self.weight -= entry.weight;
        }
    }
}

fn weight_of(key: &str, value: &StoredValue) -> usize {
    key.len() + value.weight() + OVERHEAD
}

impl StoredValue {
    fn weight(&self) -> usize {
        match self {
            Self::Plain(value) => value.len(),
            Self::Members(members) => members
                .iter()
                .map(|member| member.len() + MEMBER_OVERHEAD)
                .sum(),
            Self::Roll(set) => set.weight(),
            Self::Log(log) => log.len() * size_of::<Instant>(),
        }
    }
}

#[cfg(test)]
mod tests;
