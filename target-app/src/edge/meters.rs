//! Metrics of the edge.

use prometheus::{Gauge, Histogram, IntCounter, IntGauge};

use super::local::EdgeLookup;
use crate::metrics::Metrics;

/// The metrics, with every label looked up in advance.
pub(super) struct EdgeMetrics {
    pub(super) hits: IntCounter,
    pub(super) misses: IntCounter,
    pub(super) revalidated: IntCounter,
    pub(super) off: IntCounter,
    ratio: Gauge,
    pub(super) bytes: IntGauge,
    pub(super) purges: Purges,
    pub(super) purged: IntCounter,
    pub(super) prefetched: IntCounter,
    /// The origin generated a body.
    pub(super) made: Histogram,
    /// The origin answered "not modified".
    pub(super) unchanged: Histogram,
}

/// Purges by provider and result.
pub(super) struct Purges {
    pub(super) local: IntCounter,
    pub(super) remote: IntCounter,
    pub(super) remote_failed: IntCounter,
}

/// Values of an empty label set.
const NONE: &[&str] = &[];

impl EdgeMetrics {
    pub(super) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let requests = metrics.counters(
            "folio_edge_requests_total",
            "Requests for assets by result at the edge.",
            &["result"],
        )?;
        let purges = metrics.counters(
            "folio_edge_purges_total",
            "Purges by provider and result.",
            &["provider", "result"],
        )?;
        let origin = metrics.seconds(
            "folio_edge_origin_seconds",
            "Time of the origin's answer, by result.",
            &["answer"],
        )?;
        let counter = |name, help| {
            let family = metrics.counters(name, help, &[]);
            family.map(|family| family.with_label_values(NONE))
        };
        let ratio = metrics.ratios(
            "folio_edge_hit_ratio",
            "Hits divided by requests to the edge since the start, 0 to 1.",
            &[],
        )?;
        let bytes = metrics.gauges("folio_edge_bytes", "Bytes of the cached bodies.", &[])?;
        Ok(Self {
            hits: requests.with_label_values(&["hit"]),
            misses: requests.with_label_values(&["miss"]),
            revalidated: requests.with_label_values(&["revalidated"]),
            off: requests.with_label_values(&["off"]),
            ratio: ratio.with_label_values(NONE),
            bytes: bytes.with_label_values(NONE),
            purges: Purges {
                local: purges.with_label_values(&["local", "done"]),
                remote: purges.with_label_values(&["http", "done"]),
                remote_failed: purges.with_label_values(&["http", "failed"]),
            },
            purged: counter("folio_edge_purged_total", "Copies removed by purges.")?,
            prefetched: counter(
                "folio_edge_prefetches_total",
                "Assets prefetched because a page links to them.",
            )?,
            made: origin.with_label_values(&["whole"]),
            unchanged: origin.with_label_values(&["unchanged"]),
        })
    }

    /// Counts a request answered by the edge.
    pub(super) fn count(&self, found: EdgeLookup) {
        match found {
            EdgeLookup::Hit => self.hits.inc(),
            EdgeLookup::Miss => self.misses.inc(),
            EdgeLookup::Revalidated => self.revalidated.inc(),
        }
        self.ratio.set(self.hit_ratio());
    }

    /// Hits divided by requests, 0 to 1; 0 before the first request.
    pub(super) fn hit_ratio(&self) -> f64 {
        let hits = self.hits.get();
        let all = hits + self.misses.get() + self.revalidated.get();
        hits as f64 / all.max(1) as f64
    }
}
