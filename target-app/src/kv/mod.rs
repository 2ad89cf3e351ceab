//! The shared store: one face over Redis and a store in this process.
//!
//! What instances share goes through here: the second level of the cache, sessions, locks, rate limits, messages. Keys
//! and patterns are given without the namespace. Values are bytes and come back as they went in. Every operation is one
//! logical step, atomic in both stores unless it says otherwise. It knows nothing of what the values mean.

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

/// Shortest and longest time to live; Redis counts milliseconds and refuses zero.
const LIVES: (Duration, Duration) = (
    Duration::from_millis(1),
    Duration::from_hours(10 * 365 * 24),
);
/// Slots that keys are spread over, each with a generation of its own.
const SLOTS: usize = 1_024;

/// The shared store; cloning it shares it.
#[derive(Clone)]
pub(crate) struct Kv {
    backend: Backend,
    guard: Option<Arc<StoreGuard>>,
    #[cfg(test)]
    outage: Outage,
}

/// Makes a store in this process fail as Redis can.
#[cfg(test)]
pub(crate) type Outage = Arc<std::sync::atomic::AtomicBool>;

#[derive(Clone)]
enum Backend {
    Memory(Arc<MemoryStore>),
    Redis(Arc<RedisStore>),
}

/// What [`Kv::look`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionedValue {
    /// The value, unless there is none or it has run out.
    pub(crate) value: Option<Bytes>,
    /// For [`Kv::fill`], if the value is loaded now.
    pub(crate) seen: Version,
}

/// The generations at the time of a [`Kv::look`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    slot: u64,
    all: u64,
}

/// What [`Kv::window`] decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowAnswer {
    /// Whether this call was counted and may go on.
    pub(crate) accepted: bool,
    /// How long until the next call can be accepted; zero for one that was.
    pub(crate) retry_after: Duration,
    /// Calls in the window, this one included if it was accepted.
    pub(crate) used: u32,
}

