//! The shared store in this process, for the profile without Redis.
//!
//! Keys are distributed over shards with one lock each, held for one entry at a time. Expired entries are never visible
//! and are removed by later writes to their shard: there is no background task. A fill checks the generations under the
//! lock under which its value is stored, and an invalidation changes them before it takes that lock, so a fill is
//! either rejected or its value removed.

mod expiring_set;
mod shard;
mod versions;

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::expiring_set::ExpiringSet;
use self::shard::{EvictionClass, StoreShard, StoredValue};
use super::channel::{Channel, Hub, Subscription};
use super::error::KvError;
use super::{SLOTS, WindowAnswer, slot};

/// Number of shards; a power of two that divides the slots.
const SHARDS: usize = 16;
/// Prefix of keys that are never evicted: nothing else holds their content.
const KEPT: &str = "auth:";

/// See the module documentation.
pub(super) struct MemoryStore {
    shards: [Mutex<StoreShard>; SHARDS],
    generations: [AtomicU64; SLOTS],
    all: AtomicU64,
    hub: Hub,
}

#[expect(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "both stores have the same signatures, and this one cannot be unreachable"
)]
impl MemoryStore {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(StoreShard::new(SHARDS))),
            generations: std::array::from_fn(|_| AtomicU64::new(0)),
            all: AtomicU64::new(0),
            hub: Hub::new(true),
        }
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Bytes>, KvError> {
        match self.shard(key).live(key, Instant::now()) {
            None => Ok(None),
            Some(StoredValue::Plain(value)) => Ok(Some(value.clone())),
            Some(_) => Err(KvError::wrong_kind()),
        }
    }

    pub(super) fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), KvError> {
        self.shard(key).put(
            key,
            StoredValue::Plain(value),
            class_of(key),
            Instant::now(),
            ttl,
        )
    }

    pub(super) fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        Ok(keys.iter().map(|key| self.plain(key)).collect())
    }

    pub(super) fn set_many(
        &self,
        entries: &[(String, Bytes)],
        ttl: Duration,
    ) -> Result<(), KvError> {
        entries
            .iter()
            .try_for_each(|(key, value)| self.set(key, value.clone(), ttl))
    }

    pub(super) fn delete(&self, keys: &[String]) -> Result<u64, KvError> {
        let now = Instant::now();
        Ok(keys
            .iter()
            .map(|key| u64::from(self.shard(key).remove(key, now)))
            .sum())
    }

    pub(super) fn delete_matching(&self, pattern: &str) -> Result<u64, KvError> {
        Ok((0..SHARDS)
            .map(|at| self.shard_at(at).remove_matching(pattern, Instant::now()))
            .sum())
    }

    pub(super) fn set_if_absent(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        let now = Instant::now();
        let mut shard = self.shard(key);
        if shard.live(key, now).is_some() {
            return Ok(false);
        }
        // A lock must not be evicted.
        shard.put(
            key,
            StoredValue::Plain(value),
            EvictionClass::Kept,
            now,
            ttl,
        )?;
        Ok(true)
    }

    pub(super) fn delete_if_equal(&self, key: &str, value: &[u8]) -> Result<bool, KvError> {
        let now = Instant::now();
        let mut shard = self.shard(key);
        Ok(shard.is_equal(key, value, now)? && shard.remove(key, now))
    }

    pub(super) fn swap(
        &self,
        key: &str,
        expected: &[u8],
        new: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        let now = Instant::now();
        let mut shard = self.shard(key);
        if !shard.is_equal(key, expected, now)? {
            return Ok(false);
        }
        let class = shard.class(key).unwrap_or_else(|| class_of(key));
        shard.put(key, StoredValue::Plain(new), class, now, ttl)?;
        Ok(true)
    }

    pub(super) fn remaining(&self, key: &str) -> Result<Option<Duration>, KvError> {
        Ok(self.shard(key).remaining(key, Instant::now()))
    }

    pub(super) fn add_member(&self, set: &str, member: &str, ttl: Duration) -> Result<(), KvError> {
        let now = Instant::now();
        let mut shard = self.shard(set);
        let has_room = shard.has_room_for(member);
        match shard.live(set, now) {
            None => {
                let members = HashSet::from([member.into()]);
                shard.put(
                    set,
                    StoredValue::Members(members),
                    EvictionClass::Kept,
                    now,
                    ttl,
                )
            }
            Some(StoredValue::Members(members)) if has_room || members.contains(member) => {
                members.insert(member.into());
                shard.renew(set, now, ttl);
                Ok(())
            }
            Some(StoredValue::Members(_)) => Err(KvError::Full),
            Some(_) => Err(KvError::wrong_kind()),
        }
    }

    pub(super) fn remove_member(&self, set: &str, member: &str) -> Result<(), KvError> {
        let now = Instant::now();
        let mut shard = self.shard(set);
        let is_empty = match shard.live(set, now) {
            None => return Ok(()),
            Some(StoredValue::Members(members)) => {
                members.remove(member);
                members.is_empty()
            }
            Some(_) => return Err(KvError::wrong_kind()),
        };
        if is_empty {
            shard.remove(set, now);
        } else {
            shard.weigh(set);
        }
        Ok(())
    }

    pub(super) fn members(&self, set: &str) -> Result<Vec<String>, KvError> {
        match self.shard(set).live(set, Instant::now()) {
            None => Ok(Vec::new()),
            Some(StoredValue::Members(members)) => {
                Ok(members.iter().map(ToString::to_string).collect())
            }
            Some(_) => Err(KvError::wrong_kind()),
        }
    }

    pub(super) fn sorted_set_add(
        &self,
        set: &str,
        member: &str,
        ttl: Duration,
    ) -> Result<(), KvError> {
        let now = Instant::now();
        let mut shard = self.shard(set);
        let has_room = shard.has_room_for(member);
        if shard.live(set, now).is_none() {
            shard.put(
                set,
                StoredValue::Roll(ExpiringSet::default()),
                EvictionClass::Kept,
                now,
                ttl,
            )?;
        }
        let left = shard.remaining(set, now).unwrap_or_default();
        match shard.live(set, now) {
            Some(StoredValue::Roll(names)) if has_room || names.holds(member) => {
                names.put(member, now + ttl);
                names.sweep(now);
                shard.renew(set, now, ttl.max(left));
                Ok(())
            }
            Some(StoredValue::Roll(_)) | None => Err(KvError::Full),
            Some(_) => Err(KvError::wrong_kind()),
        }
    }

    pub(super) fn sorted_set_remove(&self, set: &str, members: &[String]) -> Result<(), KvError> {
        let now = Instant::now();
        let mut shard = self.shard(set);
        match shard.live(set, now) {
            None => Ok(()),
            Some(StoredValue::Roll(names)) => {
                for member in members {
                    names.remove(member);
                }
                shard.weigh(set);
                Ok(())
            }
            Some(_) => Err(KvError::wrong_kind()),
        }
    }

    pub(super) fn sorted_set_len(&self, set: &str) -> Result<u64, KvError> {
        let now = Instant::now();
        let mut shard = self.shard(set);
        let count = match shard.live(set, now) {
            None => return Ok(0),
            Some(StoredValue::Roll(names)) => {
                names.sweep(now);
                names.len() as u64
            }
            Some(_) => return Err(KvError::wrong_kind()),
        };
        shard.weigh(set);
        Ok(count)
    }

    pub(super) fn window(
        &self,
        key: &str,
        limit: u32,
        window: Duration,
    ) -> Result<WindowAnswer, KvError> {
        let mut shard = self.shard(key);
        // Under the lock, so that the log is ordered by time.
        let now = Instant::now();
        if shard.live(key, now).is_none() {
            let log = StoredValue::Log(VecDeque::new());
            shard.put(key, log, EvictionClass::Windows, now, window)?;
        }
        let Some(StoredValue::Log(log)) = shard.live(key, now) else {
            return Err(KvError::wrong_kind());
        };
        while log.front().is_some_and(|&at| now - at >= window) {
            log.pop_front();
        }
        let limit = limit as usize;
        let accepted = log.len() < limit;
        let retry_after = if accepted {
            log.push_back(now);
            Duration::ZERO
        } else {
            // There may be several too many after the limit was lowered.
            log.get(log.len() - limit)
                .map_or(window, |&at| window.saturating_sub(now - at))
        };
        let used = log.len() as u32;
        if accepted {
            shard.renew(key, now, window);
        } else {
            shard.weigh(key);
        }
        Ok(WindowAnswer {
            accepted,
            retry_after,
            used,
        })
    }

    pub(super) fn publish(&self, channel: Channel, message: Bytes) -> Result<(), KvError> {
        self.hub.deliver(channel, message);
        Ok(())
    }

    pub(super) fn subscribe(&self, channel: Channel) -> Subscription {
        self.hub.subscribe(channel)
    }

    #[cfg(test)]
    pub(super) fn set_connected(&self, is_connected: bool) {
        self.hub.set_connected(is_connected);
    }

    pub(super) fn ping(&self) -> Result<(), KvError> {
        Ok(())
    }

    /// The plain value at `key`; like MGET, returns `None` for other types.
    fn plain(&self, key: &str) -> Option<Bytes> {
        match self.shard(key).live(key, Instant::now()) {
            Some(StoredValue::Plain(value)) => Some(value.clone()),
            _ => None,
        }
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, StoreShard> {
        self.shard_at(slot(key) % SHARDS)
    }

    fn shard_at(&self, at: usize) -> MutexGuard<'_, StoreShard> {
        self.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The class of a plain value that is neither a lock nor compare-and-swapped.
fn class_of(key: &str) -> EvictionClass {
    if key.starts_with(KEPT) {
        EvictionClass::Kept
    } else {
        EvictionClass::Cached
    }
}
