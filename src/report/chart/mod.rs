//! Charts as SVG without scripts, style sheets or fonts.
//!
//! Every chart has a title and a description for screen readers, and a table of the page contains its numbers. Only
//! this module names plotters.

mod axis;
mod capacity;
mod compare;
mod distribution;
mod failures;
mod health;
mod heatmap;
mod ink;
mod kept;
mod knee;
mod latency;
mod load;
mod plot;
mod spark;
mod trend;

pub(in crate::report) use capacity::capacity;
pub(in crate::report) use compare::{distributions, forest, shift, timelines};
pub(in crate::report) use distribution::{percentiles, step_percentiles};
pub(in crate::report) use failures::failures;
pub(in crate::report) use health::{cpu, memory};
pub(in crate::report) use heatmap::{heat_legend, heatmap};
pub(in crate::report) use kept::kept;
pub(in crate::report) use knee::knee;
pub(in crate::report) use latency::latency;
pub(in crate::report) use load::{rates, rates_title, users};
pub(in crate::report) use plot::escape;
pub(in crate::report) use spark::{spark, spark_of_times};
pub(in crate::report) use trend::{TrendChart, TrendMark, TrendPoint, trend};

use axis::Axis;
use ink::Ink;
use plot::{Plot, Readout};

use super::model::{Point, Report};
use super::{RenderError, text};
use crate::plan::schedule::{Model, StageMark};
use crate::units::{Micros, show_number, show_rate};

/// The time axis of all charts over time.
fn time_axis(report: &Report) -> Axis {
    let end = report.timeline.last().map(|point| point.end);
    Axis::time(end.unwrap_or(report.ended_at))
}

/// A hover area for each point of the timeline.
fn readouts(report: &Report, words: impl Fn(&Point) -> String) -> Vec<Readout> {
    report
        .timeline
        .iter()
        .map(|point| Readout {
            from: point.start.as_secs_f64(),
            to: point.end.as_secs_f64(),
            text: format!("{}\n{}", text::clock(point.start), words(point)),
            link: None,
        })
        .collect()
}

/// The warm-up as a band; drawn first.
fn warm_up(plot: &mut Plot<'_>, report: &Report) -> Result<(), RenderError> {
    let end = report
        .timeline
        .iter()
        .take_while(|point| point.is_warm_up)
        .last()
        .map(|point| point.end.as_secs_f64());
    match end {
        Some(end) => plot.band(0.0, end, Ink::WarmUp),
        None => Ok(()),
    }
}

/// More changes by hand than can be marked.
const MOST_CHANGES: usize = 100;

/// Marks above the chart at the start of each stage, unless there are too many to read, and at each change by hand.
fn stages(plot: &mut Plot<'_>, report: &Report) -> Result<(), RenderError> {
    const MOST: usize = 8;
    let stages = report.header.stages.iter();
    let stages = stages.map(|mark| (mark.start, stage_label(mark, report)));
    let stages: Vec<(Micros, String)> = stages.collect();
    let changes = report.changes.iter();
    let changes = changes.map(|change| (change.at, change.to_string()));
    // What was done by hand is always marked; stages only as far as they can be read.
    let mut marks: Vec<(Micros, String)> = changes.take(MOST_CHANGES).collect();
    if stages.len() <= MOST {
        marks.extend(stages);
    }
    marks.sort();
    let end = report.ended_at.as_secs_f64().max(1.0);
    let mut free_from = 0.0;
    for (start, label) in marks {
        let at = start.as_secs_f64();
        if at >= end {
            break;
        }
        let fits = at >= free_from;
        plot.mark(at, if fits { label.as_str() } else { "" })?;
        if fits {
            free_from = at + label.chars().count() as f64 * 8.0 / 930.0 * end;
        }
    }
    Ok(())
}

/// The level of a stage, after its names.
fn stage_label(mark: &StageMark, report: &Report) -> String {
    let level = match mark.model.unwrap_or(report.header.model) {
        Model::Open => show_rate(mark.to),
        Model::Closed => format!("{} users", show_number(mark.to)),
    };
    let level = if (mark.from - mark.to).abs() < f64::EPSILON {
        level
    } else {
        format!("→ {level}")
    };
    let names = mark
        .load
        .iter()
        .chain(&mark.name)
        .map(|name| format!("{name}: "));
    format!("{}{level}", names.collect::<String>())
}

/// Points of the timeline as points of a line.
fn over_time(report: &Report, value: impl Fn(&Point) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
    report
        .timeline
        .iter()
        .map(|point| (point.middle(), value(point)))
        .collect()
}

/// The last number of a line, for the label at its end.
fn last(points: &[(f64, Option<f64>)]) -> Option<f64> {
    points.iter().rev().find_map(|(_, y)| *y)
}

/// The largest number of a line.
fn most(points: &[(f64, Option<f64>)]) -> f64 {
    points.iter().filter_map(|(_, y)| *y).fold(0.0, f64::max)
}
