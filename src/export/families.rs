//! A state as families of metrics: every name once, each with its points. All encodings are made from these.

use std::collections::BTreeMap;

use super::catalogue::{self, Exported, times_of};
use super::labels::Labels;
use super::state::{Levels, Phase, RunState};
use super::times::Times;
use crate::outcome::Outcome;
use crate::plan::Subject;
use crate::record::Counts;

/// A metric and its points.
pub(super) struct Family<'a> {
    pub(super) metric: Exported,
    pub(super) points: Vec<Point<'a>>,
}

/// A value with its labels.
pub(super) struct Point<'a> {
    /// The labels of its series.
    pub(super) labels: &'a Labels,
    /// Labels besides them.
    pub(super) more: Vec<(&'static str, &'a str)>,
    pub(super) value: Value<'a>,
}

/// The value of a point.
pub(super) enum Value<'a> {
    Count(u64),
    Level(f64),
    Times(&'a Times),
}

impl Point<'_> {
    /// All labels: names and values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.labels.iter();
        own.map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(self.more.iter().copied())
    }
}

/// Collects points by metric.
struct Collected<'a>(Vec<Family<'a>>);

impl<'a> Collected<'a> {
    fn add(
        &mut self,
        metric: Exported,
        labels: &'a Labels,
        more: Vec<(&'static str, &'a str)>,
        value: Value<'a>,
    ) {
        if let Some(family) = self.0.iter_mut().find(|family| family.metric == metric) {
            family.points.push(Point {
                labels,
                more,
                value,
            });
        }
    }
}

/// The families of a state, in the order of the catalogue; those without a point are left out.
pub(super) fn families(state: &RunState) -> Vec<Family<'_>> {
    let families = catalogue::EXPORTED.map(|metric| Family {
        metric,
        points: Vec::new(),
    });
    let mut all = Collected(families.into());
    for (phase, sums) in state.phases() {
        add_phase(&mut all, state, phase, sums);
    }
    add_levels(&mut all, state);
    all.0.retain(|family| !family.points.is_empty());
    all.0
}

fn add_phase<'a>(all: &mut Collected<'a>, state: &'a RunState, phase: &'a str, sums: &'a Phase) {
    let phase = ("phase", phase);
    for (sum, (series, labels)) in sums.series.iter().zip(&state.run.series) {
        let counts = &sum.counts;
        match series.subject {
            Subject::Requests | Subject::Silent => add_requests(all, labels, phase, counts),
            Subject::Iterations => add_iterations(all, labels, phase, counts),
            Subject::Groups => {}
        }
        for (times, (_, metric)) in sum.times.iter().zip(times_of(series.subject)) {
            all.add(*metric, labels, vec![phase], Value::Times(times));
        }
    }
    for (counts, labels) in sums.checks.iter().zip(&state.run.checks) {
        for (result, count) in [("passed", counts.passed), ("failed", counts.failed)] {
            let more = vec![("result", result), phase];
            all.add(catalogue::CHECKS, labels, more, Value::Count(count));
        }
    }
    for (metric, count) in [
        (catalogue::OFFERED, sums.offered),
        (catalogue::STARTED, sums.started),
        (catalogue::UNSTARTED, sums.unstarted),
    ] {
        all.add(metric, &state.run.labels, vec![phase], Value::Count(count));
    }
}

fn add_requests<'a>(
    all: &mut Collected<'a>,
    labels: &'a Labels,
    phase: (&'static str, &'a str),
    counts: &Counts,
) {
    for (metric, count) in [
        (catalogue::REQUESTS, counts.ended),
        (catalogue::INTERRUPTED_REQUESTS, counts.interrupted),
        (catalogue::RECEIVED, counts.bytes_in),
        (catalogue::SENT, counts.bytes_out),
    ] {
        all.add(metric, labels, vec![phase], Value::Count(count));
    }
    for (&outcome, &count) in &counts.outcomes {
        if outcome == Outcome::Status {
            for (class, count) in by_class(&counts.failed_statuses) {
                add_failed(all, labels, phase, (outcome, class, count));
            }
        } else if outcome.is_failure() {
            add_failed(all, labels, phase, (outcome, "", count));
        }
    }
    for (class, count) in by_class(&counts.statuses) {
        let more = vec![("status_class", class), phase];
        all.add(catalogue::RESPONSES, labels, more, Value::Count(count));
    }
}

fn add_failed<'a>(
    all: &mut Collected<'a>,
    labels: &'a Labels,
    phase: (&'static str, &'a str),
    (outcome, class, count): (Outcome, &'static str, u64),
) {
    let more = vec![("outcome", outcome.name()), ("status_class", class), phase];
    all.add(
        catalogue::FAILED_REQUESTS,
        labels,
        more,
        Value::Count(count),
    );
}

fn add_iterations<'a>(
    all: &mut Collected<'a>,
    labels: &'a Labels,
    phase: (&'static str, &'a str),
    counts: &Counts,
) {
    let ended = Value::Count(counts.ended);
    all.add(catalogue::ITERATIONS, labels, vec![phase], ended);
    for (outcome, count) in &counts.outcomes {
        if outcome.is_failure() {
            let more = vec![("outcome", outcome.name()), phase];
            all.add(
                catalogue::FAILED_ITERATIONS,
                labels,
                more,
                Value::Count(*count),
            );
        }
    }
}

fn add_levels<'a>(all: &mut Collected<'a>, state: &'a RunState) {
    let Levels {
        active_users,
        in_flight,
        backlog,
        offered_rate,
        achieved_rate,
        cpu,
        memory,
    } = state.levels;
    for (metric, level) in [
        (catalogue::ACTIVE_USERS, f64::from(active_users)),
        (catalogue::IN_FLIGHT, f64::from(in_flight)),
        (catalogue::BACKLOG, backlog as f64),
        (catalogue::OFFERED_RATE, offered_rate),
        (catalogue::ACHIEVED_RATE, achieved_rate),
        (catalogue::GENERATOR_CPU, cpu),
        (catalogue::GENERATOR_MEMORY, memory as f64),
    ] {
        all.add(metric, &state.run.labels, Vec::new(), Value::Level(level));
    }
    let run = &state.run;
    let more = vec![
        ("run_id", run.run_id.as_str()),
        ("version", run.version.as_str()),
    ];
    all.add(catalogue::RUN, &run.labels, more, Value::Level(1.0));
}

/// Counts by class of status, `2xx`.
fn by_class(statuses: &BTreeMap<u16, u64>) -> BTreeMap<&'static str, u64> {
    let mut classes = BTreeMap::new();
    for (status, count) in statuses {
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        };
        *classes.entry(class).or_default() += count;
    }
    classes
}
