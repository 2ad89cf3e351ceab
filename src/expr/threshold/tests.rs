//! The grammar, by tables.

use proptest::prelude::*;

use super::*;

#[rustfmt::skip]
const FITTING: &[(&str, f64, Unit)] = &[
    ("p50(response_time) < 1m", 60e6, Unit::Us),
    ("p99.99(service_time)<=250us", 250.0, Unit::Us),
    ("min(ttfb) >= 1ms", 1e3, Unit::Us),
    (" max( connect ) < 1m30s ", 90e6, Unit::Us),
    ("mean(tls) != 5ms", 5e3, Unit::Us),
    ("sd(iteration_time) < 1s", 1e6, Unit::Us),
    ("count(start_lag) > 10", 10.0, Unit::Count),
    ("apdex(500ms)(response_time) > 0.9", 0.9, Unit::Ratio),
    ("count(requests) == 1000", 1e3, Unit::Count),
    ("rate(iterations) > 90/min", 1.5, Unit::PerSecond),
    ("ratio(failed) < 1%", 0.01, Unit::Ratio),
    ("ratio(failed) <= 0.005", 0.005, Unit::Ratio),
    ("ratio(checks) >= 99.5 %", 0.995, Unit::Ratio),
    ("ratio(unstarted) < 1%", 0.01, Unit::Ratio),
    ("count(bytes_in) < 1GiB", 1_073_741_824.0, Unit::Bytes),
    ("rate(bytes_out) < 2MB/s", 2e6, Unit::PerSecond),
    ("max(active_users) <= 300", 300.0, Unit::Count),
    ("mean(generator.cpu) < 60%", 0.6, Unit::Ratio),
    ("max(generator.rss) < 512MiB", 536_870_912.0, Unit::Bytes),
    ("max(target.rss) < 1KiB", 1024.0, Unit::Bytes),
    ("mean(target.cpu) < 60%", 0.6, Unit::Ratio),
    ("slope(p95(response_time)) < 1%/h", 0.01, Unit::ChangePerHour),
    ("slope(p95(response_time{step=\"a\"})) <= +5ms/min", 300_000.0, Unit::UsPerHour),
    ("slope( target.rss ) < 24MB/d", 1e6, Unit::BytesPerHour),
    ("slope(max(generator.rss)) < 5 MiB / h", 5_242_880.0, Unit::BytesPerHour),
    ("slope(ratio(failed)) < 0.1%/h", 0.001, Unit::RatioPerHour),
    ("slope(active_users) < 3/h", 3.0, Unit::CountPerHour),
    ("slope(rate(requests)) < 2%/h", 0.02, Unit::ChangePerHour),
    ("share(seconds: p95(response_time{step=\"a\"}) < 300ms) > 99%", 0.99, Unit::Ratio),
    ("share( seconds : rate(requests) >= 90/s ) >= 99.9 %", 0.999, Unit::Ratio),
];

#[test]
fn limits_are_in_the_unit_of_the_aggregate_and_its_metric() {
    for &(text, limit, unit) in FITTING {
        let expression = Rule::parse(text).expect(text);
        let RuleLimit::Value(found) = expression.limit else {
            panic!("{text}: {:?}", expression.limit)
        };
        assert!(
            (found - limit).abs() < 1e-9 * limit.abs(),
            "{text}: {found}"
        );
        assert_eq!(expression.unit, unit, "{text}");
    }
}

#[test]
fn a_comparison_with_a_baseline_has_a_signed_change() {
    for (text, change) in [
        ("p95(response_time) vs baseline < +10%", 0.1),
        (
            "p95(response_time{step=\"vs baseline\"})vs baseline<=+2.5 %",
            0.025,
        ),
        ("rate(requests)  vs  baseline > -5%", -0.05),
        ("ratio(failed) vs baseline >= +0%", 0.0),
    ] {
        let rule = Rule::parse(text).expect(text);
        let RuleLimit::Baseline { change: found } = rule.limit else {
            panic!("{text}: {:?}", rule.limit)
        };
        assert!((found - change).abs() < 1e-12, "{text}: {found}");
        assert_eq!(rule.unit, Unit::Change, "{text}");
    }
}

#[test]
fn a_limit_may_be_a_multiple_of_another_number_of_the_run() {
    for (text, factor, aggregate) in [
        (
            "p95(response_time) < 1.5 * p95(response_time{stage=\"a\"})",
            1.5,
            "p95",
        ),
        (
            "p95(response_time) < 1.5×p95(response_time){stage=\"a\"}",
            1.5,
            "p95",
        ),
        ("p99(response_time) <= p50(ttfb{stage=\"a\"})", 1.0, "p50"),
        (
            "max(target.rss) < 1.2 * min(generator.rss{stage=\"a\"})",
            1.2,
            "min",
        ),
    ] {
        let rule = Rule::parse(text).expect(text);
        let RuleLimit::Times {
            factor: found,
            measure,
        } = rule.limit
        else {
            panic!("{text}: {:?}", rule.limit)
        };
        assert!((found - factor).abs() < 1e-12, "{text}: {found}");
        assert_eq!(measure.aggregate.to_string(), aggregate, "{text}");
        let keys: Vec<_> = measure
            .matchers
            .iter()
            .map(|matcher| &matcher.key)
            .collect();
        assert_eq!(keys, [&Key::Stage], "{text}");
        assert!(rule.measure.matchers.is_empty(), "{text}");
    }
}

