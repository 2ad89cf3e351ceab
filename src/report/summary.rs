//! `summary.json`: the report for programs, with the schema `gander.summary/2`. A change that can break a reader gets
//! a new schema number; a new key does not. Times are microseconds unless the key says otherwise; warm-up is
//! excluded.

mod rows;

use std::collections::BTreeMap;

use serde::Serialize;

use self::rows::{
    CheckSummary, CustomSummary, FailureSummary, FlowSummary, GroupSummary,
    IterationFailureSummary, KeptSummary, SlowSummary, StepSummary,
};
use super::analysis::{self, Finding, Topic};
use super::compare::RowDocument;
use super::model::{CapacitySearch, Report, Stats, ThresholdRow};
use super::{RenderError, Renderer};
use crate::compare::Comparison;
use crate::outcome::Outcome;
use crate::plan::schedule::Model;
use crate::plan::threshold::Unit;
use crate::record::totals::HealthTotals;
use crate::record::{LoadChange, LogLine, Scrapes, SearchEnd, SearchLevel, Standing, Timing};
use crate::scenario::{Kind, Severity};
use crate::units::Micros;
use crate::verdict::Conclusion;

/// The name of the schema.
pub const SCHEMA: &str = "gander.summary/2";

/// The schema itself, as JSON Schema.
pub const JSON_SCHEMA: &str = include_str!("summary.schema.json");

/// Writes `summary.json`.
#[derive(Debug)]
pub struct SummaryJson;

impl Renderer for SummaryJson {
    fn file_name(&self) -> &'static str {
        "summary.json"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        let mut bytes = serde_json::to_vec_pretty(&Summary::of(report))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    schema: &'static str,
    gander: &'a str,
    scenario: &'a str,
    kind: Kind,
    run_id: &'a str,
    seed: u64,
    started_at: &'a str,
    duration_s: f64,
    verdict: Conclusion,
    exit_code: u8,
    reason: &'a str,
    is_complete: bool,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_usage: Option<TargetUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload_hash: Option<&'a str>,
    plan_hash: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [LoadChange],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    analysis: Vec<FindingSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<CapacitySummary<'a>>,
    load: LoadSummary,
    totals: TotalsSummary,
    steps: Vec<StepSummary<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slowest: Vec<SlowSummary<'a>>,
    flows: Vec<FlowSummary<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupSummary<'a>>,
    checks: Vec<CheckSummary<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<CustomSummary<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    target_metrics: Vec<KeptSummary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scrapes: Option<Scrapes>,
    failures: Vec<FailureSummary<'a>>,
    failures_left_out: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_iterations: Vec<IterationFailureSummary<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    log: &'a [LogLine],
    thresholds: Vec<ThresholdSummary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<BaselineSummary<'a>>,
    generator: GeneratorSummary<'a>,
    warnings: &'a [String],
}

/// A finding of the analysis.
#[derive(Debug, Serialize)]
struct FindingSummary {
    topic: Topic,
    is_cause: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<CorrelationSummary>,
}

/// A rank correlation.
#[derive(Debug, Serialize)]
struct CorrelationSummary {
    rho: f64,
    n: usize,
    effective_n: f64,
    p: f64,
}

impl FindingSummary {
    fn of(finding: Finding) -> Self {
        Self {
            topic: finding.topic,
            is_cause: finding.topic.is_cause(),
            name: finding.name,
            text: finding.text,
            correlation: finding.correlation.map(|found| CorrelationSummary {
                rho: rounded(found.rho),
                n: found.pairs,
                effective_n: rounded(found.effective),
                p: found.p,
            }),
        }
    }
}

/// The search for the capacity.
#[derive(Debug, Serialize)]
struct CapacitySummary<'a> {
    #[serde(flatten)]
    end: Option<&'a SearchEnd>,
    levels: &'a [SearchLevel],
    #[serde(skip_serializing_if = "Option::is_none")]
    law: Option<LawSummary>,
}

/// The Universal Scalability Law.
#[derive(Debug, Serialize)]
struct LawSummary {
    lambda: f64,
    sigma: f64,
    kappa: f64,
    r_squared: f64,
}

