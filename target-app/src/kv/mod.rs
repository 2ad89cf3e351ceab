//! The shared store: one interface over Redis and a store in this process.
//!
//! It holds everything that instances share: the second cache level, sessions, locks, rate limits, messages. Keys and
//! patterns are given without the namespace. Values are bytes and are returned unchanged. Every operation is one
//! logical step and atomic in both stores unless its documentation says otherwise. The store does not interpret values.

mod channel;
mod error;
mod guard;
mod memory;
mod open;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub(crate) use self::channel::{Channel, Notice, Subscription};
pub(crate) use self::error::KvError;
pub use self::error::KvStartError;
use self::guard::{Op, StoreGuard};
use self::memory::MemoryStore;
use self::redis::RedisStore;
use crate::breaker::Breaker;

/// Minimum and maximum time to live; Redis counts milliseconds and rejects zero.
const LIVES: (Duration, Duration) = (
    Duration::from_millis(1),
    Duration::from_hours(10 * 365 * 24),
);
/// Slots that keys are hashed to, each with its own generation.
const SLOTS: usize = 1_024;

/// The shared store; clones share it.
#[derive(Clone)]
pub(crate) struct Kv {
    backend: Backend,
    guard: Option<Arc<StoreGuard>>,
    #[cfg(test)]
    outage: Outage,
}

/// Makes an in-process store fail like Redis can.
#[cfg(test)]
pub(crate) type Outage = Arc<std::sync::atomic::AtomicBool>;

#[derive(Clone)]
enum Backend {
    Memory(Arc<MemoryStore>),
    Redis(Arc<RedisStore>),
}

/// The result of [`Kv::get_versioned`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionedValue {
    /// The value; `None` if it is missing or expired.
    pub(crate) value: Option<Bytes>,
    /// For [`Kv::fill`], if the value is loaded now.
    pub(crate) seen: Version,
}

/// The generations at the time of a [`Kv::get_versioned`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    slot: u64,
    all: u64,
}

/// The result of [`Kv::window`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowAnswer {
    /// Whether this call was accepted and counted.
    pub(crate) accepted: bool,
    /// Time until the next call can be accepted; zero if this one was.
    pub(crate) retry_after: Duration,
    /// Calls in the window, including this one if it was accepted.
    pub(crate) used: u32,
}

/// Runs one operation on the backend, inside the guard.
///
/// The future of the Redis backend is boxed: the cost is negligible next to a round trip, and the callers' futures stay
/// small.
macro_rules! on {
    ($kv:ident, $op:ident, $method:ident($($argument:expr),*)) => {
        $kv.guarded(Op::$op, async {
            match &$kv.backend {
                Backend::Memory(store) => store.$method($($argument),*),
                Backend::Redis(store) => Box::pin(store.$method($($argument),*)).await,
            }
        })
        .await
    };
}

impl Kv {
    /// The circuit breaker in front of Redis.
    pub(crate) fn breaker(&self) -> Option<&Breaker> {
        self.guard.as_ref()?.breaker()
    }

