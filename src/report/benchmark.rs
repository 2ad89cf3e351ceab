//! Figures for github-action-benchmark, which draws them over time: a file of those that should be small, and a file of
//! those that should be large.
//!
//! Each is a list of objects with `name`, `unit`, `value` and `extra`, as its tools `customSmallerIsBetter` and
//! `customBiggerIsBetter` read it. A name has no measured value, so that its line continues from run to run.

use serde::Serialize;

use super::html::conclusion;
use super::model::{Report, Stats};
use super::{RenderError, Renderer};
use crate::record::Timing;
use crate::units::{Micros, show_count, show_counted};

/// The maximum number of steps.
const MOST_STEPS: usize = 100;

/// Writes the figures that are better if they are smaller: times and failures.
#[derive(Debug)]
pub struct BenchmarkSmaller;

/// Writes the figures that are better if they are bigger: the rate of requests.
#[derive(Debug)]
pub struct BenchmarkBigger;

impl Renderer for BenchmarkSmaller {
    fn file_name(&self) -> &'static str {
        "benchmark-smaller.json"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        written(&smaller(report))
    }
}

impl Renderer for BenchmarkBigger {
    fn file_name(&self) -> &'static str {
        "benchmark-bigger.json"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        written(&bigger(report))
    }
}

/// An entry of the list.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    /// Shown beside the value.
    extra: String,
}

fn written(figures: &[Figure]) -> Result<Vec<u8>, RenderError> {
    let mut bytes = serde_json::to_vec_pretty(figures)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A percentile, by its name.
type Percentile = (&'static str, fn(&Stats) -> Micros);

fn smaller(report: &Report) -> Vec<Figure> {
    let scenario = &report.header.scenario;
    let mut figures = Vec::new();
    let mut times = |name: String, times: &Stats, of: &[Percentile]| {
        let Some(times) = times.recorded() else {
            return;
        };
        figures.extend(of.iter().map(|(percentile, time)| Figure {
            name: format!("{name}: response time {percentile}"),
            unit: "ms",
            value: three_decimals(time(times).0 as f64 / 1e3),
            extra: extra(report),
        }));
    };
    times(
        scenario.clone(),
        report.time(Timing::ResponseTime),
        &[
            ("p50", |times| times.p50),
            ("p95", |times| times.p95),
            ("p99", |times| times.p99),
        ],
    );
    for step in report.steps.iter().take(MOST_STEPS) {
        times(
            format!("{scenario}: {} / {}", step.flow, step.name),
            step.times.of_metric(Timing::ResponseTime),
            &[("p95", |times| times.p95)],
        );
    }
    let requests = &report.requests;
    if requests.ended > 0 {
        figures.push(Figure {
            name: format!("{scenario}: failed requests"),
            unit: "%",
            value: three_decimals(requests.failed as f64 / requests.ended as f64 * 100.0),
            extra: extra(report),
        });
    }
    figures
}

fn bigger(report: &Report) -> Vec<Figure> {
    if report.requests.ended == 0 {
        return Vec::new();
    }
    vec![Figure {
        name: format!("{}: requests per second", report.header.scenario),
        unit: "requests/s",
        value: three_decimals(report.requests_per_second()),
        extra: extra(report),
    }]
}

/// What a reader needs to judge a point.
fn extra(report: &Report) -> String {
    let (word, ..) = conclusion(report.verdict.conclusion);
    format!(
        "{word}; {}, {} failed; run {}, seed {}",
        show_counted(report.requests.ended, "request"),
        show_count(report.requests.failed),
        report.header.run_id,
        report.header.seed
    )
}

fn three_decimals(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
