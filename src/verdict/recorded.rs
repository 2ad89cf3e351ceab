//! The numbers that a threshold on recorded values needs from a part of the run.

use super::tally::Reading;
use crate::plan::threshold::{Aggregate, Metric};
use crate::record::ValueCounts;
use crate::record::bins::Sum;
use crate::record::values::at_quantile;
use crate::units::Micros;

/// The counts of a metric of the scenario's own, or of a name in `server-timing` headers.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueTally {
    metric: Metric,
    counts: ValueCounts,
}

/// Adds the counts of a later part of the run.
pub(super) fn merge(sum: &mut Option<ValueTally>, later: Option<ValueTally>) {
    match (sum, later) {
        (Some(sum), Some(later)) => sum.counts += later.counts,
        (sum @ None, later) => *sum = later,
        (Some(_), None) => {}
    }
}

impl ValueTally {
    pub(super) const fn of(metric: Metric, counts: ValueCounts) -> Self {
        Self { metric, counts }
    }

    /// The aggregate; without a value if it is undefined. `distribution` is that of a trend, in millionths.
    pub(super) fn read(
        &self,
        aggregate: Aggregate,
        distribution: Option<&Sum>,
        load_time: Micros,
    ) -> Reading {
        let counts = &self.counts;
        // Durations are recorded in ms, and times are judged in µs.
        let unit = match self.metric {
            Metric::ServerTiming => 1e3,
            _ => 1.0,
        };
        let one = |value: f64| (counts.count > 0).then_some(value * unit);
        let value = match aggregate {
            Aggregate::Percentile(quantile) => distribution
                .and_then(|values| at_quantile(values, counts, quantile.value()))
                .and_then(|value| one(value.number())),
            Aggregate::StandardDeviation => distribution
                .map(|values| values.standard_deviation() / 1e6)
                .and_then(one),
            Aggregate::Min => one(counts.min.number()),
            Aggregate::Max => one(counts.max.number()),
            Aggregate::Last => one(counts.last.1.number()),
            Aggregate::Mean | Aggregate::Ratio => counts.mean().and_then(one),
            Aggregate::Rate => {
                let seconds = load_time.as_secs_f64();
                (load_time > Micros::ZERO).then(|| counts.total() / seconds)
            }
            Aggregate::Count => Some(match self.metric {
                Metric::CustomCounter => counts.total(),
                _ => counts.count as f64,
            }),
            Aggregate::Apdex(_) => None,
        };
        Reading {
            value,
            samples: counts.count,
        }
    }
}
