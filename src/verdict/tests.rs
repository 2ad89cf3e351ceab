//! The judge, shown intervals made by hand.

use std::time::Duration;

use super::*;
use crate::outcome::Outcome;
use crate::plan::threshold::{Expression, Threshold};
use crate::plan::{CheckId, Series, SeriesId, Subject};
use crate::record::journal::StopReason;
use crate::record::{
    CheckCounts, Health, Interval, LoadCounts, SeriesInterval, Timing, Totals, histogram,
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
    let parsed = Expression::parse(expression).expect(expression);
    Threshold {
        expression: expression.to_owned(),
        aggregate: parsed.aggregate,
        metric: parsed.metric,
        series: Vec::new(),
        checks: Vec::new(),
        comparator: parsed.comparator,
        limit: parsed.limit,
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
    /// So many requests of so many milliseconds each.
    good: (u64, u64),
    /// Requests that failed with a status.
    failed: u64,
    /// Requests that reached a limit of so many milliseconds.
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
    let times = part.histograms[timing as usize].get_or_insert_with(histogram::empty);
    for _ in 0..count {
        histogram::record(times, time);
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
    after(&[rule], &seconds(of)).0.standings()[0]
}

fn whole() -> Ending {
    Ending {
        is_complete: true,
        ..Ending::default()
    }
}

#[test]
fn aggregates_over_the_whole_run() {
    let warm_up = Second {
        is_warm_up: true,
        ..good(100, 9_000)
    };
    let failing = Second {
        failed: 2,
        ..good(98, 100)
    };
    let run = [warm_up, good(100, 100), good(100, 300), failing];
    for (expression, standing, observed) in [
        ("p50(response_time) < 101ms", Standing::Pass, 100_000.0),
        ("p99(response_time) < 200ms", Standing::Fail, 300_000.0),
        ("max(response_time) <= 301ms", Standing::Pass, 300_000.0),
        ("min(service_time) > 100ms", Standing::Fail, 100_000.0),
        ("mean(response_time) < 170ms", Standing::Pass, 167_114.0),
        ("count(requests) == 300", Standing::Pass, 300.0),
        ("rate(requests) >= 100/s", Standing::Pass, 100.0),
        ("ratio(failed) < 1%", Standing::Pass, 2.0 / 300.0),
        ("count(failed) < 2", Standing::Fail, 2.0),
        (
            "apdex(100ms)(response_time) > 0.82",
            Standing::Pass,
            (198.0 + 50.0) / 300.0,
        ),
        ("count(bytes_in) > 1MB", Standing::Fail, 298_000.0),
        ("ratio(started) >= 99%", Standing::Pass, 1.0),
        ("max(active_users) <= 10", Standing::Pass, 10.0),
        ("mean(generator.cpu) < 50%", Standing::Pass, 0.0),
    ] {
        let found = judged(rule(expression), &run);
        assert_eq!(found.standing, standing, "{expression}: {found:?}");
        let value = found.observed.expect(expression);
        // A bin of the histogram is a thousandth wide.
        assert!(
            (value - observed).abs() <= observed * 0.001 + 1e-9,
            "{expression}: {value}, not {observed}"
        );
    }
}

#[test]
fn nothing_never_passes() {
    for expression in [
        "p95(response_time) < 500ms",
        "ratio(failed) < 1%",
        "count(failed) < 10",
        "rate(requests) < 10/s",
        "ratio(checks) > 0%",
        "apdex(1s)(response_time) > 0%",
        "p99(tls) < 1s",
    ] {
        let found = judged(rule(expression), &[Second::default(); 3]);
        assert_eq!(found.standing, Standing::NoData, "{expression}: {found:?}");
    }
    let too_low = judged(rule("rate(requests) > 10/s"), &[Second::default(); 3]);
    assert_eq!(
        (too_low.standing, too_low.observed),
        (Standing::Fail, Some(0.0))
    );
}

#[test]
fn too_few_samples_give_no_verdict() {
    let asks = |min_samples| Threshold {
        min_samples,
        ..rule("p95(response_time) < 500ms")
    };
    for (min_samples, standing) in [
        (0, Standing::Pass),
        (20, Standing::Pass),
        (21, Standing::NoData),
    ] {
        let found = judged(asks(min_samples), &[good(10, 100); 2]);
        assert_eq!(
            (found.standing, found.samples),
            (standing, 20),
            "of {min_samples}"
        );
    }
}

#[test]
fn a_request_that_timed_out_counts_with_its_limit() {
    let run = [Second {
        timed_out: (10, 5_000),
        ..good(90, 100)
    }];
    let p95 = judged(rule("p95(response_time) < 1s"), &run);
    assert_eq!((p95.standing, p95.samples), (Standing::Fail, 100));
    assert!(p95.observed.is_some_and(|value| value >= 5e6), "{p95:?}");
    assert_eq!(
        judged(rule("p90(response_time) < 1s"), &run).standing,
        Standing::Pass
    );
    // Its limit may be below the time that satisfies; a failure satisfies no one.
    let quick_limit = [Second {
        timed_out: (10, 50),
        ..good(90, 100)
    }];
    let apdex = judged(rule("apdex(100ms)(response_time) > 0.95"), &quick_limit);
    assert_eq!(
        (apdex.standing, apdex.observed),
        (Standing::Fail, Some(0.9))
    );
}

#[test]
fn a_whole_run_may_recover_from_a_breach() {
    let slow_start = [good(10, 900), good(10, 100), good(1_000, 100)];
    let rules = [rule("p95(response_time) < 500ms")];
    let intervals = seconds(&slow_start);
    let early = after(&rules, &intervals[..2]).0.standings()[0];
    assert_eq!(
        (early.standing, early.first_violation),
        (Standing::Fail, Some(Micros(SECOND)))
    );
    let end = after(&rules, &intervals).0.standings()[0];
    assert_eq!((end.standing, end.first_violation), (Standing::Pass, None));
}

#[test]
fn every_rolling_window_must_hold() {
    // One slow second in ten: hidden in the whole run's median, not in its window.
    let mut run = vec![good(100, 100); 10];
    run[4] = good(300, 900);
    let total = judged(rule("p50(response_time) < 500ms"), &run);
    assert_eq!(total.standing, Standing::Pass);
    let found = judged(rolling("p50(response_time) < 500ms", 2), &run);
    assert_eq!(
        (found.standing, found.first_violation),
        (Standing::Fail, Some(Micros(5 * SECOND)))
    );
    assert_eq!(found.samples, 400, "of the worst window");
    let wide = judged(rolling("p50(response_time) < 500ms", 5), &run);
    assert_eq!(wide.standing, Standing::Pass, "300 of 700 are slow");
}

#[test]
fn windows_that_never_fill_give_no_verdict() {
    let run = [good(100, 900); 4];
    for rule in [
        rolling("p50(response_time) < 500ms", 5),
        sustained("p50(response_time) < 500ms", 5),
    ] {
        assert_eq!(judged(rule, &run).standing, Standing::NoData);
    }
}

#[test]
fn intervals_that_end_late_still_fill_their_window() {
    let mut intervals = seconds(&[good(10, 900); 3]);
    for (interval, late) in intervals.iter_mut().zip([40_000, 3_000, 1_000]) {
        interval.end += Micros(late);
    }
    for number in 1..3 {
        intervals[number].start = intervals[number - 1].end;
    }
    let (judge, _) = after(
        &[
            rolling("count(requests) == 10", 1),
            rolling("count(requests) == 30", 3),
        ],
        &intervals,
    );
    let standings: Vec<Standing> = judge
        .standings()
        .iter()
        .map(|judged| judged.standing)
        .collect();
    assert_eq!(standings, [Standing::Pass, Standing::Pass]);
}

#[test]
fn a_breach_counts_once_it_has_lasted() {
    let slow = |at: std::ops::Range<usize>| {
        let mut run = vec![good(100, 100); 10];
        run[at].fill(good(100, 900));
        run
    };
    let rule = || sustained("p95(response_time) < 500ms", 3);
    let short = judged(rule(), &slow(4..6));
    assert_eq!(
        (short.standing, short.first_violation),
        (Standing::Pass, None)
    );
    assert!(
        short.observed.is_some_and(|value| value < 200e3),
        "the level held for 3 s: {short:?}"
    );
    let long = judged(rule(), &slow(4..7));
    assert_eq!(
        (long.standing, long.first_violation),
        (Standing::Fail, Some(Micros(7 * SECOND)))
    );
    // A second in which nothing ended does not heal a breach.
    let mut gap = slow(4..7);
    gap[5] = Second::default();
    assert_eq!(judged(rule(), &gap).standing, Standing::Fail);
}

#[test]
fn an_outage_breaks_a_rate_in_its_window() {
    let mut run = vec![good(100, 10); 10];
    run[3..6].fill(Second::default());
    assert_eq!(
        judged(rolling("rate(requests) > 50/s", 3), &run).standing,
        Standing::Fail
    );
    assert_eq!(
        judged(sustained("rate(requests) > 50/s", 3), &run).standing,
        Standing::Fail
    );
    assert_eq!(
        judged(sustained("rate(requests) > 50/s", 4), &run).standing,
        Standing::Pass
    );
}

#[test]
fn the_end_of_the_load_breaks_no_rate() {
    let mut intervals = seconds(&[good(100, 10); 5]);
    let drain = interval(5, good(1, 2_000));
    intervals.push(Interval {
        load: LoadCounts::default(),
        ..drain
    });
    let rules = [
        rolling("rate(requests) > 90/s", 1),
        rule("min(active_users) > 5"),
        rule("max(response_time) < 1s"),
    ];
    let mut judge = Judge::new(&rules, &series(), Some(Micros(5 * SECOND)));
    for interval in &intervals {
        judge.observe(interval);
    }
    let standings: Vec<Standing> = judge
        .standings()
        .iter()
        .map(|judged| judged.standing)
        .collect();
    assert_eq!(
        standings,
        [Standing::Pass, Standing::Pass, Standing::Fail],
        "a late answer still counts"
    );
}

#[test]
fn checks_are_judged_by_their_part_that_held() {
    let mut seen = interval(0, good(10, 10));
    seen.checks.insert(
        CheckId(0),
        CheckCounts {
            passed: 9,
            failed: 1,
        },
    );
    seen.checks.insert(
        CheckId(1),
        CheckCounts {
            passed: 0,
            failed: 90,
        },
    );
    let one = Threshold {
        checks: vec![CheckId(0)],
        ..rule("ratio(checks) >= 90%")
    };
    let (judge, _) = after(
        &[
            one,
            rule("ratio(checks) >= 90%"),
            rule("count(checks) == 100"),
        ],
        &[seen],
    );
    let found: Vec<_> = judge
        .standings()
        .iter()
        .map(|judged| (judged.standing, judged.samples))
        .collect();
    assert_eq!(
        found,
        [
            (Standing::Pass, 10),
            (Standing::Fail, 100),
            (Standing::Pass, 100)
        ]
    );
}

#[test]
fn a_selected_series_is_judged_alone() {
    let mut seen = interval(0, good(10, 900));
    let mut other = SeriesInterval::default();
    other.counts.ended = 90;
    add(&mut other, Timing::ResponseTime, 90, Micros(1_000));
    seen.series.insert(SeriesId(2), other);
    let mut known = series();
    known.push(Series {
        name: "write".to_owned(),
        ..known[0].clone()
    });
    let one = Threshold {
        series: vec![SeriesId(0)],
        ..rule("p50(response_time) < 500ms")
    };
    let mut judge = Judge::new(&[one, rule("p50(response_time) < 500ms")], &known, None);
    judge.observe(&seen);
    let found: Vec<_> = judge
        .standings()
        .iter()
        .map(|judged| (judged.standing, judged.samples))
        .collect();
    assert_eq!(found, [(Standing::Fail, 10), (Standing::Pass, 100)]);
}

#[test]
fn a_broken_threshold_aborts_only_after_its_delay() {
    let aborting = Threshold {
        abort_after: Some(Duration::from_secs(3)),
        ..rule("p95(response_time) < 500ms")
    };
    let rules = [rule("p95(response_time) < 500ms"), aborting];
    for (length, stop) in [
        (1, None),
        (2, None),
        (3, Some(StopReason::Threshold { threshold: 1 })),
    ] {
        let (judge, _) = after(&rules, &seconds(&vec![good(10, 900); length]));
        assert_eq!(judge.abort(), stop, "after {length} s");
    }
}

#[test]
fn a_target_that_fails_for_half_a_minute_has_gone() {
    let failing = Second {
        failed: 60,
        ..good(40, 10)
    };
    let mut run = vec![failing; 31];
    assert_eq!(after(&[], &seconds(&run[..29])).0.abort(), None);
    assert!(matches!(
        after(&[], &seconds(&run[..30])).0.abort(),
        Some(StopReason::TargetGone { .. })
    ));
    run[15] = Second {
        failed: 50,
        ..good(50, 10)
    };
    assert_eq!(
        after(&[], &seconds(&run)).0.abort(),
        None,
        "half is not more than half"
    );
    run[15] = Second::default();
    assert!(
        after(&[], &seconds(&run)).0.abort().is_some(),
        "a second in which nothing ended is no recovery"
    );
}

/// Conclusion, exit code and reason of a run.
fn conclusion(
    rules: &[Threshold],
    intervals: &[Interval],
    ending: &Ending,
) -> (Conclusion, u8, String) {
    let (judge, totals) = after(rules, intervals);
    let verdict = judge.conclude(&totals, ending);
    assert_eq!(verdict.thresholds.len(), rules.len());
    (verdict.conclusion, verdict.exit.code(), verdict.reason)
}

#[test]
fn the_strongest_finding_decides() {
    let healthy = seconds(&[good(100, 100); 10]);
    let slow = seconds(&[good(100, 900); 10]);
    let saturated = seconds(
        &[Second {
            cpu: 0.97,
            ..good(100, 900)
        }; 10],
    );
    let mut refused = seconds(&[Second::default(); 10]);
    for interval in &mut refused {
        let mut part = SeriesInterval::default();
        (part.counts.ended, part.counts.failed) = (5, 5);
        part.counts.outcomes.insert(Outcome::ConnectRefused, 5);
        interval.series.insert(REQUESTS, part);
    }
    let rules = [
        rule("p95(response_time) < 500ms"),
        rule("ratio(failed) < 1%"),
    ];
    let stopped = |reason| Ending {
        stop: Some(reason),
        ..whole()
    };
    let gone = || StopReason::TargetGone {
        detail: "it is over".to_owned(),
    };
    let broken = || StopReason::Threshold { threshold: 0 };
    for (intervals, ending, conclude, code, reason) in [
        (
            &healthy,
            whole(),
            Conclusion::Pass,
            0,
            "both thresholds hold",
        ),
        (
            &slow,
            whole(),
            Conclusion::Fail,
            99,
            "p95(response_time) was 900 ms, over its limit of 500 ms",
        ),
        (
            &slow,
            stopped(broken()),
            Conclusion::Fail,
            99,
            "stopped early: p95(response_time) was 900 ms",
        ),
        (
            &saturated,
            whole(),
            Conclusion::Invalid,
            94,
            "more than 90 % of the CPU for 10.0 s",
        ),
        (
            &saturated,
            stopped(broken()),
            Conclusion::Invalid,
            94,
            "invalid",
        ),
        (
            &saturated,
            stopped(StopReason::Signal),
            Conclusion::Interrupted,
            105,
            "stopped by a signal",
        ),
        (
            &slow,
            stopped(StopReason::SecondSignal),
            Conclusion::Interrupted,
            105,
            "second signal",
        ),
        (
            &healthy,
            Ending::default(),
            Conclusion::Interrupted,
            105,
            "cut short",
        ),
        (
            &saturated,
            stopped(gone()),
            Conclusion::Fail,
            107,
            "the target has gone: it is over",
        ),
        (
            &refused,
            whole(),
            Conclusion::Fail,
            107,
            "all 50 requests failed, most with connect_refused",
        ),
        (
            &refused,
            stopped(StopReason::Signal),
            Conclusion::Fail,
            107,
            "could not be reached",
        ),
        (
            &healthy,
            Ending {
                panics: 2,
                ..whole()
            },
            Conclusion::Fail,
            255,
            "2 users panicked",
        ),
        (
            &vec![],
            whole(),
            Conclusion::NoData,
            99,
            "p95(response_time) had nothing to judge, and another",
        ),
        (
            &vec![],
            stopped(StopReason::SetupFailed {
                detail: "login gave 401".to_owned(),
            }),
            Conclusion::Fail,
            99,
            "setup failed: login gave 401",
        ),
        (
            &healthy,
            stopped(StopReason::StepFailed {
                step: "pay".to_owned(),
            }),
            Conclusion::Fail,
            99,
            "step `pay` failed",
        ),
    ] {
        let found = conclusion(&rules, intervals, &ending);
        assert_eq!(
            (found.0, found.1),
            (conclude, code),
            "{ending:?}: {}",
            found.2
        );
        assert!(found.2.contains(reason), "{}", found.2);
    }
}

#[test]
fn a_run_without_thresholds_passes_if_it_measured_anything() {
    let run = seconds(&[Second {
        failed: 3,
        ..good(7, 10)
    }]);
    let said = "no threshold judged it; 3 of 10 requests failed".to_owned();
    assert_eq!(conclusion(&[], &run, &whole()), (Conclusion::Pass, 0, said));
    let nothing = conclusion(&[], &[], &whole());
    assert_eq!((nothing.0, nothing.1), (Conclusion::NoData, 99));
}

#[test]
fn a_threshold_that_only_warns_does_not_fail_the_run() {
    let warning = Threshold {
        severity: Severity::Warn,
        ..rule("p95(response_time) < 500ms")
    };
    let (judge, totals) = after(
        &[warning, rule("ratio(failed) < 1%")],
        &seconds(&[good(100, 900); 3]),
    );
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(
        (verdict.conclusion, verdict.exit),
        (Conclusion::Pass, Exit::Passed)
    );
    assert_eq!(verdict.reason, "the one threshold holds");
    assert!(
        verdict.warnings[0]
            .to_string()
            .starts_with("p95(response_time) was 900 ms"),
        "{:?}",
        verdict.warnings
    );
}

/// The warnings of a run of this length, changed second by second.
fn warnings(length: usize, change: impl Fn(usize, &mut Interval)) -> Vec<Warning> {
    let mut intervals = seconds(&vec![good(100, 100); length]);
    for (number, interval) in intervals.iter_mut().enumerate() {
        // 100 a second of 0.1 s each: ten in flight.
        interval.load.in_flight_milli = 10_000;
        change(number, interval);
    }
    let (judge, totals) = after(&[], &intervals);
    judge.conclude(&totals, &whole()).warnings
}

#[test]
fn a_healthy_generator_gives_no_warning() {
    assert_eq!(warnings(60, |_, _| {}), []);
}

#[test]
fn cpu_use_warns_and_then_invalidates() {
    let busy = |at: std::ops::Range<usize>, cpu| {
        warnings(60, move |number, interval| {
            if at.contains(&number) {
                interval.health.cpu = cpu;
            }
        })
    };
    assert_eq!(busy(0..60, 0.79), []);
    assert_eq!(
        busy(3..5, 0.85),
        [Warning::CpuBusy {
            peak: 0.85,
            lasted: Micros(2 * SECOND)
        }]
    );
    assert_eq!(
        busy(3..7, 0.95),
        [Warning::CpuBusy {
            peak: 0.95,
            lasted: Micros(4 * SECOND)
        }]
    );
    assert_eq!(
        busy(3..8, 0.95),
        [Warning::CpuSaturated {
            lasted: Micros(5 * SECOND)
        }]
    );
}

#[test]
fn scheduling_lag_warns_and_then_invalidates() {
    let lagging = |count: u64, of: u64, millis: u64| {
        let found = warnings(1, |_, interval| {
            let mut part = SeriesInterval::default();
            add(&mut part, Timing::SchedulingLag, of - count, Micros(100));
            add(
                &mut part,
                Timing::SchedulingLag,
                count,
                Micros(millis * 1_000),
            );
            interval.series.insert(ITERATIONS, part);
        });
        found
            .iter()
            .map(Warning::is_invalidating)
            .collect::<Vec<_>>()
    };
    assert_eq!(lagging(0, 1_000, 0), [false; 0]);
    assert_eq!(lagging(9, 1_000, 900), [false; 0], "fewer than 1 in 100");
    assert_eq!(lagging(20, 1_000, 10), [false]);
    assert_eq!(lagging(20, 1_000, 60), [true]);
    assert_eq!(lagging(20, 99, 60), [false; 0], "too few to say");
}

#[test]
fn a_machine_out_of_descriptors_or_ports_invalidates() {
    let found = warnings(10, |_, interval| {
        let part = interval.series.get_mut(&REQUESTS).expect("made above");
        part.counts.failed += 3;
        part.counts.outcomes.insert(Outcome::FdLimit, 2);
        part.counts.outcomes.insert(Outcome::PortLimit, 1);
    });
    assert_eq!(
        found,
        [
            Warning::FdLimit { requests: 20 },
            Warning::PortLimit { requests: 10 }
        ]
    );
    assert!(found.iter().all(Warning::is_invalidating));
    assert!(found[0].to_string().contains("ulimit -n"));
}

#[test]
fn littles_law_catches_times_that_cannot_be_true() {
    let in_flight = |milli| warnings(60, move |_, interval| interval.load.in_flight_milli = milli);
    assert_eq!(in_flight(10_300), [], "within 5 %");
    assert!(matches!(
        in_flight(12_000)[..],
        [Warning::LittlesLaw { .. }]
    ));
    assert!(matches!(in_flight(8_000)[..], [Warning::LittlesLaw { .. }]));
    assert_eq!(in_flight(500), [], "not asked below one request in flight");
}

#[test]
fn a_generator_that_stood_still_is_told() {
    let found = warnings(10, |number, interval| {
        interval.health.loop_delay_max = Micros(if number == 4 { 250_000 } else { 9_000 });
    });
    assert_eq!(
        found,
        [Warning::LoopDelay {
            longest: Micros(250_000)
        }]
    );
}
