//! Builds a report from intervals in one pass; each is read once and dropped.

use super::baseline;
use super::capacity::CapacitySearch;
use super::changes;
use super::custom;
use super::custom_sparks::CustomSparks;
use super::distribution::curve;
use super::failures::Groups;
use super::heatmap::HeatmapCells;
use super::kept;
use super::rows::RowFold;
use super::slowest::{self, SlowRows};
use super::sparks::Sparks;
use super::timeline::Buckets;
use super::{
    BuildError, CheckRow, CustomRow, FlowRow, GroupRow, Report, StepRow, ThresholdRow, Times,
    VerdictSummary, Violation,
};
use crate::compare::{ProfileFold, RunFacts};
use crate::plan::{CheckId, OTHER, Series, SeriesId, Subject};
use crate::record::bins::Sum;
use crate::record::journal::{Ending, Event, Journal, RunHeader};
use crate::record::values::MOST_NAMES;
use crate::record::{Bins, Interval, LogLine, LoggedBy, Standing, StopReason, Timing, Totals};
use crate::report::text::clean;
use crate::verdict::{Judge, Judged, Verdict, Warning};

/// Points per decade of the curves over all steps, and of a single step.
const CURVE_STEPS: u32 = 40;
const STEP_CURVE_STEPS: u32 = 12;

impl Report {
    /// The report of a run, from its journal alone; the journal is read again, one interval at a time.
    ///
    /// # Errors
    /// The journal's files have changed since it was opened.
    pub fn build(journal: &Journal) -> Result<Self, BuildError> {
        Self::build_watched(journal, |_, _| ())
    }

    /// As [`Self::build`]; calls `watch` after each interval with the number of intervals read and the total.
    ///
    /// # Errors
    /// The journal's files have changed since it was opened.
    pub fn build_watched(
        journal: &Journal,
        watch: impl FnMut(u64, u64),
    ) -> Result<Self, BuildError> {
        let draft = Draft::new(&journal.header, journal.interval_count());
        Self::build_from(draft, journal, watch)
    }

    /// As [`Self::build`], with the profile that comparisons need.
    ///
    /// # Errors
    /// The journal's files have changed since it was opened.
    pub fn build_profiled(journal: &Journal) -> Result<Self, BuildError> {
        let draft = Draft::new(&journal.header, journal.interval_count()).profiled();
        Self::build_from(draft, journal, |_, _| ())
    }

    fn build_from(
        mut draft: Draft,
        journal: &Journal,
        mut watch: impl FnMut(u64, u64),
    ) -> Result<Self, BuildError> {
        let expected = journal.interval_count();
        let mut found = 0;
        for interval in journal.intervals() {
            draft.absorb(&interval);
            found += 1;
            watch(found, expected);
        }
        if found != expected {
            return Err(BuildError { expected, found });
        }
        let notes: Vec<String> = journal.warnings.iter().map(ToString::to_string).collect();
        Ok(draft.finish(&journal.events, journal.ending(), &notes))
    }
}

/// A report being built.
#[derive(Debug)]
pub struct Draft {
    header: RunHeader,
    totals: Totals,
    judge: Judge,
    violations: Violations,
    timeline: Buckets,
    cells: HeatmapCells,
    failures: Groups,
    rows: RowFold,
    sparks: Sparks,
    custom_sparks: CustomSparks,
    profile: Option<ProfileFold>,
    /// Kept to reuse its memory.
    sum: Sum,
}

impl Draft {
    /// A report for a run of this many intervals.
    pub fn new(header: &RunHeader, intervals: u64) -> Self {
        let header = cleaned(header.clone());
        let profile = baseline::is_wanted(&header).then(|| ProfileFold::new(&header));
        Self {
            totals: Totals::new(&header.series, header.checks.len()),
            judge: Judge::new(&header.thresholds, &header.series, header.max_users()),
            violations: Violations::default(),
            timeline: Buckets::new(intervals),
            cells: HeatmapCells::new(intervals),
            failures: Groups::default(),
            rows: RowFold::new(intervals, header.series.len()),
            sparks: Sparks::new(intervals),
            custom_sparks: CustomSparks::new(intervals),
            profile,
            sum: Sum::default(),
            header,
        }
    }

    /// With the profile that comparisons need.
    #[must_use]
    pub fn profiled(mut self) -> Self {
        self.profile = Some(ProfileFold::new(&self.header));
        self
    }

