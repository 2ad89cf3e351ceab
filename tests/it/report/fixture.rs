//! A run as it might have been: five minutes of six steps, with a bump in latency and failures in the middle.
//! Everything follows from the seed, so that reports of it are always the same bytes.

use std::collections::BTreeMap;

use gander::outcome::Outcome;
use gander::plan::schedule::Model;
use gander::plan::threshold::{Aggregate, Metric, Threshold, Unit};
use gander::plan::{CheckEntry, CheckId, Segment, Series, SeriesId, Subject};
use gander::probe::{Health, Machine, TargetHealth};
use gander::record::journal::{Ending, Event, FailureExample, RunHeader, SCHEMA, StageMark};
use gander::record::{CheckCounts, Interval, LoadCounts, SeriesInterval, Timing, histogram};
use gander::report::Report;
use gander::report::model::Draft;
use gander::scenario::{Comparator, Kind, Severity, Window};
use gander::units::{Micros, Quantile};

/// What kind of run to make up.
pub(super) struct Recipe {
    pub(super) seconds: u64,
    pub(super) warm_up: u64,
    pub(super) steps: usize,
    pub(super) per_second: u64,
    pub(super) model: Model,
    pub(super) has_bump: bool,
    pub(super) has_target: bool,
}

impl Recipe {
    pub(super) const BASELINE: Self = Self {
        seconds: 300,
        warm_up: 15,
        steps: 6,
        per_second: 200,
        model: Model::Open,
        has_bump: true,
        has_target: true,
    };

    /// Small enough to be read whole.
    pub(super) const SMALL: Self = Self {
        seconds: 10,
        warm_up: 2,
        per_second: 60,
        ..Self::BASELINE
    };

    /// Five seconds without a fault, in the closed model.
    pub(super) const SHORT: Self = Self {
        seconds: 5,
        warm_up: 0,
        has_bump: false,
        model: Model::Closed,
        has_target: false,
        ..Self::BASELINE
    };

    /// Not a single interval.
    pub(super) const EMPTY: Self = Self {
        seconds: 0,
        warm_up: 0,
        has_bump: false,
        ..Self::BASELINE
    };
}

/// The generator called `SplitMix64`.
pub(super) struct Dice(u64);

impl Dice {
    /// Of a run.
    pub(super) fn of(header: &RunHeader) -> Self {
        Self(header.seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box and Muller.
    fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = (-2.0 * self.unit().max(1e-12).ln()).sqrt();
        median * (sigma * radius * (std::f64::consts::TAU * self.unit()).cos()).exp()
    }
}

const STEPS: [(&str, &str, f64); 6] = [
    ("list documents", "browse", 6_000.0),
    ("open a document", "browse", 9_000.0),
    ("search", "browse", 28_000.0),
    ("log in", "edit", 45_000.0),
    ("save a document", "edit", 18_000.0),
    ("GET /documents/${id}/history", "edit", 12_000.0),
];

#[expect(
    clippy::too_many_lines,
    reason = "a list of fields, read from top to bottom"
)]
pub(super) fn header(recipe: &Recipe) -> RunHeader {
    let mut series: Vec<Series> = (0..recipe.steps)
        .map(|index| {
            let (name, flow, _) = STEPS[index % STEPS.len()];
            let name = if index < STEPS.len() {
                name.to_owned()
            } else {
                format!("{name} {index}")
            };
            Series {
                name,
                flow: flow.to_owned(),
                subject: Subject::Requests,
                tags: if index % 3 == 2 {
                    BTreeMap::from([("tier".to_owned(), "slow".to_owned())])
                } else {
                    BTreeMap::new()
                },
            }
        })
        .collect();
    for flow in ["browse", "edit"] {
        series.push(Series {
            name: flow.to_owned(),
            flow: flow.to_owned(),
            subject: Subject::Iterations,
            tags: BTreeMap::new(),
        });
    }
    let end = Micros(recipe.seconds * 1_000_000);
    let ramp = Micros(recipe.seconds * 100_000);
    RunHeader {
        schema: SCHEMA.to_owned(),
        gander: "0.1.0".to_owned(),
        run_id: "20261120T110000Z-baseline-1a2b".to_owned(),
        scenario: "baseline".to_owned(),
        kind: Kind::Baseline,
        description: Some("The everyday load of the document service.".to_owned()),
        scenario_path: "scenarios/baseline.yaml".to_owned(),
        scenario_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            .to_owned(),
        plan_hash: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".to_owned(),
        seed: 42,
        segment: Segment::WHOLE,
        target: "http://127.0.0.1:43117/".to_owned(),
        target_is_bundled: recipe.has_target,
        model: recipe.model,
        load: match recipe.model {
            Model::Open => "up to 70 iterations/s, at most 60 users".to_owned(),
            Model::Closed => "20 users for 5m".to_owned(),
        },
        stages: vec![
            StageMark {
                start: Micros::ZERO,
                end: ramp,
                from: 0.0,
                to: 70.0,
            },
            StageMark {
                start: ramp,
                end,
                from: 70.0,
                to: 70.0,
            },
        ],
        planned_duration: Some(end),
        planned_iterations: Some(recipe.seconds * 70),
        warm_up: Micros(recipe.warm_up * 1_000_000),
        peak_users: 60,
        series,
        checks: vec![
            check("status is 200", "list documents", "browse"),
            check("$.items length >= 1", "search", "browse"),
            check("status is 201", "save a document", "edit"),
        ],
        thresholds: vec![
            threshold(
                "p95(response_time) < 500ms",
                Aggregate::Percentile(Quantile::P95),
                Metric::ResponseTime,
                Comparator::Less,
                500_000.0,
                Unit::Us,
                Some(31),
            ),
            threshold(
                "p99(response_time{step=\"search\"}) < 250ms",
                Aggregate::Percentile(Quantile::P99),
                Metric::ResponseTime,
                Comparator::Less,
                250_000.0,
                Unit::Us,
                Some(32),
            ),
            threshold(
                "ratio(failed) < 0.5%",
                Aggregate::Ratio,
                Metric::Failed,
                Comparator::Less,
                0.005,
                Unit::Ratio,
                Some(33),
            ),
            threshold(
                "rate(requests) > 150/s",
                Aggregate::Rate,
                Metric::Requests,
                Comparator::Greater,
                150.0,
                Unit::PerSecond,
                Some(34),
            ),
            threshold(
                "ratio(started) >= 99%",
                Aggregate::Ratio,
                Metric::Started,
                Comparator::GreaterOrEqual,
                0.99,
                Unit::Ratio,
                None,
            ),
        ],
        overrides: vec!["load.stages[1].for = 5m".to_owned()],
        machine: Machine {
            platform: "linux x86_64".to_owned(),
            kernel: "6.8.0-45-generic".to_owned(),
            cpu: "AMD EPYC 7763".to_owned(),
            cores: 4,
            memory_bytes: 16 << 30,
            fd_limit: 65_536,
        },
        git_commit: Some("3f2a9c1d".to_owned()),
        started_at: "2026-11-20T11:00:00Z".to_owned(),
    }
}