    /// The value of `key`.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, KvError> {
        on!(self, Get, get(key))
    }

    /// Sets `key` to `value` for `ttl`.
    #[cfg(test)]
    pub(crate) async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), KvError> {
        on!(self, Set, set(key, value, lived(ttl)))
    }

    /// The values of `keys`, in their order.
    pub(crate) async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        on!(self, GetMany, get_many(keys))
    }

    /// [`Kv::set`] for many entries in one round trip; not atomic.
    pub(crate) async fn set_many(
        &self,
        entries: &[(String, Bytes)],
        ttl: Duration,
    ) -> Result<(), KvError> {
        if entries.is_empty() {
            return Ok(());
        }
        on!(self, SetMany, set_many(entries, lived(ttl)))
    }

    /// Removes `keys`; returns how many existed.
    #[cfg(test)]
    pub(crate) async fn delete(&self, keys: &[String]) -> Result<u64, KvError> {
        if keys.is_empty() {
            return Ok(0);
        }
        on!(self, Delete, delete(keys))
    }

    /// Removes every key that matches `pattern`, with the wildcards `*` and `?`; returns how many existed.
    ///
    /// Takes one round trip per thousand keys, and can miss keys that are created meanwhile.
    #[cfg(test)]
    pub(crate) async fn delete_matching(&self, pattern: &str) -> Result<u64, KvError> {
        on!(self, DeleteMatching, delete_matching(pattern))
    }

    /// Sets `key` to `value` if it does not exist; returns whether it did.
    pub(crate) async fn set_if_absent(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        on!(self, SetIfAbsent, set_if_absent(key, value, lived(ttl)))
    }

    /// Removes `key` if its value is `value`; returns whether it did.
    pub(crate) async fn delete_if_equal(&self, key: &str, value: &[u8]) -> Result<bool, KvError> {
        on!(self, DeleteIfEqual, delete_if_equal(key, value))
    }

    /// Sets `key` to `new` for `ttl` if its value is `expected`; returns whether it did.
    pub(crate) async fn swap(
        &self,
        key: &str,
        expected: &[u8],
        new: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        on!(self, Swap, swap(key, expected, new, lived(ttl)))
    }

    /// Remaining time to live of `key`, in milliseconds resolution.
    pub(crate) async fn remaining(&self, key: &str) -> Result<Option<Duration>, KvError> {
        on!(self, Remaining, remaining(key))
    }

    /// Adds `member` to the set `set` and sets the time to live of the whole set to `ttl`.
    pub(crate) async fn add_member(
        &self,
        set: &str,
        member: &str,
        ttl: Duration,
    ) -> Result<(), KvError> {
        on!(self, AddMember, add_member(set, member, lived(ttl)))
    }

    /// Removes `member` from the set `set`; a set without members is removed.
    pub(crate) async fn remove_member(&self, set: &str, member: &str) -> Result<(), KvError> {
        on!(self, RemoveMember, remove_member(set, member))
    }

    /// The members of the set `set`, in no particular order.
    pub(crate) async fn members(&self, set: &str) -> Result<Vec<String>, KvError> {
        on!(self, Members, members(set))
    }

    /// Adds `member` to the sorted set `set`, with its own time to live `ttl`, or renews it.
    pub(crate) async fn sorted_set_add(
        &self,
        set: &str,
        member: &str,
        ttl: Duration,
    ) -> Result<(), KvError> {
        on!(self, SortedSetAdd, sorted_set_add(set, member, lived(ttl)))
    }

    /// Removes `members` from the sorted set `set`.
    pub(crate) async fn sorted_set_remove(
        &self,
        set: &str,
        members: &[String],
    ) -> Result<(), KvError> {
        if members.is_empty() {
            return Ok(());
        }
        on!(self, SortedSetRemove, sorted_set_remove(set, members))
    }

    /// Number of members of the sorted set `set`, without reading them.
    pub(crate) async fn sorted_set_len(&self, set: &str) -> Result<u64, KvError> {
        on!(self, SortedSetLen, sorted_set_len(set))
    }

    /// Counts a call against `limit` in the sliding window of length `window` at `key`.
    ///
    /// Never accepts more than `limit` calls in any period of that length (sliding-window log); rejected calls do not
    /// count.
    pub(crate) async fn window(
        &self,
        key: &str,
        limit: u32,
        window: Duration,
    ) -> Result<WindowAnswer, KvError> {
        on!(self, Window, window(key, limit, lived(window)))
    }

    /// The value of `key`, and the version that [`Kv::fill`] needs to store a value loaded after this.
    pub(crate) async fn get_versioned(&self, key: &str) -> Result<VersionedValue, KvError> {
        on!(self, GetVersioned, get_versioned(key))
    }

    /// [`Kv::set`], unless anything that `key` may depend on was invalidated since `seen`; returns whether it did.
    pub(crate) async fn fill(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        on!(self, Fill, fill(key, value, lived(ttl), seen))
    }

    /// Invalidates `key` and sets it to `value` if this is the first invalidation since `seen`; returns whether it did.
    ///
    /// For a written value, with `seen` from before the write: of concurrent writes none is stored.
    pub(crate) async fn replace(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        on!(self, Replace, replace(key, value, lived(ttl), seen))
    }

    /// Removes `keys` and rejects fills of them that are in progress; returns how many existed.
    pub(crate) async fn invalidate(&self, keys: &[String]) -> Result<u64, KvError> {
        if keys.is_empty() {
            return Ok(0);
        }
        on!(self, Invalidate, invalidate(keys))
    }

    /// [`Kv::delete_matching`], and rejects every fill in progress.
    pub(crate) async fn invalidate_matching(&self, pattern: &str) -> Result<u64, KvError> {
        on!(self, InvalidateMatching, invalidate_matching(pattern))
    }

    /// Sends `message` to the current subscribers of `channel`, in this instance and others.
    pub(crate) async fn publish(&self, channel: Channel, message: Bytes) -> Result<(), KvError> {
        on!(self, Publish, publish(channel, message))
    }

    /// Subscribes to messages on `channel` from now on.
    pub(crate) fn subscribe(&self, channel: Channel) -> Subscription {
        match &self.backend {
            Backend::Memory(store) => store.subscribe(channel),
            Backend::Redis(store) => store.subscribe(channel),
        }
    }

    /// Checks that the store answers.
    pub(crate) async fn ping(&self) -> Result<(), KvError> {
        on!(self, Ping, ping())
    }

    async fn guarded<T>(
        &self,
        op: Op,
        work: impl Future<Output = Result<T, KvError>>,
    ) -> Result<T, KvError> {
        #[cfg(test)]
        if self.outage.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(KvError::TimedOut);
        }
        match &self.guard {
            Some(guard) => guard.guarded(op, work).await,
            None => work.await,
        }
    }
}

/// `ttl` within the limits of both stores.
fn lived(ttl: Duration) -> Duration {
    ttl.clamp(LIVES.0, LIVES.1)
}

/// The slot of `key`, the same in every process: FNV-1a.
fn slot(key: &str) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The upper bits of a product depend on all lower bits.
    (hash ^ hash >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests;
