//! The lock of `redis_lock`: one load among all instances; the others watch the second level for its result.
//!
//! The lock is an entry with its owner's token and a time to live, so that a killed owner cannot hold it forever. A
//! load that takes longer loses the lock, and a second one begins. The lock saves loads; correctness does not depend on
//! it.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::TwoLevel;
use super::envelope::LoadedEntry;
use super::generations::Place;
use super::l2::{FillToken, L2Lookup, key_of};
use crate::kv::{Kv, KvError};

/// Time to live of the lock; longer than a load may take.
const LIFE: Duration = Duration::from_secs(5);
/// Maximum wait for another instance's load; then this instance loads too.
const PATIENCE: Duration = Duration::from_secs(2);
const FIRST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// The lock of one key; dropping it releases it.
pub(super) struct LoadLock {
    kv: Kv,
    /// The lock's key in the store and the owner's token; `None` after release.
    lock: Option<(String, Bytes)>,
}

/// Increasing waits until the maximum wait is reached.
pub(super) struct LockBackoff {
    next: Duration,
    end: Instant,
}

/// The result of waiting for the lock.
pub(super) enum LockOutcome {
    /// This instance has the lock and loads.
    Mine(LoadLock, FillToken),
    /// Another instance has loaded.
    Served(LoadedEntry),
    /// Another instance takes too long.
    Overdue,
    /// The store failed.
    Unknown,
}

impl TwoLevel {
    /// Takes the lock of the key, or waits for its owner's entry in the second level.
    pub(super) async fn take_load_lock(&self, text: &str, place: Place) -> LockOutcome {
        let lock = key_of(self.home, text);
        let mut waits = LockBackoff::new();
        loop {
            let Ok(held) = LoadLock::take(self.l2.kv(), &lock).await else {
                return LockOutcome::Unknown;
            };
            // Needed even with the lock: its last owner may have filled the key after this read's lookup.
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
    /// Takes the lock of a key in the store, if it is free.
    pub(super) async fn take(kv: &Kv, key: &str) -> Result<Option<Self>, KvError> {
        let lock = format!("lock:{key}");
        let token = Bytes::copy_from_slice(&rand::random::<u128>().to_le_bytes());
        // Created before the request, because the future may be dropped after the store has granted the lock.
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

    /// Releases the lock; if the store fails, the lock expires by itself.
    pub(super) async fn release(mut self) {
        if let Some((lock, token)) = &self.lock {
            let _ = self.kv.delete_if_equal(lock, token).await;
        }
        self.lock = None;
    }

    /// Drops the guard without releasing a lock.
    fn keep(mut self) {
        self.lock = None;
    }
}

impl Drop for LoadLock {
    fn drop(&mut self) {
        // The owner was dropped in the middle: others must not wait for the lock to expire.
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

    /// Waits, longer each time; false after the maximum wait.
    pub(super) async fn next(&mut self) -> bool {
        if Instant::now() >= self.end {
            return false;
        }
        // Randomised, so that instances do not retry in step.
        sleep(self.next.mul_f64(rand::random_range(0.5..1.0))).await;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        true
    }
}
