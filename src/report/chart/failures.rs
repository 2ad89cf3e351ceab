//! Failures over time, one lane per class, so that the reader does not have to distinguish colours.

use super::plot::{Sheet, draw};
use super::{Axis, Ink, Point, readouts, time_axis, warm_up};
use crate::report::RenderError;
use crate::report::model::Report;
use crate::units::{show_count, show_rate};

/// The classes, each with its own lane.
const MOST_LANES: usize = 8;

/// The height of the highest bar, as a fraction of its lane.
const FULL: f64 = 0.78;

/// The chart; `None` without failures.
pub(in crate::report) fn failures(report: &Report) -> Result<Option<String>, RenderError> {
    let mut lanes = Vec::new();
    for group in &report.failures {
        if !lanes.contains(&group.outcome) {
            lanes.push(group.outcome);
        }
    }
    lanes.truncate(MOST_LANES);
    if lanes.is_empty() {
        return Ok(None);
    }
    let height = 54 + 46 * lanes.len() as i32;
    let mut sheet = Sheet::wide(
        "failures",
        "Failed requests over time, by class",
        "One lane per class of failure; a higher bar means more failed requests in that time span. The table below contains the counts.",
        height,
    );
    sheet.left = 130;
    let y = Axis {
        from: 0.0,
        to: lanes.len() as f64,
        ticks: Vec::new(),
    };
    let readout = |point: &Point| {
        if point.failures.is_empty() {
            return "nothing failed".to_owned();
        }
        let counts: Vec<_> = point
            .failures
            .iter()
            .map(|(outcome, count)| format!("{outcome}: {}", show_count(*count)))
            .collect();
        counts.join("\n")
    };
    draw(
        &sheet,
        time_axis(report),
        y,
        &readouts(report, readout),
        |plot| {
            warm_up(plot, report)?;
            plot.axes()?;
            for (index, outcome) in lanes.iter().enumerate() {
                let base = (lanes.len() - 1 - index) as f64;
                let rate =
                    |point: &Point| point.rate(point.failures.get(outcome).copied().unwrap_or(0));
                let peak = report.timeline.iter().map(rate).fold(0.0, f64::max);
                if let (Some(first), Some(last)) = (report.timeline.first(), report.timeline.last())
                {
                    let (from, to) = (first.start.as_secs_f64(), last.end.as_secs_f64());
                    plot.path(&[(from, base), (to, base)], Ink::Grid, 10)?;
                }
                for point in &report.timeline {
                    let rate = rate(point);
                    if rate > 0.0 {
                        plot.fill(
                            (point.start.as_secs_f64(), base),
                            // A single failure must still be visible.
                            (
                                point.end.as_secs_f64(),
                                base + (rate / peak * FULL).max(0.05),
                            ),
                            Ink::Failed,
                        )?;
                    }
                }
                plot.row_label(base + 0.4, outcome.name(), Ink::Strong)?;
                let peak = format!("≤ {}", show_rate(peak));
                plot.end_labels(&[(base + 0.4, peak, Ink::Text)])?;
            }
            Ok(())
        },
    )
    .map(Some)
}
