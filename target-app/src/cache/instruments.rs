//! The metrics of the cache: children of the metric families, stored so that counting needs no label lookup.

use std::cell::Cell;
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use crate::metrics::Metrics;

/// One of this many first-level reads is timed: two clock reads cost more than the read itself.
const SAMPLED: u32 = 256;

thread_local! {
    static READS: Cell<u32> = const { Cell::new(0) };
}

/// The metric families that both caches share.
pub(super) struct CacheMetrics {
    requests: IntCounterVec,
    operations: HistogramVec,
    promotions: IntCounterVec,
    demotions: IntCounterVec,
    loads: IntCounterVec,
    lock_waits: IntCounterVec,
    stale_fills: IntCounterVec,
    stale_reads: IntCounterVec,
    pub(super) invalidations: InvalidationCounters,
    pub(super) behind: BehindCounters,
}

/// Invalidations by origin.
pub(super) struct InvalidationCounters {
    pub(super) key: IntCounter,
    pub(super) pattern: IntCounter,
    pub(super) entity: IntCounter,
    pub(super) cascade: IntCounter,
    /// Received from another instance.
    pub(super) remote: IntCounter,
    /// A level was switched off, or messages of other instances were missed.
    pub(super) clear: IntCounter,
}

/// Results of queued writes.
#[derive(Clone)]
pub(super) struct BehindCounters {
    pub(super) flushed: IntCounter,
    pub(super) coalesced: IntCounter,
    pub(super) failed: IntCounter,
    pub(super) refused: IntCounter,
}

/// The metrics of one cache.
pub(super) struct CacheCounters {
    pub(super) l1: LookupCounters,
    pub(super) l2: LookupCounters,
    pub(super) promotions: IntCounter,
    pub(super) demoted: IntCounter,
    /// Evicted entries that were stale, already in the second level, or arrived when the queue was full.
    pub(super) not_demoted: IntCounter,
    pub(super) loads: IntCounter,
    pub(super) early_loads: IntCounter,
    pub(super) warm_loads: IntCounter,
    /// Another instance loaded the entry while this one waited for its lock.
    pub(super) lock_served: IntCounter,
    /// The wait was too long, so this instance loaded too.
    pub(super) lock_overdue: IntCounter,
    pub(super) stale_l1_fills: IntCounter,
    pub(super) stale_l2_fills: IntCounter,
    /// Lists that were read while writes were queued.
    pub(super) read_past_queue: IntCounter,
    /// First-level hits while messages of other instances may be missing.
    pub(super) read_unlinked: IntCounter,
    pub(super) l1_get: Histogram,
    pub(super) l1_set: Histogram,
    pub(super) l1_delete: Histogram,
    pub(super) l2_get: Histogram,
    pub(super) l2_set: Histogram,
    pub(super) l2_delete: Histogram,
}

/// Results of the lookups in one level.
#[derive(Clone)]
pub(super) struct LookupCounters {
    pub(super) hits: IntCounter,
    pub(super) misses: IntCounter,
    /// Misses that another reader's load answered.
    pub(super) shared: IntCounter,
    pub(super) errors: IntCounter,
}