impl<'a> CapacitySummary<'a> {
    fn of(search: &'a CapacitySearch) -> Self {
        Self {
            end: search.end.as_ref(),
            levels: &search.levels,
            law: search.law.map(|law| LawSummary {
                lambda: law.lambda,
                sigma: law.sigma,
                kappa: law.kappa,
                r_squared: law.r_squared,
            }),
        }
    }
}

/// The comparison with the baseline.
#[derive(Debug, Serialize)]
struct BaselineSummary<'a> {
    answer: &'static str,
    reason: &'a str,
    runs: Vec<&'a str>,
    gates: Vec<RowDocument<'a>>,
    figures: Vec<RowDocument<'a>>,
    steps: Vec<RowDocument<'a>>,
}

impl<'a> BaselineSummary<'a> {
    fn of(comparison: &'a Comparison) -> Self {
        Self {
            answer: comparison.answer.name(),
            reason: &comparison.reason,
            runs: comparison.a.iter().map(|run| &*run.run_id).collect(),
            gates: RowDocument::all(&comparison.gates),
            figures: RowDocument::all(&comparison.others),
            steps: RowDocument::all(&comparison.steps),
        }
    }
}

/// The resource usage of a target that Gander started.
#[derive(Debug, Serialize)]
struct TargetUsage {
    mean_cpu: f64,
    peak_cpu: f64,
    peak_rss_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_cpu_s: Option<f64>,
}

#[derive(Debug, Serialize)]
struct LoadSummary {
    model: Model,
    offered: u64,
    started: u64,
    unstarted: u64,
    late: u64,
    carried: u64,
    peak_users: u32,
    mean_in_flight: f64,
}

#[derive(Debug, Serialize)]
struct TotalsSummary {
    requests: u64,
    sent: u64,
    after_load: u64,
    failed: u64,
    interrupted: u64,
    redirects: u64,
    resent: u64,
    connections: u64,
    iterations: u64,
    failed_iterations: u64,
    interrupted_iterations: u64,
    out_of_rows: u64,
    #[serde(skip_serializing_if = "crate::record::is_zero")]
    retries: u64,
    #[serde(skip_serializing_if = "crate::record::is_zero")]
    incomplete_rendezvous: u64,
    bytes_in: u64,
    bytes_out: u64,
    requests_per_s: f64,
    warm_up_requests: u64,
    status: BTreeMap<u16, u64>,
    errors: BTreeMap<Outcome, u64>,
    response_time: TimesSummary,
    service_time: TimesSummary,
    ttfb: TimesSummary,
    connect: TimesSummary,
    tls: TimesSummary,
    failed_time: TimesSummary,
    timed_out: TimesSummary,
    start_lag: TimesSummary,
    scheduling_lag: TimesSummary,
    iteration_time: TimesSummary,
}

#[derive(Debug, Serialize)]
struct TimesSummary {
    count: u64,
    /// The other fields are null if nothing was recorded.
    min: Option<u64>,
    mean: Option<f64>,
    p50: Option<u64>,
    p75: Option<u64>,
    p90: Option<u64>,
    p95: Option<u64>,
    p99: Option<u64>,
    p99_9: Option<u64>,
    max: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ThresholdSummary<'a> {
    expression: &'a str,
    verdict: Standing,
    observed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<(f64, f64)>,
    limit: Option<f64>,
    unit: Unit,
    margin: Option<f64>,
    samples: u64,
    first_violation_us: Option<u64>,
    severity: Severity,
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct GeneratorSummary<'a> {
    cpu_s: f64,
    cpu_per_request_us: Option<f64>,
    mean_cpu: f64,
    peak_cpu: f64,
    peak_rss_bytes: u64,
    start_lag_p99_us: Option<u64>,
    scheduling_lag_p99_us: Option<u64>,
    loop_delay_max_us: u64,
    wake_up_p99_us: u64,
    stood_still_s: f64,
    stolen_cpu: f64,
    throttled_s: f64,
    warnings: &'a [String],
}