    /// Adds the next interval.
    pub fn absorb(&mut self, interval: &Interval) {
        let series = &self.header.series;
        let response = over_all(interval, Timing::ResponseTime, &mut self.sum);
        let service = over_all(interval, Timing::ServiceTime, &mut self.sum);
        self.totals.absorb(interval);
        self.judge.observe(interval);
        self.violations.observe(&self.judge.standings(), interval);
        self.timeline.absorb(interval, series, response.as_ref());
        self.cells.absorb(interval, response.as_ref());
        self.failures.absorb(interval, series);
        self.rows
            .absorb(interval, series, response.as_ref(), service.as_ref());
        self.sparks.absorb(interval);
        self.custom_sparks
            .absorb(interval, &self.header.custom_metrics);
        if let Some(profile) = &mut self.profile {
            profile.absorb(interval);
        }
    }

    /// The report of a run with these events, this end and these notes about the journal.
    pub fn finish(mut self, events: &[Event], ending: &Ending, notes: &[String]) -> Report {
        let mut verdict = self.judge.conclude(&self.totals, ending);
        let is_whole = ending.is_complete && ending.stop.is_none();
        let profile = self.profile.take().map(|fold| {
            let facts = RunFacts::of(&self.header, &self.totals, &verdict, is_whole);
            fold.finish(facts)
        });
        let mut compared = None;
        if let Some(profile) = profile
            .as_ref()
            .filter(|_| baseline::is_wanted(&self.header))
        {
            let (comparison, result) = baseline::judge(&self.header, profile);
            compared = comparison;
            self.judge.settle_baseline(result);
            verdict = self.judge.conclude(&self.totals, ending);
        }
        let (totals, header) = (self.totals, self.header);
        let failures = self.failures.finish(&header.series, events);
        let timeline = self.timeline.finish();
        let slowest = SlowRows::of(events, &header, &timeline);
        let sparks = self.sparks.finish();
        let spark_of = |id: SeriesId| sparks.get(id.0 as usize).cloned().unwrap_or_default();
        let steps = of_subject(&header, Subject::Requests)
            .enumerate()
            .map(|(index, (id, series))| {
                let own = totals.series(id);
                StepRow {
                    name: series.name.clone(),
                    flow: series.flow.clone(),
                    tags: series.tags.clone(),
                    counts: own.counts.clone(),
                    times: Times::of(&own.histograms),
                    curve: own
                        .histogram(Timing::ResponseTime)
                        .map(|times| curve(&times.to_histogram(), STEP_CURVE_STEPS))
                        .unwrap_or_default(),
                    spark: spark_of(id),
                    slowest: match index {
                        0..slowest::MOST_STEPS => slowest.of_series(id),
                        _ => Vec::new(),
                    },
                }
            })
            .collect();
        let slowest_of_run = slowest.of_run();
        let custom_sparks = self.custom_sparks.finish(&header.custom_metrics);
        let custom = custom::rows(&header, &totals, &custom_sparks);
        let mut notes = notes.to_vec();
        if custom.iter().any(CustomRow::is_other) {
            notes.push(format!(
                "`server-timing` headers had more than {MOST_NAMES} names: the others are recorded together as `{OTHER}`"
            ));
        }
        notes.extend(changes::told(&ending.changes));
        let curve_of = |timing| curve(&totals.timing(timing, &[]), CURVE_STEPS);
        Report {
            thresholds: threshold_rows(&header, &verdict.thresholds),
            violations: self.violations.finish(),
            verdict: summary_of(&verdict, events, &notes),
            capacity: CapacitySearch::of(ending),
            changes: ending.changes.iter().map(changes::clean).collect(),
            ended_at: ending.at,
            measured: totals.duration(),
            load_time: totals.load_time(),
            stop: ending.stop.clone().map(cleaned_stop),
            is_complete: ending.is_complete,
            load: totals.load(),
            peak_users: totals.peak_users(),
            mean_in_flight: totals.mean_in_flight(),
            requests: totals.counts(Subject::Requests),
            iterations: totals.counts(Subject::Iterations),
            warm_up_requests: totals.warm_up().requests.ended,
            times: Times::of(totals.times()),
            steps,
            slowest: slowest_of_run,
            flows: flow_rows(&header, &totals),
            groups: group_rows(&header, &totals),
            checks: check_rows(&header, &totals),
            custom,
            kept: kept::rows(&header, &totals),
            scrapes: totals.scrapes(),
            timeline,
            heatmap: self.cells.finish(),
            response_curve: curve_of(Timing::ResponseTime),
            service_curve: curve_of(Timing::ServiceTime),
            failures: failures.groups,
            failed_iterations: failures.iterations,
            log: log_of(events),
            failures_left_out: failures.left_out,
            unmeasured_failures: failures.unmeasured,
            generator: totals.health(),
            target: totals.target(),
            rows: self.rows.finish(),
            baseline: compared.map(Box::new),
            profile: profile.map(Box::new),
            header,
        }
    }
}

