//! The input of all renderers: a run's results, built once from its journal and of bounded size.
//!
//! Nothing here comes from the clock or the environment, so a report built at the end of the run and one rebuilt
//! years later are the same bytes. External text is cleaned when it is read.

mod baseline;
mod build;
mod capacity;
mod changes;
pub mod custom;
mod custom_sparks;
pub mod distribution;
pub mod failures;
pub mod heatmap;
mod kept;
pub mod rows;
mod slowest;
mod sparks;
pub mod timeline;

use std::collections::BTreeMap;

pub use build::Draft;
pub use capacity::CapacitySearch;
pub use custom::CustomRow;
pub use distribution::{CurvePoint, Stats};
pub use failures::{FailureGroup, UnmeasuredFailure};
pub use heatmap::Heatmap;
pub use kept::KeptRow;
pub use rows::{Row, SeriesTimeline};
pub use slowest::SlowRow;
pub use timeline::{Phases, Point, Spread};

use crate::compare::{Comparison, Profile};
use crate::exit::Exit;
use crate::plan::MetricId;
use crate::plan::schedule::Model;
use crate::plan::threshold::{Metric, Unit};
use crate::record::LoadChange;
use crate::record::bins::Sum;
use crate::record::journal::RunHeader;
use crate::record::totals::{HealthTotals, TargetTotals};
use crate::record::{CheckCounts, Counts, LoadCounts, LogLine, Scrapes, Standing, StopReason};
use crate::scenario::{Comparator, Severity, Window};
use crate::units::{Micros, show_count};
use crate::verdict::Conclusion;

/// The journal's files changed while a report was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the journal had {expected} intervals when it was opened and {found} when it was read; build the report again when \
     no run writes to it"
)]
pub struct BuildError {
    /// Intervals at opening.
    pub expected: u64,
    /// Intervals read.
    pub found: u64,
}

/// A run, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Report {
    /// Facts known before the run; texts are cleaned.
    pub header: RunHeader,
    /// The search for the capacity, if the run was one.
    pub capacity: Option<CapacitySearch>,
    /// The changes of the load while it ran, and marks in its time.
    pub changes: Vec<LoadChange>,
    /// The verdict with its warnings.
    pub verdict: VerdictSummary,
    /// The thresholds in the order of the scenario, built-in ones last.
    pub thresholds: Vec<ThresholdRow>,
    /// Periods in which a threshold did not hold, for marks on time axes.
    pub violations: Vec<Violation>,
    /// The end of the run on its clock; including the warm-up.
    pub ended_at: Micros,
    /// The measured time, without the warm-up.
    pub measured: Micros,
    /// The part of it before the end of the load.
    pub load_time: Micros,
    /// The reason for an early stop.
    pub stop: Option<StopReason>,
    /// True if the journal is complete.
    pub is_complete: bool,
    /// The offered and the started load, without the warm-up.
    pub load: LoadCounts,
    /// The maximum number of active users in measured time.
    pub peak_users: u32,
    /// Requests in flight, averaged over measured time.
    pub mean_in_flight: f64,
    /// Counts over all steps.
    pub requests: Counts,
    /// Counts over all flows.
    pub iterations: Counts,
    /// Requests that ended in the warm-up.
    pub warm_up_requests: u64,
    /// Times over all steps and flows.
    pub times: Times,
    /// The steps, in the order of the plan.
    pub steps: Vec<StepRow>,
    /// The slowest requests of measured time, the slowest first.
    pub slowest: Vec<SlowRow>,
    /// The flows, in the order of the plan.
    pub flows: Vec<FlowRow>,
    /// The groups, in the order of the plan: one before those in it.
    pub groups: Vec<GroupRow>,
    /// The checks, in the order of the plan.
    pub checks: Vec<CheckRow>,
    /// Metrics of the scenario's own, and names in `server-timing` headers.
    pub custom: Vec<CustomRow>,
    /// The metrics that are kept of the target, in the order of the scenario.
    pub kept: Vec<KeptRow>,
    /// The scrapes of the target's metrics in measured time.
    pub scrapes: Scrapes,
    /// The timeline, including the warm-up.
    pub timeline: Vec<Point>,
    /// Response times over time.
    pub heatmap: Heatmap,
    /// The percentile curve of response times over all steps.
    pub response_curve: Vec<CurvePoint>,
    /// The percentile curve of service times over all steps.
    pub service_curve: Vec<CurvePoint>,
    /// Failed requests by step and status or outcome, the largest group first.
    pub failures: Vec<FailureGroup>,
    /// The number of further groups.
    pub failures_left_out: u64,
    /// Iterations that a step other than a request made fail, by flow and outcome.
    pub failed_iterations: Vec<FailureGroup>,
    /// The texts of `log` steps, in chronological order.
    pub log: Vec<LogLine>,
    /// Failures of setup and teardown; they are not measured.
    pub unmeasured_failures: Vec<UnmeasuredFailure>,
    /// The generator's health over measured time.
    pub generator: HealthTotals,
    /// The health over measured time of a target that Gander started.
    pub target: Option<TargetTotals>,
    /// The timeline by series, for `timeline.csv`.
    pub rows: SeriesTimeline,
    /// The comparison with the baseline, if there was one to compare with.
    pub baseline: Option<Box<Comparison>>,
    /// The figures with their errors, if a comparison needs them.
    pub profile: Option<Box<Profile>>,
}

