//! The tables of steps with their details, of flows and of checks.

use std::fmt::Write as _;

use serde::Serialize;

use super::slowest::{self, SlowLine};
use super::tables::{TimesLine, shown};
use crate::record::Timing;
use crate::report::model::{GroupRow, Report, StepRow, Times, per_second};
use crate::report::{RenderError, chart};
use crate::units::{ByteSize, show_count, show_counted, show_number, show_share};

/// The maximum number of steps with details, so that a page of a thousand steps stays small.
const MOST_DETAILS: usize = 60;

/// A row for a step.
#[derive(Debug, Serialize)]
pub(super) struct StepLine<'a> {
    name: &'a str,
    flow: &'a str,
    tags: Vec<String>,
    requests: String,
    rate: String,
    failed: String,
    is_failing: bool,
    p50: String,
    p95: String,
    p99: String,
    max: String,
    spark: String,
    detail: Option<Detail<'a>>,
}

#[derive(Debug, Serialize)]
struct Detail<'a> {
    chart: Option<String>,
    phases: Vec<TimesLine<'static>>,
    note: String,
    slowest: Vec<SlowLine<'a>>,
}

pub(super) fn steps(report: &Report) -> Result<Vec<StepLine<'_>>, RenderError> {
    report
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let response = step.times.of_metric(Timing::ResponseTime);
            let detail = (index < MOST_DETAILS && step.counts.ended > 0)
                .then(|| detail(index, step))
                .transpose()?;
            Ok(StepLine {
                name: &step.name,
                flow: &step.flow,
                tags: step
                    .tags
                    .iter()
                    .map(|(key, value)| format!("{key}: {value}"))
                    .collect(),
                requests: show_count(step.counts.ended),
                rate: show_number(per_second(step.counts.of_load(), report.load_time)),
                failed: if step.counts.failed == 0 {
                    "0".to_owned()
                } else {
                    format!(
                        "{} ({})",
                        show_count(step.counts.failed),
                        show_share(step.counts.failed, step.counts.ended)
                    )
                },
                is_failing: step.counts.failed > 0,
                p50: shown(response, |stats| stats.p50),
                p95: shown(response, |stats| stats.p95),
                p99: shown(response, |stats| stats.p99),
                max: shown(response, |stats| stats.max),
                spark: chart::spark_of_times(&step.spark),
                detail,
            })
        })
        .collect()
}

pub(super) fn step_note(report: &Report) -> String {
    let mut note = "Response times of the requests that did not fail. Percentiles of few samples are unreliable: a p99 \
        of fewer than 1,000 requests depends on its ten slowest."
        .to_owned();
    if report.steps.len() > MOST_DETAILS {
        let _ = write!(
            note,
            "There are {} steps; the first {MOST_DETAILS} have details here, and summary.json contains the figures of \
             all.",
            show_count(report.steps.len() as u64)
        );
    }
    note
}

fn detail(index: usize, step: &StepRow) -> Result<Detail<'_>, RenderError> {
    let counts = &step.counts;
    let statuses: Vec<String> = counts
        .statuses
        .iter()
        .map(|(status, count)| format!("{status}: {}", show_count(*count)))
        .collect();
    let statuses = if statuses.is_empty() {
        "none".to_owned()
    } else {
        statuses.join(", ")
    };
    let resent = match counts.resent {
        0 => String::new(),
        resent => format!("{} sent again, ", show_count(resent)),
    };
    Ok(Detail {
        chart: chart::step_percentiles(&format!("step-{index}"), &step.curve)?,
        phases: phases(&step.times),
        note: format!(
            "Statuses {statuses}. {} opened, {} followed, {resent}{} read, {} written.",
            show_counted(counts.connections, "connection"),
            show_counted(counts.redirects, "redirect"),
            ByteSize(counts.bytes_in),
            ByteSize(counts.bytes_out)
        ),
        slowest: slowest::lines(&step.slowest),
    })
}