#[test]
fn selectors_compare_names_and_tags() {
    let text =
        r#"p95(response_time{step='say "hi"', flow!="admin", area=~"cat.*", tier!~"a|b"}) < 1s"#;
    let matchers = Rule::parse(text).expect(text).measure.matchers;
    let accepted: Vec<bool> = matchers
        .iter()
        .zip(["say \"hi\"", "browse", "catalogue", "ab"])
        .map(|(matcher, value)| matcher.accepts(value))
        .collect();
    assert_eq!(accepted, [true; 4], "the whole value must match");
    assert!(!matchers[2].accepts("a cat") && !matchers[1].accepts("admin"));
    assert_eq!(matchers[2].key, Key::Tag("area".to_owned()));
}

/// The expression, the underlined part, a part of the message, and a part of the hint, if there is one.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str, Option<&str>)] = &[
    ("", "", "found the end, expected an aggregate", None),
    ("response_time < 1s", "response_time", "expected an aggregate", Some("such as `p95(response_time)`")),
    ("avg(response_time) < 1s", "avg", "found `avg`", Some("did you mean `mean`?")),
    ("p101(response_time) < 1s", "p101", "is not a percentile", None),
    ("p95 response_time < 1s", "r", "expected `(`", None),
    ("p95(latency) < 1s", "latency", "found `latency`", Some("did you mean `response_time`?")),
    ("p95(zzz) < 1s", "zzz", "expected a metric", Some("the metrics are response_time,")),
    ("p95(failed) < 1s", "p95", "`p95` does not apply to failed; use ratio, count or rate", None),
    ("ratio(requests) < 1%", "ratio", "does not apply", Some("did you mean `ratio(failed)`?")),
    ("apdex(500ms)(iteration_time) > 0.9", "apdex(500ms)", "does not apply", None),
    ("apdex(soon)(response_time) > 0.9", "soon", "is not a duration", None),
    ("apdex(0s)(response_time) > 0.9", "0s", "must be above 0", None),
    ("p95(response_time < 1s", "<", "expected `)`", None),
    ("p95(response_time) = 1s", "=", "found `=`", Some("did you mean `==`?")),
    ("p95(response_time) => 1s", "=>", "found `=>`", Some("did you mean `>=`?")),
    ("p95(response_time) 1s", "1", "expected <, <=", None),
    ("p95(response_time) < 500", "500", "expected a duration", Some("did you mean `500ms`?")),
    ("p95(response_time) < ", "", "found the end, expected a duration", None),
    ("p95(response_time) < 500ms or so", "500ms or so", "expected a duration", None),
    ("ratio(failed) < 5", "5", "expected a ratio from 0% to 100%", Some("did you mean `5%`?")),
    ("ratio(failed) < 101%", "101%", "expected a ratio", None),
    ("rate(requests) > 200", "200", "expected a rate", Some("did you mean `200/s`?")),
    ("count(bytes_in) < 10", "10", "expected a size", None),
    ("rate(bytes_in) < 10/s", "10/s", "expected bytes per second", None),
    ("count(requests) > -1", "-1", "expected a plain number", None),
    ("count(requests) > inf", "inf", "expected a plain number", None),
    ("p95(response_time{step=\"a}) < 1s", "\"", "never closed", Some("end it with")),
    ("p95(response_time{step=a}) < 1s", "a", "a text in quotes", None),
    ("p95(response_time{step==\"a\"}) < 1s", "==", "expected =, !=", Some("did you mean `=`?")),
    ("p95(response_time{}) < 1s", "}", "expected step, flow, check, stage", None),
    ("p95(response_time{step=\"a\" flow=\"b\"}) < 1s", "f", "expected `,` or `}`", None),
    ("p95(response_time{step=~\"(\"}) < 1s", "\"(\"", "not a regular expression", Some("no look-around")),
    ("p95(response_time) vs last < +5%", "last", "found `last`, expected `baseline`", Some("vs baseline < +10%")),
    ("p95(response_time) vs < +5%", "<", "expected `baseline`", Some("vs baseline < +10%")),
    ("p95(response_time) vs baseline < 5%", "5%", "expected a change with its sign", Some("did you mean `+5%`?")),
    ("p95(response_time) vs baseline < +50ms", "+50ms", "such as +10% or -5%", None),
    ("p95(response_time) vs baseline < ++5%", "++5%", "such as +10% or -5%", None),
    ("p95(response_time) vs baseline < +inf%", "+inf%", "such as +10% or -5%", None),
    ("p95(response_time) vs baseline == +5%", "==", "does not apply: two runs", Some("<, <=, > or >=")),
    ("p95(response_time) vs baseline", "", "found the end, expected <", None),
    ("count(requests) vs baseline < +5%", "count", "depends on the length", Some("a rate")),
    ("ratio(target.cache_hits) > 85%", "target.cache_hits", "the target has no metric of this name", Some("keep it under `monitor:`")),
    ("max(target.rs) < 1MiB", "target.rs", "the target has no metric of this name", Some("did you mean `target.rss`?")),
    ("slope(response_time) < 1%/h", "response_time", "no slope of its own", Some("`slope(p95(response_time))`")),
    ("slope(requests) < 1%/h", "requests", "no slope of its own", Some("`slope(rate(requests))`")),
    ("slope(count(requests)) < 1%/h", "count", "its slope says nothing", Some("a rate or a ratio")),
    ("slope p95(response_time) < 1%/h", "p", "expected `(` and a measure", None),
    ("slope(p95(response_time) < 1%/h", "<", "expected `)`", None),
    ("slope(p95(response_time)) < 1%", "1%", "a slope such as 1%/h or 5ms/h", Some("did you mean `1%/h`?")),
    ("slope(target.rss) < 5ms/h", "5ms/h", "a slope such as 1%/h or 5MB/h", None),
    ("slope(rate(requests)) > -1/h", "-1/h", "a slope such as 1%/h", None),
    ("slope(target.rss) < 5MB/week", "5MB/week", "a slope such as", None),
    ("slope(target.rss) == 5MB/h", "==", "never exactly equal", Some("<, <=, > or >=")),
    ("slope(target.rss) vs baseline < +5%", "target.rss", "cannot be compared with a baseline", Some("a limit")),
    ("p95(response_time) < 2 * ratio(failed)", "ratio", "left side is a time, the right side a ratio", Some("same unit")),
    ("rate(bytes_in) < rate(requests)", "rate", "left side is a rate of bytes, the right side a rate", Some("same unit")),
    ("p95(response_time) < 0 * p95(ttfb)", "0", "a factor above 0", None),
    ("p95(response_time) < 1.5 p95(ttfb)", "p", "expected `*`", Some("1.5 * p95(response_time)")),
    ("p95(response_time) < p95(ttfb) * 2", "* 2", "expected the end", Some("the factor first")),
    ("p95(response_time) < 2 * p95(tfb)", "tfb", "expected a metric", Some("did you mean `ttfb`?")),
];

