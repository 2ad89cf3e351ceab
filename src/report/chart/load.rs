//! Charts of load and throughput: offered and achieved rates, active users, requests in flight.

use super::plot::{Sheet, draw};
use super::{Axis, Ink, last, most, over_time, readouts, stages, time_axis, warm_up};
use crate::report::RenderError;
use crate::report::model::Report;
use crate::units::{show_count, show_number, show_rate};

/// Offered and started iterations and failed requests per second; `None` without intervals.
pub(in crate::report) fn rates(report: &Report) -> Result<Option<String>, RenderError> {
    if report.timeline.is_empty() {
        return Ok(None);
    }
    let (title, words) = rates_title(report);
    let description = format!("{words} The timeline table contains the numbers.");
    let sheet = Sheet::wide("rates", title, &description, 220);
    let offered = over_time(report, |point| Some(point.rate(point.offered)));
    let started = over_time(report, |point| Some(point.rate(point.started)));
    let failed = over_time(report, |point| Some(point.rate(point.failed)));
    let top = most(&offered).max(most(&started)).max(most(&failed));
    let y = Axis::linear(top, show_rate);
    let words = |point: &super::Point| {
        format!(
            "offered {}\nachieved {}\nrequests {}\nfailed {}",
            show_rate(point.rate(point.offered)),
            show_rate(point.rate(point.started)),
            show_rate(point.rate(point.requests)),
            show_rate(point.rate(point.failed))
        )
    };
    draw(
        &sheet,
        time_axis(report),
        y,
        &readouts(report, words),
        |plot| {
            warm_up(plot, report)?;
            plot.axes()?;
            stages(plot, report)?;
            let mut labels = Vec::new();
            if !report.is_closed() {
                plot.line(&offered, Ink::Max, 24)?;
                labels.extend(last(&offered).map(|y| (y, "offered".to_owned(), Ink::Max)));
            }
            plot.line(&started, Ink::First, 18)?;
            labels.extend(last(&started).map(|y| (y, "achieved".to_owned(), Ink::First)));
            if report.timeline.iter().any(|point| point.failed > 0) {
                plot.line(&failed, Ink::Failed, 18)?;
                labels.extend(last(&failed).map(|y| (y, "failed".to_owned(), Ink::Failed)));
            }
            plot.end_labels(&labels)
        },
    )
    .map(Some)
}

/// The title of [`rates`], and what it shows. A closed model has no schedule, so nothing is offered.
pub(in crate::report) fn rates_title(report: &Report) -> (&'static str, &'static str) {
    if report.is_closed() {
        (
            "Iterations started and failed requests",
            "Iterations started and failed requests, per second.",
        )
    } else {
        (
            "Iterations due and started, and failed requests",
            "Iterations due (offered), iterations started (achieved) and failed requests, per second.",
        )
    }
}

/// Active users and requests in flight; `None` without intervals.
pub(in crate::report) fn users(report: &Report) -> Result<Option<String>, RenderError> {
    if report.timeline.is_empty() {
        return Ok(None);
    }
    let sheet = Sheet::wide(
        "users",
        "Users and requests in flight over time",
        "Active virtual users and requests in flight. The timeline table contains the numbers.",
        220,
    );
    let active = over_time(report, |point| Some(f64::from(point.active_users)));
    let in_flight = over_time(report, |point| Some(point.in_flight));
    let y = Axis::linear(most(&active).max(most(&in_flight)), show_number);
    let words = |point: &super::Point| {
        format!(
            "{} users\n{} in flight\n{} due but not started",
            point.active_users,
            show_number(point.in_flight),
            show_count(point.backlog)
        )
    };
    draw(
        &sheet,
        time_axis(report),
        y,
        &readouts(report, words),
        |plot| {
            warm_up(plot, report)?;
            plot.axes()?;
            stages(plot, report)?;
            plot.line(&active, Ink::First, 18)?;
            plot.line(&in_flight, Ink::Second, 18)?;
            let labels: Vec<_> = [
                (&active, "users", Ink::First),
                (&in_flight, "in flight", Ink::Second),
            ]
            .into_iter()
            .filter_map(|(points, name, ink)| Some((last(points)?, name.to_owned(), ink)))
            .collect();
            plot.end_labels(&labels)
        },
    )
    .map(Some)
}
