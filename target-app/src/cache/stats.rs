//! Statistics of the caches for operators and the JSON metrics.

use std::sync::Arc;

use serde::Serialize;

use super::instruments::LookupCounters;
use super::{Cache, TwoLevel};
use crate::metrics::Metrics;
use crate::settings::{CacheMode, Stampede, WriteStrategy};

/// Both caches since the start.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CacheStats {
    pub(crate) mode: CacheMode,
    pub(crate) strategy: WriteStrategy,
    pub(crate) stampede: Stampede,
    pub(crate) responses: TwoLevelStats,
    pub(crate) queries: TwoLevelStats,
    pub(crate) invalidations: InvalidationStats,
    /// Whether the shared level has invalidations pending and is therefore not read.
    pub(crate) invalidations_pending: bool,
    /// Writes that are not yet in the database.
    pub(crate) pending_writes: usize,
}

/// One cache.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TwoLevelStats {
    pub(crate) l1: LookupStats,
    pub(crate) l2: LookupStats,
    /// Entries of the first level.
    pub(crate) entries: u64,
    /// Capacity of the first level.
    pub(crate) capacity: u64,
    /// Loads because there was no entry.
    pub(crate) loads: u64,
    /// Loads before an entry expired.
    pub(crate) early_loads: u64,
    pub(crate) promotions: u64,
    pub(crate) demotions: u64,
    /// Loads that were not stored because of a concurrent invalidation.
    pub(crate) stale_fills: u64,
    /// Reads that may have returned data older than an acknowledged write.
    pub(crate) stale_reads: u64,
    /// Waits for another instance's load.
    pub(crate) lock_waits: u64,
}

/// One level of one cache.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LookupStats {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// Misses that another reader's load answered.
    pub(crate) shared: u64,
    pub(crate) errors: u64,
    /// From 0 to 1.
    pub(crate) hit_ratio: f64,
}

/// Invalidations by origin.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct InvalidationStats {
    pub(crate) key: u64,
    pub(crate) pattern: u64,
    pub(crate) entity: u64,
    pub(crate) cascade: u64,
    pub(crate) remote: u64,
    pub(crate) clear: u64,
}

impl Cache {
    /// Statistics of both caches since the start.
    pub(crate) async fn stats(&self) -> CacheStats {
        for (_, level) in self.levels() {
            level.l1.settle().await;
        }
        let by = &self.instruments.invalidations;
        let settings = self.settings.load();
        CacheStats {
            mode: settings.cache.mode,
            strategy: settings.cache.strategy,
            stampede: settings.cache.stampede,
            responses: self.responses.stats(),
            queries: self.queries.stats(),
            invalidations: InvalidationStats {
                key: by.key.get(),
                pattern: by.pattern.get(),
                entity: by.entity.get(),
                cascade: by.cascade.get(),
                remote: by.remote.get(),
                clear: by.clear.get(),
            },
            invalidations_pending: self.pending_invalidations.has_pending(),
            pending_writes: self.write_buffer.len(),
        }
    }

    /// Registers the gauges that are read at each scrape.
    pub(super) fn register_gauges(&self, metrics: &Metrics) -> Result<(), prometheus::Error> {
        for (home, level) in self.levels() {
            let counters = &level.counters;
            for (layer, lookups) in [("l1", counters.l1.clone()), ("l2", counters.l2.clone())] {
                metrics.observe_float(
                    "folio_cache_hit_ratio",
                    "Hits divided by lookups since the start; 0 before the first lookup.",
                    &[("cache", home.name()), ("layer", layer)],
                    move || lookups.hit_ratio(),
                )?;
            }
            // Weak, because the level may own the metrics.
            let level = Arc::downgrade(level);
            metrics.observe_float(
                "folio_cache_entries",
                "Entries, including invalidated ones that are not yet replaced.",
                &[("cache", home.name()), ("layer", "l1")],
                move || level.upgrade().map_or(0.0, |level| level.l1.len() as f64),
            )?;
        }
        let write_buffer = Arc::clone(&self.write_buffer);
        metrics.observe_float(
            "folio_cache_behind_queue",
            "Documents with acknowledged writes that are not yet in the database.",
            &[],
            move || write_buffer.len() as f64,
        )?;
        let write_buffer = Arc::clone(&self.write_buffer);
        metrics.observe_float(
            "folio_cache_behind_oldest_seconds",
            "Age of the oldest of these writes.",
            &[],
            move || write_buffer.oldest().as_secs_f64(),
        )
    }
}

impl TwoLevel {
    fn stats(&self) -> TwoLevelStats {
        let counters = &self.counters;
        TwoLevelStats {
            l1: LookupStats::of(&counters.l1),
            l2: LookupStats::of(&counters.l2),
            entries: self.l1.len(),
            capacity: self.l1.capacity(),
            loads: counters.loads.get(),
            early_loads: counters.early_loads.get(),
            promotions: counters.promotions.get(),
            demotions: counters.demoted.get(),
            stale_fills: counters.stale_l1_fills.get() + counters.stale_l2_fills.get(),
            stale_reads: counters.read_past_queue.get() + counters.read_unlinked.get(),
            lock_waits: counters.lock_served.get() + counters.lock_overdue.get(),
        }
    }
}

impl LookupStats {
    fn of(lookups: &LookupCounters) -> Self {
        Self {
            hits: lookups.hits.get(),
            misses: lookups.misses.get(),
            shared: lookups.shared.get(),
            errors: lookups.errors.get(),
            hit_ratio: lookups.hit_ratio(),
        }
    }
}
