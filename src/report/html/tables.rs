//! The page's tables, each cell as it is shown.

use std::fmt::Write as _;

use serde::Serialize;

use crate::outcome::Outcome;
use crate::plan::threshold::{Metric, Standing};
use crate::record::Timing;
use crate::report::model::distribution::Stats;
use crate::report::model::{Report, StepRow, ThresholdRow, Times, per_second};
use crate::report::{RenderError, chart, text};
use crate::scenario::{Severity, Window};
use crate::units::{ByteSize, Micros, show_duration};

const DASH: &str = "–";

/// Steps whose distribution and phases can be opened; a page of a thousand stays light.
const MOST_DETAILS: usize = 60;

/// A threshold's line.
#[derive(Debug, Serialize)]
pub(super) struct ThresholdLine<'a> {
    word: &'static str,
    mark: &'static str,
    tone: &'static str,
    expression: &'a str,
    note: String,
    observed: String,
    limit: String,
    margin: String,
    samples: String,
    first: String,
}

pub(super) fn thresholds(report: &Report) -> Vec<ThresholdLine<'_>> {
    report
        .thresholds
        .iter()
        .map(|row| {
            let (word, mark, tone) = standing(row);
            ThresholdLine {
                word,
                mark,
                tone,
                expression: &row.expression,
                note: threshold_note(row, report),
                observed: row
                    .observed
                    .map_or_else(|| DASH.to_owned(), |value| text::in_unit(value, row.unit)),
                limit: format!(
                    "{} {}",
                    row.comparator.symbol(),
                    text::in_unit(row.limit, row.unit)
                ),
                margin: row.margin().map_or_else(|| DASH.to_owned(), signed_percent),
                samples: text::count(row.samples),
                first: row
                    .first_violation
                    .map_or_else(|| DASH.to_owned(), text::clock),
            }
        })
        .collect()
}

/// A standing in a word, with its mark and its tone.
pub(in crate::report) const fn standing(
    row: &ThresholdRow,
) -> (&'static str, &'static str, &'static str) {
    match (row.standing, row.severity) {
        (Standing::Pass, _) => ("Holds", "✓", "pass"),
        (Standing::Fail, Severity::Fail) => ("Broken", "✗", "fail"),
        (Standing::Fail, Severity::Warn) => ("Broken (warns)", "!", "care"),
        (Standing::NoData, _) => ("No data", "?", "fail"),
    }
}

fn threshold_note(row: &ThresholdRow, report: &Report) -> String {
    let window = match row.window {
        Window::Total => "over the whole run".to_owned(),
        Window::Rolling(length) => format!("in every {}", show_duration(length)),
        Window::Sustained(length) => format!("a breach counts after {}", show_duration(length)),
    };
    let origin = match row.line {
        Some(line) => format!("line {line}"),
        None => "built in".to_owned(),
    };
    let is_time = matches!(row.metric, Metric::ResponseTime | Metric::ServiceTime);
    let timed_out = report.time(Timing::TimedOut).count;
    if is_time && timed_out > 0 {
        format!("{window}; {origin}; requests that timed out count at their limit")
    } else {
        format!("{window}; {origin}")
    }
}

/// A distance from a limit as a part of it, with its sign: `+12 %` inside, `−3.1 %` outside.
pub(in crate::report) fn signed_percent(margin: f64) -> String {
    let sign = if margin > 0.0 { "+" } else { "" };
    let percent = margin * 100.0;
    if percent.abs() >= 10.0 {
        format!("{sign}{} %", text::number(percent.round()))
    } else {
        format!("{sign}{}", text::percent(margin))
    }
}

/// A line of the response times in numbers: from–to, requests, share, share up to there.
pub(super) type HeatLine = (String, String, String, String);

pub(super) fn heat(report: &Report) -> Vec<HeatLine> {
    let map = &report.heatmap;
    let all: u64 = map.columns.iter().flat_map(|column| &column.counts).sum();
    let mut so_far = 0;
    map.rows
        .iter()
        .enumerate()
        .map(|(row, (low, high))| {
            let count: u64 = map.columns.iter().map(|column| column.counts[row]).sum();
            so_far += count;
            (
                format!(
                    "{} – {}",
                    Micros(low.round() as u64),
                    Micros(high.round() as u64)
                ),
                text::count(count),
                text::share(count, all),
                text::share(so_far, all),
            )
        })
        .collect()
}

