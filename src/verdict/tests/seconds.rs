//! Tests of shares of seconds.

use super::*;

const RULE: &str = "share(seconds: p95(response_time) < 300ms) > 75%";

#[test]
fn each_measured_second_is_judged_by_itself() {
    let warm_up = Second {
        is_warm_up: true,
        ..good(10, 900)
    };
    // Over the whole run the slow second would decide the 95th percentile.
    let run = [
        warm_up,
        good(10, 100),
        good(1_000, 900),
        good(10, 100),
        good(10, 299),
    ];
    let found = judged(rule(RULE), &run);
    assert_eq!((found.observed, found.samples), (Some(0.75), 4));
    assert_eq!(found.standing, Standing::Fail, "{found:?}");
    assert_eq!(found.limit, Some(0.75));
    let found = judged(rule(&RULE.replace('>', ">=")), &run);
    assert_eq!(found.standing, Standing::Pass);
}

#[test]
fn a_second_without_a_sample_counts_if_requests_were_in_flight() {
    let mut run = seconds(&[good(10, 100), good(0, 0), good(0, 0), good(10, 100)]);
    run[1].load.in_flight_milli = 10_000;
    let (judge, _) = after(&[rule(RULE)], &run);
    let found = judge.standings().remove(0);
    assert_eq!((found.observed, found.samples), (Some(2.0 / 3.0), 3));
}

#[test]
fn a_rate_of_zero_is_a_sample() {
    let found = judged(
        rule("share(seconds: rate(requests) >= 5/s) > 40%"),
        &[good(10, 100), good(0, 0)],
    );
    assert_eq!((found.observed, found.samples), (Some(0.5), 2));
}

#[test]
fn parts_of_a_second_and_the_time_after_the_load_do_not_count() {
    let mut run = seconds(&[good(10, 100), good(10, 900), good(10, 900)]);
    run[1].load.drain = Micros(SECOND);
    run[2].end = run[2].start + Micros(400_000);
    let (judge, _) = after(&[rule(RULE)], &run);
    let found = judge.standings().remove(0);
    assert_eq!((found.observed, found.samples), (Some(1.0), 1));
}

#[test]
fn without_a_second_there_is_no_verdict_and_too_few_are_none() {
    assert_eq!(judged(rule(RULE), &[]).standing, Standing::NoData);
    let asks = Threshold {
        min_samples: 3,
        ..rule(RULE)
    };
    let found = judged(asks, &[good(10, 100); 2]);
    assert_eq!((found.standing, found.samples), (Standing::NoData, 2));
}

#[test]
fn a_failure_is_told_with_the_whole_left_side() {
    let (judge, totals) = after(&[rule(RULE)], &seconds(&[good(10, 900), good(10, 100)]));
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(
        verdict.reason,
        "share(seconds: p95(response_time) < 300ms) was 50 %, under its limit of 75 %"
    );
}
