//! Tests of a run's conclusion.

use super::*;

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

fn stopped(reason: StopReason) -> Ending {
    Ending {
        stop: Some(reason),
        ..whole()
    }
}

/// Ten seconds in which every connection is refused.
fn refused() -> Vec<Interval> {
    let mut intervals = seconds(&[Second::default(); 10]);
    for interval in &mut intervals {
        let mut part = SeriesInterval::default();
        (part.counts.ended, part.counts.failed) = (5, 5);
        part.counts.outcomes.insert(Outcome::ConnectRefused, 5);
        interval.series.insert(REQUESTS, part);
    }
    intervals
}

#[test]
#[rustfmt::skip]
fn the_strongest_finding_decides() {
    let healthy = seconds(&[good(100, 100); 10]);
    let slow = seconds(&[good(100, 900); 10]);
    let saturated = seconds(&[Second { cpu: 0.97, ..good(100, 900) }; 10]);
    let (refused, empty) = (refused(), Vec::new());
    let gone = StopReason::TargetGone { detail: "it is over".to_owned() };
    let broken = StopReason::Threshold { threshold: 0 };
    let setup = StopReason::SetupFailed { detail: "login gave 401".to_owned() };
    let step = StopReason::StepFailed { step: "pay".to_owned() };
    let panicked = Ending { panics: 2, ..whole() };
    let rules = [rule("p95(response_time) < 500ms"), rule("ratio(failed) < 1%")];
    for (intervals, ending, expected, code, reason) in [
        (&healthy, whole(), Conclusion::Pass, 0, "both thresholds hold"),
        (&slow, whole(), Conclusion::Fail, 99, "p95(response_time) was 900 ms, over its limit of 500 ms"),
        (&slow, stopped(broken.clone()), Conclusion::Fail, 99, "stopped early: p95(response_time) was 900 ms"),
        (&saturated, whole(), Conclusion::Invalid, 94, "more than 90 % of the cores that run users for 10.0 s"),
        (&saturated, stopped(broken), Conclusion::Invalid, 94, "invalid"),
        (&saturated, stopped(StopReason::Signal), Conclusion::Interrupted, 105, "stopped by a signal"),
        (&slow, stopped(StopReason::SecondSignal), Conclusion::Interrupted, 105, "second signal"),
        (&healthy, Ending::default(), Conclusion::Interrupted, 105, "cut short"),
        (&saturated, stopped(gone), Conclusion::Fail, 107, "the target cannot be reached: it is over"),
        (&refused, whole(), Conclusion::Fail, 107, "all 50 requests failed, most with connect_refused"),
        (&refused, stopped(StopReason::Signal), Conclusion::Fail, 107, "could not be reached"),
        (&healthy, panicked, Conclusion::Fail, 255, "2 users panicked"),
        (&empty, whole(), Conclusion::NoData, 99, "p95(response_time) had no samples to judge, and another"),
        (&empty, stopped(setup), Conclusion::Fail, 99, "setup failed: login gave 401"),
        (&healthy, stopped(step), Conclusion::Fail, 99, "step `pay` failed"),
    ] {
        let found = conclusion(&rules, intervals, &ending);
        assert_eq!((found.0, found.1), (expected, code), "{ending:?}: {}", found.2);
        assert!(found.2.contains(reason), "{}", found.2);
    }
}

#[test]
fn a_run_without_thresholds_of_its_own_has_no_verdict() {
    let built_in = Threshold {
        line: None,
        ..rule("ratio(started) >= 99%")
    };
    let only_warns = Threshold {
        severity: Severity::Warn,
        ..rule("p95(response_time) < 500ms")
    };
    let run = seconds(&[Second {
        failed: 3,
        ..good(7, 10)
    }]);
    let said =
        "the scenario defines no threshold that could fail; 3 of 10 requests failed".to_owned();
    for rules in [vec![], vec![built_in], vec![only_warns]] {
        assert_eq!(
            conclusion(&rules, &run, &whole()),
            (Conclusion::NoVerdict, 0, said.clone())
        );
    }
    let nothing = conclusion(&[], &[], &whole());
    assert_eq!((nothing.0, nothing.1), (Conclusion::NoData, 99));
}

