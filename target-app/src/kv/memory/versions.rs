//! Guarded fills: every slot of keys has a generation, which an invalidation increases, and a fill is rejected if it has
//! changed since the lookup.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::shard::StoredValue;
use super::{MemoryStore, class_of};
use crate::kv::error::KvError;
use crate::kv::{Version, VersionedValue, slot};

#[expect(
    clippy::unnecessary_wraps,
    reason = "both stores have the same signatures, and this one cannot be unreachable"
)]
impl MemoryStore {
    pub(in crate::kv) fn get_versioned(&self, key: &str) -> Result<VersionedValue, KvError> {
        // Before the value: an invalidation in between is then detected by the fill.
        let seen = self.seen(key);
        Ok(VersionedValue {
            value: self.plain(key),
            seen,
        })
    }

    pub(in crate::kv) fn fill(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        let mut shard = self.shard(key);
        if self.seen(key) != seen {
            return Ok(false);
        }
        let now = Instant::now();
        shard.put(key, StoredValue::Plain(value), class_of(key), now, ttl)?;
        Ok(true)
    }

    pub(in crate::kv) fn replace(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        let mut shard = self.shard(key);
        let before = Version {
            slot: self.generations[slot(key)].fetch_add(1, Ordering::SeqCst),
            all: self.all.load(Ordering::SeqCst),
        };
        let is_first = before == seen;
        let now = Instant::now();
        if is_first {
            shard.put(key, StoredValue::Plain(value), class_of(key), now, ttl)?;
        } else {
            shard.remove(key, now);
        }
        Ok(is_first)
    }

    pub(in crate::kv) fn invalidate(&self, keys: &[String]) -> Result<u64, KvError> {
        for key in keys {
            self.generations[slot(key)].fetch_add(1, Ordering::SeqCst);
        }
        self.delete(keys)
    }

    pub(in crate::kv) fn invalidate_matching(&self, pattern: &str) -> Result<u64, KvError> {
        self.all.fetch_add(1, Ordering::SeqCst);
        self.delete_matching(pattern)
    }

    fn seen(&self, key: &str) -> Version {
        Version {
            slot: self.generations[slot(key)].load(Ordering::SeqCst),
            all: self.all.load(Ordering::SeqCst),
        }
    }
}