/// The series of a subject.
fn of_subject(header: &RunHeader, subject: Subject) -> impl Iterator<Item = (SeriesId, &Series)> {
    (0..)
        .map(SeriesId)
        .zip(&header.series)
        .filter(move |(_, series)| series.subject == subject)
}

fn flow_rows(header: &RunHeader, totals: &Totals) -> Vec<FlowRow> {
    of_subject(header, Subject::Iterations)
        .map(|(id, series)| FlowRow {
            name: series.flow.clone(),
            counts: totals.series(id).counts.clone(),
            times: Times::of(&totals.series(id).histograms),
        })
        .collect()
}

fn group_rows(header: &RunHeader, totals: &Totals) -> Vec<GroupRow> {
    of_subject(header, Subject::Groups)
        .map(|(id, series)| GroupRow {
            name: series.name.clone(),
            flow: series.flow.clone(),
            counts: totals.series(id).counts.clone(),
            times: Times::of(&totals.series(id).histograms),
        })
        .collect()
}

fn check_rows(header: &RunHeader, totals: &Totals) -> Vec<CheckRow> {
    (0..)
        .map(CheckId)
        .zip(&header.checks)
        .map(|(id, check)| CheckRow {
            name: check.name.clone(),
            step: check.step.clone(),
            flow: check.flow.clone(),
            counts: totals.check(id),
        })
        .collect()
}

/// A timing of requests in an interval, over all steps; `sum` is empty before and after.
pub(super) fn over_all(interval: &Interval, timing: Timing, sum: &mut Sum) -> Option<Bins> {
    for part in interval.series.values() {
        if let Some(part) = part.histogram(timing) {
            sum.add(part);
        }
    }
    (!sum.is_empty()).then(|| sum.take())
}

fn threshold_rows(header: &RunHeader, judged: &[Judged]) -> Vec<ThresholdRow> {
    header
        .thresholds
        .iter()
        .enumerate()
        .map(|(index, threshold)| {
            let judged = judged.get(index);
            ThresholdRow {
                expression: threshold.expression.clone(),
                metric: threshold.metric,
                is_of_seconds: threshold.in_seconds.is_some(),
                is_over_all: threshold.series.is_empty()
                    && threshold.checks.is_empty()
                    && threshold.during.is_empty(),
                standing: judged.map_or(Standing::NoData, |judged| judged.standing),
                observed: judged.and_then(|judged| judged.observed),
                interval: judged.and_then(|judged| judged.interval),
                comparator: threshold.comparator,
                limit: judged
                    .and_then(|judged| judged.limit)
                    .or(threshold.limit.fixed()),
                unit: threshold.unit,
                samples: judged.map_or(0, |judged| judged.samples),
                first_violation: judged.and_then(|judged| judged.first_violation),
                detail: judged.and_then(|judged| judged.detail.as_deref().map(clean)),
                window: threshold.window,
                severity: threshold.severity,
                line: threshold.line,
            }
        })
        .collect()
}

/// Periods in which thresholds did not hold, from their state after each interval.
#[derive(Debug, Default)]
struct Violations {
    open: Vec<Violation>,
    closed: Vec<Violation>,
}

impl Violations {
    fn observe(&mut self, judged: &[Judged], interval: &Interval) {
        for (threshold, judged) in judged.iter().enumerate() {
            let known = self
                .open
                .iter()
                .position(|open| open.threshold == threshold);
            match (known, judged.standing == Standing::Fail) {
                (Some(index), true) => self.open[index].to = interval.end,
                (Some(index), false) => self.closed.push(self.open.remove(index)),
                (None, true) => self.open.push(Violation {
                    threshold,
                    from: interval.start,
                    to: interval.end,
                }),
                (None, false) => {}
            }
        }
    }

    fn finish(mut self) -> Vec<Violation> {
        self.closed.append(&mut self.open);
        self.closed
            .sort_by_key(|violation| (violation.from, violation.threshold));
        self.closed
    }
}

/// The log of the run.
fn log_of(events: &[Event]) -> Vec<LogLine> {
    let lines = events.iter().filter_map(|event| match event {
        Event::Log(line) => Some(LogLine {
            at: line.at,
            by: line.by.as_ref().map(|by| LoggedBy {
                flow: clean(&by.flow),
                ..by.clone()
            }),
            text: clean(&line.text),
        }),
        Event::Interval(_)
        | Event::Failure(_)
        | Event::Slow { .. }
        | Event::Threshold { .. }
        | Event::Change(_)
        | Event::Level(_)
        | Event::Capacity(_)
        | Event::Loads { .. }
        | Event::Stop { .. }
        | Event::Warning { .. }
        | Event::End { .. } => None,
    });
    lines.collect()
}

