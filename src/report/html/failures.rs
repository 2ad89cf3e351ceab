//! The table of failures: each group with its meaning, its time span and its first request.

use serde::Serialize;

use crate::report::model::Report;
use crate::report::text;
use crate::units::{show_count, show_share};

/// The maximum number of groups shown.
pub(super) const MOST_LINES: usize = 200;

/// A group of failures.
#[derive(Debug, Serialize)]
pub(super) struct FailureLine<'a> {
    class: String,
    meaning: &'static str,
    step: &'a str,
    flow: &'a str,
    count: String,
    in_warm_up: Option<String>,
    share: String,
    first: String,
    last: String,
    example: Option<ExampleLine<'a>>,
}

#[derive(Debug, Serialize)]
struct ExampleLine<'a> {
    detail: &'a str,
    request: &'a str,
    at: String,
    status: Option<u16>,
}

pub(super) fn failures(report: &Report) -> Vec<FailureLine<'_>> {
    let groups = report.failures.iter().take(MOST_LINES);
    groups
        .map(|group| FailureLine {
            class: group.class(),
            meaning: group.outcome.meaning(),
            step: &group.step,
            flow: &group.flow,
            count: show_count(group.count),
            in_warm_up: (group.in_warm_up > 0).then(|| show_count(group.in_warm_up)),
            share: show_share(group.count, report.requests.ended),
            first: text::clock(group.first_seen),
            last: text::clock(group.last_seen),
            example: group.example.as_ref().map(|example| ExampleLine {
                detail: &example.detail,
                request: &example.request,
                at: text::clock(example.at),
                status: example.status,
            }),
        })
        .collect()
}

/// The number of groups that are not shown.
pub(super) fn left_out(report: &Report) -> u64 {
    report.failures.len().saturating_sub(MOST_LINES) as u64 + report.failures_left_out
}
