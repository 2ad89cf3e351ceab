//! Totals: the sums of a run's intervals.

use gander::outcome::Outcome;
use gander::plan::{CheckId, Metrics, Series, SeriesId, Subject};
use gander::probe::{Health, TargetHealth};
use gander::record::{
    Interval, IterationSample, LoadCounts, Recorder, Sample, Timing, Totals, histogram,
};
use gander::units::Micros;

use crate::record::request;

fn series() -> Vec<Series> {
    [
        ("home", Subject::Requests),
        ("browse", Subject::Iterations),
        ("search", Subject::Requests),
    ]
    .map(|(name, subject)| Series {
        name: name.to_owned(),
        flow: "browse".to_owned(),
        subject,
        tags: std::collections::BTreeMap::new(),
    })
    .into()
}

/// One second with these times in both request series, within one iteration.
fn second(recorder: &Recorder, number: u64, is_warm_up: bool, times: &[u64]) -> Interval {
    recorder.record(0, |shard| {
        for &time in times {
            for series in [SeriesId(0), SeriesId(2)] {
                shard.request(&Sample {
                    series,
                    ..request(Outcome::Ok, time, 0)
                });
            }
            shard.iteration(&IterationSample {
                series: SeriesId(1),
                intended: Micros(0),
                free_since: Micros(0),
                started: Micros(0),
                finished: Micros(2 * time),
                outcome: Outcome::Ok,
            });
            shard.check(CheckId(0), time < 100);
        }
    });
    let load = LoadCounts {
        offered: times.len() as u64,
        started: times.len() as u64,
        late: 1,
        unstarted: 0,
        backlog: number,
        active_users: 10 + number as u32,
        ..LoadCounts::default()
    };
    recorder.rotate(Micros((number + 1) * 1_000_000), is_warm_up, load, None)
}

#[test]
fn the_fold_of_intervals_is_what_one_interval_would_have_been() {
    let recorder = Recorder::new(&Metrics::built_in(), &series(), 1, 2);
    let mut totals = Totals::new(&series(), 1);
    let all: Vec<u64> = (0..500).map(|k| k * k).collect();
    let mut expected = histogram::empty();
    for (number, times) in all.chunks(100).enumerate() {
        totals.absorb(&second(&recorder, number as u64, false, times));
        for &time in times {
            histogram::record(&mut expected, Micros(time));
        }
    }
    let one = totals.timing(Timing::ResponseTime, &[SeriesId(2)]);
    assert_eq!(expected, one);
    let both = totals.timing(Timing::ResponseTime, &[SeriesId(0), SeriesId(2)]);
    assert_eq!(both, totals.timing(Timing::ResponseTime, &[]));
    assert_eq!(both.len(), 1_000);
    assert!(totals.timing(Timing::Tls, &[]).is_empty());
    assert!(totals.timing(Timing::Tls, &[SeriesId(9)]).is_empty());

    assert_eq!(totals.counts(Subject::Requests).ended, 1_000);
    assert_eq!(totals.counts(Subject::Iterations).ended, 500);
    assert_eq!(totals.series(SeriesId(0)).counts.ended, 500);
    let check = totals.check(CheckId(0));
    assert_eq!((check.passed, check.failed), (10, 490));
    assert_eq!(totals.duration(), Micros(5_000_000));
    assert_eq!(totals.peak_users(), 14);
    let load = totals.load();
    assert_eq!((load.offered, load.started, load.late), (500, 500, 5));
    assert_eq!((load.backlog, load.active_users), (4, 14));
}

#[test]
fn the_warm_up_is_counted_apart() {
    let recorder = Recorder::new(&Metrics::built_in(), &series(), 1, 1);
    let mut totals = Totals::new(&series(), 1);
    totals.absorb(&second(&recorder, 0, true, &[1, 2, 3]));
    assert_eq!(totals.duration(), Micros::ZERO);
    assert!(totals.timing(Timing::ResponseTime, &[]).is_empty());
    totals.absorb(&second(&recorder, 1, false, &[4]));
    assert_eq!(totals.counts(Subject::Requests).ended, 2);
    assert_eq!(totals.load().started, 1);
    assert_eq!(totals.measured().intervals, 1);
    let warm_up = totals.warm_up();
    assert_eq!((warm_up.intervals, warm_up.requests.ended), (1, 6));
    assert_eq!((warm_up.load.started, warm_up.iterations.ended), (3, 3));
    assert_eq!(warm_up.duration, Micros(1_000_000));
}

#[test]
fn averages_are_over_time_not_over_intervals() {
    let mut totals = Totals::new(&series(), 0);
    assert_eq!(
        (totals.mean_in_flight(), totals.health().mean_cpu),
        (0.0, 0.0)
    );
    let interval = |start, end, in_flight_milli, cpu, target| Interval {
        number: 0,
        start: Micros(start),
        end: Micros(end),
        is_warm_up: false,
        load: LoadCounts {
            in_flight_milli,
            ..LoadCounts::default()
        },
        series: std::collections::BTreeMap::new(),
        values: std::collections::BTreeMap::new(),
        checks: std::collections::BTreeMap::new(),
        health: Health {
            cpu_us: 100,
            cpu,
            user_cores: cpu,
            rss_bytes: end,
            open_fds: 7,
            loop_delay_max: Micros(start),
            stood_still: Micros(start),
            stolen: cpu / 2.0,
            throttled: Micros(10),
            ..Health::default()
        },
        target,
        ..Interval::default()
    };
    let target = TargetHealth {
        cpu_us: 0,
        cpu: 0.5,
        rss_bytes: 9,
    };
    totals.absorb(&interval(0, 3_000_000, 2_000, 0.2, Some(target)));
    totals.absorb(&interval(3_000_000, 4_000_000, 6_000, 1.0, None));
    assert!((totals.mean_in_flight() - 3.0).abs() < 1e-9);
    assert_eq!(totals.load().in_flight_milli, 3_000);
    let health = totals.health();
    assert!((health.mean_cpu - 0.4).abs() < 1e-9, "{health:?}");
    assert_eq!(health.cpu_time, Micros(200));
    assert!((health.peak.cpu - 1.0).abs() < 1e-9);
    assert_eq!(health.peak.rss_bytes, 4_000_000);
    assert_eq!(health.peak.loop_delay_max, Micros(3_000_000));
    assert_eq!(health.stood_still, Micros(3_000_000));
    assert!((health.mean_stolen - 0.2).abs() < 1e-9, "{health:?}");
    assert_eq!(health.throttled, Micros(20));
    let target = totals.target().expect("it was seen");
    assert!((target.mean_cpu - 0.5).abs() < 1e-9, "{target:?}");
}
