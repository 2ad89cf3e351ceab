//! Tests of thresholds without samples.

use super::*;

#[test]
fn nothing_never_passes() {
    for expression in [
        "p95(response_time) < 500ms",
        "ratio(failed) < 1%",
        "ratio(checks) > 0%",
        "apdex(1s)(response_time) > 0%",
        "p99(tls) < 1s",
    ] {
        let found = judged(rule(expression), &[Second::default(); 3]);
        assert_eq!(found.standing, Standing::NoData, "{expression}: {found:?}");
    }
}

#[test]
fn without_a_baseline_there_is_no_change() {
    let text = "p95(response_time{step=\"a<b\"}) vs baseline < +10%";
    let (mut judge, totals) = after(&[rule(text)], &seconds(&[good(10, 100); 3]));
    let subject = "p95(response_time{step=\"a<b\"}) vs baseline";
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(verdict.exit, Exit::Inconclusive);
    assert_eq!(
        verdict.reason,
        format!("{subject}: there is no baseline: give one with --baseline")
    );
    let detail = "+4 %, from −1 % to +12 %, against 3 runs".to_owned();
    let settled = |standing| Judged {
        standing,
        observed: Some(0.04),
        limit: Some(0.1),
        interval: Some((-0.01, 0.12)),
        samples: 3,
        first_violation: None,
        detail: Some(detail.clone()),
    };
    let result = |standing, finding: Option<(Exit, &str)>| BaselineResult {
        thresholds: vec![(0, settled(standing))],
        finding: finding.map(|(exit, reason)| (exit, reason.to_owned())),
        warning: None,
    };
    judge.settle_baseline(result(Standing::Inconclusive, None));
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(verdict.exit, Exit::Passed);
    assert_eq!(verdict.reason, "the only threshold is inconclusive");
    assert_eq!(
        verdict.warnings,
        [Warning::Inconclusive {
            sentence: format!("{subject}: {detail}")
        }]
    );
    judge.settle_baseline(result(
        Standing::Fail,
        Some((Exit::Regressed, "p95 is slower")),
    ));
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!(verdict.exit, Exit::Regressed);
    assert_eq!(verdict.reason, "p95 is slower");
    assert_eq!(verdict.thresholds, [settled(Standing::Fail)]);
    judge.settle_baseline(result(
        Standing::Pass,
        Some((Exit::Passed, "nothing is worse")),
    ));
    let verdict = judge.conclude(&totals, &whole());
    assert_eq!((verdict.exit, verdict.warnings), (Exit::Passed, vec![]));
}

#[test]
fn only_thresholds_against_a_baseline_are_settled_from_outside() {
    let (mut judge, _) = after(&[rule("count(requests) > 5")], &seconds(&[good(10, 100)]));
    let before = judge.standings();
    judge.settle_baseline(BaselineResult {
        thresholds: vec![(0, Judged::NOTHING), (1, Judged::NOTHING)],
        ..BaselineResult::default()
    });
    assert_eq!(judge.standings(), before);
}

#[test]
fn a_count_of_nothing_is_zero() {
    for (expression, standing) in [
        ("count(requests) == 0", Standing::Pass),
        ("count(bytes_in) < 1MB", Standing::Pass),
        ("count(failed) < 10", Standing::Pass),
        ("rate(failed) < 1/s", Standing::Pass),
        ("count(checks) > 0", Standing::Fail),
        ("rate(requests) < 10/s", Standing::Pass),
        ("rate(requests) > 10/s", Standing::Fail),
    ] {
        let found = judged(rule(expression), &[Second::default(); 3]);
        assert_eq!(
            (found.standing, found.observed),
            (standing, Some(0.0)),
            "{expression}"
        );
    }
    let asks_for_samples = Threshold {
        min_samples: 5,
        ..rule("count(requests) < 10")
    };
    let found = judged(asks_for_samples, &[Second::default(); 3]);
    assert_eq!(found.standing, Standing::NoData);
}