/// The result of a run, in words and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictSummary {
    /// The verdict.
    pub conclusion: Conclusion,
    /// The exit code of `gander run`.
    pub exit: Exit,
    /// The reason, in a sentence.
    pub reason: String,
    /// Warnings about the run, one sentence each.
    pub warnings: Vec<String>,
    /// Warnings about the generator, one sentence each.
    pub generator_warnings: Vec<String>,
}

/// A threshold and its state at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdRow {
    /// As written.
    pub expression: String,
    /// Its metric.
    pub metric: Metric,
    /// True if it selects all series of the metric.
    pub is_over_all: bool,
    /// True if it judges the share of seconds in which a rule held.
    pub is_of_seconds: bool,
    /// Its state.
    pub standing: Standing,
    /// The observed number, in [`ThresholdRow::unit`].
    pub observed: Option<f64>,
    /// The 95 % interval of the observed number, if it has one: from and to.
    pub interval: Option<(f64, f64)>,
    /// The comparator of observed number and limit.
    pub comparator: Comparator,
    /// The limit; `None` if it depends on samples that are missing.
    pub limit: Option<f64>,
    /// The unit of both.
    pub unit: Unit,
    /// The number of samples.
    pub samples: u64,
    /// The time of its first failure.
    pub first_violation: Option<Micros>,
    /// The reason for the result, if the numbers do not say it.
    pub detail: Option<String>,
    /// The part of the run to which it applies.
    pub window: Window,
    /// The effect of a breach.
    pub severity: Severity,
    /// The line in the scenario; `None` for a built-in threshold.
    pub line: Option<u32>,
}

impl ThresholdRow {
    /// The observed number with its unit, and its interval if it has one; `None` if nothing was observed.
    pub fn shown_observed(&self) -> Option<String> {
        let observed = self.unit.show(self.observed?);
        Some(match self.interval {
            Some((from, to)) => format!(
                "{observed} ({} to {})",
                self.unit.show(from),
                self.unit.show(to)
            ),
            None => observed,
        })
    }

    /// The comparator and the limit with its unit: `< 500 ms`.
    pub fn shown_limit(&self) -> String {
        let limit = self
            .limit
            .map_or_else(|| "–".to_owned(), |limit| self.unit.show(limit));
        format!("{} {limit}", self.comparator.symbol())
    }

    /// The effect that a result other than [`Standing::Pass`] has: an inconclusive one only warns.
    pub const fn effect(&self) -> Severity {
        match self.standing {
            Standing::Inconclusive => Severity::Warn,
            Standing::Pass | Standing::Fail | Standing::NoData => self.severity,
        }
    }

    /// The distance of the observed number inside the limit, as a fraction of the limit; negative if outside. `None`
    /// if there is no meaningful distance: nothing observed, a limit of zero, `==` or `!=`.
    pub fn margin(&self) -> Option<f64> {
        let limit = self.limit?;
        let distance = match self.comparator {
            Comparator::Less | Comparator::LessOrEqual => limit - self.observed?,
            Comparator::Greater | Comparator::GreaterOrEqual => self.observed? - limit,
            Comparator::Equal | Comparator::NotEqual => return None,
        };
        (limit != 0.0).then(|| distance / limit.abs())
    }
}

/// A period in which a threshold did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// Index into [`Report::thresholds`].
    pub threshold: usize,
    /// Its start, on the run's clock.
    pub from: Micros,
    /// Its end.
    pub to: Micros,
}

/// Numbers per metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Times(BTreeMap<MetricId, Stats>);

impl Times {
    fn of(histograms: &BTreeMap<MetricId, Sum>) -> Self {
        let stats =
            |(&metric, times): (&MetricId, &Sum)| (metric, Stats::of(&times.to_histogram()));
        Self(histograms.iter().map(stats).collect())
    }

