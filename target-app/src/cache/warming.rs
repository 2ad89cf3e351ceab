//! Cache warming: loads entries before they are requested, at the start, on a schedule or on demand.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::Serialize;
use tokio::time::timeout;

use super::{Cache, CacheKey, TwoLevel};
use crate::settings::Live;

/// Keys that are loaded together.
const BATCH: usize = 100;
/// Concurrent batches: warming must leave most of the pool to requests.
const BATCHES_AT_A_TIME: usize = 2;
/// Concurrent lookups or fills of a batch.
const FILLS_AT_A_TIME: usize = 8;

/// The result of a warming, in keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Warmed {
    /// Already valid in the first level.
    pub(crate) present: usize,
    /// Copied from the shared level.
    pub(crate) promoted: usize,
    /// Loaded from the database.
    pub(crate) loaded: usize,
    /// Not found, or the load failed.
    pub(crate) missed: usize,
    /// Duration in milliseconds.
    pub(crate) took_ms: u64,
}

impl Cache {
    /// Warms every `cache.warm_every`, forever. A change of the setting takes effect at once; 0s disables warming.
    pub(crate) async fn keep_warm<F: Future<Output = ()>>(
        settings: Arc<Live>,
        warm: impl Fn() -> F,
    ) {
        let mut changes = settings.changes();
        loop {
            let every = changes.borrow_and_update().cache.warm_every.0;
            if every == Duration::ZERO {
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match timeout(every, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => warm().await,
            }
        }
    }
}

impl TwoLevel {
    /// Brings `keys` into the levels that are on. `load` gets the keys that neither level has, at most 100 at a time,
    /// and returns the bodies of those that exist.
    pub(crate) async fn warm<E, F>(
        &self,
        keys: Vec<CacheKey>,
        load: impl Fn(Vec<CacheKey>) -> F + Sync,
    ) -> Warmed
    where
        E: Send,
        F: Future<Output = Result<Vec<(CacheKey, Bytes)>, E>> + Send,
    {
        let began = Instant::now();
        let load = &load;
        // Boxed, because the compiler cannot otherwise prove that the closure's future is `Send`.
        let batches: Vec<_> = keys
            .chunks(BATCH)
            .map(|batch| self.warm_batch(batch.to_vec(), load).boxed())
            .collect();
        let mut warmed = stream::iter(batches)
            .buffer_unordered(BATCHES_AT_A_TIME)
            .fold(Warmed::default(), async |all, batch| all.and(batch))
            .await;
        warmed.took_ms = began.elapsed().as_millis() as u64;
        warmed
    }

    async fn warm_batch<E, F>(
        &self,
        keys: Vec<CacheKey>,
        load: &(impl Fn(Vec<CacheKey>) -> F + Sync),
    ) -> Warmed
    where
        E: Send,
        F: Future<Output = Result<Vec<(CacheKey, Bytes)>, E>> + Send,
    {
        let mut warmed = Warmed::default();
        let mut wanted = Vec::with_capacity(keys.len());
        for key in keys {
            if self.has_good(&key).await {
                warmed.present += 1;
            } else {
                wanted.push(self.wanted(key));
            }
        }
        let mut is_found = self.promote_many(&wanted).await.into_iter();
        let all = wanted.len();
        wanted.retain(|_| !is_found.next().unwrap_or(false));
        warmed.promoted = all - wanted.len();
        if wanted.is_empty() {
            return warmed;
        }
        let tickets: Vec<_> = wanted
            .iter()
            .map(|one| self.ticket(&one.text, one.place).boxed())
            .collect();
        let tickets: Vec<_> = stream::iter(tickets)
            .buffered(FILLS_AT_A_TIME)
            .collect()
            .await;
        self.counters.warm_loads.inc();
        let began = Instant::now();
        let keys = wanted.iter().map(|one| one.key.clone()).collect();
        let bodies = load(keys).await.unwrap_or_default();
        let cost = began.elapsed() / wanted.len() as u32;
        let mut bodies: HashMap<CacheKey, Bytes> = bodies.into_iter().collect();
        let fills: Vec<_> = wanted
            .iter()
            .zip(tickets)
            .filter_map(|(one, ticket)| {
                let body = bodies.remove(&one.key)?;
                let made = self.make(one.place.class(), body, cost);
                Some(self.keep(one, made, ticket).boxed())
            })
            .collect();
        warmed.loaded = fills.len();
        warmed.missed = wanted.len() - fills.len();
        stream::iter(fills)
            .buffer_unordered(FILLS_AT_A_TIME)
            .collect::<()>()
            .await;
        warmed
    }
}

impl Warmed {
    fn and(self, other: Self) -> Self {
        Self {
            present: self.present + other.present,
            promoted: self.promoted + other.promoted,
            loaded: self.loaded + other.loaded,
            missed: self.missed + other.missed,
            took_ms: self.took_ms.max(other.took_ms),
        }
    }
}
