//! Every function by its example, and what the examples do not show.

use std::collections::{HashMap, HashSet};

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;
use regex::Regex;
use serde_json::json;

use super::super::encoding::Encoding;
use super::super::fake::Fake;
use super::random::between;
use super::*;
use crate::expr::Template;

/// A context whose random bits go over the whole range.
fn drawing() -> Fake {
    let bits = (1..200_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    Fake::default().drawing(bits)
}

fn evaluated(text: &str, fake: &mut Fake) -> Result<Value, Missing> {
    let template = Template::compile(&format!("${{{text}}}"), Encoding::Plain, fake);
    template.expect(text).evaluate(fake)
}

#[test]
fn every_function_gives_what_its_example_says() {
    for function in Function::all() {
        let (call, expected) = function.example();
        assert!(call.contains(function.name()), "{function:?}");
        let mut fake = drawing();
        let expression = Expression::condition(call, &mut fake).expect(call);
        let value = expression.value(&mut fake).expect(call).to_string();
        if expected.starts_with('^') {
            let pattern = Regex::new(expected).expect(expected);
            assert!(pattern.is_match(&value), "{call}: {value}");
        } else {
            assert_eq!(value, expected, "{call}");
        }
    }
}

#[test]
fn every_function_is_found_by_its_name_and_documented() {
    let mut names = HashSet::new();
    for function in Function::all() {
        assert!(names.insert(function.name()), "{function:?}");
        assert_eq!(Function::named(function.name()), Some(function));
        assert!(function.doc().ends_with('.'), "{function:?}");
        let (least, most) = function.arity();
        assert!(least <= most, "{function:?}");
    }
}

/// Values of each type.
fn typed() -> Fake {
    Fake::with([
        ("list", json!(["a", 1])),
        ("word", json!("a b")),
        ("low", json!("5")),
        ("price", json!(9.5)),
        ("map", json!({"a": 1})),
        ("nothing", json!(null)),
    ])
}

#[test]
fn values_of_other_types_are_converted() {
    let mut fake = typed();
    for (call, expected) in [
        ("random(low,5)", json!(5)),
        ("random(-2, -2)", json!(-2)),
        ("choice('red wine', 2, word)", json!("red wine")),
        ("choice(list)", json!("a")),
        ("choice(word)", json!("a b")),
        ("sha256(base64(word)) == sha256('YSBi')", json!(true)),
        ("url_encode(list)", json!("%5B%22a%22%2C1%5D")),
        ("join(list, '/')", json!("a/1")),
        ("len(word)", json!(3)),
        ("len(map)", json!(1)),
        ("contains(word, ' ')", json!(true)),
        ("contains(list, '1')", json!(true)),
        ("contains(map, 'b')", json!(false)),
        ("slice(list, -1)", json!([1])),
        ("slice(word, 5, 9)", json!("")),
        ("slice(word, -9, 1)", json!("a")),
        ("split('añb', '')", json!(["a", "ñ", "b"])),
        ("int(price)", json!(9)),
        ("int(-price)", json!(-9)),
        ("int(true)", json!(1)),
        ("float(low)", json!(5.0)),
        ("min(low, price, 7)", json!(5)),
        ("sum(list[1], price)", json!(10.5)),
        ("round(price)", json!(10)),
        ("range(3, 1)", json!([])),
        ("unique([1, '1', 1])", json!([1, "1"])),
        ("base64_decode('Pz8/\n Pj4+')", json!("???>>>")),
        ("html('&lt;a&gt; &uuml;&#x20ac;')", json!("<a> ü€")),
        (
            "hmac_sha256(word, word, 'base64') == hmac_sha256('a b', 'a b', 'base64')",
            json!(true),
        ),
        ("date('%Y-%m-%d %H:%M:%S')", json!("2023-11-14 22:13:20")),
        ("date('%s', '-1h')", json!("1699996400")),
        ("date('%s', '+1d')", json!("1700086400")),
        ("date('%s', 60)", json!("1700000060")),
        ("iteration() ~ '-' ~ user()", json!("41-7")),
    ] {
        assert_eq!(evaluated(call, &mut fake), Ok(expected.into()), "{call}");
    }
}

#[test]
fn values_of_a_wrong_type_are_refused() {
    let mut fake = typed();
    for (call, reason) in [
        (
            "random(price, 10)",
            "no value for `random(a,b)`: 9.5 is not a whole number",
        ),
        ("upper(nothing)", "no value for `nothing`: it is null"),
        (
            "first(word)",
            "no value for `first(list)`: \"a b\" is not a list",
        ),
        (
            "last(slice(list, 2))",
            "no value for `last(list)`: the list is empty",
        ),
        (
            "choice(slice(list, 2))",
            "no value for `choice(a,b,c)`: the list is empty",
        ),
        (
            "max(word, 1)",
            "no value for `max(a,b,…)`: \"a b\" is not a number",
        ),
        (
            "sum(map)",
            "no value for `sum(a,b,…)`: a list or a mapping is not a number",
        ),
        (
            "keys(list)",
            "no value for `keys(mapping)`: it is not a mapping",
        ),
        (
            "sorted(list)",
            "no value for `sorted(list)`: the items are not all numbers or all texts",
        ),
        (
            "range(1, low * 1000000)",
            "no value for `range(a,b)`: a list has at most 1000000 items",
        ),
        (
            "random_text(low * -1)",
            "no value for `random_text(n)`: expected a number from 0 to 1048576, found -5",
        ),
        (
            "date(word ~ '%!')",
            "no value for `date(format[,offset])`: `a b%!` is not a date format",
        ),
        (
            "date('%s', word)",
            "no value for `date(format[,offset])`: \"a b\" is not an offset such as '-1d' or '2h30m'",
        ),
        (
            "sha256(word, word)",
            "no value for `sha256(x[,encoding])`: \"a b\" is not 'hex', 'base64' or 'base64url'",
        ),
        (
            "base64_decode(base64(word) ~ '*')",
            "no value for `base64_decode(x)`: it is not base64: Invalid symbol 42, offset 4.",
        ),
        (
            "weighted('a', price * 0)",
            "no value for `weighted(a,weight,…)`: every weight is 0",
        ),
        (
            "int(word)",
            "no value for `int(x)`: \"a b\" is not a number",
        ),
    ] {
        let missing = evaluated(call, &mut fake).expect_err(call);
        assert_eq!(missing.to_string(), reason, "{call}");
    }
}

#[test]
fn constant_arguments_of_a_wrong_type_are_told_before_the_run() {
    for (call, message) in [
        (
            "date('%Q')",
            "\"%Q\" is not a date format such as '%Y-%m-%d' (chrono's strftime)",
        ),
        (
            "date('%s', 'soon')",
            "\"soon\" is not an offset such as '-1d' or '2h30m'",
        ),
        ("random_text('long')", "\"long\" is not a whole number"),
        ("weighted('S', 3, 'L')", "the last value has no weight"),
        ("weighted('S', 'heavy')", "\"heavy\" is not a number"),
        (
            "sha256(user(), 'hexx')",
            "\"hexx\" is not 'hex', 'base64' or 'base64url'",
        ),
        ("file('x')", "no file can be read here"),
        (
            "file(user())",
            "found `u` where the path of a file in quotes was expected",
        ),
    ] {
        let error = Expression::condition(call, &mut Fake::default()).expect_err(call);
        assert_eq!(error.message, message, "{call}");
    }
}

#[test]
fn no_function_makes_more_than_its_limit() {
    let mut fake = Fake::with([("long", json!("x".repeat(1 << 20)))]);
    for call in [
        "replace(long, 'x', 'twenty characters!!!')",
        "join(range(1, 100000), long)",
        "long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long",
    ] {
        let missing = evaluated(call, &mut fake).expect_err(call);
        assert_eq!(
            missing.note.as_deref(),
            Some("the text would be longer than 16 MiB")
        );
    }
    let missing = evaluated("split(long, '')", &mut fake).expect_err("too long");
    assert_eq!(
        missing.note.as_deref(),
        Some("a list has at most 1000000 items")
    );
}

#[test]
fn random_covers_its_range_evenly_and_never_leaves_it() {
    assert_eq!(between(i64::MIN, i64::MAX, 0), i64::MIN);
    assert_eq!(between(i64::MIN, i64::MAX, u64::MAX), i64::MAX);
    let mut counts = [0_u32; 3];
    for step in 0..3_000_u64 {
        let value = between(1, 3, step * (u64::MAX / 3_000) + u64::MAX / 6_000);
        counts[(value - 1) as usize] += 1;
    }
    assert_eq!(counts, [1_000; 3]);
}

#[test]
fn weights_are_shares_and_normal_numbers_are_normal() {
    const DRAWS: u64 = 20_000;
    let mut generator = Pcg64Mcg::new(7);
    let bits: Vec<u64> = (0..2 * DRAWS).map(|_| generator.next_u64()).collect();
    let mut fake = Fake::default().drawing(bits.iter().copied());
    let mut counts: HashMap<String, u64> = HashMap::new();
    let template = fake.compile("${weighted('a', 3, 'never', 0, 'b', 1)}", Encoding::Plain);
    for _ in 0..DRAWS {
        *counts.entry(fake.rendered(&template)).or_default() += 1;
    }
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(
        (counts["a"] as f64 / DRAWS as f64 - 0.75).abs() < 0.02,
        "{counts:?}"
    );

    let mut fake = Fake::default().drawing(bits);
    let template = fake.compile("${random_normal(100, 15)}", Encoding::Plain);
    let drawn: Vec<f64> = (0..DRAWS)
        .map(|_| fake.rendered(&template).parse().expect("a number"))
        .collect();
    let mean = drawn.iter().sum::<f64>() / DRAWS as f64;
    let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / DRAWS as f64;
    assert!((mean - 100.0).abs() < 0.5, "{mean}");
    assert!((variance.sqrt() - 15.0).abs() < 0.5, "{}", variance.sqrt());
}

#[test]
fn bounds_that_cross_at_run_time_are_a_range_all_the_same() {
    let mut fake = Fake::with([("a", json!(3)), ("b", json!(1))]);
    let template = fake.compile("${random(a,b)}", Encoding::Plain);
    let drawn: HashSet<String> = [0, u64::MAX / 2, u64::MAX]
        .into_iter()
        .map(|bits| {
            fake.bits.push_back(bits);
            fake.rendered(&template)
        })
        .collect();
    assert_eq!(drawn, HashSet::from(["1", "2", "3"].map(str::to_owned)));
}

#[test]
fn uuids_are_of_version_4_and_made_of_the_bits_drawn() {
    let mut fake = Fake::default().drawing([0x0123_4567_89ab_cdef, u64::MAX]);
    let text = fake.render("${uuid()}", Encoding::Plain);
    assert_eq!(text, "01234567-89ab-4def-bfff-ffffffffffff");
    let evaluated = fake.clone().drawing([0x0123_4567_89ab_cdef, u64::MAX]);
    let template = fake.compile("${uuid()}", Encoding::Plain);
    assert_eq!(template.evaluate(&mut evaluated.clone()), Ok(text.into()));
}