/// One operation on whichever store it is, in its frame.
///
/// What Redis needs while it waits is boxed: beside a round trip that is nothing, and the futures of callers stay small.
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
    /// The breaker before Redis.
    pub(crate) fn breaker(&self) -> Option<&Breaker> {
        self.guard.as_ref()?.breaker()
    }

    /// The value of `key`.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, KvError> {
        on!(self, Get, get(key))
    }

    /// Puts `value` at `key`, whatever was there, for `ttl`.
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

    /// [`Kv::set`] for many, in one round trip; others may see some of them before all are there.
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

    /// Removes `keys`; how many of them there were.
    #[cfg(test)]
    pub(crate) async fn delete(&self, keys: &[String]) -> Result<u64, KvError> {
        if keys.is_empty() {
            return Ok(0);
        }
        on!(self, Delete, delete(keys))
    }

    /// Removes every key that `pattern` matches, `*` and `?` being wild; how many there were.
    ///
    /// Takes as many round trips as there are thousands of keys, and misses keys that are made meanwhile.
    #[cfg(test)]
    pub(crate) async fn delete_matching(&self, pattern: &str) -> Result<u64, KvError> {
        on!(self, DeleteMatching, delete_matching(pattern))
    }

    /// Puts `value` at `key` unless there is something; whether it did.
    pub(crate) async fn set_if_absent(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        on!(self, SetIfAbsent, set_if_absent(key, value, lived(ttl)))
    }

    /// Removes `key` if its value is `value`; whether it did.
    pub(crate) async fn delete_if_equal(&self, key: &str, value: &[u8]) -> Result<bool, KvError> {
        on!(self, DeleteIfEqual, delete_if_equal(key, value))
    }

    /// Puts `new` at `key` for `ttl` if its value is `expected`; whether it did.
    pub(crate) async fn swap(
        &self,
        key: &str,
        expected: &[u8],
        new: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        on!(self, Swap, swap(key, expected, new, lived(ttl)))
    }

    /// How long `key` has to live, to the millisecond.
    pub(crate) async fn remaining(&self, key: &str) -> Result<Option<Duration>, KvError> {
        on!(self, Remaining, remaining(key))
    }

    /// Adds `member` to the set `set`, which then has `ttl` to live as a whole.
    pub(crate) async fn add_member(
        &self,
        set: &str,
        member: &str,
        ttl: Duration,
    ) -> Result<(), KvError> {
        on!(self, AddMember, add_member(set, member, lived(ttl)))
    }

    /// Removes `member` from the set `set`; the last one takes the set with it.
    pub(crate) async fn remove_member(&self, set: &str, member: &str) -> Result<(), KvError> {
        on!(self, RemoveMember, remove_member(set, member))
    }

    /// The members of the set `set`, in no order.
    pub(crate) async fn members(&self, set: &str) -> Result<Vec<String>, KvError> {
        on!(self, Members, members(set))
    }

    /// Puts `member` on the roll `roll`, or keeps it there, for `ttl` of its own.
    pub(crate) async fn sorted_set_add(
        &self,
        set: &str,
        member: &str,
        ttl: Duration,
    ) -> Result<(), KvError> {
        on!(self, SortedSetAdd, sorted_set_add(set, member, lived(ttl)))
    }

    /// Takes `members` off the roll `roll`.
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

    /// How many members are on the roll `roll`, without a look at each of them.
    pub(crate) async fn sorted_set_len(&self, set: &str) -> Result<u64, KvError> {
        on!(self, SortedSetLen, sorted_set_len(set))
    }

    /// Counts a call against `limit` in the sliding window of length `window` that is kept at `key`.
    ///
    /// No more than `limit` calls are accepted in any time of that length (sliding-window log); refused ones do not count.
    pub(crate) async fn window(
        &self,
        key: &str,
        limit: u32,
        window: Duration,
    ) -> Result<WindowAnswer, KvError> {
        on!(self, Window, window(key, limit, lived(window)))
    }

    /// The value of `key`, and what [`Kv::fill`] needs to put one there that is loaded after this.
    pub(crate) async fn get_versioned(&self, key: &str) -> Result<VersionedValue, KvError> {
        on!(self, GetVersioned, get_versioned(key))
    }

    /// [`Kv::set`] unless anything that `key` may depend on was invalidated since `seen`; whether it did.
    pub(crate) async fn fill(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        on!(self, Fill, fill(key, value, lived(ttl), seen))
    }

    /// [`Kv::invalidate`] for one key, and puts `value` there if it was the first invalidation since `seen`; whether it did.
    ///
    /// For a value that was written: with `seen` from before the write, of values written together none is put.
    pub(crate) async fn replace(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        on!(self, Replace, replace(key, value, lived(ttl), seen))
    }

    /// Removes `keys` and refuses values for them that are being loaded now; how many of them there were.
    pub(crate) async fn invalidate(&self, keys: &[String]) -> Result<u64, KvError> {
        if keys.is_empty() {
            return Ok(0);
        }
        on!(self, Invalidate, invalidate(keys))
    }

    /// [`Kv::delete_matching`], and refuses every value that is being loaded now.
    pub(crate) async fn invalidate_matching(&self, pattern: &str) -> Result<u64, KvError> {
        on!(self, InvalidateMatching, invalidate_matching(pattern))
    }

    /// Sends `message` to every subscriber of `channel` that is there now, in this instance and others.
    pub(crate) async fn publish(&self, channel: Channel, message: Bytes) -> Result<(), KvError> {
        on!(self, Publish, publish(channel, message))
    }

    /// Hears what is published on `channel` from now on.
    pub(crate) fn subscribe(&self, channel: Channel) -> Subscription {
        match &self.backend {
            Backend::Memory(store) => store.subscribe(channel),
            Backend::Redis(store) => store.subscribe(channel),
        }
    }

    /// Whether the store answers.
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

/// `ttl` as both stores can keep it.
fn lived(ttl: Duration) -> Duration {
    ttl.clamp(LIVES.0, LIVES.1)
}

/// The slot of `key`, the same in every process: FNV-1a.
fn slot(key: &str) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The upper bits of a product depend on all of the lower ones.
    (hash ^ hash >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests;