/// Splits the warnings: those about the generator, and all others, including notes during the run and damage of the
/// journal.
fn summary_of(verdict: &Verdict, events: &[Event], notes: &[String]) -> VerdictSummary {
    let said_live = events.iter().filter_map(|event| match event {
        Event::Warning { text, .. } => Some(clean(text)),
        Event::Interval(_)
        | Event::Failure(_)
        | Event::Slow { .. }
        | Event::Log(_)
        | Event::Threshold { .. }
        | Event::Change(_)
        | Event::Level(_)
        | Event::Capacity(_)
        | Event::Loads { .. }
        | Event::Stop { .. }
        | Event::End { .. } => None,
    });
    let worded = |is_wanted: fn(&Warning) -> bool| {
        verdict
            .warnings
            .iter()
            .filter(move |warning| is_wanted(warning))
            .map(|warning| clean(&warning.to_string()))
    };
    VerdictSummary {
        conclusion: verdict.conclusion,
        exit: verdict.exit,
        reason: clean(&verdict.reason),
        warnings: worded(|warning| !is_about_generator(warning))
            .chain(said_live)
            .chain(notes.iter().map(|note| clean(note)))
            .collect(),
        generator_warnings: worded(is_about_generator).collect(),
    }
}

const fn is_about_generator(warning: &Warning) -> bool {
    !matches!(
        warning,
        Warning::UsersExhausted { .. }
            | Warning::LittlesLaw { .. }
            | Warning::NeverRan { .. }
            | Warning::Inconclusive { .. }
            | Warning::Threshold { .. }
    )
}

fn cleaned(mut header: RunHeader) -> RunHeader {
    for text in [
        &mut header.gander,
        &mut header.run_id,
        &mut header.scenario,
        &mut header.scenario_path,
        &mut header.scenario_sha256,
        &mut header.plan_hash,
        &mut header.target,
        &mut header.load,
        &mut header.started_at,
        &mut header.machine.platform,
        &mut header.machine.kernel,
        &mut header.machine.cpu,
    ]
    .into_iter()
    .chain(&mut header.description)
    .chain(&mut header.target_command)
    .chain(&mut header.workload_hash)
    .chain(&mut header.git_commit)
    .chain(&mut header.trace_url)
    .chain(&mut header.overrides)
    .chain(
        header
            .stages
            .iter_mut()
            .filter_map(|stage| stage.name.as_mut()),
    )
    .chain(header.metrics.names_mut())
    .chain(
        header
            .kept_metrics
            .iter_mut()
            .flat_map(|kept| [&mut kept.name, &mut kept.selector]),
    )
    .chain(
        header
            .thresholds
            .iter_mut()
            .map(|threshold| &mut threshold.expression),
    )
    .chain(
        header
            .checks
            .iter_mut()
            .flat_map(|check| [&mut check.name, &mut check.step, &mut check.flow]),
    )
    .chain(
        header
            .series
            .iter_mut()
            .flat_map(|series| [&mut series.name, &mut series.flow]),
    ) {
        *text = clean(text);
    }
    for series in &mut header.series {
        series.tags = series
            .tags
            .iter()
            .map(|(key, value)| (clean(key), clean(value)))
            .collect();
    }
    header
}

fn cleaned_stop(stop: StopReason) -> StopReason {
    match stop {
        StopReason::Panic { message } => StopReason::Panic {
            message: clean(&message),
        },
        StopReason::StepFailed { step } => StopReason::StepFailed { step: clean(&step) },
        StopReason::ByScenario { flow } => StopReason::ByScenario { flow: clean(&flow) },
        StopReason::TargetGone { detail } => StopReason::TargetGone {
            detail: clean(&detail),
        },
        StopReason::SetupFailed { detail } => StopReason::SetupFailed {
            detail: clean(&detail),
        },
        StopReason::Signal
        | StopReason::Control
        | StopReason::SecondSignal
        | StopReason::Threshold { .. } => stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Micros;

    #[test]
    fn violations_last_from_a_breach_to_its_end_or_the_runs() {
        use Standing::{Fail, NoData, Pass};
        let mut violations = Violations::default();
        for (number, standings) in [[Fail, NoData], [Pass, NoData], [Pass, Fail], [Fail, Fail]]
            .into_iter()
            .enumerate()
        {
            let judged = standings.map(|standing| Judged {
                standing,
                samples: 1,
                ..Judged::NOTHING
            });
            let interval = Interval {
                start: Micros(number as u64),
                end: Micros(number as u64 + 1),
                ..Interval::default()
            };
            violations.observe(&judged, &interval);
        }
        let spans: Vec<_> = violations
            .finish()
            .into_iter()
            .map(|span| (span.threshold, span.from.0, span.to.0))
            .collect();
        assert_eq!(spans, [(0, 0, 1), (1, 2, 4), (0, 3, 4)]);
    }
}
