//! A constructed journal.

use std::collections::BTreeMap;
use std::path::Path;

use gander::outcome::Outcome;
use gander::plan::schedule::{MarkShape, Model};
use gander::plan::{CheckEntry, CheckId, Metrics, Segment, Series, Subject};
use gander::probe::{TargetHealth, machine};
use gander::record::journal::{Event, RunHeader, SCHEMA, StageMark, Writer};
use gander::record::{
    FailureExample, Interval, IterationSample, LoadCounts, LostUsers, Recorder, Sample, Standing,
    StopReason,
};
use gander::scenario::Kind;
use gander::units::Micros;

use crate::record::{FLOW, STEP, request};

pub(crate) fn header() -> RunHeader {
    let series = |name: &str, subject| Series {
        name: name.to_owned(),
        flow: "browse".to_owned(),
        subject,
        tags: BTreeMap::from([("page".to_owned(), "home".to_owned())]),
    };
    RunHeader {
        schema: SCHEMA.to_owned(),
        gander: "0.1.0".to_owned(),
        run_id: "20261120T110000Z-baseline-1a2b".to_owned(),
        scenario: "baseline".to_owned(),
        kind: Kind::Baseline,
        description: None,
        scenario_path: "scenarios/baseline.yaml".to_owned(),
        scenario_sha256: "00".repeat(32),
        workload_hash: None,
        plan_hash: "11".repeat(32),
        seed: u64::MAX,
        segment: Segment::WHOLE,
        target: "http://127.0.0.1:8080".to_owned(),
        target_is_bundled: true,
        target_command: None,
        is_searched: false,
        model: Model::Open,
        load: "20/s for 3s".to_owned(),
        stages: vec![StageMark {
            name: None,
            load: None,
            model: None,
            shape: MarkShape::Line,
            start: Micros::ZERO,
            end: Micros(3_000_000),
            from: 20.0,
            to: 20.0,
        }],
        planned_duration: Some(Micros(3_000_000)),
        planned_iterations: Some(60),
        warm_up: Micros(1_000_000),
        pacing: None,
        peak_users: 20,
        metrics: Metrics::built_in(),
        custom_metrics: Vec::new(),
        kept_metrics: Vec::new(),
        series: vec![
            series("GET /, then \"more\"", Subject::Requests),
            series("browse", Subject::Iterations),
        ],
        checks: vec![CheckEntry {
            name: "status is 200".to_owned(),
            step: "home".to_owned(),
            flow: "browse".to_owned(),
        }],
        thresholds: Vec::new(),
        trace_url: None,
        overrides: vec!["load.rate = 20/s".to_owned()],
        machine: machine(),
        git_commit: None,
        baseline: None,
        started_at: "2026-11-20T11:00:00.123Z".to_owned(),
    }
}

/// Seconds with good, failed, timed-out and interrupted requests, one of them with nothing at all.
pub(crate) fn intervals(count: u64) -> Vec<Interval> {
    let header = header();
    let recorder = Recorder::new(&header.metrics, &header.series, header.checks.len(), 2);
    (0..count)
        .map(|second| {
            if second != 1 {
                recorder.record(0, |shard| fill(shard, second));
            }
            let load = LoadCounts {
                offered: 20,
                started: 19,
                active_users: 4,
                ..LoadCounts::default()
            };
            let target = TargetHealth {
                cpu_us: 0,
                cpu: 0.1234,
                rss_bytes: 1 << 24,
            };
            let end = Micros((second + 1) * 1_000_000 + 137);
            recorder.rotate(end, second == 0, load, (second == 2).then_some(target))
        })
        .collect()
}

fn fill(shard: &mut gander::record::Shard, second: u64) {
    for (outcome, time) in [
        (Outcome::Ok, 0),
        (Outcome::Ok, 1_234 + 1_000 * second),
        (Outcome::Reset, 70),
        (Outcome::Timeout, 3_000_000),
        (Outcome::Interrupted, 10),
    ] {
        shard.request(&Sample {
            redirects: &[301],
            resent: 0,
            connect: (time > 100).then_some(Micros(42)),
            ..request(outcome, time, 5)
        });
    }
    shard.iteration(&IterationSample {
        series: FLOW,
        intended: Micros(10),
        free_since: Micros(0),
        started: Micros(12),
        finished: Micros(9_000 * second),
        outcome: Outcome::Ok,
    });
    shard.check(CheckId(0), true);
}

pub(super) fn other_events() -> Vec<Event> {
    vec![
        Event::Failure(FailureExample {
            at: Micros(5),
            series: Some(STEP),
            outcome: Outcome::Reset,
            status: None,
            request: "GET http://127.0.0.1:8080/".to_owned(),
            detail: "connection reset by peer".to_owned(),
        }),
        Event::Threshold {
            at: Micros(2_000_000),
            threshold: 0,
            standing: Standing::Fail,
            observed: Some(0.25),
        },
        Event::Warning {
            at: Micros(2_000_000),
            text: "one line\nonly, whatever it says".to_owned(),
        },
        Event::Stop {
            at: Micros(2_500_000),
            reason: StopReason::Threshold { threshold: 0 },
        },
    ]
}

/// Writes these intervals, the other events after the first of them, and the end.
pub(crate) fn write(dir: &Path, intervals: &[Interval]) {
    let mut writer = Writer::create(dir, &header()).expect("an empty directory");
    for (number, interval) in intervals.iter().enumerate() {
        writer.append(interval).expect("there is room");
        if number == 0 {
            for event in other_events() {
                writer.event(&event).expect("there is room");
            }
        }
    }
    writer
        .finish(Micros(3_100_000), 0, 2, LostUsers::default())
        .expect("there is room");
}
