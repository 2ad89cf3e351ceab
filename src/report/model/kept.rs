//! Rows for the metrics that are kept of the target.

use std::fmt::Write as _;

use crate::plan::threshold::Unit;
use crate::record::{Distribution, KeptSum, RunHeader, Totals};
use crate::scenario::{KeptKind, KeptMetric};
use crate::units::show_count;

/// A row for a kept metric.
#[derive(Debug, Clone)]
pub struct KeptRow {
    /// Its name, its selector and its kind.
    pub metric: KeptMetric,
    /// Its readings in measured time.
    pub sum: KeptSum,
}

/// The rows of a run, in the order of the scenario.
pub(super) fn rows(header: &RunHeader, totals: &Totals) -> Vec<KeptRow> {
    let row = |metric: &KeptMetric| KeptRow {
        metric: metric.clone(),
        sum: totals.kept().get(&metric.name).cloned().unwrap_or_default(),
    };
    header.kept_metrics.iter().map(row).collect()
}

impl KeptRow {
    /// The name in thresholds: `target.queue`.
    pub fn name(&self) -> String {
        format!("target.{}", self.metric.name)
    }

    /// True if it is the distribution of a histogram.
    pub const fn is_histogram(&self) -> bool {
        self.sum.observed().is_some()
    }

    /// A number of it with its unit.
    pub fn show(&self, number: f64) -> String {
        match self.metric.kind {
            KeptKind::Value | KeptKind::Quotient => Unit::Count.show(number),
            KeptKind::Seconds => Unit::Us.show(number * 1e6),
            KeptKind::Bytes => Unit::Bytes.show(number),
            KeptKind::Rate => Unit::PerSecond.show(number),
        }
    }

    /// A number of it with its unit, or a dash.
    pub fn shown(&self, number: Option<f64>) -> String {
        number.map_or_else(|| "–".to_owned(), |number| self.show(number))
    }

    /// A quantile of a histogram with its unit, or a dash.
    pub fn shown_quantile(&self, quantile: f64) -> String {
        let observed = self.sum.observed();
        self.shown(observed.and_then(|observed| observed.at_quantile(quantile)))
    }

    /// The bounds of the bucket in which a quantile of a histogram lies: `2.5 ms to 5 ms`; `None` without observations.
    pub fn bounds_of_quantile(&self, quantile: f64) -> Option<String> {
        let (low, high) = self.sum.observed()?.bounds_at(quantile)?;
        Some(match (low, high) {
            (Some(low), Some(high)) => format!("{} to {}", self.show(low), self.show(high)),
            (Some(low), None) => format!("above {}", self.show(low)),
            (None, Some(high)) => format!("up to {}", self.show(high)),
            (None, None) => return None,
        })
    }

    /// Its readings in a few words.
    pub fn told(&self) -> String {
        let sum = &self.sum;
        let mut told = if self.is_histogram() {
            let count = sum.observed().map_or(0.0, Distribution::count);
            format!(
                "{} observed, mean {}, p50 {}, p95 {}, p99 {}",
                show_count(count as u64),
                self.shown(sum.mean()),
                self.shown_quantile(0.50),
                self.shown_quantile(0.95),
                self.shown_quantile(0.99),
            )
        } else if sum.readings == 0 {
            "no reading".to_owned()
        } else {
            format!(
                "mean {}, min {}, max {}, last {}",
                self.shown(sum.mean()),
                self.shown(sum.min()),
                self.shown(sum.max()),
                self.shown(sum.last()),
            )
        };
        match sum.gaps {
            0 => {}
            1 => told.push_str("; 1 gap"),
            gaps => {
                let _ = write!(told, "; {} gaps", show_count(gaps));
            }
        }
        told
    }
}
