//! The numbers that a threshold on a kept metric of the target needs from a part of the run.

use super::tally::Reading;
use crate::plan::threshold::{Aggregate, Metric};
use crate::record::{Distribution, Interval, KeptReading, KeptSum, TargetHealth};

/// A kept metric over a part of the run.
#[derive(Debug, Clone)]
pub(super) struct KeptTally {
    metric: Metric,
    sum: KeptSum,
}

/// Adds a later part of the run.
pub(super) fn merge(sum: &mut Option<Box<KeptTally>>, later: Option<&KeptTally>) {
    match (sum, later) {
        (Some(sum), Some(later)) => sum.sum.merge(&later.sum),
        (sum @ None, later) => *sum = later.map(|later| Box::new(later.clone())),
        (Some(_), None) => {}
    }
}

impl KeptTally {
    /// The metric with this name, `target.queue`, in an interval.
    pub(super) fn of(metric: Metric, name: &str, interval: &Interval) -> Self {
        let mut sum = KeptSum::default();
        let name = name.strip_prefix("target.").unwrap_or(name);
        if let Some(reading) = interval.monitored.readings.get(name) {
            sum.add(reading.as_ref(), interval.start, interval.end);
        }
        Self { metric, sum }
    }

    /// The requests that a target that Gander started served, and the CPU time that it used for them in an interval.
    pub(super) fn work(requests: u64, target: &TargetHealth, interval: &Interval) -> Self {
        let mut sum = KeptSum::default();
        let work = KeptReading::Quotient(requests as f64, target.cpu_us as f64 / 1e6);
        sum.add(Some(&work), interval.start, interval.end);
        Self {
            metric: Metric::TargetWork,
            sum,
        }
    }

    /// The aggregate; without a value if it is undefined, such as a percentile of a gauge. The samples are observations of
    /// a histogram, or readings of another metric.
    pub(super) fn read(&self, aggregate: Aggregate) -> Reading {
        let sum = &self.sum;
        let observed = sum.observed();
        // Limits on times are in µs.
        let unit = match self.metric {
            Metric::KeptSeconds => 1e6,
            _ => 1.0,
        };
        let scaled = |number: Option<f64>| number.map(|number| number * unit);
        let value = match aggregate {
            Aggregate::Percentile(quantile) => {
                scaled(observed.and_then(|observed| observed.at_quantile(quantile.value())))
            }
            Aggregate::Mean => scaled(sum.mean()),
            Aggregate::Ratio => sum.mean(),
            Aggregate::Min => scaled(sum.min()),
            Aggregate::Max => scaled(sum.max()),
            Aggregate::Last => scaled(sum.last()),
            Aggregate::Rate if self.metric == Metric::KeptRate => sum.mean(),
            Aggregate::Rate => observed.and_then(Distribution::rate),
            Aggregate::Count => observed.map(Distribution::count),
            Aggregate::StandardDeviation | Aggregate::Apdex(_) => None,
        };
        let samples = match observed {
            Some(observed) => observed.count() as u64,
            None => sum.readings,
        };
        Reading { value, samples }
    }
}
