//! Recording: the counts and times of samples, lossless merging, and bounded memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use gander::outcome::Outcome;
use gander::plan::{CheckId, Metrics, Series, SeriesId, Subject};
use gander::record::{
    Clock, FailureExample, Interval, IterationSample, LoadCounts, Recorder, Sample, Timing,
    histogram,
};
use gander::units::Micros;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use proptest::prelude::*;

pub(crate) const STEP: SeriesId = SeriesId(0);
pub(crate) const FLOW: SeriesId = SeriesId(1);

/// This number of series of requests; the first of them is [`STEP`].
pub(crate) fn steps(count: usize) -> Vec<Series> {
    let step = Series {
        name: "home".to_owned(),
        flow: "browse".to_owned(),
        subject: Subject::Requests,
        tags: BTreeMap::new(),
    };
    vec![step; count]
}

/// [`STEP`] and [`FLOW`].
pub(crate) fn series() -> Vec<Series> {
    let mut series = steps(2);
    series[FLOW.0 as usize].subject = Subject::Iterations;
    series
}

/// A recorder of [`STEP`], [`FLOW`] and so many checks.
pub(crate) fn recorder(checks: usize, shards: usize) -> Recorder {
    Recorder::new(&Metrics::built_in(), &series(), checks, shards)
}

