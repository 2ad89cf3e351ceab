//! The tables of the slowest requests: the parts of their time, and what made them.

use serde::Serialize;

use crate::record::Phases;
use crate::report::model::{Report, SlowRow};
use crate::report::text;
use crate::units::{Micros, show_number};

/// A row for a request.
#[derive(Debug, Serialize)]
pub(super) struct SlowLine<'a> {
    time: String,
    ended: String,
    is_failing: bool,
    step: &'a str,
    flow: &'a str,
    at: String,
    offered: Option<String>,
    parts: Vec<PartLine>,
    request: &'a str,
    by: String,
    notes: Vec<String>,
    values: &'a [(String, String)],
    trace: Option<&'a str>,
    trace_url: Option<&'a str>,
    is_unsampled: bool,
    server_timing: Option<&'a str>,
}

/// A part of its time.
#[derive(Debug, Serialize)]
struct PartLine {
    name: &'static str,
    time: String,
    /// Its share of the response time, in percent.
    share: String,
    /// The number of its colour.
    colour: usize,
}

/// The note above the table of the run.
pub(super) fn note(report: &Report) -> String {
    let due = if report.is_closed() {
        "iterations started"
    } else {
        "iterations due"
    };
    format!(
        "The requests with the longest response times, failed ones too; the warm-up is left out. A response time is the sum \
         of its parts. The rate is that of {due} when the request was due. Values of variables are those that the request \
         inserted; secrets are redacted."
    )
}

pub(super) fn lines(rows: &[SlowRow]) -> Vec<SlowLine<'_>> {
    rows.iter().map(line).collect()
}

fn line(row: &SlowRow) -> SlowLine<'_> {
    let request = &row.request;
    SlowLine {
        time: request.response_time.to_string(),
        ended: text::ended(request),
        is_failing: request.outcome.is_failure(),
        step: &row.step,
        flow: &row.flow,
        at: text::clock(request.intended),
        offered: row.offered.map(show_number),
        parts: parts(&request.phases, request.response_time),
        request: &request.request,
        by: text::user_and_iteration(request.user, request.iteration),
        notes: text::repeats(request),
        values: &request.values,
        trace: request.trace_id().or(request.traceparent.as_deref()),
        trace_url: row.trace_url.as_deref(),
        is_unsampled: request.trace_id().is_some() && !request.is_sampled(),
        server_timing: request.server_timing.as_deref(),
    }
}

fn parts(phases: &Phases, whole: Micros) -> Vec<PartLine> {
    let all = phases.each();
    let parts = all.map(|(phase, time)| PartLine {
        name: phase.name(),
        time: time.to_string(),
        share: format!("{:.2}", time.0 as f64 / whole.0.max(1) as f64 * 100.0),
        colour: phase as usize,
    });
    parts.collect()
}