fn phases(times: &Times) -> Vec<TimesLine<'static>> {
    [
        ("Response time", Timing::ResponseTime),
        ("Service time", Timing::ServiceTime),
        ("To the first byte", Timing::Ttfb),
        ("Connect", Timing::Connect),
        ("TLS handshake", Timing::Tls),
        ("Failed", Timing::FailedTime),
        ("Timed out: at least", Timing::TimedOut),
    ]
    .into_iter()
    .filter_map(|(name, timing)| {
        let stats = times.of_metric(timing).recorded()?;
        Some(TimesLine {
            name,
            cells: std::iter::once(show_count(stats.count))
                .chain([stats.p50, stats.p95, stats.p99, stats.max].map(|time| time.to_string()))
                .collect(),
        })
    })
    .collect()
}

pub(super) fn flows(report: &Report) -> Vec<Vec<String>> {
    report
        .flows
        .iter()
        .map(|flow| {
            let iteration = flow.times.of_metric(Timing::IterationTime);
            let lag = flow.times.of_metric(Timing::StartLag);
            vec![
                flow.name.clone(),
                show_count(flow.counts.judged_iterations()),
                show_count(flow.counts.failed_iterations()),
                show_count(flow.counts.interrupted - flow.counts.cut_off),
                shown(iteration, |stats| stats.p50),
                shown(iteration, |stats| stats.p95),
                shown(iteration, |stats| stats.p99),
                shown(lag, |stats| stats.p99),
            ]
        })
        .collect()
}

/// A row for a group.
#[derive(Debug, Serialize)]
pub(super) struct GroupLine<'a> {
    name: &'a str,
    /// Its own name, indented below the group around it.
    branch: String,
    flow: &'a str,
    is_failing: bool,
    /// Ended, failed, interrupted, p50, p95, p99 and maximum.
    cells: Vec<String>,
}

pub(super) fn groups(report: &Report) -> Vec<GroupLine<'_>> {
    let lines = report.groups.iter().map(|group| {
        let time = group.times.of_metric(Timing::GroupTime);
        let around = |other: &&GroupRow| {
            let is_prefix = |rest: &str| rest.starts_with(" / ");
            other.flow == group.flow && group.name.strip_prefix(&*other.name).is_some_and(is_prefix)
        };
        // The longest prefix is the group directly around it.
        let outer = report.groups.iter().filter(around);
        let outer = outer.map(|other| other.name.len() + " / ".len()).max();
        let depth = report.groups.iter().filter(around).count();
        let own = &group.name[outer.unwrap_or(0)..];
        GroupLine {
            name: &group.name,
            branch: format!("{}{own}", "\u{2003}".repeat(depth)),
            flow: &group.flow,
            is_failing: group.counts.failed > 0,
            cells: vec![
                show_count(group.counts.ended),
                show_count(group.counts.failed),
                show_count(group.counts.interrupted),
                shown(time, |stats| stats.p50),
                shown(time, |stats| stats.p95),
                shown(time, |stats| stats.p99),
                shown(time, |stats| stats.max),
            ],
        }
    });
    lines.collect()
}

/// A row for a check.
#[derive(Debug, Serialize)]
pub(super) struct CheckLine<'a> {
    name: &'a str,
    step: &'a str,
    flow: &'a str,
    passed: String,
    failed: String,
    is_failing: bool,
    share: String,
}

pub(super) fn checks(report: &Report) -> Vec<CheckLine<'_>> {
    report
        .checks
        .iter()
        .map(|check| CheckLine {
            name: &check.name,
            step: &check.step,
            flow: &check.flow,
            passed: show_count(check.counts.passed),
            failed: show_count(check.counts.failed),
            is_failing: check.counts.failed > 0,
            share: show_share(
                check.counts.passed,
                check.counts.passed + check.counts.failed,
            ),
        })
        .collect()
}
