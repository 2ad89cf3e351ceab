//! Everything renderers may see of a run, built once from its journal and of bounded size.
//!
//! Nothing here comes from the clock or the environment, so that a report built when the run ends and one rebuilt years
//! later are the same bytes. Text from outside is cleaned on the way in.

mod build;
pub mod distribution;
pub mod failures;
pub mod heatmap;
pub mod rows;
mod sparks;
pub mod timeline;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

pub use build::Draft;
pub use distribution::{CurvePoint, Stats};
pub use failures::{FailureGroup, UnmeasuredFailure};
pub use heatmap::Heatmap;
pub use rows::{Row, Rows};
pub use timeline::{Point, Spread};

use crate::exit::Exit;
use crate::plan::schedule::Model;
use crate::plan::threshold::{Metric, Unit};
use crate::record::bins::Sum;
use crate::record::journal::RunHeader;
use crate::record::totals::{HealthTotals, TargetTotals};
use crate::record::{
    CheckCounts, Counts, LoadCounts, SeriesInterval, Standing, StopReason, Timing,
};
use crate::report::text;
use crate::scenario::{Comparator, Severity, Window};
use crate::units::Micros;
use crate::verdict::Conclusion;

/// The journal's files changed while a report was built of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the journal had {expected} intervals when it was opened and {found} when it was read; build the report again when nothing \
     writes to it"
)]
pub struct BuildError {
    /// Intervals when it was opened.
    pub expected: u64,
    /// Intervals read.
    pub found: u64,
}

/// A run, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was known before the run; its texts are cleaned.
    pub header: RunHeader,
    /// What the run came to.
    pub verdict: VerdictSummary,
    /// The rules, in the order of the scenario, built-in ones last.
    pub thresholds: Vec<ThresholdRow>,
    /// When a threshold did not hold, for marks on time axes.
    pub violations: Vec<Violation>,
    /// When the run ended, on its clock; warm-up included.
    pub ended_at: Micros,
    /// How long was measured; warm-up left out.
    pub measured: Micros,
    /// How much of that lay before the end of the load.
    pub load_time: Micros,
    /// Why it stopped before its planned end.
    pub stop: Option<StopReason>,
    /// Whether the journal has its end.
    pub is_complete: bool,
    /// What was offered and started, warm-up left out.
    pub load: LoadCounts,
    /// The most users active in measured time.
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
    /// The flows, in the order of the plan.
    pub flows: Vec<FlowRow>,
    /// The checks, in the order of the plan.
    pub checks: Vec<CheckRow>,
    /// The run over time, warm-up included.
    pub timeline: Vec<Point>,
    /// Response times over time.
    pub heatmap: Heatmap,
    /// The percentile curves over all steps.
    pub response_curve: Vec<CurvePoint>,
    /// The same from the actual start.
    pub service_curve: Vec<CurvePoint>,
    /// Failed requests by step and status or outcome, the most first.
    pub failures: Vec<FailureGroup>,
    /// Groups of failures beyond those.
    pub failures_left_out: u64,
    /// Failures of setup and teardown, which are not measured.
    pub unmeasured_failures: Vec<UnmeasuredFailure>,
    /// The generator over measured time.
    pub generator: HealthTotals,
    /// The bundled target over measured time, where there was one.
    pub target: Option<TargetTotals>,
    /// The timeline by series, for `timeline.csv`.
    pub rows: Rows,
}

/// What a run came to, in words and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictSummary {
    /// The verdict.
    pub conclusion: Conclusion,
    /// How `gander run` ended because of it.
    pub exit: Exit,
    /// Why, in a sentence.
    pub reason: String,
    /// What the reader should know about the run, a sentence each.
    pub warnings: Vec<String>,
    /// What the reader should know about the generator, a sentence each.
    pub generator_warnings: Vec<String>,
}

/// A rule and how it stands at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdRow {
    /// As written.
    pub expression: String,
    /// What it is about.
    pub metric: Metric,
    /// Whether it is about all series the metric has.
    pub is_over_all: bool,
    /// How it stands.
    pub standing: Standing,
    /// What was observed, in [`ThresholdRow::unit`].
    pub observed: Option<f64>,
    /// How observed and limit are compared.
    pub comparator: Comparator,
    /// The limit.
    pub limit: f64,
    /// The unit of both.
    pub unit: Unit,
    /// Samples it was judged on.
    pub samples: u64,
    /// When it first did not hold.
    pub first_violation: Option<Micros>,
    /// Over which part of the run.
    pub window: Window,
    /// What a breach means.
    pub severity: Severity,
    /// The line in the scenario; none for a built-in one.
    pub line: Option<u32>,
}

