//! Tests of slopes, and of comparisons of two parts of the run.

use super::*;
use crate::plan::threshold::Period;
use crate::record::TargetHealth;

/// A number from −1 to 1 that looks random, from its index.
fn noise(index: u64) -> f64 {
    let mixed = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Intervals in which the target's memory is this, by second.
fn memory(seconds: u64, bytes: impl Fn(u64) -> f64) -> Vec<Interval> {
    let of = |number| Interval {
        target: Some(TargetHealth {
            cpu_us: 0,
            cpu: 0.1,
            rss_bytes: bytes(number) as u64,
        }),
        ..interval(number, good(5, 100))
    };
    (0..seconds).map(of).collect()
}

const MIB: f64 = 1_048_576.0;

fn judged_on(expression: &str, intervals: &[Interval]) -> Judged {
    after(&[rule(expression)], intervals)
        .0
        .standings()
        .remove(0)
}

#[test]
fn a_leak_fails_and_noise_does_not() {
    let limit = "slope(target.rss) < 5MiB/h";
    // 20 MiB an hour over 20 minutes, in noise of ±2 MiB.
    let level = |second: u64| 100.0 * MIB + 2.0 * MIB * noise(second);
    let leaking = memory(1_200, |second| {
        level(second) + 20.0 * MIB * second as f64 / 3_600.0
    });
    let judged = judged_on(limit, &leaking);
    assert_eq!(judged.standing, Standing::Fail, "{judged:?}");
    let (from, to) = judged.interval.expect("an interval");
    assert!(from < 20.0 * MIB && 20.0 * MIB < to, "{judged:?}");
    assert!(to - from < 5.0 * MIB, "{judged:?}");

    let steady = judged_on(limit, &memory(1_200, level));
    assert_eq!(steady.standing, Standing::Pass, "{steady:?}");
    assert_eq!((&steady.detail, steady.samples), (&None, 1_200));

    // In five minutes the same noise hides a leak of that size.
    let short = judged_on(
        limit,
        &memory(320, |second| 1e8 + 20.0 * MIB * noise(second)),
    );
    assert_eq!(short.standing, Standing::Inconclusive, "{short:?}");
    let detail = short.detail.expect("a reason");
    assert!(
        detail.contains("too wide to compare with the limit; with this noise it would take"),
        "{detail}"
    );
}

#[test]
fn a_slope_needs_five_minutes() {
    let judged = judged_on("slope(target.rss) < 5MiB/h", &memory(200, |_| 1e8));
    assert_eq!(judged.standing, Standing::NoData);
    let (judge, totals) = after(&[rule("slope(target.rss) < 5MiB/h")], &memory(200, |_| 1e8));
    let reason = judge.conclude(&totals, &whole()).reason;
    assert_eq!(
        reason,
        "slope(target.rss): a slope needs at least 5m of measured time with samples in most of it, found 3m20s"
    );
    assert_eq!(
        judged_on("slope(target.rss) < 5MiB/h", &memory(305, |_| 1e8)).standing,
        Standing::Pass
    );
}

#[test]
fn a_relative_slope_is_a_part_of_the_mean() {
    // p95 rises from 100 to 120 ms within half an hour.
    let rising: Vec<_> = (0..1_800)
        .map(|number| interval(number, good(10, 100 + number / 90 + number % 3)))
        .collect();
    let judged = judged_on("slope(p95(response_time)) < 5%/h", &rising);
    let slope = judged.observed.expect("a slope");
    assert!((0.34..0.38).contains(&slope), "{judged:?}");
    assert_eq!(judged.standing, Standing::Fail);
    let absolute = judged_on("slope(p95(response_time)) < 50ms/h", &rising);
    let slope = absolute.observed.expect("a slope");
    assert!((38_000.0..42_000.0).contains(&slope), "{absolute:?}");
    assert_eq!(absolute.standing, Standing::Pass);
    // Throughput may not fall; it does not.
    let rate = judged_on("slope(rate(requests)) > -1%/h", &rising);
    assert_eq!(rate.standing, Standing::Pass, "{rate:?}");
}

#[test]
fn a_slope_that_fails_says_by_how_much() {
    let leaking = memory(600, |second| {
        1e8 + 1e6 * noise(second) + 1e5 * second as f64
    });
    let rules = [rule("slope(target.rss) < 5MiB/h")];
    let (judge, totals) = after(&rules, &leaking);
    let reason = judge.conclude(&totals, &whole()).reason;
    assert!(
        reason.starts_with("slope(target.rss) was +34")
            && reason.ends_with("over its limit of +5 MiB/h"),
        "{reason}"
    );
}

/// The rule with its sides in these parts of the run.
fn between(expression: &str, left: Period, right: Period) -> Threshold {
    let mut rule = rule(expression);
    rule.during = vec![left];
    if let Limit::Times { of, .. } = &mut rule.limit {
        of.during = vec![right];
    }
    rule
}

fn period(from: u64, to: Option<u64>) -> Period {
    Period {
        from: Micros(from * SECOND),
        to: to.map(|to| Micros(to * SECOND)),
    }
}

#[test]
fn two_stages_are_compared_by_what_ended_in_them() {
    let rule = || {
        between(
            "p95(response_time) < 1.5 * p95(response_time)",
            period(4, None),
            period(1, Some(2)),
        )
    };
    let run = |last: u64| {
        let warm_up = Second {
            is_warm_up: true,
            ..good(10, 900)
        };
        [
            warm_up,
            good(10, 100),
            good(10, 800),
            good(10, 700),
            good(10, last),
            good(10, last),
        ]
    };
    let recovered = judged(rule(), &run(140));
    assert_eq!(recovered.standing, Standing::Pass, "{recovered:?}");
    let limit = recovered.limit.expect("the stage before has samples");
    assert!((limit - 150_000.0).abs() < 200.0, "{limit}");
    assert_eq!(recovered.samples, 20);
    let slow = judged(rule(), &run(160));
    assert_eq!(slow.standing, Standing::Fail, "{slow:?}");
    assert_eq!(slow.first_violation, Some(Micros(5 * SECOND)));
}

#[test]
fn a_comparison_without_its_right_side_has_no_result() {
    let rule = between(
        "p95(response_time) < p95(response_time)",
        period(0, Some(2)),
        period(9, None),
    );
    let (judge, totals) = after(&[rule], &seconds(&[good(10, 100); 3]));
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(verdict.thresholds[0].standing, Standing::NoData);
    assert_eq!(
        verdict.reason,
        "p95(response_time): the right side had too few samples to compare with"
    );
}