fn check(name: &str, step: &str, flow: &str) -> CheckEntry {
    CheckEntry {
        name: name.to_owned(),
        step: step.to_owned(),
        flow: flow.to_owned(),
    }
}

fn threshold(
    expression: &str,
    aggregate: Aggregate,
    metric: Metric,
    comparator: Comparator,
    limit: f64,
    unit: Unit,
    line: Option<u32>,
) -> Threshold {
    Threshold {
        expression: expression.to_owned(),
        aggregate,
        metric,
        series: if expression.contains("search") {
            vec![SeriesId(2)]
        } else {
            Vec::new()
        },
        checks: Vec::new(),
        comparator,
        limit,
        unit,
        window: Window::Total,
        min_samples: 1,
        abort_after: None,
        severity: if expression.contains("rate(requests)") {
            Severity::Warn
        } else {
            Severity::Fail
        },
        line,
    }
}

fn put(part: &mut SeriesInterval, timing: Timing, time: f64) {
    let slot = part.histograms[timing as usize].get_or_insert_with(histogram::empty);
    histogram::record(slot, Micros(time.max(0.0) as u64));
}

/// Second `number` of the run.
#[expect(
    clippy::too_many_lines,
    reason = "a list of fields, read from top to bottom"
)]
pub(super) fn interval(
    recipe: &Recipe,
    header: &RunHeader,
    number: u64,
    dice: &mut Dice,
) -> Interval {
    let in_bump = recipe.has_bump && (recipe.seconds * 2 / 5..recipe.seconds / 2).contains(&number);
    let level = (number as f64 / (recipe.seconds as f64 * 0.1)).clamp(0.15, 1.0);
    let slow = if in_bump { 7.0 } else { 1.0 };
    let mut made = Interval {
        number,
        start: Micros(number * 1_000_000),
        end: Micros((number + 1) * 1_000_000),
        is_warm_up: number < recipe.warm_up,
        ..Interval::default()
    };
    let requests = (recipe.per_second as f64 * level) as u64;
    for k in 0..requests {
        let step = (k as usize) % recipe.steps;
        let part = made.series.entry(SeriesId(step as u32)).or_default();
        let base = STEPS[step % STEPS.len()].2;
        let service = dice.lognormal(base, 0.45) * if in_bump { 4.0 } else { 1.0 };
        let response = match recipe.model {
            Model::Open => {
                service + dice.lognormal(400.0, 0.8) + (slow - 1.0) * 30_000.0 * dice.unit()
            }
            Model::Closed => service,
        };
        part.counts.ended += 1;
        part.counts.bytes_in += 2_400;
        part.counts.bytes_out += 310;
        let luck = dice.unit();
        let outcome = match luck {
            l if in_bump && l < 0.012 => Outcome::Timeout,
            l if in_bump && l < 0.030 => Outcome::Status,
            l if l < 0.0008 => Outcome::Check,
            _ => Outcome::Ok,
        };
        let status = if outcome == Outcome::Status { 503 } else { 200 };
        if outcome != Outcome::Timeout {
            *part.counts.statuses.entry(status).or_default() += 1;
        }
        if outcome.is_failure() {
            part.counts.failed += 1;
            *part.counts.outcomes.entry(outcome).or_default() += 1;
            let timing = if outcome.is_censored() {
                Timing::TimedOut
            } else {
                Timing::FailedTime
            };
            put(
                part,
                timing,
                if outcome.is_censored() {
                    2_000_000.0
                } else {
                    response
                },
            );
        } else {
            put(part, Timing::ResponseTime, response);
            put(part, Timing::ServiceTime, service);
            put(part, Timing::Ttfb, service * 0.85);
        }
        if k % 40 == 0 {
            part.counts.connections += 1;
            put(part, Timing::Connect, dice.lognormal(180.0, 0.4));
        }
        if let Some(check) = header
            .checks
            .iter()
            .position(|check| check.step == STEPS[step % STEPS.len()].0)
        {
            let counts: &mut CheckCounts = made.checks.entry(CheckId(check as u32)).or_default();
            if outcome == Outcome::Ok {
                counts.passed += 1;
            } else {
                counts.failed += 1;
            }
        }
    }
    let iterations = requests / 3;
    for k in 0..iterations {
        let id = SeriesId(recipe.steps as u32 + (k % 2) as u32);
        let part = made.series.entry(id).or_default();
        part.counts.ended += 1;
        let lag = match recipe.model {
            Model::Open => dice.lognormal(90.0 * slow, 0.7),
            Model::Closed => 0.0,
        };
        put(part, Timing::StartLag, lag);
        put(part, Timing::SchedulingLag, lag.min(400.0));
        put(
            part,
            Timing::IterationTime,
            dice.lognormal(90_000.0 * slow, 0.4),
        );
    }
    made.load = LoadCounts {
        offered: iterations,
        started: iterations,
        late: if in_bump { iterations / 20 } else { 0 },
        active_users: (20.0 * level * if in_bump { 2.4 } else { 1.0 }) as u32 + 1,
        in_flight_milli: (requests as f64 * 20.0 * slow * (0.9 + 0.2 * dice.unit())) as u64,
        in_flight: (4.0 * slow) as u32,
        ..LoadCounts::default()
    };
    made.health = Health {
        cpu_us: 90_000 + (level * 120_000.0 * (0.9 + 0.2 * dice.unit())) as u64,
        cpu: 0.03 + level * 0.05 * (0.9 + 0.2 * dice.unit()),
        user_cores: 0.0,
        rss_bytes: (38 << 20) + (number.min(60) << 17),
        open_fds: 40,
        loop_delay_max: Micros(dice.lognormal(900.0, 0.5) as u64),
    };
    made.target = recipe.has_target.then(|| TargetHealth {
        cpu: (0.12 + level * 0.18 * (0.9 + 0.2 * dice.unit())) * if in_bump { 2.6 } else { 1.0 },
        rss_bytes: (120 << 20) + (number << 16),
    });
    made
}