impl<'a> Summary<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let header = &report.header;
        Self {
            schema: SCHEMA,
            gander: &header.gander,
            scenario: &header.scenario,
            kind: header.kind,
            run_id: &header.run_id,
            seed: header.seed,
            started_at: &header.started_at,
            duration_s: report.measured.as_secs_f64(),
            verdict: report.verdict.conclusion,
            exit_code: report.verdict.exit.code(),
            reason: &report.verdict.reason,
            is_complete: report.is_complete,
            target: &header.target,
            target_command: header.target_command.as_deref(),
            target_usage: TargetUsage::of(report),
            workload_hash: header.workload_hash.as_deref(),
            plan_hash: &header.plan_hash,
            changes: &report.changes,
            analysis: analysis::analyse(report)
                .into_iter()
                .map(FindingSummary::of)
                .collect(),
            capacity: report.capacity.as_ref().map(CapacitySummary::of),
            load: LoadSummary {
                model: header.model,
                offered: report.load.offered,
                started: report.load.started,
                unstarted: report.load.unstarted,
                late: report.load.late,
                carried: report.carried_iterations(),
                peak_users: report.peak_users,
                mean_in_flight: rounded(report.mean_in_flight),
            },
            totals: TotalsSummary::of(report),
            steps: report
                .steps
                .iter()
                .map(|step| StepSummary {
                    name: &step.name,
                    flow: &step.flow,
                    tags: &step.tags,
                    requests: step.counts.ended,
                    sent: step.counts.sent(),
                    failed: step.counts.failed,
                    redirects: step.counts.redirects,
                    resent: step.counts.resent,
                    status: &step.counts.statuses,
                    errors: errors(&step.counts.outcomes),
                    response_time: step.times.of_metric(Timing::ResponseTime).into(),
                    service_time: step.times.of_metric(Timing::ServiceTime).into(),
                    ttfb: step.times.of_metric(Timing::Ttfb).into(),
                    slowest: step.slowest.iter().map(SlowSummary::of).collect(),
                })
                .collect(),
            slowest: report.slowest.iter().map(SlowSummary::of).collect(),
            flows: report
                .flows
                .iter()
                .map(|flow| FlowSummary {
                    name: &flow.name,
                    iterations: flow.counts.ended,
                    failed: flow.counts.failed_iterations(),
                    interrupted: flow.counts.interrupted,
                    iteration_time: flow.times.of_metric(Timing::IterationTime).into(),
                    start_lag: flow.times.of_metric(Timing::StartLag).into(),
                })
                .collect(),
            groups: report.groups.iter().map(GroupSummary::of).collect(),
            checks: report
                .checks
                .iter()
                .map(|check| CheckSummary {
                    name: &check.name,
                    step: &check.step,
                    flow: &check.flow,
                    counts: check.counts,
                })
                .collect(),
            metrics: report.custom.iter().map(CustomSummary::of).collect(),
            target_metrics: report.kept.iter().map(KeptSummary::of).collect(),
            scrapes: Some(report.scrapes).filter(|scrapes| scrapes.made > 0),
            failures: report.failures.iter().map(FailureSummary::of).collect(),
            failures_left_out: report.failures_left_out,
            failed_iterations: report
                .failed_iterations
                .iter()
                .map(IterationFailureSummary::of)
                .collect(),
            log: &report.log,
            thresholds: report.thresholds.iter().map(ThresholdSummary::of).collect(),
            baseline: report.baseline.as_deref().map(BaselineSummary::of),
            generator: GeneratorSummary::of(report),
            warnings: &report.verdict.warnings,
        }
    }
}

impl TargetUsage {
    fn of(report: &Report) -> Option<Self> {
        let target = report.target.as_ref()?;
        Some(Self {
            mean_cpu: rounded(target.mean_cpu),
            peak_cpu: rounded(target.peak.cpu),
            peak_rss_bytes: target.peak.rss_bytes,
            requests_per_cpu_s: report.requests_per_target_cpu_second().map(rounded),
        })
    }
}