/// A timing's line.
#[derive(Debug, Serialize)]
pub(super) struct TimesLine {
    name: &'static str,
    cells: Vec<String>,
}

pub(super) fn times(report: &Report) -> Vec<TimesLine> {
    let response = if report.is_closed() {
        "Response = service time"
    } else {
        "Response time"
    };
    [
        (response, Timing::ResponseTime),
        ("Service time", Timing::ServiceTime),
        ("Time to first byte", Timing::Ttfb),
        ("Connect", Timing::Connect),
        ("TLS handshake", Timing::Tls),
        ("Failed requests", Timing::FailedTime),
        ("Timed out: at least", Timing::TimedOut),
        ("Iteration time", Timing::IterationTime),
        ("Start lag of iterations", Timing::StartLag),
    ]
    .into_iter()
    .filter(|(_, timing)| !(report.is_closed() && *timing == Timing::ServiceTime))
    .filter_map(|(name, timing)| {
        let stats = report.time(timing).recorded()?;
        let cells = [
            stats.min,
            Micros(stats.mean.round() as u64),
            stats.p50,
            stats.p75,
            stats.p90,
            stats.p95,
            stats.p99,
            stats.p99_9,
            stats.max,
        ];
        Some(TimesLine {
            name,
            cells: std::iter::once(text::count(stats.count))
                .chain(cells.iter().map(Micros::to_string))
                .collect(),
        })
    })
    .collect()
}

pub(super) fn timeline(report: &Report) -> Vec<Vec<String>> {
    report
        .timeline
        .iter()
        .map(|point| {
            let time = |of: fn(&crate::report::model::Spread) -> Micros| {
                point
                    .response
                    .as_ref()
                    .map_or_else(|| DASH.to_owned(), |spread| of(spread).to_string())
            };
            let from = text::clock(point.start);
            let mut row = vec![
                if point.is_warm_up {
                    format!("{from} (warm-up)")
                } else {
                    from
                },
                point.active_users.to_string(),
                text::number(point.rate(point.offered)),
                text::number(point.rate(point.started)),
                text::number(point.in_flight),
                text::number(point.rate(point.requests)),
                text::count(point.failed),
                time(|spread| spread.p50),
                time(|spread| spread.p95),
                time(|spread| spread.p99),
                time(|spread| spread.max),
                text::percent(point.generator_cpu),
                ByteSize(point.generator_rss).to_string(),
            ];
            if report.target.is_some() {
                let (cpu, memory) = point.target.map_or_else(
                    || (DASH.to_owned(), DASH.to_owned()),
                    |(cpu, rss)| (text::percent(cpu), ByteSize(rss).to_string()),
                );
                row.extend([cpu, memory]);
            }
            row
        })
        .collect()
}

/// A class of failures.
#[derive(Debug, Serialize)]
pub(super) struct FailureLine<'a> {
    class: &'static str,
    meaning: &'static str,
    count: String,
    in_warm_up: Option<String>,
    share: String,
    first: String,
    last: String,
    steps: Vec<(&'a str, String)>,
    example: Option<Sample<'a>>,
}

#[derive(Debug, Serialize)]
struct Sample<'a> {
    detail: &'a str,
    request: &'a str,
    at: String,
    step: &'a str,
    status: Option<u16>,
}

pub(super) fn failures(report: &Report) -> Vec<FailureLine<'_>> {
    const MOST_STEPS: usize = 4;
    report
        .failures
        .iter()
        .map(|class| FailureLine {
            class: class.outcome.name(),
            meaning: meaning(class.outcome),
            count: text::count(class.count),
            in_warm_up: (class.in_warm_up > 0).then(|| text::count(class.in_warm_up)),
            share: text::share(class.count, report.requests.ended),
            first: text::clock(class.first_seen),
            last: text::clock(class.last_seen),
            steps: class
                .steps
                .iter()
                .take(MOST_STEPS)
                .map(|(step, count)| (step.as_str(), text::count(*count)))
                .collect(),
            example: class.example.as_ref().map(|example| Sample {
                detail: &example.detail,
                request: &example.request,
                at: text::clock(example.at),
                step: &example.step,
                status: example.status,
            }),
        })
        .collect()
}

