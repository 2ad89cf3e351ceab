//! Values of custom metrics over time, for sparklines: at most sixty points.

use std::collections::BTreeMap;

use super::timeline::intervals_per_point;
use crate::record::bins::Sum;
use crate::record::values::at_quantile;
use crate::record::{Interval, Millionths, Recorded};
use crate::scenario::{CustomMetric, MetricType};

/// Collects intervals into points.
#[derive(Debug)]
pub(super) struct CustomSparks {
    per_point: u64,
    /// Intervals in the current point.
    intervals: u64,
    closed: usize,
    open: BTreeMap<String, Recorded<Sum>>,
    points: BTreeMap<String, Vec<Option<f64>>>,
}

impl CustomSparks {
    const MAX_POINTS: u64 = 60;

    pub(super) fn new(intervals: u64) -> Self {
        Self {
            per_point: intervals_per_point(intervals, Self::MAX_POINTS),
            intervals: 0,
            closed: 0,
            open: BTreeMap::new(),
            points: BTreeMap::new(),
        }
    }

    pub(super) fn absorb(&mut self, interval: &Interval, metrics: &[CustomMetric]) {
        if self.intervals >= self.per_point && !interval.is_tail() {
            self.close(metrics);
        }
        for (name, part) in &interval.values {
            self.open.entry(name.clone()).or_default().absorb(part);
        }
        self.intervals += 1;
    }

    /// A point is the p95 of a trend, the sum of a counter, the last value of a gauge or the share of a rate.
    fn close(&mut self, metrics: &[CustomMetric]) {
        for (name, recorded) in &mut self.open {
            let declared = metrics.iter().find(|metric| metric.name == *name);
            let kind = declared.map_or(MetricType::Trend, |metric| metric.kind);
            let counts = std::mem::take(&mut recorded.counts);
            let p95 = at_quantile(&recorded.bins, &counts, 0.95);
            drop(recorded.bins.take());
            let point = match kind {
                MetricType::Trend => p95.map_or(0.0, Millionths::number),
                MetricType::Counter => counts.total(),
                MetricType::Gauge => counts.last.1.number(),
                MetricType::Rate => counts.mean().unwrap_or_default(),
            };
            let points = self.points.entry(name.clone()).or_default();
            points.resize(self.closed, None);
            points.push((counts.count > 0).then_some(point));
        }
        self.closed += 1;
        self.intervals = 0;
    }

    /// The points of each metric, by its name.
    pub(super) fn finish(mut self, metrics: &[CustomMetric]) -> BTreeMap<String, Vec<Option<f64>>> {
        if self.intervals > 0 {
            self.close(metrics);
        }
        self.points
    }
}
