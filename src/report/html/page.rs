//! The template's input: every text and number of the page, already formatted.

use std::fmt::Write as _;

use serde::Serialize;

use super::STYLE;
use super::capacity::{self, CapacityBlock};
use super::custom::{self, CustomLine};
use super::failures::{self, FailureLine};
use super::guide::GUIDE;
use super::kept::{self, KeptLine};
use super::slowest::{self, SlowLine};
use super::steps::{self, CheckLine, GroupLine, StepLine};
use super::tables::{self, HeatLine, ThresholdLine, TimesLine};
use super::tiles::{self, Tile};
use crate::compare::Comparison;
use crate::record::LogLine;
use crate::report::compare::Line;
use crate::report::model::Report;
use crate::report::summary::Summary;
use crate::report::{RenderError, analysis, chart, text};
use crate::units::{ByteSize, show_count, show_counted, show_duration, show_number, show_share};
use crate::verdict::Conclusion;

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct Page<'a> {
    css: &'static str,
    gander: &'a str,
    scenario: &'a str,
    run_id: &'a str,
    started_at: &'a str,
    description: Option<&'a str>,
    verdict: Banner<'a>,
    facts: Vec<(&'static str, String)>,
    warnings: Vec<String>,
    analysis: Vec<String>,
    tiles: Vec<Tile>,
    thresholds: Vec<ThresholdLine<'a>>,
    capacity: Option<CapacityBlock<'a>>,
    baseline: Option<BaselineBlock>,
    model_note: String,
    has_warm_up: bool,
    has_violation: bool,
    charts: Charts,
    heat_legend: String,
    heat_peak: String,
    heat_rows: Vec<HeatLine>,
    times: Vec<TimesLine<'a>>,
    load_note: String,
    rates_title: (&'static str, &'static str),
    timeline: Vec<Vec<String>>,
    has_target: bool,
    failures: Vec<FailureLine<'a>>,
    failure_note: String,
    unmeasured: Vec<(&'static str, &'a str, &'a str)>,
    failed_iterations: Vec<(&'a str, &'static str, String, &'a str)>,
    log: Vec<(String, String, &'a str)>,
    slowest: Vec<SlowLine<'a>>,
    slowest_note: String,
    steps: Vec<StepLine<'a>>,
    step_note: String,
    flows: Vec<Vec<String>>,
    groups: Vec<GroupLine<'a>>,
    checks: Vec<CheckLine<'a>>,
    custom: Vec<CustomLine<'a>>,
    kept: Vec<KeptLine<'a>>,
    scrape_note: String,
    health: Vec<Tile>,
    health_note: &'static str,
    generator_warnings: &'a [String],
    provenance: Vec<(&'static str, String, bool)>,
    guide: &'static [(&'static str, &'static str)],
    summary: String,
}

/// The verdict.
#[derive(Debug, Serialize)]
struct Banner<'a> {
    word: &'static str,
    mark: &'static str,
    tone: &'static str,
    reason: &'a str,
}

/// The page's charts; `None` without data.
#[derive(Debug, Serialize)]
struct Charts {
    capacity: Option<String>,
    latency: Option<String>,
    heatmap: Option<String>,
    percentiles: Option<String>,
    rates: Option<String>,
    users: Option<String>,
    knee: Option<String>,
    failures: Option<String>,
    cpu: Option<String>,
    memory: Option<String>,
}

/// The comparison with the baseline.
#[derive(Debug, Serialize)]
struct BaselineBlock {
    reason: String,
    runs: usize,
    rows: Vec<Line>,
}

impl BaselineBlock {
    fn of(comparison: &Comparison) -> Self {
        let rows = if comparison.conditions.void.is_some() {
            Vec::new()
        } else {
            let steps = comparison.changed_steps();
            let rows = comparison.gates.iter().chain(&comparison.others);
            rows.chain(&steps).map(Line::of).collect()
        };
        Self {
            reason: comparison.reason.clone(),
            runs: comparison.a.len(),
            rows,
        }
    }
}

impl<'a> Page<'a> {
    pub(super) fn of(report: &'a Report) -> Result<Self, RenderError> {
        let header = &report.header;
        let (word, mark, tone) = conclusion(report.verdict.conclusion);
        Ok(Self {
            css: STYLE,
            gander: &header.gander,
            scenario: &header.scenario,
            run_id: &header.run_id,
            started_at: &header.started_at,
            description: header.description.as_deref(),
            verdict: Banner {
                word,
                mark,
                tone,
                reason: &report.verdict.reason,
            },
            facts: facts(report),
            warnings: warnings(report),
            analysis: analysis::analyse(report)
                .into_iter()
                .map(|found| found.text)
                .collect(),
            tiles: tiles::outcome(report),
            thresholds: tables::thresholds(report),
            capacity: capacity::capacity(report),
            baseline: report.baseline.as_deref().map(BaselineBlock::of),
            model_note: model_note(report),
            has_warm_up: report.timeline.iter().any(|point| point.is_warm_up),
            has_violation: report.time_violations().next().is_some(),
            charts: Charts {
                capacity: chart::capacity(report)?,
                latency: chart::latency(report)?,
                heatmap: chart::heatmap(report)?,
                percentiles: chart::percentiles(report)?,
                rates: chart::rates(report)?,
                users: chart::users(report)?,
                knee: chart::knee(report)?,
                failures: chart::failures(report)?,
                cpu: chart::cpu(report)?,
                memory: chart::memory(report)?,
            },
            heat_legend: chart::heat_legend(),
            heat_peak: show_count(report.heatmap.peak),
            heat_rows: tables::heat(report),
            times: tables::times(report),
            load_note: load_note(report),
            rates_title: chart::rates_title(report),
            timeline: tables::timeline(report),
            has_target: report.target.is_some(),
            failures: failures::failures(report),
            failure_note: failure_note(report),
            unmeasured: report
                .unmeasured_failures
                .iter()
                .map(|failure| {
                    let example = &failure.example;
                    let class = failure.outcome.name();
                    (class, example.detail.as_str(), example.request.as_str())
                })
                .collect(),
            failed_iterations: report
                .failed_iterations
                .iter()
                .map(|group| {
                    let class = group.outcome.name();
                    (&*group.flow, class, group.iterations(), group.reason())
                })
                .collect(),
            log: report.log.iter().map(log_line).collect(),
            slowest: slowest::lines(&report.slowest),
            slowest_note: slowest::note(report),
            steps: steps::steps(report)?,
            step_note: steps::step_note(report),
            flows: steps::flows(report),
            groups: steps::groups(report),
            checks: steps::checks(report),
            custom: custom::custom(report),
            kept: kept::kept(report)?,
            scrape_note: kept::note(report),
            health: tiles::health(report),
            health_note: "The health of the machine that generated the load. If it could not keep up, the results \
                describe the generator, not the target.",
            generator_warnings: &report.verdict.generator_warnings,
            provenance: provenance(report),
            guide: GUIDE,
            summary: serde_json::to_string(&Summary::of(report))?.replace('<', "\\u003c"),
        })
    }
}

/// A conclusion as a word, with its mark and its style on the page.
pub(in crate::report) const fn conclusion(
    conclusion: Conclusion,
) -> (&'static str, &'static str, &'static str) {
    match conclusion {
        Conclusion::Pass => ("Passed", "✓", "pass"),
        Conclusion::NoVerdict => ("No verdict", "–", "care"),
        Conclusion::Fail => ("Failed", "✗", "fail"),
        Conclusion::NoData => ("No data", "?", "fail"),
        Conclusion::Invalid => ("Invalid", "!", "fail"),
        Conclusion::Interrupted => ("Interrupted", "■", "care"),
        Conclusion::Regressed => ("Regressed", "▲", "fail"),
        Conclusion::Inconclusive => ("Inconclusive", "≈", "care"),
    }
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let header = &report.header;
    let mut measured = match report.measured.0 {
        0 => "nothing".to_owned(),
        _ => text::duration(report.measured),
    };
    if header.warm_up.0 > 0 {
        let _ = write!(
            measured,
            " after {} warm-up",
            show_duration(header.warm_up.as_duration())
        );
    }
    let target = match &header.target_command {
        Some(command) => format!("started by Gander: {command}"),
        None if header.target_is_bundled => "bundled (Folio)".to_owned(),
        None => header.target.clone(),
    };
    vec![
        ("Target", target),
        ("Load", format!("{} ({})", header.load, model_word(report))),
        ("Measured", measured),
        ("Started", spoken_time(&header.started_at)),
        ("Exit code", report.verdict.exit.code().to_string()),
    ]
}

/// An RFC 3339 time in a readable form: `2026-11-20 11:00:00 UTC`.
fn spoken_time(time: &str) -> String {
    match time.strip_suffix('Z') {
        Some(rest) => format!("{} UTC", rest.replacen('T', " ", 1)),
        None => time.replacen('T', " ", 1),
    }
}

const fn model_word(report: &Report) -> &'static str {
    if report.is_closed() {
        "closed model"
    } else {
        "open model"
    }
}

fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = report.verdict.generator_warnings.clone();
    warnings.extend_from_slice(&report.verdict.warnings);
    if !report.is_complete {
        warnings.push(
            "The journal of this run is incomplete: the run was killed, the disk was full, or a file was damaged. This \
             report covers the part before that."
                .to_owned(),
        );
    }
    warnings
}

fn model_note(report: &Report) -> String {
    if report.is_closed() && !report.has_one_time() {
        "Closed model with pacing: response time counts from the scheduled start of the iteration, service time from \
         when a request was sent. Users wait while the target stalls, so stalls are under-counted."
            .to_owned()
    } else if report.is_closed() {
        "Closed model: response time equals service time. Users wait while the target stalls, so stalls are \
         under-counted."
            .to_owned()
    } else {
        "Open model: response time counts from when a request should have been sent, service time from when it was \
         sent. A stall of the target increases the response time of every request that was due during the stall."
            .to_owned()
    }
}

fn load_note(report: &Report) -> String {
    let mut note = started_note(report);
    let notes = report.iteration_notes();
    if !notes.is_empty() {
        let _ = write!(note, " Of the iterations, {}.", notes.join("; "));
    }
    note
}

fn started_note(report: &Report) -> String {
    let load = &report.load;
    if load.offered == 0 {
        "No iteration was due during the measured time.".to_owned()
    } else if report.is_closed() {
        format!(
            "{} by at most {}, {} requests in flight on average; {} were never started. In a closed model an \
             iteration starts when a user is free, so there is no schedule to fall behind.",
            show_counted(load.started, "iteration"),
            show_counted(report.peak_users, "user"),
            show_number(report.mean_in_flight),
            show_count(load.unstarted)
        )
    } else {
        format!(
            "Of {} iterations that were due, {} were started ({}), {} of them more than 1 ms late; {} were never \
             started. On average {} requests were in flight.",
            show_count(load.offered),
            show_count(load.started),
            show_share(load.started, load.offered),
            show_count(load.late),
            show_count(load.unstarted),
            show_number(report.mean_in_flight)
        )
    }
}

/// The time, the writer and the text of a line of the log.
fn log_line(line: &LogLine) -> (String, String, &str) {
    (text::clock(line.at), text::log_writer(line), &line.text)
}

fn failure_note(report: &Report) -> String {
    let requests = &report.requests;
    if report.failures.is_empty() && requests.ended == 0 {
        "No request was sent, so none failed.".to_owned()
    } else if report.failures.is_empty() {
        format!(
            "None of {} failed.",
            show_counted(requests.ended, "request")
        )
    } else {
        format!(
            "{} of {} failed ({}).{} The table groups failures by step and cause, each with its first \
             request; secrets are redacted.{}",
            show_count(requests.failed),
            show_counted(requests.ended, "request"),
            show_share(requests.failed, requests.ended),
            text::unsent(requests.unsent),
            match failures::left_out(report) {
                0 => String::new(),
                more => format!(
                    " {} more groups are not shown here; see summary.json.",
                    show_count(more)
                ),
            }
        )
    }
}

fn provenance(report: &Report) -> Vec<(&'static str, String, bool)> {
    let header = &report.header;
    let machine = &header.machine;
    let mut rows = vec![
        ("Run", header.run_id.clone(), true),
        ("Scenario", header.scenario_path.clone(), true),
        ("Scenario SHA-256", header.scenario_sha256.clone(), true),
        ("Plan hash", header.plan_hash.clone(), true),
        ("Seed", header.seed.to_string(), true),
        ("Target", header.target.clone(), true),
        ("Load", header.load.clone(), false),
    ];
    if let Some(hash) = &header.workload_hash {
        rows.push(("Workload hash", hash.clone(), true));
    }
    if header.segment.count > 1 {
        let segment = format!("{} of {}", header.segment.index + 1, header.segment.count);
        rows.push(("Segment", segment, false));
    }
    if let Some(commit) = &header.git_commit {
        rows.push(("Git commit", commit.clone(), true));
    }
    let overrides = if header.overrides.is_empty() {
        ("Overrides", "none".to_owned(), false)
    } else {
        ("Overrides", header.overrides.join(", "), true)
    };
    rows.extend([
        overrides,
        ("Gander", header.gander.clone(), false),
        (
            "Generator",
            format!(
                "{}, {} cores{}, {} memory, {}, kernel {}, at most {} open files",
                machine.cpu,
                machine.cores,
                machine.cpu_quota.map_or_else(String::new, |quota| format!(
                    " (a quota of {})",
                    show_number(quota)
                )),
                ByteSize(machine.memory_bytes),
                machine.platform,
                machine.kernel,
                show_count(machine.fd_limit)
            ),
            false,
        ),
    ]);
    rows
}
