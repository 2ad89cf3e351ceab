//! Response time against the achieved rate: the knee is where more load no longer gives more throughput, but waiting.

use super::plot::{Sheet, draw};
use super::{Axis, Ink, Point};
use crate::report::RenderError;
use crate::report::model::{Report, Spread};
use crate::units::{Micros, show_rate};

/// The least ratio of the highest to the lowest level of the load.
const LEAST_RATIO: f64 = 1.3;

/// The fewest points that show a relation.
const FEWEST_POINTS: usize = 10;

/// The chart; `None` if the scenario's load does not vary, or there are too few points.
pub(in crate::report) fn knee(report: &Report) -> Result<Option<String>, RenderError> {
    let levels = report.header.stages.iter();
    let levels: Vec<f64> = levels.flat_map(|stage| [stage.from, stage.to]).collect();
    let highest = levels.iter().copied().fold(0.0, f64::max);
    let lowest = levels.iter().copied().fold(f64::INFINITY, f64::min);
    let points = points(report);
    if highest < lowest * LEAST_RATIO || levels.is_empty() || points.len() < FEWEST_POINTS {
        return Ok(None);
    }
    chart(&points).map(Some)
}

/// Rates and times of the measured load.
fn points(report: &Report) -> Vec<(f64, Spread)> {
    let measured = report.timeline.iter().filter(|point| !point.is_warm_up);
    let rate = |point: &Point| point.rate(point.started);
    measured
        .filter(|point| point.started > 0)
        .filter_map(|point| Some((rate(point), point.response?)))
        .collect()
}

fn chart(points: &[(f64, Spread)]) -> Result<String, RenderError> {
    let sheet = Sheet::wide(
        "knee",
        "Response time against the achieved rate",
        "Each pair of points is a point of the timeline: p50 and p95 of the response times at the rate of iterations \
         started. The timeline table contains the numbers.",
        240,
    );
    let all = || points.iter().flat_map(|(_, times)| [times.p50, times.p95]);
    let least = all().min().unwrap_or(Micros(1));
    let most = all().max().unwrap_or(Micros(1));
    let fastest = points.iter().map(|(rate, _)| *rate).fold(0.0, f64::max);
    let dots = |of: fn(&Spread) -> Micros| {
        let points = points.iter();
        points.map(move |(rate, times)| (*rate, (of(times).0.max(1) as f64).log10()))
    };
    let label = |of: fn(&Spread) -> Micros, words: &str, ink| {
        let at_most = points.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        at_most.map(|(_, times)| ((of(times).0.max(1) as f64).log10(), words.to_owned(), ink))
    };
    let x = Axis::linear(fastest, show_rate);
    draw(&sheet, x, Axis::log_time(least, most), &[], |plot| {
        plot.axes()?;
        plot.dots(dots(|times| times.p95), Ink::P95)?;
        plot.dots(dots(|times| times.p50), Ink::P50)?;
        let labels = [
            label(|times| times.p95, "p95", Ink::P95),
            label(|times| times.p50, "p50", Ink::P50),
        ];
        let labels: Vec<_> = labels.into_iter().flatten().collect();
        plot.end_labels(&labels)
    })
}
