//! Tests of the state of thresholds.

use super::*;

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
        // A bin of the histogram is a thousandth of its value wide.
        assert!(
            (value - observed).abs() <= observed * 0.001 + 1e-9,
            "{expression}: {value}, not {observed}"
        );
    }
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
    // A timeout's limit may be below the satisfied time; a failed request still counts as unsatisfied.
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
    let early = after(&rules, &intervals[..2]).0.standings().remove(0);
    assert_eq!(
        (early.standing, early.first_violation),
        (Standing::Fail, Some(Micros(SECOND)))
    );
    let end = after(&rules, &intervals).0.standings().remove(0);
    assert_eq!((end.standing, end.first_violation), (Standing::Pass, None));
}

#[test]
fn every_rolling_window_must_hold() {
    // One slow second in ten does not change the median of the run, but that of its window.
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
    // A second without any ended request does not end a violation.
    let mut gap = slow(4..7);
    gap[5] = Second::default();
    assert_eq!(judged(rule(), &gap).standing, Standing::Fail);
}

#[test]
fn one_slow_answer_in_silence_is_no_lasting_breach() {
    let mut run = vec![Second::default(); 10];
    run[4] = good(1, 900);
    let rule = || sustained("p95(response_time) < 500ms", 3);
    assert_eq!(judged(rule(), &run).standing, Standing::NoData);
    run[2] = good(1, 100);
    assert_eq!(judged(rule(), &run).standing, Standing::Pass);
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
        load: LoadCounts {
            drain: Micros(SECOND),
            ..LoadCounts::default()
        },
        ..drain
    });
    let rules = [
        rolling("rate(requests) > 90/s", 1),
        rule("min(active_users) > 5"),
        rule("max(response_time) < 1s"),
        rule("rate(requests) == 100.2/s"),
    ];
    let (judge, totals) = after(&rules, &intervals);
    let standings: Vec<Standing> = judge
        .standings()
        .iter()
        .map(|judged| judged.standing)
        .collect();
    assert_eq!(
        standings,
        [
            Standing::Pass,
            Standing::Pass,
            Standing::Fail,
            Standing::Pass
        ],
        "a late answer still counts, the time that it took does not"
    );
    assert_eq!(totals.load_time(), Micros(5 * SECOND));
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

/// `count` seconds, each with `good_ones` successful requests and `refused` without a connection.
fn refusing(good_ones: u64, refused: u64, count: usize) -> Vec<Interval> {
    let mut intervals = seconds(&vec![good(good_ones, 10); count]);
    for interval in &mut intervals {
        refuse(interval, refused);
    }
    intervals
}

fn refuse(interval: &mut Interval, refused: u64) {
    let counts = &mut interval.series.entry(REQUESTS).or_default().counts;
    counts.ended += refused;
    counts.failed += refused;
    counts.outcomes.insert(Outcome::ConnectRefused, refused);
}

#[test]
fn a_target_that_cannot_be_connected_to_for_half_a_minute_has_gone() {
    let abort = |run: &[Interval]| after(&[], run).0.abort();
    let mut run = refusing(40, 60, 31);
    assert_eq!(abort(&run[..29]), None);
    assert_eq!(
        abort(&run[..30]),
        Some(StopReason::TargetGone {
            detail: "no connection could be made for 1,800 of 3,000 requests in the last 30.0 s"
                .to_owned()
        })
    );
    run[15] = interval(15, good(50, 10));
    refuse(&mut run[15], 50);
    assert_eq!(abort(&run), None, "half is not more than half");
    run[15] = interval(15, Second::default());
    assert!(
        abort(&run).is_some(),
        "a second in which nothing ended is no recovery"
    );
}

#[test]
fn what_was_answered_and_a_few_attempts_are_no_sign_of_a_target_that_has_gone() {
    let failing = Second {
        failed: 100,
        ..Second::default()
    };
    assert_eq!(after(&[], &seconds(&[failing; 60])).0.abort(), None);
    let mut rare = seconds(&vec![Second::default(); 600]);
    for (minute, interval) in rare.iter_mut().step_by(60).enumerate() {
        refuse(interval, 1);
        assert!(minute < 10);
    }
    assert_eq!(
        after(&[], &rare[..540]).0.abort(),
        None,
        "nine in nine minutes"
    );
    assert!(after(&[], &rare).0.abort().is_some());
}