impl TotalsSummary {
    fn of(report: &Report) -> Self {
        let requests = &report.requests;
        let times = |timing| TimesSummary::from(report.time(timing));
        Self {
            requests: requests.ended,
            sent: requests.sent(),
            after_load: requests.after_load.ended,
            failed: requests.failed,
            interrupted: requests.interrupted,
            redirects: requests.redirects,
            resent: requests.resent,
            connections: requests.connections,
            iterations: report.iterations.ended,
            failed_iterations: report.iterations.failed_iterations(),
            interrupted_iterations: report.iterations.interrupted,
            out_of_rows: report.iterations.out_of_rows,
            retries: report.iterations.retries,
            incomplete_rendezvous: report.iterations.incomplete_rendezvous,
            bytes_in: requests.bytes_in,
            bytes_out: requests.bytes_out,
            requests_per_s: rounded(report.requests_per_second()),
            warm_up_requests: report.warm_up_requests,
            status: requests.statuses.clone(),
            errors: errors(&requests.outcomes),
            response_time: times(Timing::ResponseTime),
            service_time: times(Timing::ServiceTime),
            ttfb: times(Timing::Ttfb),
            connect: times(Timing::Connect),
            tls: times(Timing::Tls),
            failed_time: times(Timing::FailedTime),
            timed_out: times(Timing::TimedOut),
            start_lag: times(Timing::StartLag),
            scheduling_lag: times(Timing::SchedulingLag),
            iteration_time: times(Timing::IterationTime),
        }
    }
}

impl<'a> ThresholdSummary<'a> {
    fn of(row: &'a ThresholdRow) -> Self {
        Self {
            expression: &row.expression,
            verdict: row.standing,
            // JSON has no infinity and no NaN.
            observed: row.observed.filter(|observed| observed.is_finite()),
            interval: row.interval,
            limit: row.limit.filter(|limit| limit.is_finite()),
            unit: row.unit,
            margin: row
                .margin()
                .filter(|margin| margin.is_finite())
                .map(rounded),
            samples: row.samples,
            first_violation_us: row.first_violation.map(|at| at.0),
            severity: row.severity,
            line: row.line,
            detail: row.detail.as_deref(),
        }
    }
}

impl<'a> GeneratorSummary<'a> {
    fn of(report: &'a Report) -> Self {
        let generator = &report.generator;
        let p99 = |timing| report.time(timing).recorded().map(|stats| stats.p99.0);
        Self {
            cpu_s: generator.cpu_time.as_secs_f64(),
            cpu_per_request_us: report.cpu_per_request().map(rounded),
            mean_cpu: rounded(generator.mean_cpu),
            peak_cpu: rounded(generator.peak.cpu),
            peak_rss_bytes: generator.peak.rss_bytes,
            start_lag_p99_us: p99(Timing::StartLag),
            scheduling_lag_p99_us: p99(Timing::SchedulingLag),
            loop_delay_max_us: generator.peak.loop_delay_max.0,
            wake_up_p99_us: wake_up_p99(generator).0,
            stood_still_s: generator.stood_still.as_secs_f64(),
            stolen_cpu: rounded(generator.mean_stolen),
            throttled_s: generator.throttled.as_secs_f64(),
            warnings: &report.verdict.generator_warnings,
        }
    }
}

/// The upper bound of its bucket; for the last bucket, which has none, the longest delay.
fn wake_up_p99(generator: &HealthTotals) -> Micros {
    let longest = generator.peak.loop_delay_max;
    match generator.wake_ups.p99() {
        Some((later_than, at_most)) => at_most.min(longest.max(later_than)),
        None => Micros::ZERO,
    }
}

impl From<&Stats> for TimesSummary {
    fn from(stats: &Stats) -> Self {
        let of = |time: fn(&Stats) -> Micros| stats.recorded().map(|stats| time(stats).0);
        Self {
            count: stats.count,
            min: of(|stats| stats.min),
            mean: stats.recorded().map(|stats| rounded(stats.mean)),
            p50: of(|stats| stats.p50),
            p75: of(|stats| stats.p75),
            p90: of(|stats| stats.p90),
            p95: of(|stats| stats.p95),
            p99: of(|stats| stats.p99),
            p99_9: of(|stats| stats.p99_9),
            max: of(|stats| stats.max),
        }
    }
}

fn errors(outcomes: &BTreeMap<Outcome, u64>) -> BTreeMap<Outcome, u64> {
    outcomes
        .iter()
        .filter(|(outcome, count)| outcome.is_failure() && **count > 0)
        .map(|(outcome, count)| (*outcome, *count))
        .collect()
}

/// Rounds to six decimals: precise enough for every number here, without floating-point noise.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