impl ThresholdRow {
    /// How far inside the limit the observed number is, as a part of the limit; negative when outside. None where a
    /// distance says nothing: nothing observed, a limit of zero, `==` and `!=`.
    pub fn margin(&self) -> Option<f64> {
        let distance = match self.comparator {
            Comparator::Less | Comparator::LessOrEqual => self.limit - self.observed?,
            Comparator::Greater | Comparator::GreaterOrEqual => self.observed? - self.limit,
            Comparator::Equal | Comparator::NotEqual => return None,
        };
        (self.limit != 0.0).then(|| distance / self.limit.abs())
    }
}

/// A stretch of time in which a threshold did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// Index into [`Report::thresholds`].
    pub threshold: usize,
    /// From when, on the run's clock.
    pub from: Micros,
    /// Until when.
    pub to: Micros,
}

/// Times in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times([Stats; Timing::ALL.len()]);

impl Times {
    fn of(histogram: impl Fn(Timing) -> Option<Histogram<u64>>) -> Self {
        Self(Timing::ALL.map(|timing| {
            histogram(timing).map_or_else(Stats::default, |histogram| Stats::of(&histogram))
        }))
    }

    fn of_series(series: &SeriesInterval<Sum>) -> Self {
        Self::of(|timing| series.histogram(timing).map(Sum::to_histogram))
    }

    /// The figures of a timing.
    pub const fn of_timing(&self, timing: Timing) -> &Stats {
        &self.0[timing as usize]
    }
}

/// A step's line.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// The step.
    pub name: String,
    /// Its flow.
    pub flow: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What ended.
    pub counts: Counts,
    /// Its times.
    pub times: Times,
    /// Its response times' percentile curve.
    pub curve: Vec<CurvePoint>,
    /// Its p95 response time over time, for a sparkline; empty for steps beyond the first hundred.
    pub spark: Vec<Option<Micros>>,
}

/// A flow's line.
#[derive(Debug, Clone)]
pub struct FlowRow {
    /// The flow.
    pub name: String,
    /// Iterations ended.
    pub counts: Counts,
    /// Its times.
    pub times: Times,
}

/// A check's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// `status is 200`
    pub name: String,
    /// Its step.
    pub step: String,
    /// That step's flow.
    pub flow: String,
    /// How often it held and did not.
    pub counts: CheckCounts,
}

impl Report {
    /// Requests per second of the measured load: those that were due or begun within it. Responses that come in the drain
    /// count; the time of the drain does not, so that one slow response at the end does not lower the rate.
    pub fn requests_per_second(&self) -> f64 {
        per_second(self.requests.of_load(), self.load_time)
    }

    /// Whether each iteration starts when its user is free, and not by a schedule.
    pub const fn is_closed(&self) -> bool {
        matches!(self.header.model, Model::Closed)
    }

    /// Whether response time and service time are the same: in a closed model without pacing.
    pub const fn has_one_time(&self) -> bool {
        self.is_closed() && self.header.pacing.is_none()
    }

    /// Iterations of the warm-up that ended in measured time: they are among the iterations that ended, and not among
    /// those started.
    pub const fn carried_iterations(&self) -> u64 {
        let iterations = &self.iterations;
        (iterations.ended + iterations.interrupted).saturating_sub(self.load.started)
    }

    /// Why other numbers of iterations and requests were started than ended, a clause each.
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
        ];
        let notes = notes.iter().filter(|(count, _)| *count > 0);
        notes
            .map(|(count, what)| format!("{} {what}", text::count(*count)))
            .collect()
    }

    /// When thresholds on times did not hold.
    pub fn time_violations(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(|violation| {
            self.thresholds
                .get(violation.threshold)
                .is_some_and(|threshold| threshold.unit == Unit::Us)
        })
    }

    /// The figures of a timing over all steps or flows.
    pub const fn time(&self, timing: Timing) -> &Stats {
        self.times.of_timing(timing)
    }

    /// The generator's CPU time for each request, in µs; none when there were no requests.
    pub fn cpu_per_request(&self) -> Option<f64> {
        let requests = self.requests.ended + self.requests.redirects;
        (requests > 0).then(|| self.generator.cpu_time.0 as f64 / requests as f64)
    }
}

/// A count over a time, per second; zero over no time.
pub fn per_second(count: u64, time: Micros) -> f64 {
    if time == Micros::ZERO {
        0.0
    } else {
        count as f64 / time.as_secs_f64()
    }
}
