//! Response time over time: p50, p95, p99 and the maximum on a log axis.

use super::plot::{Sheet, draw};
use super::{Axis, Ink, last, over_time, readouts, stages, time_axis, warm_up};
use crate::plan::threshold::{Metric, Unit};
use crate::report::RenderError;
use crate::report::model::{Report, Spread};
use crate::units::Micros;

/// A percentile: its name, its ink and its value.
type Line = (&'static str, Ink, u32, fn(&Spread) -> Micros);

const LINES: [Line; 4] = [
    ("max", Ink::Max, 10, |spread| spread.max),
    ("p99", Ink::P99, 18, |spread| spread.p99),
    ("p95", Ink::P95, 18, |spread| spread.p95),
    ("p50", Ink::P50, 22, |spread| spread.p50),
];

/// The chart; `None` if no request succeeded.
pub(in crate::report) fn latency(report: &Report) -> Result<Option<String>, RenderError> {
    let spreads = || report.timeline.iter().filter_map(|point| point.response);
    let (Some(least), Some(most)) = (
        spreads().map(|spread| spread.p50).min(),
        spreads().map(|spread| spread.max).max(),
    ) else {
        return Ok(None);
    };
    let sheet = Sheet::wide(
        "latency",
        "Response time over time",
        "Median, 95th and 99th percentile and maximum of the response time in each time span, on a logarithmic axis. \
         The timeline table contains the numbers.",
        330,
    );
    let words = |point: &super::Point| match point.response {
        Some(spread) => format!(
            "p50 {}\np95 {}\np99 {}\nmax {}\n{} requests, {} failed",
            spread.p50, spread.p95, spread.p99, spread.max, point.requests, point.failed
        ),
        None => format!(
            "no response\n{} requests, {} failed",
            point.requests, point.failed
        ),
    };
    let y = Axis::log_time(least, most);
    draw(
        &sheet,
        time_axis(report),
        y,
        &readouts(report, words),
        |plot| {
            warm_up(plot, report)?;
            for violation in report.time_violations() {
                let (from, to) = (violation.from.as_secs_f64(), violation.to.as_secs_f64());
                plot.band(from, to, Ink::Violation)?;
            }
            plot.axes()?;
            stages(plot, report)?;
            limits(plot, report)?;
            let mut labels = Vec::new();
            for (name, ink, width, of) in LINES {
                let points = over_time(report, |point| {
                    point.response.map(|spread| log(of(&spread)))
                });
                plot.line(&points, ink, width)?;
                if let Some(end) = last(&points) {
                    labels.push((end, name.to_owned(), ink));
                }
            }
            plot.end_labels(&labels)
        },
    )
    .map(Some)
}

/// Limits on response times over all steps, as dashed lines if they are inside the chart.
fn limits(plot: &mut super::Plot<'_>, report: &Report) -> Result<(), RenderError> {
    let axis = time_axis(report);
    for threshold in &report.thresholds {
        let limit = threshold.limit.unwrap_or_default();
        let is_here = threshold.metric == Metric::ResponseTime
            && threshold.is_over_all
            && threshold.unit == Unit::Us
            && limit >= 1.0;
        let at = limit.max(1.0).log10();
        if is_here && plot.shows(at) {
            plot.path(&[(axis.from, at), (axis.to, at)], Ink::Limit, 12)?;
            let from = axis.from + (axis.to - axis.from) * 0.008;
            plot.note(
                (from, at),
                &format!("limit: {}", threshold.expression),
                Ink::Limit,
            )?;
        }
    }
    Ok(())
}

fn log(time: Micros) -> f64 {
    (time.0.max(1) as f64).log10()
}