/// What a class of failure says, in a phrase.
const fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "no failure",
        Outcome::Status => "status 400 or above",
        Outcome::Check => "a check on the response did not hold",
        Outcome::Capture => "a value to capture was not there",
        Outcome::Dns => "the host name did not resolve",
        Outcome::ConnectRefused => "the target refused the connection",
        Outcome::ConnectTimeout => "no connection within the limit",
        Outcome::ConnectFailed => "the connection failed",
        Outcome::Tls => "the TLS handshake failed",
        Outcome::Reset => "the connection was closed before the response was whole",
        Outcome::Timeout => "no whole response within the limit",
        Outcome::BadResponse => "the response was not valid HTTP",
        Outcome::BodyLimit => "the body was larger than allowed",
        Outcome::Redirect => "a redirect that may not be followed",
        Outcome::AddressRefused => "an address this run may not reach",
        Outcome::FdLimit => "this machine ran out of open files: not the target's fault",
        Outcome::PortLimit => "this machine ran out of local ports: not the target's fault",
        Outcome::Interrupted => "ended by the stop of the run",
    }
}

/// A step's line.
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
    detail: Option<Detail>,
}

#[derive(Debug, Serialize)]
struct Detail {
    chart: Option<String>,
    phases: Vec<TimesLine>,
    note: String,
}

pub(super) fn steps(report: &Report) -> Result<Vec<StepLine<'_>>, RenderError> {
    report
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let response = step.times.of_timing(Timing::ResponseTime);
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
                requests: text::count(step.counts.ended),
                rate: text::number(per_second(step.counts.ended, report.measured)),
                failed: if step.counts.failed == 0 {
                    "0".to_owned()
                } else {
                    format!(
                        "{} ({})",
                        text::count(step.counts.failed),
                        text::share(step.counts.failed, step.counts.ended)
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
    let mut note = "Response times of the requests that did not fail. Percentiles of few samples say little: a p99 of fewer \
                    than 1,000 requests is the story of its ten slowest."
        .to_owned();
    if report.steps.len() > MOST_DETAILS {
        let _ = write!(
            note,
            " There are {} steps; the first {MOST_DETAILS} can be opened, and the figures of all are in summary.json.",
            text::count(report.steps.len() as u64)
        );
    }
    note
}

fn detail(index: usize, step: &StepRow) -> Result<Detail, RenderError> {
    let counts = &step.counts;
    let statuses: Vec<String> = counts
        .statuses
        .iter()
        .map(|(status, count)| format!("{status}: {}", text::count(*count)))
        .collect();
    let statuses = if statuses.is_empty() {
        "none".to_owned()
    } else {
        statuses.join(", ")
    };
    Ok(Detail {
        chart: chart::step_percentiles(&format!("step-{index}"), &step.curve)?,
        phases: phases(&step.times),
        note: format!(
            "Statuses {statuses}. {} connections opened, {} redirects followed, {} read, {} written.",
            text::count(counts.connections),
            text::count(counts.redirects),
            ByteSize(counts.bytes_in),
            ByteSize(counts.bytes_out)
        ),
    })
}

fn phases(times: &Times) -> Vec<TimesLine> {
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
        let stats = times.of_timing(timing).recorded()?;
        Some(TimesLine {
            name,
            cells: std::iter::once(text::count(stats.count))
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
            let iteration = flow.times.of_timing(Timing::IterationTime);
            let lag = flow.times.of_timing(Timing::StartLag);
            vec![
                flow.name.clone(),
                text::count(flow.counts.ended),
                text::count(flow.counts.failed),
                shown(iteration, |stats| stats.p50),
                shown(iteration, |stats| stats.p95),
                shown(iteration, |stats| stats.p99),
                shown(lag, |stats| stats.p99),
            ]
        })
        .collect()
}

/// A check's line.
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
            passed: text::count(check.counts.passed),
            failed: text::count(check.counts.failed),
            is_failing: check.counts.failed > 0,
            share: text::share(
                check.counts.passed,
                check.counts.passed + check.counts.failed,
            ),
        })
        .collect()
}

fn shown(stats: &Stats, of: impl Fn(&Stats) -> Micros) -> String {
    stats
        .recorded()
        .map_or_else(|| DASH.to_owned(), |stats| of(stats).to_string())
}