#[test]
fn errors_point_at_what_is_wrong_and_say_what_to_do() {
    for &(text, underlined, message, hint) in WRONG {
        let error = Rule::parse(text).expect_err(text);
        let place: String = text.chars().skip(error.offset).take(error.length).collect();
        assert_eq!(place, underlined, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
        let found = error.hint.as_deref();
        assert_eq!(found.is_some(), hint.is_some(), "{text}: {found:?}");
        assert!(
            found.unwrap_or_default().contains(hint.unwrap_or_default()),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn numbers_are_shown_in_their_unit() {
    for (unit, value, shown) in [
        (Unit::Us, 612_000.0, "612 ms"),
        (Unit::Ratio, 0.0125, "1.25 %"),
        (Unit::Ratio, 0.000_002, "0.0002 %"),
        (Unit::Count, 1_000.0, "1,000"),
        (Unit::PerSecond, 40.5, "40.5/s"),
        (Unit::Bytes, 65_536.0, "64 KiB"),
        (Unit::Change, 0.1, "+10 %"),
        (Unit::Change, -0.025, "−2.5 %"),
        (Unit::Change, 0.0, "0 %"),
        (Unit::ChangePerHour, 0.021, "+2.1 %/h"),
        (Unit::UsPerHour, -5_000.0, "−5.00 ms/h"),
        (Unit::BytesPerHour, 5_242_880.0, "+5 MiB/h"),
        (Unit::RatioPerHour, 0.001, "+0.1 points/h"),
        (Unit::CountPerHour, -3.0, "−3/h"),
    ] {
        assert_eq!(unit.show(value), shown);
    }
}

/// Tokens of expressions, and other texts.
const PIECES: [&str; 15] = [
    "p95",
    "(",
    ")",
    "{",
    "}",
    "\"",
    "response_time",
    "failed",
    "=~",
    "<",
    " ",
    "é",
    "1",
    "%",
    "vs",
];

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error_within_it(
        pieces in prop::collection::vec(prop::sample::select(&PIECES), 0..12),
    ) {
        let text: String = pieces.concat();
        if let Err(error) = Rule::parse(&text) {
            prop_assert!(error.length > 0 && error.offset <= text.chars().count(), "{:?}", error);
        }
    }
}
