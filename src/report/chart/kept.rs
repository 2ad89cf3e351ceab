//! A kept metric of the target over time: a line, or the median and the 99th percentile of a histogram.

use super::plot::{Sheet, draw};
use super::{Axis, Ink, Point, last, most, over_time, readouts, stages, time_axis, warm_up};
use crate::record::{Distribution, KeptSum};
use crate::report::RenderError;
use crate::report::model::{KeptRow, Report};
use crate::units::show_count;

/// A line: its name, its ink, its width and its number at a point.
type Line = (&'static str, Ink, u32, fn(&KeptSum) -> Option<f64>);

const OF_HISTOGRAM: [Line; 2] = [
    ("p99", Ink::P99, 18, |sum| {
        sum.observed()
            .and_then(|observed| observed.at_quantile(0.99))
    }),
    ("p50", Ink::P50, 22, |sum| {
        sum.observed()
            .and_then(|observed| observed.at_quantile(0.50))
    }),
];

const OF_NUMBER: [Line; 1] = [("", Ink::First, 22, KeptSum::mean)];

/// The chart of a metric; `None` if there is nothing to draw.
pub(in crate::report) fn kept(
    report: &Report,
    row: &KeptRow,
) -> Result<Option<String>, RenderError> {
    let lines: &[Line] = if row.is_histogram() {
        &OF_HISTOGRAM
    } else {
        &OF_NUMBER
    };
    let at = |point: &Point| point.kept.get(&row.metric.name).cloned();
    let drawn: Vec<_> = lines
        .iter()
        .map(|&(name, ink, width, number)| {
            let points = over_time(report, |point| {
                point.kept.get(&row.metric.name).and_then(number)
            });
            (name, ink, width, points)
        })
        .collect();
    if drawn.iter().all(|(.., points)| last(points).is_none()) {
        return Ok(None);
    }
    let title = format!("{} over time", row.name());
    let id = format!("target-{}", row.metric.name.replace('_', "-"));
    let sheet = Sheet::wide(
        &id,
        &title,
        "A metric that the target tells about itself. A break in the line is a gap: nothing was read then.",
        170,
    );
    let top = drawn.iter().map(|(.., points)| most(points));
    let least = drawn.iter().flat_map(|(.., points)| points);
    let is_signed = least.filter_map(|(_, y)| *y).any(|y| y < 0.0);
    let y = if is_signed {
        let sizes = drawn.iter().flat_map(|(.., points)| points);
        let size = sizes
            .filter_map(|(_, y)| *y)
            .map(f64::abs)
            .fold(0.0, f64::max);
        Axis::signed(size, |number| row.show(number))
    } else {
        Axis::linear(top.fold(0.0, f64::max), |number| row.show(number))
    };
    let words = |point: &Point| match at(point) {
        None => "no reading".to_owned(),
        Some(sum) if sum.readings == 0 => "gap: the scrape failed".to_owned(),
        Some(sum) if row.is_histogram() => {
            let told = lines
                .iter()
                .map(|(name, _, _, number)| format!("{name} {}\n", row.shown(number(&sum))));
            let count = sum.observed().map_or(0.0, Distribution::count);
            format!(
                "{}{} observed",
                told.collect::<String>(),
                show_count(count as u64)
            )
        }
        Some(sum) => row.shown(sum.mean()),
    };
    let readouts = readouts(report, words);
    draw(&sheet, time_axis(report), y, &readouts, |plot| {
        warm_up(plot, report)?;
        plot.axes()?;
        stages(plot, report)?;
        let mut labels = Vec::new();
        for (name, ink, width, points) in &drawn {
            plot.line(points, *ink, *width)?;
            if let Some(end) = last(points).filter(|_| !name.is_empty()) {
                labels.push((end, (*name).to_owned(), *ink));
            }
        }
        plot.end_labels(&labels)
    })
    .map(Some)
}