#[test]
fn a_run_of_which_every_request_failed_fails_unless_a_rule_is_about_that() {
    let failed = seconds(&[Second {
        failed: 6,
        ..Second::default()
    }]);
    let one_succeeded = seconds(&[Second {
        failed: 6,
        ..good(1, 10)
    }]);
    let quick = rule("count(requests) < 100");
    let expects_failures = rule("ratio(failed) > 90%");
    for (rules, intervals, expected) in [
        (vec![], &failed, (Conclusion::Fail, 99)),
        (vec![quick.clone()], &failed, (Conclusion::Fail, 99)),
        (vec![quick], &one_succeeded, (Conclusion::Pass, 0)),
        (vec![expects_failures], &failed, (Conclusion::Pass, 0)),
    ] {
        let (found, code, reason) = conclusion(&rules, intervals, &whole());
        assert_eq!((found, code), expected, "{reason}");
        if found == Conclusion::Fail {
            assert_eq!(reason, "all 6 requests failed, most with status");
        }
    }
}

#[test]
fn an_open_load_that_ran_out_of_users_says_what_the_target_gave_at_least() {
    let mut intervals = seconds(&[good(100, 10); 4]);
    for interval in &mut intervals[1..] {
        interval.load.offered = 150;
        interval.load.backlog = 50;
    }
    intervals[1].load.all_active_at = Some(Micros(1_080_000));
    // No user will start the iterations that are due when the load ends.
    intervals[3].load.drain = Micros(SECOND);
    let rules = [rule("ratio(started) >= 99%")];
    let mut judge = Judge::new(&rules, &series(), Some(10));
    let mut totals = Totals::new(&series(), 1);
    for interval in &intervals {
        judge.observe(interval);
        totals.absorb(interval);
    }
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(verdict.exit.code(), 99);
    assert_eq!(
        verdict.reason,
        "ratio(started) was 72.73 %, under its limit of 99 %; the target handled at least 100/s: max_users reached at \
         1.08 s, and all 10 users were busy for 1.92 s"
    );
    assert!(
        verdict
            .warnings
            .iter()
            .any(|warning| matches!(warning, Warning::UsersExhausted { max_users: 10, .. })),
        "{:?}",
        verdict.warnings
    );
}

/// A stalled generator keeps its own users busy, so the target is not the cause.
#[test]
fn an_invalid_run_says_nothing_of_what_the_target_gave() {
    let mut intervals = seconds(&[good(100, 10); 4]);
    for interval in &mut intervals {
        interval.load.backlog = 50;
        interval.health.loop_delay_max = Micros(1_600_000);
        interval.health.stood_still = Micros(400_000);
    }
    let mut judge = Judge::new(&[rule("ratio(started) >= 99%")], &series(), Some(10));
    let mut totals = Totals::new(&series(), 1);
    for interval in &intervals {
        judge.observe(interval);
        totals.absorb(interval);
    }
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(verdict.conclusion, Conclusion::Invalid);
    assert!(
        matches!(verdict.warnings[..], [Warning::Standstill { .. }]),
        "{:?}",
        verdict.warnings
    );
    assert!(
        !verdict.reason.contains("the target gave"),
        "{}",
        verdict.reason
    );
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
    assert_eq!(verdict.reason, "the only threshold holds");
    assert!(
        verdict.warnings[0]
            .to_string()
            .starts_with("p95(response_time) was 900 ms"),
        "{:?}",
        verdict.warnings
    );
}

#[test]
fn two_requests_without_a_connection_are_no_target_that_could_not_be_reached() {
    let mut intervals = refused();
    for interval in &mut intervals {
        interval.series.clear();
    }
    for (count, code) in [(2, 99), (3, 107)] {
        let mut part = SeriesInterval::default();
        (part.counts.ended, part.counts.failed) = (count + 1, count + 1);
        part.counts.outcomes.insert(Outcome::ConnectRefused, count);
        part.counts.outcomes.insert(Outcome::Unsendable, 1);
        intervals[0].series.insert(REQUESTS, part);
        let rules = [rule("count(requests) > 100")];
        assert_eq!(conclusion(&rules, &intervals, &whole()).1, code, "{count}");
    }
}

#[test]
fn iterations_that_failed_or_were_cut_off_break_the_rule_on_them() {
    let rules = [rule("ratio(failed_iterations) < 5%")];
    for (failed, cut_off, interrupted, code) in
        [(5, 0, 40, 0), (6, 0, 0, 99), (0, 6, 6, 99), (3, 3, 3, 99)]
    {
        let mut intervals = seconds(&[good(100, 10)]);
        let counts = &mut intervals[0].series.entry(ITERATIONS).or_default().counts;
        (counts.ended, counts.failed) = (104, failed);
        (counts.cut_off, counts.interrupted) = (cut_off, interrupted);
        let found = conclusion(&rules, &intervals, &whole());
        assert_eq!(found.1, code, "{}", found.2);
    }
}