/// A request that took `time` from a start that was `lag` late.
pub(crate) fn request(outcome: Outcome, time: u64, lag: u64) -> Sample<'static> {
    let started = Micros(1_000_000 + lag);
    Sample {
        series: STEP,
        intended: Micros(1_000_000),
        started,
        first_byte: Some(started + Micros(time / 2)),
        finished: started + Micros(time),
        outcome,
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

pub(crate) fn rotate(recorder: &Recorder, second: u64) -> Interval {
    recorder.rotate(
        Micros(second * 1_000_000),
        false,
        LoadCounts::default(),
        None,
    )
}

fn times(interval: &Interval, series: SeriesId, timing: Timing) -> Vec<u64> {
    let Some(histogram) = interval
        .series
        .get(&series)
        .and_then(|series| series.histogram(timing))
    else {
        return Vec::new();
    };
    histogram
        .values()
        .flat_map(|(value, count)| std::iter::repeat_n(value, count as usize))
        .collect()
}

#[test]
fn a_good_request_is_counted_and_timed_from_both_starts() {
    let recorder = recorder(0, 1);
    let sample = Sample {
        redirects: &[302, 302],
        resent: 0,
        connect: Some(Micros(40)),
        tls: Some(Micros(90)),
        ..request(Outcome::Ok, 700, 300)
    };
    recorder.record(0, |shard| shard.request(&sample));
    let interval = rotate(&recorder, 1);
    for (timing, expected) in [
        (Timing::ResponseTime, vec![1000]),
        (Timing::ServiceTime, vec![700]),
        (Timing::Ttfb, vec![350]),
        (Timing::Connect, vec![40]),
        (Timing::Tls, vec![90]),
        (Timing::FailedTime, vec![]),
        (Timing::TimedOut, vec![]),
    ] {
        assert_eq!(times(&interval, STEP, timing), expected, "{timing:?}");
    }
    let counts = &interval.series[&STEP].counts;
    assert_eq!((counts.ended, counts.failed), (1, 0));
    assert_eq!((counts.bytes_in, counts.bytes_out), (300, 100));
    assert_eq!((counts.redirects, counts.connections), (2, 1));
    assert_eq!(counts.statuses, [(200, 1), (302, 2)].into());
    assert!(counts.outcomes.is_empty());
}

#[test]
fn only_good_requests_have_response_times() {
    for outcome in Outcome::ALL {
        let recorder = recorder(0, 1);
        recorder.record(0, |shard| shard.request(&request(outcome, 700, 300)));
        let interval = rotate(&recorder, 1);
        let good = outcome == Outcome::Ok;
        let failed = outcome.is_failure();
        for (timing, is_expected) in [
            (Timing::ResponseTime, good),
            (Timing::ServiceTime, good),
            (Timing::Ttfb, good),
            (
                Timing::FailedTime,
                // A request that was never sent has no time.
                failed
                    && !outcome.is_censored()
                    && !outcome.is_of_iterations()
                    && outcome != Outcome::Unsendable,
            ),
            (Timing::TimedOut, failed && outcome.is_censored()),
        ] {
            let found = times(&interval, STEP, timing).len();
            assert_eq!(found, usize::from(is_expected), "{outcome} {timing:?}");
        }
        let counts = &interval.series[&STEP].counts;
        assert_eq!(counts.ended, u64::from(good || failed), "{outcome}");
        assert_eq!(counts.failed, u64::from(failed), "{outcome}");
        let interrupted = u64::from(outcome == Outcome::Interrupted);
        assert_eq!(counts.interrupted, interrupted, "{outcome}");
        assert_eq!(counts.by_outcome(outcome), 1, "{outcome}");
        // Requests that the target received are counted, however they ended.
        assert_eq!((counts.bytes_in, counts.statuses[&200]), (300, 1));
    }
}

#[test]
fn an_iterations_lag_is_split_between_busy_users_and_the_generator() {
    let recorder = recorder(0, 1);
    let iteration = |intended, free_since, started, outcome| IterationSample {
        series: FLOW,
        intended: Micros(intended),
        free_since: Micros(free_since),
        started: Micros(started),
        finished: Micros(1_500),
        outcome,
    };
    recorder.record(0, |shard| {
        // The user was free long before, and late only because of the generator.
        shard.iteration(&iteration(1_000, 0, 1_030, Outcome::Ok));
        // The user was busy until 1,200.
        shard.iteration(&iteration(1_000, 1_200, 1_205, Outcome::Check));
        // On time; it never ended.
        shard.iteration(&iteration(1_000, 900, 1_000, Outcome::Interrupted));
    });
    let interval = rotate(&recorder, 1);
    assert_eq!(times(&interval, FLOW, Timing::StartLag), [0, 30, 205]);
    assert_eq!(times(&interval, FLOW, Timing::SchedulingLag), [0, 5, 30]);
    assert_eq!(times(&interval, FLOW, Timing::IterationTime), [500, 500]);
    let counts = &interval.series[&FLOW].counts;
    assert_eq!((counts.ended, counts.failed, counts.interrupted), (2, 1, 1));
}

#[test]
fn zero_stays_zero_and_what_is_too_long_is_the_longest() {
    let recorder = recorder(0, 1);
    recorder.record(0, |shard| {
        shard.request(&request(Outcome::Ok, 0, 0));
        shard.request(&request(Outcome::Ok, 86_400_000_000, 0));
        // A clock that seems to run backwards gives zero, not 500,000 years.
        shard.request(&Sample {
            finished: Micros(5),
            ..request(Outcome::Ok, 0, 0)
        });
    });
    let interval = rotate(&recorder, 1);
    let response_time = interval.series[&STEP]
        .histogram(Timing::ResponseTime)
        .expect("it was recorded");
    assert_eq!(response_time.len(), 3);
    assert_eq!(response_time.values().next(), Some((0, 2)));
    let longest = histogram::LONGEST.0;
    assert!(histogram::empty().equivalent(response_time.max(), longest));
}

#[test]
fn intervals_follow_each_other_and_hold_only_what_is_theirs() {
    let recorder = recorder(2, 4);
    recorder.record(7, |shard| {
        shard.request(&request(Outcome::Ok, 10, 0));
        shard.check(CheckId(1), true);
        shard.check(CheckId(1), false);
    });
    let first = rotate(&recorder, 1);
    let empty = rotate(&recorder, 2);
    recorder.record(7, |shard| shard.request(&request(Outcome::Timeout, 20, 0)));
    let third = rotate(&recorder, 3);

    assert_eq!([first.number, empty.number, third.number], [0, 1, 2]);
    assert_eq!((first.start, first.end), (Micros::ZERO, Micros(1_000_000)));
    assert_eq!((third.start, third.end), (empty.end, Micros(3_000_000)));
    let checks = first.checks[&CheckId(1)];
    assert_eq!(
        (checks.passed, checks.failed, first.checks.len()),
        (1, 1, 1)
    );
    assert!(empty.series.is_empty() && empty.checks.is_empty());
    assert_eq!(times(&third, STEP, Timing::TimedOut), [20]);
    assert!(times(&third, STEP, Timing::ResponseTime).is_empty());
    // A status of an earlier interval does not linger with a count of zero.
    recorder.record(7, |shard| {
        shard.request(&Sample {
            status: Some(404),
            ..request(Outcome::Status, 20, 0)
        });
    });
    let fourth = rotate(&recorder, 4);
    let counts = &fourth.series[&STEP].counts;
    assert_eq!(counts.statuses, [(404, 1)].into());
    assert_eq!(counts.failed_statuses, counts.statuses);
}

#[test]
fn an_interval_carries_nothing_over_to_the_next_but_one() {
    let recorder = recorder(0, 1);
    recorder.record(0, |shard| shard.request(&request(Outcome::Ok, 900_000, 0)));
    rotate(&recorder, 1);
    rotate(&recorder, 2);
    recorder.record(0, |shard| shard.request(&request(Outcome::Ok, 30, 0)));
    let interval = rotate(&recorder, 3);
    assert_eq!(times(&interval, STEP, Timing::ResponseTime), [30]);
}

#[test]
fn requests_in_flight_are_averaged_over_the_ticks() {
    let recorder = recorder(0, 4);
    recorder.observe_loop(Micros(0), Micros(150), Micros(10_000));
    for user in 0..6 {
        recorder.request_began(user);
    }
    recorder.observe_loop(Micros(10_000), Micros(10_090), Micros(20_000));
    recorder.request_ended(3);
    recorder.observe_loop(Micros(20_000), Micros(20_020), Micros(u64::MAX));
    assert_eq!(recorder.in_flight(), 5);
    let busy = rotate(&recorder, 1);
    assert_eq!((busy.load.in_flight, busy.load.in_flight_milli), (5, 3_666));
    assert_eq!(busy.health.loop_delay_max, Micros(150));
    let unticked = rotate(&recorder, 2);
    assert_eq!(unticked.load.in_flight_milli, 5_000);
    assert_eq!(unticked.health.loop_delay_max, Micros::ZERO);
}

#[test]
fn a_stall_before_the_first_tick_is_noticed() {
    let recorder = recorder(0, 1);
    recorder.expect_tick(Micros(41_300));
    let stalled = rotate(&recorder, 1);
    assert_eq!(stalled.health.stood_still, Micros(958_700));
    // The ticker wakes only after the aggregator.
    recorder.observe_loop(Micros(41_300), Micros(1_000_400), Micros(1_041_300));
    let later = recorder.rotate(Micros(1_020_000), false, LoadCounts::default(), None);
    assert_eq!(later.health.stood_still, Micros(400));
}

#[test]
fn only_the_first_failure_of_a_class_is_kept_and_built() {
    let recorder = recorder(0, 1);
    let mut built = 0;
    for _ in 0..3 {
        for series in [Some(STEP), Some(FLOW), None] {
            for outcome in [Outcome::Reset, Outcome::Status] {
                recorder.failure(series, outcome, None, || {
                    built += 1;
                    FailureExample {
                        at: Micros(1),
                        series,
                        outcome,
                        status: None,
                        request: "é".repeat(500),
                        detail: "reset by peer".to_owned(),
                    }
                });
            }
        }
    }
    let examples = recorder.take_failures();
    assert_eq!((built, examples.len()), (6, 6));
    assert_eq!(examples[0].request.chars().count(), 200);
    assert_eq!(examples[0].detail, "reset by peer");
    assert!(recorder.take_failures().is_empty());
}

#[test]
fn a_panic_in_one_user_does_not_stop_the_others_from_recording() {
    let recorder = Arc::new(recorder(0, 1));
    let clumsy = Arc::clone(&recorder);
    let panicked = std::thread::spawn(move || {
        clumsy.record(0, |shard| {
            shard.request(&request(Outcome::Ok, 10, 0));
            panic!("a user's own fault, with the lock held");
        });
    })
    .join();
    assert!(panicked.is_err());
    recorder.record(0, |shard| shard.request(&request(Outcome::Ok, 10, 0)));
    assert_eq!(rotate(&recorder, 1).series[&STEP].counts.ended, 2);
}

#[test]
fn users_may_record_while_intervals_are_cut_and_nothing_is_lost_or_doubled() {
    const USERS: usize = 8;
    const EACH: u64 = 20_000;
    let recorder = recorder(1, 2);
    let mut ended = 0;
    let mut timed = 0;
    let mut held = 0;
    let mut count = |interval: Interval| {
        let counts = interval.series.get(&STEP).map_or(0, |s| s.counts.ended);
        let in_histogram = times(&interval, STEP, Timing::ResponseTime).len() as u64;
        assert_eq!(
            counts, in_histogram,
            "an interval's counts and times are cut alike"
        );
        ended += counts;
        timed += in_histogram;
        held += interval.checks.get(&CheckId(0)).map_or(0, |c| c.passed);
    };
    let finished = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for user in 0..USERS {
            let (recorder, finished) = (&recorder, &finished);
            scope.spawn(move || {
                for time in 0..EACH {
                    recorder.record(user, |shard| {
                        shard.request(&request(Outcome::Ok, time, 0));
                        shard.check(CheckId(0), true);
                    });
                }
                finished.fetch_add(1, std::sync::atomic::Ordering::Release);
            });
        }
        let mut second = 0;
        while finished.load(std::sync::atomic::Ordering::Acquire) < USERS {
            second += 1;
            count(rotate(&recorder, second));
        }
    });
    count(rotate(&recorder, u64::MAX / 2_000_000));
    let sent = USERS as u64 * EACH;
    assert_eq!((ended, timed, held), (sent, sent, sent));
}