/// What the journal of such a run holds besides its intervals.
pub(super) fn events(recipe: &Recipe) -> Vec<Event> {
    let bump = Micros(recipe.seconds * 2 / 5 * 1_000_000 + 1_000_000);
    if !recipe.has_bump {
        return Vec::new();
    }
    let failure = |series, outcome, status, request: &str, detail: &str| {
        Event::Failure(FailureExample {
            at: bump,
            series: Some(SeriesId(series)),
            outcome,
            status,
            request: request.to_owned(),
            detail: detail.to_owned(),
        })
    };
    vec![
        failure(
            0,
            Outcome::Check,
            Some(200),
            "GET http://127.0.0.1:43117/documents?page=3",
            "status is 200 but $.items is empty",
        ),
        failure(
            1,
            Outcome::Status,
            Some(503),
            "GET http://127.0.0.1:43117/documents/812",
            "status 503: pool exhausted",
        ),
        failure(
            2,
            Outcome::Timeout,
            None,
            "GET http://127.0.0.1:43117/search?q=goose",
            "no first byte within 2s",
        ),
    ]
}

/// The report of a run of this recipe, its header changed by `with`.
pub(super) fn report_with(
    recipe: &Recipe,
    with: impl FnOnce(&mut RunHeader, &mut Vec<Event>),
) -> Report {
    let mut header = header(recipe);
    let mut events = events(recipe);
    with(&mut header, &mut events);
    let mut draft = Draft::new(&header, recipe.seconds);
    let mut dice = Dice::of(&header);
    for number in 0..recipe.seconds {
        draft.absorb(&interval(recipe, &header, number, &mut dice));
    }
    let ending = Ending {
        at: Micros(recipe.seconds * 1_000_000),
        is_complete: true,
        ..Ending::default()
    };
    draft.finish(&events, &ending, &[])
}

/// The report of a run of this recipe.
pub(super) fn report(recipe: &Recipe) -> Report {
    report_with(recipe, |_, _| {})
}
