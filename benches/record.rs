//! Benchmarks of recording: per sample, per swap of an interval, and for the interval afterwards.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gander::outcome::Outcome;
use gander::plan::schedule::Model;
use gander::plan::{CheckId, Metrics, Segment, Series, SeriesId, Subject};
use gander::probe::machine;
use gander::record::journal::{Journal, RunHeader, SCHEMA, Writer};
use gander::record::{Interval, IterationSample, LoadCounts, Recorder, Sample, Timing, Totals};
use gander::scenario::Kind;
use gander::units::Micros;

const SERIES: u32 = 20;
const SHARDS: usize = 8;

/// Times like those of a real target: most near 2 ms, a tail to 100 ms and beyond.
fn times() -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
        (2_000.0 * (1.0 - uniform).powf(-0.5)) as u64
    })
}

fn sample(series: u32, time: u64) -> Sample<'static> {
    Sample {
        series: SeriesId(series),
        intended: Micros(1_000),
        started: Micros(1_030),
        first_byte: Some(Micros(1_030 + time / 2)),
        finished: Micros(1_030 + time),
        outcome: Outcome::Ok,
        is_after_load: false,
        is_sent: true,
        status: Some(200),
        redirects: &[],
        resent: 0,
        bytes_in: 300,
        bytes_out: 100,
        connect: None,
        tls: None,
    }
}

/// A second with this number of requests, spread over the users and series.
fn fill(recorder: &Recorder, requests: usize) {
    for (number, time) in times().take(requests).enumerate() {
        let series = number as u32 % SERIES;
        recorder.record(number, |shard| shard.request(&sample(series, time)));
    }
}

fn rotate(recorder: &Recorder) -> Interval {
    recorder.rotate(Micros(1_000_000), false, LoadCounts::default(), None)
}

fn recording(criterion: &mut Criterion) {
    let recorder = recorder();
    let times: Vec<u64> = times().take(1 << 16).collect();
    let mut number = 0;
    let mut next = move || {
        number += 1;
        (number, times[number & 0xffff])
    };
    let mut group = criterion.benchmark_group("record");
    group.bench_function("request", |bencher| {
        bencher.iter(|| {
            let (user, time) = next();
            let series = user as u32 % SERIES;
            recorder.record(user, |shard| {
                shard.request(black_box(&sample(series, time)));
            });
        });
    });
    group.bench_function("request_with_check_and_in_flight", |bencher| {
        bencher.iter(|| {
            let (user, time) = next();
            let series = user as u32 % SERIES;
            recorder.request_began(user);
            recorder.record(user, |shard| {
                shard.request(black_box(&sample(series, time)));
                shard.check(CheckId(series), true);
            });
            recorder.request_ended(user);
        });
    });
    group.bench_function("iteration", |bencher| {
        bencher.iter(|| {
            let (user, time) = next();
            let iteration = IterationSample {
                series: SeriesId(SERIES),
                intended: Micros(1_000),
                free_since: Micros(0),
                started: Micros(1_030),
                finished: Micros(1_030 + time),
                outcome: Outcome::Ok,
            };
            recorder.record(user, |shard| shard.iteration(black_box(&iteration)));
        });
    });
    group.finish();
}

fn interval(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interval");
    for requests in [1_000, 50_000] {
        let recorder = recorder();
        group.bench_function(
            format!("swap_{SERIES}_series_{requests}_requests"),
            |bencher| {
                bencher.iter_batched(
                    || fill(&recorder, requests),
                    |()| black_box(rotate(&recorder)),
                    BatchSize::PerIteration,
                );
            },
        );
    }
    let recorder = recorder();
    fill(&recorder, 50_000);
    let second = rotate(&recorder);
    let mut totals = Totals::new(&series(), 40);
    group.bench_function("absorb_into_totals", |bencher| {
        bencher.iter(|| totals.absorb(black_box(&second)));
    });
    group.bench_function("percentile_of_all_series", |bencher| {
        bencher.iter(|| {
            let times = totals.timing(Timing::ResponseTime, &[]);
            black_box(times.value_at_quantile(0.99))
        });
    });
    group.finish();
}

fn journal(criterion: &mut Criterion) {
    const INTERVALS: u64 = 20;
    let recorder = recorder();
    let seconds: Vec<Interval> = (0..INTERVALS)
        .map(|_| {
            fill(&recorder, 50_000);
            rotate(&recorder)
        })
        .collect();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut runs = 0;
    let mut begin = || {
        runs += 1;
        let dir = dir.path().join(runs.to_string());
        (Writer::create(&dir, &header()).expect("it is empty"), dir)
    };
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10);
    group.bench_function(format!("append_{INTERVALS}_intervals"), |bencher| {
        bencher.iter_batched(
            &mut begin,
            |(mut writer, _)| {
                for second in &seconds {
                    writer.append(second).expect("there is room");
                }
            },
            BatchSize::PerIteration,
        );
    });
    let (mut writer, dir) = begin();
    for second in &seconds {
        writer.append(second).expect("there is room");
    }
    group.bench_function(format!("open_{INTERVALS}_intervals"), |bencher| {
        bencher.iter(|| {
            let journal = Journal::open(&dir).expect("it was just written");
            assert_eq!(journal.interval_count(), INTERVALS);
        });
    });
    group.finish();
}

fn recorder() -> Recorder {
    Recorder::new(&Metrics::built_in(), &series(), 40, SHARDS)
}

/// The steps, and their flow.
fn series() -> Vec<Series> {
    (0..=SERIES)
        .map(|number| Series {
            name: format!("step {number}"),
            flow: "browse".to_owned(),
            subject: if number < SERIES {
                Subject::Requests
            } else {
                Subject::Iterations
            },
            tags: BTreeMap::new(),
        })
        .collect()
}

fn header() -> RunHeader {
    RunHeader {
        schema: SCHEMA.to_owned(),
        gander: String::new(),
        run_id: String::new(),
        scenario: String::new(),
        kind: Kind::Custom,
        description: None,
        scenario_path: String::new(),
        scenario_sha256: String::new(),
        plan_hash: String::new(),
        workload_hash: None,
        seed: 0,
        segment: Segment::WHOLE,
        target: String::new(),
        target_is_bundled: false,
        target_command: None,
        is_searched: false,
        model: Model::Open,
        load: String::new(),
        stages: Vec::new(),
        planned_duration: None,
        planned_iterations: None,
        warm_up: Micros::ZERO,
        pacing: None,
        peak_users: 0,
        metrics: Metrics::built_in(),
        custom_metrics: Vec::new(),
        kept_metrics: Vec::new(),
        series: series(),
        checks: Vec::new(),
        thresholds: Vec::new(),
        trace_url: None,
        overrides: Vec::new(),
        machine: machine(),
        git_commit: None,
        baseline: None,
        started_at: String::new(),
    }
}

criterion_group!(benches, recording, interval, journal);
criterion_main!(benches);
