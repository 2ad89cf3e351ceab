//! Rows for metrics of the scenario's own, and for the names in `server-timing` headers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::plan::OTHER;
use crate::plan::threshold::timing_name;
use crate::record::bins::Sum;
use crate::record::{Millionths, Recorded, RunHeader, Totals, ValueCounts};
use crate::report::text::clean;
use crate::scenario::MetricType;
use crate::units::{show_count, show_number, show_percent, show_rate};

/// A row for a metric.
#[derive(Debug, Clone)]
pub struct CustomRow {
    /// Its name: `basket`, `server_timing{name="db"}`.
    pub name: String,
    /// Its type.
    pub kind: MetricType,
    /// The unit of its values; empty without one.
    pub unit: String,
    /// The exact counts of its values.
    pub counts: ValueCounts,
    /// Of a counter: its sum per second of the load.
    pub per_second: Option<f64>,
    /// Of a trend with values: percentiles.
    pub percentiles: Option<Percentiles>,
    /// Its values over time, for a sparkline: p95 of a trend, sum of a counter, last value, share.
    pub spark: Vec<Option<f64>>,
}

/// The percentiles of a trend, with three significant digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
}

impl Percentiles {
    fn of(recorded: &Recorded<Sum>) -> Option<Self> {
        let at = |quantile| recorded.at_quantile(quantile).map(Millionths::number);
        Some(Self {
            p50: at(0.5)?,
            p90: at(0.9)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
        })
    }
}

/// The rows of a run: declared metrics in the order of the scenario, then names in `server-timing` headers.
pub(super) fn rows(
    header: &RunHeader,
    totals: &Totals,
    sparks: &BTreeMap<String, Vec<Option<f64>>>,
) -> Vec<CustomRow> {
    let nothing = Recorded::default();
    let seconds = totals.load_time().as_secs_f64();
    let row = |name: &str, kind: MetricType, unit: &str| {
        let recorded = totals.values().get(name).unwrap_or(&nothing);
        let counts = recorded.counts;
        let is_counter = kind == MetricType::Counter && seconds > 0.0;
        CustomRow {
            name: clean(name),
            kind,
            unit: clean(unit),
            counts,
            per_second: is_counter.then(|| counts.total() / seconds),
            percentiles: Percentiles::of(recorded),
            spark: sparks.get(name).cloned().unwrap_or_default(),
        }
    };
    let declared = header.custom_metrics.iter().map(|metric| {
        let unit = metric.unit.as_deref().unwrap_or_default();
        row(&metric.name, metric.kind, unit)
    });
    let timings = totals.values().keys();
    let mut timings: Vec<&String> = timings.filter(|name| timing_name(name).is_some()).collect();
    timings.sort_by_key(|name| timing_name(name) == Some(OTHER));
    let timings = timings
        .into_iter()
        .map(|name| row(name, MetricType::Trend, "ms"));
    declared.chain(timings).collect()
}

impl CustomRow {
    /// The share of values that are true; `None` unless it is a rate with values.
    pub fn share(&self) -> Option<f64> {
        match self.kind {
            MetricType::Rate => self.counts.mean(),
            MetricType::Trend | MetricType::Counter | MetricType::Gauge => None,
        }
    }

    /// True if it is that of names beyond the limit.
    pub fn is_other(&self) -> bool {
        timing_name(&self.name) == Some(OTHER)
    }

    /// The name with the unit: `basket (EUR)`.
    pub fn label(&self) -> String {
        match &*self.unit {
            "" => self.name.clone(),
            unit => format!("{} ({unit})", self.name),
        }
    }

    /// Its values in a few words.
    pub fn told(&self) -> String {
        let counts = &self.counts;
        let values = match counts.count {
            1 => "1 value".to_owned(),
            count => format!("{} values", show_count(count)),
        };
        let mut told = match (self.kind, self.percentiles) {
            (_, _) if counts.count == 0 => "no value".to_owned(),
            (MetricType::Trend, Some(at)) => format!(
                "{values}, mean {}, p50 {}, p95 {}, p99 {}, max {}",
                show_number(counts.mean().unwrap_or_default()),
                show_number(at.p50),
                show_number(at.p95),
                show_number(at.p99),
                show_number(counts.max.number()),
            ),
            (MetricType::Trend, None) => values,
            (MetricType::Counter, _) => format!(
                "{} in all, {}",
                show_number(counts.total()),
                show_rate(self.per_second.unwrap_or_default())
            ),
            (MetricType::Gauge, _) => format!(
                "last {}, min {}, max {}",
                show_number(counts.last.1.number()),
                show_number(counts.min.number()),
                show_number(counts.max.number()),
            ),
            (MetricType::Rate, _) => format!(
                "{} true, of {values}",
                show_percent(self.share().unwrap_or_default())
            ),
        };
        if counts.refused > 0 {
            let _ = write!(told, "; {} not recorded", show_count(counts.refused));
        }
        told
    }
}
