//! The lock of `redis_lock`: one load among all instances, the others watch the second level for what comes of it.
//!
//! The lock is an entry with its owner's token and a time to live, so that a killed owner cannot hold it for ever; a load
//! that takes longer than that loses it, and a second one begins. It saves loads and guards nothing.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::TwoLevel;
use super::envelope::LoadedEntry;
use super::generations::Place;
use super::l2::{FillToken, L2Lookup, key_of};
use crate::kv::{Kv, KvError};

/// Longer than a load may take.
const LIFE: Duration = Duration::from_secs(5);
/// Longest wait for another's load; then this instance loads too.
const PATIENCE: Duration = Duration::from_secs(2);
const FIRST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// The lock of one key, given back when dropped.
pub(super) struct LoadLock {
    kv: Kv,
    /// The store's key of the lock, and the owner's token; `None` once it was given back.
    lock: Option<(String, Bytes)>,
}

/// Growing waits until the patience is at its end.
pub(super) struct LockBackoff {
    next: Duration,
    end: Instant,
}

/// What waiting for the lock came to.
pub(super) enum LockOutcome {
    /// This instance loads.
    Mine(LoadLock, FillToken),
    /// Another one has.
    Served(LoadedEntry),
    /// Another one takes too long.
    Overdue,
    /// The store failed.
    Unknown,
}

impl TwoLevel {
    /// Takes the lock of the key, or watches what its owner puts into the second level.
    pub(super) async fn take_load_lock(&self, text: &str, place: Place) -> LockOutcome {
        let lock = key_of(self.home, text);
        let mut waits = LockBackoff::new();
        loop {
            let Ok(held) = LoadLock::take(self.l2.kv(), &lock).await else {
                return LockOutcome::Unknown;
            };
            // Also with the lock: its last owner may have filled the key after this read looked.
            match self.l2.get(text, place).await {
                L2Lookup::Entry(made, _) => {
                    if let Some(held) = held {
                        held.release().await;
                    }
                    return LockOutcome::Served(made);
                }
                L2Lookup::Nothing(ticket) => {
                    if let Some(held) = held {
                        return LockOutcome::Mine(held, ticket);
                    }
                }
                L2Lookup::Unknown => return LockOutcome::Unknown,
            }
            if !waits.next().await {
                return LockOutcome::Overdue;
            }
        }
    }
}

impl LoadLock {
    /// Takes the lock of a key in the store, if nobody has it.
    pub(super) async fn take(kv: &Kv, key: &str) -> Result<Option<Self>, KvError> {
        let lock = format!("lock:{key}");
        let token = Bytes::copy_from_slice(&rand::random::<u128>().to_le_bytes());
        // Made before the question: the answer may be dropped after the store has granted it.
        let held = Self {
            kv: kv.clone(),
            lock: Some((lock.clone(), token.clone())),
        };
        if kv.set_if_absent(&lock, token, LIFE).await? {
            return Ok(Some(held));
        }
        held.keep();
        Ok(None)
    }

    /// Gives the lock back; a store that fails will forget it by itself.
    pub(super) async fn release(mut self) {
        if let Some((lock, token)) = &self.lock {
            let _ = self.kv.delete_if_equal(lock, token).await;
        }
        self.lock = None;
    }

    /// Nothing to give back.
    fn keep(mut self) {
        self.lock = None;
    }
}

impl Drop for LoadLock {
    fn drop(&mut self) {
        // The owner was dropped half-way: others must not wait for the lock to run out.
        if let (Some((lock, token)), Ok(runtime)) = (self.lock.take(), Handle::try_current()) {
            let kv = self.kv.clone();
            runtime.spawn(async move {
                let _ = kv.delete_if_equal(&lock, &token).await;
            });
        }
    }
}

impl LockBackoff {
    pub(super) fn new() -> Self {
        Self {
            next: FIRST_WAIT,
            end: Instant::now() + PATIENCE,
        }
    }

    /// Waits, each time longer; false when there is no patience left.
    pub(super) async fn next(&mut self) -> bool {
        if Instant::now() >= self.end {
            return false;
        }
        // Not in step with the other instances.
        sleep(self.next.mul_f64(rand::random_range(0.5..1.0))).await;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        true
    }
}
