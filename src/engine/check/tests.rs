use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use regex::Regex;
use serde_json::json;

use super::*;
use crate::expr::fake::Fake;
use crate::expr::{Encoding, Template};
use crate::scenario::{
    Comparator, CssQuery, CssRule, JsonPath, JsonRule, JsonSchema, JsonType, StatusRange,
};
use crate::units::ByteSize;

const BODY: &str = r#"{"name": "Ångström", "total": 3, "open": true, "none": null,
    "far": 123456789012345678901, "items": [{"price": 5}, {"price": 7.5}], "meta": {"a": 1, "b": 2}}"#;

fn template(text: &str) -> Template {
    context().compile(text, Encoding::Plain)
}

fn context() -> Fake {
    let mut fake = Fake::with([("page", json!(3)), ("etag", json!("abc"))]);
    fake.slots.push(("later", None));
    fake
}

/// Judges against status 404, two `via` headers, one `etag`, 250 ms, and this body.
fn judged(rule: &CheckRule, body: &[u8]) -> CheckResult {
    let mut headers = HeaderMap::new();
    for (name, value) in [("etag", "abc"), ("via", "one"), ("via", "two")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    let time = Duration::from_millis(250);
    let url = Uri::from_static("http://host/orders/7?new=1");
    let response = Response::new(StatusCode::NOT_FOUND, &headers, body, time).with_url(&url);
    judge(rule, &response, &mut context())
}

fn assert_judged(rule: &CheckRule, body: &str, expected: Option<&str>) {
    let expected = match expected {
        None => CheckResult::Passed,
        Some(found) => CheckResult::failed(found),
    };
    assert_eq!(judged(rule, body.as_bytes()), expected, "{rule:?}");
}

fn statuses(ranges: &[(u16, u16)]) -> CheckRule {
    let status = |code| StatusCode::from_u16(code).expect("a valid status");
    let ranges = ranges.iter().map(|&(first, last)| StatusRange {
        first: status(first),
        last: status(last),
    });
    CheckRule::Status(ranges.collect())
}

#[test]
fn statuses_times_and_sizes_are_compared() {
    use Comparator::{Equal, Greater, Less, LessOrEqual};
    let ms = Duration::from_millis;
    for (rule, expected) in [
        (statuses(&[(404, 404)]), None),
        (statuses(&[(200, 299), (400, 404)]), None),
        (statuses(&[(404, 499)]), None),
        (statuses(&[(200, 299)]), Some("404 Not Found")),
        (statuses(&[]), Some("404 Not Found")),
        (CheckRule::Time(Less, ms(251)), None),
        (CheckRule::Time(Less, ms(250)), Some("250 ms")),
        (CheckRule::Time(LessOrEqual, ms(250)), None),
        (CheckRule::Size(Equal, ByteSize(3)), None),
        (CheckRule::Size(Greater, ByteSize(3)), Some("3 B")),
    ] {
        assert_judged(&rule, "abc", expected);
    }
}

#[test]
fn headers_match_if_any_of_their_values_does() {
    let via = |rule| CheckRule::Header(HeaderName::from_static("via"), rule);
    let etag = |rule| CheckRule::Header(HeaderName::from_static("etag"), rule);
    let date = |rule| CheckRule::Header(HeaderName::from_static("date"), rule);
    for (rule, expected) in [
        (via(TextRule::Exists), None),
        (via(TextRule::Equals(template("two"))), None),
        (
            via(TextRule::Equals(template("one, two"))),
            Some("one, two"),
        ),
        (etag(TextRule::Equals(template("${etag}"))), None),
        (etag(TextRule::Contains(template("bc"))), None),
        (etag(TextRule::Equals(template("ABC"))), Some("abc")),
        (
            etag(TextRule::Equals(template("${later}"))),
            Some("no value for `later` to compare with"),
        ),
        (etag(TextRule::Length(Comparator::Equal, 3)), None),
        (etag(TextRule::Length(Comparator::Less, 3)), Some("abc")),
        (date(TextRule::Exists), Some("no header date")),
        (
            date(TextRule::Contains(template(""))),
            Some("no header date"),
        ),
    ] {
        assert_judged(&rule, "", expected);
    }
}

#[test]
fn bodies_are_matched_as_text() {
    let matches = |text| TextRule::Matches(Regex::new(text).expect(text));
    for (rule, body, expected) in [
        (TextRule::Exists, "x", None),
        (TextRule::Exists, "", Some("an empty body")),
        (TextRule::Equals(template("page ${page}")), "page 3", None),
        (
            TextRule::Equals(template("page 3")),
            "page 3\n",
            Some("page 3 "),
        ),
        (TextRule::Contains(template("${page}")), "page 3", None),
        (TextRule::Contains(template("no")), "yes", Some("yes")),
        (matches("^p.+ [0-9]$"), "page 3", None),
        (matches("^[0-9]$"), "page 3", Some("page 3")),
    ] {
        assert_judged(&CheckRule::Body(rule), body, expected);
    }
    let not_utf_8 = judged(&CheckRule::Body(matches("ok$")), b"\xff ok");
    assert_eq!(not_utf_8, CheckResult::Passed);
}

#[test]
fn json_rules_hold_when_everything_at_the_path_is_as_asked() {
    use Comparator::{Equal, Greater, GreaterOrEqual, Less, NotEqual};
    let compare = |comparator, text: &str| {
        let value = Template::expression_of(text, &mut context()).expect(text);
        JsonRule::Compare(comparator, value)
    };
    for (path, rule, expected) in [
        ("$.name", JsonRule::Exists, None),
        ("$.none", JsonRule::Exists, None),
        ("$.absent", JsonRule::Exists, Some("nothing at $.absent")),
        (
            "$.items[*].id",
            compare(NotEqual, "1"),
            Some("nothing at $.items[*].id"),
        ),
        ("$.total", compare(Equal, "${page}"), None),
        ("$.total", compare(Equal, "3.0"), None),
        (
            "$.total",
            compare(Less, "${later}"),
            Some("no value for `later` to compare with"),
        ),
        ("$.open", compare(Equal, "true"), None),
        ("$.none", compare(Equal, "null"), None),
        ("$.name", compare(Equal, "'Ångström'"), None),
        ("$.name", compare(Equal, "'x'"), Some("\"Ångström\"")),
        ("$.items[*].price", compare(GreaterOrEqual, "5"), None),
        ("$.items[*].price", compare(Greater, "5"), Some("5")),
        ("$.items[*].price", compare(Less, "6"), Some("7.5")),
        ("$.far", compare(Equal, "123456789012345678901"), None),
        (
            "$.far",
            compare(Equal, "123456789012345678902"),
            Some("123456789012345678901"),
        ),
        ("$.far", compare(Less, "123456789012345678902"), None),
        ("$.meta", compare(Equal, r#"'{"b": 2, "a": 1}'"#), None),
        ("$.total", compare(Equal, "'3'"), None),
        ("$.total", compare(Equal, "'3.0'"), Some("3")),
        ("$.items[1].price", compare(Equal, "7.50"), None),
        ("$.items[1].price", compare(Equal, "'7.50'"), Some("7.5")),
        ("$.items[*].price", compare(Greater, "4.9"), None),
        ("$.items", JsonRule::Length(GreaterOrEqual, 2), None),
        ("$.items", JsonRule::Length(Less, 2), Some("length 2")),
        ("$.meta", JsonRule::Length(Equal, 2), None),
        ("$.name", JsonRule::Length(Equal, 8), None),
        (
            "$.total",
            JsonRule::Length(Equal, 1),
            Some("3, which has no length"),
        ),
        ("$.items", JsonRule::Type(JsonType::Array), None),
        ("$.meta", JsonRule::Type(JsonType::Object), None),
        ("$.name", JsonRule::Type(JsonType::String), None),
        ("$.total", JsonRule::Type(JsonType::Integer), None),
        ("$.far", JsonRule::Type(JsonType::Integer), None),
        ("$.open", JsonRule::Type(JsonType::Boolean), None),
        ("$.none", JsonRule::Type(JsonType::Null), None),
        ("$.items[*].price", JsonRule::Type(JsonType::Number), None),
        (
            "$.items[*].price",
            JsonRule::Type(JsonType::Integer),
            Some("number"),
        ),
        ("$.name", JsonRule::Type(JsonType::Null), Some("string")),
        (
            "$.absent",
            JsonRule::Length(Equal, 0),
            Some("nothing at $.absent"),
        ),
    ] {
        let path = JsonPath::parse(path).expect(path);
        assert_judged(&CheckRule::Json(path, rule), BODY, expected);
    }
}

#[test]
fn a_body_that_is_not_json_fails_its_rules() {
    let path = JsonPath::parse("$.a").expect("a path");
    let rule = CheckRule::Json(path, JsonRule::Exists);
    assert_judged(
        &rule,
        "oops",
        Some("a body that is not JSON (expected value at line 1 column 1): oops"),
    );
}

#[test]
fn elements_the_url_and_a_schema_are_judged() {
    use Comparator::{Equal, Greater};
    let css = |selector: &str, rule| {
        CheckRule::Css(CssQuery::parse(selector, None).expect(selector), rule)
    };
    let text = |text| CssRule::Text(TextRule::Contains(template(text)));
    let page = "<h1>Page 3 &amp; more</h1><ul><li>a<li>b</ul>";
    let url = |text| CheckRule::Url(TextRule::Contains(template(text)));
    for (rule, expected) in [
        (css("h1", text("${page} & m")), None),
        (css("li", text("b")), None),
        (css("li", text("c")), Some("a, b")),
        (css("li", CssRule::Count(Equal, 2)), None),
        (css("li", CssRule::Count(Greater, 2)), Some("2 elements")),
        (css("p", CssRule::Count(Equal, 0)), None),
        (
            css("p", CssRule::Text(TextRule::Exists)),
            Some("nothing at p"),
        ),
        (url("/orders/7?"), None),
        (url("/login"), Some("http://host/orders/7?new=1")),
    ] {
        assert_judged(&rule, page, expected);
    }
    let document =
        json!({ "required": ["total"], "properties": { "total": { "type": "integer" } } });
    let schema = JsonSchema::compile("s.json", document, "").expect("a schema");
    let rule = CheckRule::Schema(schema);
    assert_judged(&rule, BODY, None);
    let CheckResult::Failed { found } = judged(&rule, br#"{"total": "x"}"#) else {
        panic!("a text is no integer");
    };
    assert!(found.starts_with("at /total: "), "{found}");
}

#[test]
fn the_opposite_of_a_check_holds_only_if_the_check_can_be_judged() {
    let not = |rule| CheckRule::Not(Box::new(rule));
    let contains = |text| CheckRule::Body(TextRule::Contains(template(text)));
    let error = || {
        let path = JsonPath::parse("$.error").expect("a path");
        CheckRule::Json(path, JsonRule::Exists)
    };
    for (rule, body, expected) in [
        (not(contains("error")), "fine", None),
        (not(contains("error")), "an error", Some("an error")),
        (not(not(contains("error"))), "fine", Some("fine")),
        (not(error()), "{}", None),
        (not(error()), r#"{"error": "no"}"#, Some("\"no\"")),
        (not(error()), "", Some("an empty body, which is not JSON")),
        (
            not(contains("${later}")),
            "fine",
            Some("no value for `later` to compare with"),
        ),
    ] {
        assert_judged(&rule, body, expected);
    }
}

#[test]
fn what_was_found_is_kept_short() {
    let rule = CheckRule::Body(TextRule::Equals(template("short")));
    let CheckResult::Failed { found } = judged(&rule, "long ".repeat(1_000).as_bytes()) else {
        panic!("a long body is not `short`");
    };
    assert_eq!(found.chars().count(), crate::engine::response::MAX_FOUND);
}
