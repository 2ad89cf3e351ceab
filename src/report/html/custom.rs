//! The table of custom metrics.

use serde::Serialize;

use crate::report::chart;
use crate::report::model::{CustomRow, Report};
use crate::scenario::MetricType;
use crate::units::{show_count, show_number, show_percent, show_rate};

/// A row for a metric.
#[derive(Debug, Serialize)]
pub(super) struct CustomLine<'a> {
    name: &'a str,
    unit: &'a str,
    kind: &'static str,
    is_failing: bool,
    cells: Vec<String>,
    spark: String,
}

pub(super) fn custom(report: &Report) -> Vec<CustomLine<'_>> {
    report.custom.iter().map(line).collect()
}

fn line(row: &CustomRow) -> CustomLine<'_> {
    let counts = &row.counts;
    let has = |kinds: &[MetricType]| counts.count > 0 && kinds.contains(&row.kind);
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), show_number);
    let sum = match row.share() {
        Some(share) => show_percent(share),
        None => number(has(&[MetricType::Counter]).then(|| counts.total())),
    };
    let has_range = has(&[MetricType::Trend, MetricType::Gauge]);
    let at = row.percentiles;
    CustomLine {
        name: &row.name,
        unit: &row.unit,
        kind: row.kind.word(),
        is_failing: counts.refused > 0,
        cells: vec![
            show_count(counts.count),
            show_count(counts.refused),
            sum,
            row.per_second.map_or_else(|| "–".to_owned(), show_rate),
            number(has(&[MetricType::Gauge]).then(|| counts.last.1.number())),
            number(has_range.then(|| counts.min.number())),
            number(counts.mean().filter(|_| has(&[MetricType::Trend]))),
            number(at.map(|at| at.p50)),
            number(at.map(|at| at.p95)),
            number(at.map(|at| at.p99)),
            number(has_range.then(|| counts.max.number())),
        ],
        spark: chart::spark(&row.spark),
    }
}