    /// The numbers of a metric.
    pub fn of_metric(&self, metric: impl Into<MetricId>) -> &Stats {
        self.0.get(&metric.into()).unwrap_or(&Stats::NONE)
    }
}

/// A row for a step.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// The step.
    pub name: String,
    /// Its flow.
    pub flow: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Counts.
    pub counts: Counts,
    /// Its times.
    pub times: Times,
    /// Its response times' percentile curve.
    pub curve: Vec<CurvePoint>,
    /// Its p95 response time over time, for a sparkline; empty for steps beyond the first hundred.
    pub spark: Vec<Option<Micros>>,
    /// Its slowest requests, the slowest first; empty for steps beyond the first hundred.
    pub slowest: Vec<SlowRow>,
}

/// A row for a flow.
#[derive(Debug, Clone)]
pub struct FlowRow {
    /// The flow.
    pub name: String,
    /// Ended iterations.
    pub counts: Counts,
    /// Its times.
    pub times: Times,
}

/// A row for a group.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// The group, with those around it: `checkout / pay`.
    pub name: String,
    /// Its flow.
    pub flow: String,
    /// Ended groups.
    pub counts: Counts,
    /// Its times.
    pub times: Times,
}

/// A row for a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// `status is 200`
    pub name: String,
    /// Its step.
    pub step: String,
    /// That step's flow.
    pub flow: String,
    /// Passed and failed counts.
    pub counts: CheckCounts,
}

impl Report {
    /// Requests per second of the measured load: those that were due or started during it. Responses during the drain
    /// count, but the time of the drain does not, so that one slow response at the end does not reduce the rate.
    pub fn requests_per_second(&self) -> f64 {
        per_second(self.requests.of_load(), self.load_time)
    }

    /// True if an iteration starts when its user is free, and not on a schedule.
    pub const fn is_closed(&self) -> bool {
        matches!(self.header.model, Model::Closed)
    }

    /// True if response time and service time are the same: in a closed model without pacing.
    pub const fn has_one_time(&self) -> bool {
        self.is_closed() && self.header.pacing.is_none()
    }

    /// Warm-up iterations that ended in measured time: they count as ended, but not as started.
    pub const fn carried_iterations(&self) -> u64 {
        let iterations = &self.iterations;
        (iterations.ended + iterations.interrupted).saturating_sub(self.load.started)
    }

    /// Explains differences between started and ended iterations, attempts that were repeated and users that did not meet,
    /// one clause each.
    pub fn iteration_notes(&self) -> Vec<String> {
        let iterations = &self.iterations;
        let stopped = iterations
            .interrupted
            .saturating_sub(iterations.cut_off + iterations.out_of_rows);
        let notes = [
            (
                iterations.out_of_rows,
                "stopped because no feeder row was left",
            ),
            (stopped, "ended early by the stop of the run"),
            (
                self.carried_iterations(),
                "more started in the warm-up and ended after it",
            ),
            (iterations.retries, "attempts repeated by `retry`"),
            (
                iterations.incomplete_rendezvous,
                "times users went on from a `rendezvous` without the others",
            ),
        ];
        let notes = notes.iter().filter(|(count, _)| *count > 0);
        notes
            .map(|(count, what)| format!("{} {what}", show_count(*count)))
            .collect()
    }

    /// Periods in which thresholds on times did not hold.
    pub fn time_violations(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(|violation| {
            self.thresholds
                .get(violation.threshold)
                .is_some_and(|threshold| threshold.unit == Unit::Us)
        })
    }

    /// The numbers of a metric over all steps or flows.
    pub fn time(&self, metric: impl Into<MetricId>) -> &Stats {
        self.times.of_metric(metric)
    }

    /// Requests sent for each second of CPU time of a target that Gander started; `None` if it is not known.
    pub fn requests_per_target_cpu_second(&self) -> Option<f64> {
        let cpu_time = self.target.as_ref()?.cpu_time;
        let requests = self.requests.sent() as f64;
        (cpu_time > Micros::ZERO).then(|| requests / cpu_time.as_secs_f64())
    }

    /// The generator's CPU time per request, in µs; `None` without requests.
    pub fn cpu_per_request(&self) -> Option<f64> {
        let requests = self.requests.ended + self.requests.redirects;
        (requests > 0).then(|| self.generator.cpu_time.0 as f64 / requests as f64)
    }
}

/// A count per second; zero if the time is zero.
pub fn per_second(count: u64, time: Micros) -> f64 {
    if time == Micros::ZERO {
        0.0
    } else {
        count as f64 / time.as_secs_f64()
    }
}