#[test]
fn the_clock_counts_from_its_base_and_never_below() {
    let base = std::time::Instant::now();
    let clock = Clock::starting_at(base);
    let later = base + std::time::Duration::from_micros(1_500);
    assert_eq!(clock.at(later), Micros(1_500));
    assert_eq!(Clock::starting_at(later).at(base), Micros::ZERO);
}

fn bytes(histogram: &Histogram<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    V2Serializer::new()
        .serialize(histogram, &mut bytes)
        .expect("any histogram has a written form");
    bytes
}

proptest! {
    #[test]
    fn shards_merged_are_one_histogram_bit_for_bit(
        samples in prop::collection::vec((0_usize..200, 0_u64..5_000_000_000), 1..12_000),
        shards in 1_usize..40,
    ) {
        let recorder = recorder(0, shards);
        let mut one = histogram::empty();
        for &(user, time) in &samples {
            recorder.record(user, |shard| shard.request(&request(Outcome::Ok, time, 0)));
            histogram::record(&mut one, Micros(time));
        }
        let interval = rotate(&recorder, 1);
        let merged = interval.series[&STEP].histogram(Timing::ResponseTime).expect("recorded");
        prop_assert_eq!(&one, &merged.to_histogram());
        prop_assert_eq!(bytes(&one), bytes(&merged.to_histogram()));
    }

    #[test]
    fn quantiles_are_within_a_thousandth(
        mut times in prop::collection::vec(0_u64..3_600_000_000, 1..2_000),
        q in 0.0_f64..=1.0,
    ) {
        let mut histogram = histogram::empty();
        for &time in &times {
            histogram::record(&mut histogram, Micros(time));
        }
        times.sort_unstable();
        let rank = ((q * times.len() as f64).ceil() as usize).clamp(1, times.len());
        let exact = times[rank - 1] as f64;
        let found = histogram.value_at_quantile(q) as f64;
        prop_assert!((found - exact).abs() <= exact * 0.001, "{found} {exact}");
    }
}
