//! Tests of the judge with constructed intervals.

mod conclusion;
mod generator;
mod nothing;
mod seconds;
mod slopes;
mod thresholds;

use std::time::Duration;

use super::*;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::plan::threshold::{Limit, Rule, RuleLimit, Selection, Threshold};
use crate::plan::{CheckId, Series, SeriesId, Subject};
use crate::record::{
    CheckCounts, Health, Interval, LoadCounts, SeriesInterval, StopReason, Timing, Totals, WakeUps,
};
use crate::scenario::{Severity, Window};
use crate::units::Micros;

const REQUESTS: SeriesId = SeriesId(0);
const ITERATIONS: SeriesId = SeriesId(1);
const SECOND: u64 = 1_000_000;

fn series() -> Vec<Series> {
    let of = |subject| Series {
        name: "read".to_owned(),
        flow: "read".to_owned(),
        subject,
        tags: std::collections::BTreeMap::new(),
    };
    vec![of(Subject::Requests), of(Subject::Iterations)]
}

fn rule(expression: &str) -> Threshold {
    let parsed = Rule::parse(expression).expect(expression);
    Threshold {
        expression: expression.to_owned(),
        aggregate: parsed.measure.aggregate,
        metric: parsed.measure.metric,
        values: None,
        series: Vec::new(),
        checks: Vec::new(),
        during: Vec::new(),
        statuses: Vec::new(),
        in_seconds: parsed.in_seconds,
        comparator: parsed.comparator,
        limit: match parsed.limit {
            RuleLimit::Value(value) => Limit::Value(value),
            RuleLimit::Baseline { change } => Limit::Baseline { change },
            RuleLimit::Times {
                factor,
                ref measure,
            } => Limit::Times {
                factor,
                of: Selection {
                    aggregate: measure.aggregate,
                    metric: measure.metric,
                    values: None,
                    series: Vec::new(),
                    checks: Vec::new(),
                    during: Vec::new(),
                    statuses: Vec::new(),
                },
            },
        },
        unit: parsed.unit,
        window: Window::Total,
        min_samples: 0,
        abort_after: None,
        severity: Severity::Fail,
        line: Some(1),
    }
}

fn rolling(expression: &str, seconds: u64) -> Threshold {
    Threshold {
        window: Window::Rolling(Duration::from_secs(seconds)),
        ..rule(expression)
    }
}

fn sustained(expression: &str, seconds: u64) -> Threshold {
    Threshold {
        window: Window::Sustained(Duration::from_secs(seconds)),
        ..rule(expression)
    }
}

/// One second of the run.
#[derive(Clone, Copy, Default)]
struct Second {
    /// The number of requests, and the milliseconds of each.
    good: (u64, u64),
    /// Requests that failed with a status.
    failed: u64,
    /// The number of requests that timed out, and their limit in milliseconds.
    timed_out: (u64, u64),
    is_warm_up: bool,
    cpu: f64,
}

fn good(count: u64, millis: u64) -> Second {
    Second {
        good: (count, millis),
        ..Second::default()
    }
}

fn add(part: &mut SeriesInterval, timing: Timing, count: u64, time: Micros) {
    let times = part.histograms.entry(timing.into()).or_default();
    for _ in 0..count {
        times.record(time);
    }
}

fn interval(number: u64, second: Second) -> Interval {
    let mut part = SeriesInterval::default();
    let (count, millis) = second.good;
    let ended = count + second.failed + second.timed_out.0;
    part.counts.ended = ended;
    part.counts.failed = second.failed + second.timed_out.0;
    part.counts.bytes_in = count * 1_000;
    if second.failed > 0 {
        part.counts.outcomes.insert(Outcome::Status, second.failed);
    }
    if second.timed_out.0 > 0 {
        part.counts
            .outcomes
            .insert(Outcome::Timeout, second.timed_out.0);
    }
    add(
        &mut part,
        Timing::ResponseTime,
        count,
        Micros(millis * 1_000),
    );
    add(
        &mut part,
        Timing::ServiceTime,
        count,
        Micros(millis * 1_000),
    );
    add(
        &mut part,
        Timing::TimedOut,
        second.timed_out.0,
        Micros(second.timed_out.1 * 1_000),
    );
    let mut interval = Interval {
        number,
        start: Micros(number * SECOND),
        end: Micros((number + 1) * SECOND),
        is_warm_up: second.is_warm_up,
        health: Health {
            cpu: second.cpu,
            user_cores: second.cpu,
            ..Health::default()
        },
        ..Interval::default()
    };
    interval.load = LoadCounts {
        offered: ended,
        started: ended,
        active_users: 10,
        ..LoadCounts::default()
    };
    if ended > 0 {
        interval.series.insert(REQUESTS, part);
    }
    interval
}

/// Judge and totals after these intervals.
fn after(rules: &[Threshold], intervals: &[Interval]) -> (Judge, Totals) {
    let mut judge = Judge::new(rules, &series(), None);
    let mut totals = Totals::new(&series(), 1);
    for interval in intervals {
        totals.absorb(interval);
        judge.observe(interval);
    }
    (judge, totals)
}

fn seconds(seconds: &[Second]) -> Vec<Interval> {
    (0..)
        .zip(seconds)
        .map(|(number, second)| interval(number, *second))
        .collect()
}

fn judged(rule: Threshold, of: &[Second]) -> Judged {
    after(&[rule], &seconds(of)).0.standings().remove(0)
}

fn whole() -> Ending {
    Ending {
        is_complete: true,
        ..Ending::default()
    }
}
