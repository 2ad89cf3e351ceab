//! The percentile distribution: time against log 1/(1−q), so that p90, p99 and p99.9 are equally far apart.

use super::plot::{Plot, Sheet, draw};
use super::{Axis, Ink};
use crate::report::RenderError;
use crate::report::model::{CurvePoint, Report};
use crate::units::Micros;

/// Response and service time over all steps; `None` if there are too few samples for a curve.
pub(in crate::report) fn percentiles(report: &Report) -> Result<Option<String>, RenderError> {
    let (response, service) = (&report.response_curve, &report.service_curve);
    let (Some(first), Some(end)) = (response.first(), response.last()) else {
        return Ok(None);
    };
    let least = service
        .first()
        .map_or(first.time, |point| point.time.min(first.time));
    let most = service
        .last()
        .map_or(end.time, |point| point.time.max(end.time));
    let sheet = Sheet::wide(
        "percentiles",
        "Percentile distribution",
        "Response time and service time at each percentile. The horizontal axis is logarithmic in 1/(1−q); it ends where fewer than ten slower requests remain. The table below contains the numbers.",
        300,
    );
    let y = Axis::log_time(least, most);
    draw(&sheet, Axis::nines(end.nines), y, &[], |plot| {
        plot.axes()?;
        let mut labels = Vec::new();
        if !report.has_one_time() {
            stroke(plot, service, Ink::Second, 18)?;
            labels.extend(
                service
                    .last()
                    .map(|point| (log(point.time), "service".to_owned(), Ink::Second)),
            );
        }
        stroke(plot, response, Ink::First, 22)?;
        labels.push((log(end.time), "response".to_owned(), Ink::First));
        plot.end_labels(&labels)
    })
    .map(Some)
}

/// A small curve for a single step.
pub(in crate::report) fn step_percentiles(
    id: &str,
    curve: &[CurvePoint],
) -> Result<Option<String>, RenderError> {
    let (Some(first), Some(end)) = (curve.first(), curve.last()) else {
        return Ok(None);
    };
    let sheet = Sheet {
        id,
        title: "Percentile distribution of the step's response time",
        description: "The response time at each percentile; the curve ends where fewer than ten slower requests remain.",
        width: 520,
        height: 190,
        left: 62,
        right: 20,
        top: 12,
        bottom: 26,
    };
    let y = Axis::log_time(first.time, end.time);
    draw(&sheet, Axis::nines(end.nines), y, &[], |plot| {
        plot.axes()?;
        stroke(plot, curve, Ink::First, 18)
    })
    .map(Some)
}

fn stroke(
    plot: &mut Plot<'_>,
    curve: &[CurvePoint],
    ink: Ink,
    width: u32,
) -> Result<(), RenderError> {
    let points: Vec<(f64, f64)> = curve
        .iter()
        .map(|point| (point.nines, log(point.time)))
        .collect();
    plot.path(&points, ink, width)
}

fn log(time: Micros) -> f64 {
    (time.0.max(1) as f64).log10()
}
