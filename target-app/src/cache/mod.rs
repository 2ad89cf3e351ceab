//! Two caches of two levels in front of the database: `responses` holds response bodies, `queries` holds query results.
//!
//! The first level (L1) is in the process, the second (L2) is the shared store. Reads go through [`TwoLevel::get`],
//! writes through one of the strategies of [`writes`], so that no read is older than the last write that this instance
//! acknowledged. On another instance a read can be older: for as long as a message takes; for a second if messages
//! cannot be received; and if only the writer is cut off from the store, until it is back or the entry has expired. An
//! invalidation reaches both levels and all instances in every mode, because instances may have different settings.
//! Callers provide the loads: this module contains no SQL.

mod envelope;
mod expiry;
mod fetch;
mod generations;
mod instruments;
mod invalidation;
mod key;
mod l1;
mod l2;
mod lock;
mod pending_invalidations;
mod single_flight;
mod stats;
#[cfg(test)]
mod tests;
mod transfer;
mod two_level;
mod upkeep;
mod values;
mod warming;
mod write_behind;
mod write_buffer;
mod writes;

use std::sync::Arc;

use tokio::sync::Notify;

pub(crate) use invalidation::{Removed, Sweep, Target};
pub(crate) use key::{CacheKey, CacheKind, Entity};
pub(crate) use stats::CacheStats;
pub(crate) use two_level::TwoLevel;
pub(crate) use upkeep::Upkeep;
pub(crate) use warming::Warmed;
pub(crate) use write_behind::{FlushError, QueueTimeout, WriteBehind};

use instruments::CacheMetrics;
use pending_invalidations::PendingInvalidations;
use write_buffer::WriteBuffer;

use crate::kv::Kv;
use crate::metrics::Metrics;
use crate::settings::{CacheMode, Live};

/// Both caches and their shared state.
pub(crate) struct Cache {
    /// Response bodies.
    pub(crate) responses: Arc<TwoLevel>,
    /// Query results, as `MessagePack`.
    pub(crate) queries: Arc<TwoLevel>,
    settings: Arc<Live>,
    kv: Kv,
    write_buffer: Arc<WriteBuffer>,
    pending_invalidations: Arc<PendingInvalidations>,
    /// Wakes the task that retries pending invalidations.
    retry_needed: Notify,
    instruments: CacheMetrics,
    /// Distinguishes this instance's messages from those of others.
    instance: u64,
}

impl Cache {
    /// Opens empty caches over `kv` and starts their tasks, which end when the [`Upkeep`] is dropped.
    pub(crate) fn open(
        settings: Arc<Live>,
        kv: Kv,
        metrics: &Metrics,
    ) -> Result<(Arc<Self>, Upkeep), prometheus::Error> {
        let instruments = CacheMetrics::new(metrics)?;
        let pending_invalidations = Arc::new(PendingInvalidations::default());
        let write_buffer = Arc::new(WriteBuffer::default());
        let two_level = |home: CacheKind| {
            let (cache, evicted) = TwoLevel::new(
                home,
                kv.clone(),
                Arc::clone(&settings),
                Arc::clone(&pending_invalidations),
                Arc::clone(&write_buffer),
                instruments.of(home.name()),
            );
            (Arc::new(cache), evicted)
        };
        let (responses, evicted_responses) = two_level(CacheKind::Responses);
        let (queries, evicted_queries) = two_level(CacheKind::Queries);
        let cache = Arc::new(Self {
            responses,
            queries,
            settings,
            kv,
            write_buffer,
            pending_invalidations,
            retry_needed: Notify::new(),
            instruments,
            instance: rand::random(),
        });
        let upkeep = Upkeep::start(&cache, [evicted_responses, evicted_queries]);
        cache.register_gauges(metrics)?;
        Ok((cache, upkeep))
    }

    /// Removes expired entries; returns how many the first levels had.
    pub(crate) async fn settle(&self) -> u64 {
        let mut gone = 0;
        for level in [&self.responses, &self.queries] {
            let before = level.l1.len();
            level.l1.settle().await;
            gone += before.saturating_sub(level.l1.len());
        }
        gone
    }

    /// The cache of this kind.
    fn at(&self, home: CacheKind) -> &Arc<TwoLevel> {
        match home {
            CacheKind::Responses => &self.responses,
            CacheKind::Queries => &self.queries,
        }
    }
}

impl CacheMode {
    /// Whether L1 is on.
    pub(super) fn has_l1(self) -> bool {
        matches!(self, Self::L1 | Self::L1l2)
    }

    /// Whether L2 is on.
    pub(super) fn has_l2(self) -> bool {
        matches!(self, Self::L2 | Self::L1l2)
    }
}
