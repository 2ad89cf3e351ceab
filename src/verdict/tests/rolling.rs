//! Rolling windows, against windows judged alone.

use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_assert_eq, prop_oneof};
use proptest::proptest;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A window is kept by adding what enters it and taking out what leaves it: each must come to what its seconds come to
    /// when they are judged alone.
    #[test]
    fn a_rolling_window_is_judged_as_its_seconds_alone(
        run in prop::collection::vec(any_second(), 3..15),
        length in 1..6_usize,
    ) {
        let expressions = [
            "p95(response_time) < 700ms",
            "p10(response_time) > 20ms",
            "min(response_time) > 50ms",
            "max(service_time) < 900ms",
            "mean(response_time) < 400ms",
            "sd(response_time) < 300ms",
            "apdex(100ms)(response_time) > 0.5",
            "count(requests) > 20",
            "rate(requests) > 9/s",
            "ratio(failed) < 20%",
            "min(generator.cpu) > 30%",
            "max(generator.cpu) < 70%",
            "mean(generator.cpu) < 50%",
        ];
        let standings = |rules: &[Threshold], of: &[Second]| after(rules, &seconds(of)).0.standings();
        let found = standings(&expressions.map(|text| rolling(text, length as u64)), &run);
        let alone: Vec<Vec<Judged>> = run
            .windows(length)
            .map(|part| standings(&expressions.map(rule), part))
            .collect();
        for (number, (text, found)) in expressions.into_iter().zip(found).enumerate() {
            let judged = alone.iter().map(|window| window[number]);
            let judged = judged.filter(|window| window.standing != Standing::NoData);
            let is_below = text.contains('<');
            let worst = judged.clone().filter_map(|window| window.observed);
            let worst = worst.reduce(|a, b| if is_below { a.max(b) } else { a.min(b) });
            let standing = if judged.clone().any(|window| window.standing == Standing::Fail) {
                Standing::Fail
            } else {
                worst.map_or(Standing::NoData, |_| Standing::Pass)
            };
            prop_assert_eq!((found.standing, found.observed), (standing, worst), "{}", text);
        }
    }
}

fn any_second() -> impl Strategy<Value = Second> {
    let some = |most: u64| prop_oneof![1 => Just(0_u64), 2 => 1..most];
    (
        some(20),
        1..1_000_u64,
        some(5),
        some(5),
        1..2_000_u64,
        0.0..1.0,
    )
        .prop_map(|(count, millis, failed, timed_out, limit, cpu)| Second {
            good: (count, millis),
            failed,
            timed_out: (timed_out, limit),
            is_warm_up: false,
            cpu,
        })
}
