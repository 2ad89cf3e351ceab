//! CPU and memory of the generator and of a target that Gander started, over time.

use std::fmt::Write as _;

use super::plot::{Sheet, draw};
use super::{Axis, Ink, last, most, over_time, readouts, time_axis, warm_up};
use crate::report::RenderError;
use crate::report::model::Report;
use crate::units::{ByteSize, show_percent};

/// Bytes; the ticks of the axis are whole numbers of these.
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// CPU usage as a fraction of all cores; `None` without intervals.
pub(in crate::report) fn cpu(report: &Report) -> Result<Option<String>, RenderError> {
    if report.timeline.is_empty() {
        return Ok(None);
    }
    let sheet = Sheet::wide(
        "cpu",
        "CPU usage over time",
        "CPU usage of the generator, and of the target if Gander started it, as a percentage of all cores. The timeline table contains the numbers.",
        200,
    );
    let generator = over_time(report, |point| Some(point.generator_cpu));
    let target = over_time(report, |point| point.target.map(|(cpu, _)| cpu));
    let mut y = Axis::linear(most(&generator).max(most(&target)).max(0.1), show_percent);
    y.ticks.retain(|tick| tick.at <= 1.0 + 1e-9);
    let words = |point: &super::Point| {
        let mut words = format!(
            "generator {}\nlongest delay of its event loop {}",
            show_percent(point.generator_cpu),
            point.loop_delay_max
        );
        if let Some((cpu, _)) = point.target {
            let _ = write!(words, "\ntarget {}", show_percent(cpu));
        }
        words
    };
    draw(
        &sheet,
        time_axis(report),
        y,
        &readouts(report, words),
        |plot| {
            warm_up(plot, report)?;
            plot.axes()?;
            plot.line(&generator, Ink::First, 18)?;
            plot.line(&target, Ink::Second, 18)?;
            plot.end_labels(&ends(&[
                (&generator, "generator", Ink::First),
                (&target, "target", Ink::Second),
            ]))
        },
    )
    .map(Some)
}

/// Resident memory; `None` without intervals.
pub(in crate::report) fn memory(report: &Report) -> Result<Option<String>, RenderError> {
    if report.timeline.is_empty() {
        return Ok(None);
    }
    let sheet = Sheet::wide(
        "memory",
        "Memory over time",
        "Resident memory of the generator, and of the target if Gander started it. The timeline table contains the numbers.",
        200,
    );
    let mebibytes = |bytes: u64| bytes as f64 / MEBIBYTE;
    let generator = over_time(report, |point| Some(mebibytes(point.generator_rss)));
    let target = over_time(report, |point| point.target.map(|(_, rss)| mebibytes(rss)));
    let y = Axis::linear(most(&generator).max(most(&target)), |value| {
        ByteSize((value * MEBIBYTE) as u64).to_string()
    });
    let words = |point: &super::Point| {
        let mut words = format!("generator {}", ByteSize(point.generator_rss));
        if let Some((_, rss)) = point.target {
            let _ = write!(words, "\ntarget {}", ByteSize(rss));
        }
        words
    };
    draw(
        &sheet,
        time_axis(report),
        y,
        &readouts(report, words),
        |plot| {
            warm_up(plot, report)?;
            plot.axes()?;
            plot.line(&generator, Ink::First, 18)?;
            plot.line(&target, Ink::Second, 18)?;
            plot.end_labels(&ends(&[
                (&generator, "generator", Ink::First),
                (&target, "target", Ink::Second),
            ]))
        },
    )
    .map(Some)
}

/// The points of a line, its name and its ink.
type Named<'a> = (&'a [(f64, Option<f64>)], &'a str, Ink);

fn ends(lines: &[Named<'_>]) -> Vec<(f64, String, Ink)> {
    lines
        .iter()
        .filter_map(|(points, name, ink)| Some((last(points)?, (*name).to_owned(), *ink)))
        .collect()
}
