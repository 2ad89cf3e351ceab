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
