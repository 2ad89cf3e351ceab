//! The search for the capacity: throughput against requests in flight, with the law that was fitted.

use super::plot::{Sheet, draw};
use super::{Axis, Ink};
use crate::record::LevelResult;
use crate::report::RenderError;
use crate::report::model::{CapacitySearch, Report};
use crate::units::{show_number, show_rate};

/// The number of lines by which the curve is drawn.
const LINES: usize = 60;

/// The chart; `None` without a search.
pub(in crate::report) fn capacity(report: &Report) -> Result<Option<String>, RenderError> {
    report.capacity.as_ref().map(chart).transpose()
}

fn chart(search: &CapacitySearch) -> Result<String, RenderError> {
    let sheet = Sheet::wide(
        "capacity-chart",
        "Throughput against requests in flight",
        "Each point is a rate of the search: the mean number of requests in flight, and the iterations completed per \
         second. The line is the Universal Scalability Law fitted to them. The table below contains the numbers.",
        240,
    );
    let points = |wanted: fn(LevelResult) -> bool| {
        let levels = search
            .levels
            .iter()
            .filter(move |level| wanted(level.result));
        levels.map(|level| (level.in_flight, level.completed_per_second()))
    };
    let all = || points(|_| true);
    let widest = all().map(|(n, _)| n).fold(1.0, f64::max) * 1.1;
    let highest = all().map(|(_, x)| x).fold(0.0, f64::max);
    let curve: Vec<(f64, f64)> = search
        .law
        .iter()
        .flat_map(|law| {
            (1..=LINES).map(|line| {
                let n = widest * line as f64 / LINES as f64;
                (n, law.throughput(n))
            })
        })
        .collect();
    let highest = curve.iter().map(|(_, x)| *x).fold(highest, f64::max);
    let x = Axis::linear(widest, show_number);
    let y = Axis::linear(highest, show_rate);
    draw(&sheet, x, y, &[], |plot| {
        plot.axes()?;
        plot.path(&curve, Ink::First, 14)?;
        plot.dots(points(|result| result == LevelResult::Held), Ink::P95)?;
        plot.dots(points(|result| result != LevelResult::Held), Ink::Failed)
    })
}