impl CacheMetrics {
    pub(super) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let invalidations = metrics.counters(
            "folio_cache_invalidations_total",
            "Invalidations by origin.",
            &["by"],
        )?;
        let by = |by| invalidations.with_label_values(&[by]);
        let behind = metrics.counters(
            "folio_cache_behind_total",
            "Queued writes by result; failed counts flushes.",
            &["result"],
        )?;
        let became = |result| behind.with_label_values(&[result]);
        Ok(Self {
            requests: metrics.counters(
                "folio_cache_requests_total",
                "Cache lookups by result.",
                &["cache", "layer", "result"],
            )?,
            operations: metrics.seconds(
                "folio_cache_op_seconds",
                "Time of an operation on a cache level; one l1 get in 256 is measured.",
                &["op", "layer"],
            )?,
            promotions: metrics.counters(
                "folio_cache_promotions_total",
                "Entries copied from L2 to L1.",
                &["cache"],
            )?,
            demotions: metrics.counters(
                "folio_cache_demotions_total",
                "Entries evicted from L1, by the result of the write to L2.",
                &["cache", "result"],
            )?,
            loads: metrics.counters(
                "folio_cache_loads_total",
                "Loads from the database by reason.",
                &["cache", "cause"],
            )?,
            lock_waits: metrics.counters(
                "folio_cache_lock_waits_total",
                "Waits for another instance's load by result.",
                &["cache", "result"],
            )?,
            stale_fills: metrics.counters(
                "folio_cache_stale_fills_total",
                "Loads not stored because of an invalidation during the load.",
                &["cache", "layer"],
            )?,
            stale_reads: metrics.counters(
                "folio_cache_stale_reads_total",
                "Reads that may have returned data older than an acknowledged write.",
                &["cache", "cause"],
            )?,
            invalidations: InvalidationCounters {
                key: by("key"),
                pattern: by("pattern"),
                entity: by("entity"),
                cascade: by("cascade"),
                remote: by("remote"),
                clear: by("clear"),
            },
            behind: BehindCounters {
                flushed: became("flushed"),
                coalesced: became("coalesced"),
                failed: became("failed"),
                refused: became("refused"),
            },
        })
    }

    /// The metrics of the cache with this name.
    pub(super) fn of(&self, cache: &'static str) -> CacheCounters {
        let lookups = |layer| {
            let became = |result| self.requests.with_label_values(&[cache, layer, result]);
            LookupCounters {
                hits: became("hit"),
                misses: became("miss"),
                shared: became("shared"),
                errors: became("error"),
            }
        };
        let operation = |op, layer| self.operations.with_label_values(&[op, layer]);
        let child = |family: &IntCounterVec, value| family.with_label_values(&[cache, value]);
        CacheCounters {
            l1: lookups("l1"),
            l2: lookups("l2"),
            promotions: self.promotions.with_label_values(&[cache]),
            demoted: child(&self.demotions, "stored"),
            not_demoted: child(&self.demotions, "dropped"),
            loads: child(&self.loads, "miss"),
            early_loads: child(&self.loads, "early"),
            warm_loads: child(&self.loads, "warm"),
            lock_served: child(&self.lock_waits, "served"),
            lock_overdue: child(&self.lock_waits, "overdue"),
            stale_l1_fills: child(&self.stale_fills, "l1"),
            stale_l2_fills: child(&self.stale_fills, "l2"),
            read_past_queue: child(&self.stale_reads, "queued_write"),
            read_unlinked: child(&self.stale_reads, "link_lost"),
            l1_get: operation("get", "l1"),
            l1_set: operation("set", "l1"),
            l1_delete: operation("delete", "l1"),
            l2_get: operation("get", "l2"),
            l2_set: operation("set", "l2"),
            l2_delete: operation("delete", "l2"),
        }
    }
}

impl LookupCounters {
    /// Hits divided by all lookups, 0 to 1, including lookups that waited for another load and those that failed; 0
    /// before the first.
    pub(super) fn hit_ratio(&self) -> f64 {
        let all = [&self.hits, &self.misses, &self.shared, &self.errors];
        let all: u64 = all.iter().map(|counter| counter.get()).sum();
        let (hits, all) = (self.hits.get() as f64, all as f64);
        if all > 0.0 { hits / all } else { 0.0 }
    }
}

/// Whether this first-level read is one of the 1 in 256 that are timed.
pub(super) fn is_sampled() -> bool {
    READS.with(|reads| {
        let count = reads.get().wrapping_add(1);
        reads.set(count);
        count.is_multiple_of(SAMPLED)
    })
}

/// Awaits an operation and records its duration in `histogram`.
pub(super) async fn timed<T>(histogram: &Histogram, operation: impl Future<Output = T>) -> T {
    let began = std::time::Instant::now();
    let answer = operation.await;
    observe(histogram, began.elapsed());
    answer
}

/// Records a duration in `histogram`.
pub(super) fn observe(histogram: &Histogram, took: Duration) {
    histogram.observe(took.as_secs_f64());
}
