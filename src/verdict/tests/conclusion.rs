//! What a run comes to.

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
        (&saturated, whole(), Conclusion::Invalid, 94, "more than 90 % of the cores it plays users on for 10.0 s"),
        (&saturated, stopped(broken), Conclusion::Invalid, 94, "invalid"),
        (&saturated, stopped(StopReason::Signal), Conclusion::Interrupted, 105, "stopped by a signal"),
        (&slow, stopped(StopReason::SecondSignal), Conclusion::Interrupted, 105, "second signal"),
        (&healthy, Ending::default(), Conclusion::Interrupted, 105, "cut short"),
        (&saturated, stopped(gone), Conclusion::Fail, 107, "the target cannot be reached: it is over"),
        (&refused, whole(), Conclusion::Fail, 107, "all 50 requests failed, most with connect_refused"),
        (&refused, stopped(StopReason::Signal), Conclusion::Fail, 107, "could not be reached"),
        (&healthy, panicked, Conclusion::Fail, 255, "2 users panicked"),
        (&empty, whole(), Conclusion::NoData, 99, "p95(response_time) had nothing to judge, and another"),
        (&empty, stopped(setup), Conclusion::Fail, 99, "setup failed: login gave 401"),
        (&healthy, stopped(step), Conclusion::Fail, 99, "step `pay` failed"),
    ] {
        let found = conclusion(&rules, intervals, &ending);
        assert_eq!((found.0, found.1), (expected, code), "{ending:?}: {}", found.2);
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
