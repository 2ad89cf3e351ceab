//! Judges checks: one rule against one response.
//!
//! A failed check reports the value found, shortened. A rule on the status or the time reads nothing else and allocates
//! nothing.

use std::borrow::Cow;

use serde_json::Value;

use super::place::JsonLocation;
use super::response::{self, Response, clipped, is_exact};
use crate::expr::value::View;
use crate::expr::{Context, Missing};
use crate::mask::{REDACTED, is_secret_name};
use crate::scenario::{self, CheckRule, Comparator, JsonPath, JsonRule, TextRule};
use crate::units::Micros;

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// The rule holds.
    Passed,
    /// The rule does not hold.
    Failed {
        /// The value found instead, at most [`super::response::MAX_FOUND`] characters.
        found: String,
    },
}

impl CheckResult {
    /// Passed if it holds; `found` is called only if it does not.
    fn of(holds: bool, found: impl FnOnce() -> String) -> Self {
        if holds {
            Self::Passed
        } else {
            Self::failed(&found())
        }
    }

    fn failed(found: &str) -> Self {
        Self::Failed {
            found: clipped(found),
        }
    }
}

/// Judges one rule; it fails if a value to compare with is missing.
pub fn judge(rule: &CheckRule, response: &Response<'_>, context: &mut dyn Context) -> CheckResult {
    let judged = match rule {
        CheckRule::Status(ranges) => {
            let status = response.status;
            let holds = ranges.iter().any(|r| (r.first..=r.last).contains(&status));
            return CheckResult::of(holds, || status.to_string());
        }
        CheckRule::Time(comparator, limit) => {
            let time = response.service_time;
            return CheckResult::of(comparator.holds(&time, limit), || {
                Micros::from(time).to_string()
            });
        }
        CheckRule::Size(comparator, limit) => {
            let size = response.body.len() as u64;
            return CheckResult::of(comparator.holds(&size, &limit.0), || format!("{size} B"));
        }
        CheckRule::Header(name, rule) => {
            let texts = response.header(name).collect::<Vec<_>>();
            text_rule(rule, &texts, context).map(|holds| {
                CheckResult::of(holds, || match &*texts {
                    [] => format!("no header {name}"),
                    _ if is_secret_name(name.as_str()) => REDACTED.to_owned(),
                    texts => texts.join(", "),
                })
            })
        }
        CheckRule::Body(rule) => {
            let holds = match rule {
                TextRule::Exists => Ok(!response.body.is_empty()),
                TextRule::Equals(_) | TextRule::Contains(_) | TextRule::Matches(_) => {
                    text_rule(rule, &[Cow::Borrowed(response.text())], context)
                }
            };
            holds.map(|holds| CheckResult::of(holds, || response.excerpt()))
        }
        CheckRule::Json(path, rule) => {
            let place = match response.at(path) {
                Ok(Some(place)) => place,
                Ok(None) => return CheckResult::failed(&format!("nothing at {path}")),
                Err(found) => return CheckResult::failed(&found),
            };
            match place.json() {
                Ok(json) => json_rule(path, rule, &place, json, context),
                Err(found) => return CheckResult::failed(&found),
            }
        }
    };
    judged.unwrap_or_else(|missing| CheckResult::failed(&format!("{missing} to compare with")))
}

/// True if the rule holds for any of the texts.
fn text_rule(
    rule: &TextRule,
    texts: &[Cow<'_, str>],
    context: &mut dyn Context,
) -> Result<bool, Missing> {
    let mut rendered = String::new();
    if let TextRule::Equals(expected) | TextRule::Contains(expected) = rule {
        expected.render(context, &mut rendered)?;
    }
    Ok(texts.iter().any(|text| match rule {
        TextRule::Exists => true,
        TextRule::Equals(_) => *text == rendered,
        TextRule::Contains(_) => text.contains(&rendered),
        TextRule::Matches(expression) => expression.is_match(text),
    }))
}

/// Passed if the path finds at least one value and the rule holds for every value found.
fn json_rule(
    path: &JsonPath,
    rule: &JsonRule,
    place: &JsonLocation<'_, '_>,
    json: &Value,
    context: &mut dyn Context,
) -> Result<CheckResult, Missing> {
    let nodes = match place.path.query(json) {
        Ok(nodes) => nodes,
        Err(error) => return Ok(CheckResult::failed(&error.to_string())),
    };
    if nodes.is_empty() {
        return Ok(CheckResult::failed(&format!("nothing at {path}")));
    }
    Ok(match rule {
        JsonRule::Exists => CheckResult::Passed,
        JsonRule::Compare(comparator, expected) => {
            // A quoted text is compared character by character.
            let as_texts = expected.literal().is_some();
            let expected = expected.evaluate(context)?;
            let holds = |value: &View<'_>| {
                comparator.holds_between(value, &View::from(&expected), as_texts)
            };
            let numbers = (!as_texts).then_some((*comparator, &expected));
            compared(&nodes, path, place, json, &holds, numbers)
        }
        JsonRule::Length(comparator, expected) => lengths(&nodes, *comparator, *expected),
    })
}

/// Passed if the comparison holds for all nodes; `numbers` is the comparator and the expected value, if it is a number.
fn compared(
    nodes: &[&Value],
    path: &JsonPath,
    place: &JsonLocation<'_, '_>,
    json: &Value,
    holds: &dyn Fn(&View<'_>) -> bool,
    numbers: Option<(Comparator, &scenario::Value)>,
) -> CheckResult {
    let decided = |node: &&Value| {
        if is_exact(node) {
            return Some(holds(&View::from(*node)));
        }
        let (comparator, expected) = numbers?;
        differ_widely(node, expected).map(|(found, expected)| comparator.holds(&found, &expected))
    };
    let quick: Option<Vec<bool>> = nodes.iter().map(decided).collect();
    let offender = if let Some(quick) = quick {
        let mut judged = nodes.iter().zip(quick);
        judged.find_map(|(node, holds)| (!holds).then(|| node.to_string()))
    } else {
        // Only now are the digits of the body needed. The first query stayed within its limit, so this one does too.
        let found = response::nodes(place.path, json).unwrap_or_default();
        let mut values = found.iter().map(|found| place.value(found));
        values
            .find(|value| !holds(&value.into()))
            .map(|value| value.to_string())
    };
    match offender {
        Some(found) if found != "null" && is_secret_name(&path.to_string()) => {
            CheckResult::failed(REDACTED)
        }
        Some(found) => CheckResult::failed(&found),
        None => CheckResult::Passed,
    }
}

/// Two numbers as floats, if they differ far more than the rounding error of a float.
fn differ_widely(found: &Value, expected: &scenario::Value) -> Option<(f64, f64)> {
    /// Far above the relative rounding error of a float.
    const NEAR: f64 = 1e-9;
    let scenario::Value::Number(expected) = expected else {
        return None;
    };
    let (found, expected) = (found.as_f64()?, expected.to_string().parse::<f64>().ok()?);
    if !expected.is_finite() {
        return None;
    }
    let is_far = (found - expected).abs() > NEAR * found.abs().max(expected.abs());
    is_far.then_some((found, expected))
}

/// Passed if the comparison holds for the lengths of all values.
fn lengths(nodes: &[&Value], comparator: Comparator, expected: u64) -> CheckResult {
    for node in nodes {
        let length = match node {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            Value::String(text) => text.chars().count(),
            other => return CheckResult::failed(&format!("{other}, which has no length")),
        };
        if !comparator.holds(&(length as u64), &expected) {
            return CheckResult::failed(&format!("length {length}"));
        }
    }
    CheckResult::Passed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
    use regex::Regex;
    use serde_json::json;

    use super::*;
    use crate::expr::fake::Fake;
    use crate::expr::{Encoding, Template};
    use crate::scenario::StatusRange;
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
        let response = Response::new(StatusCode::NOT_FOUND, &headers, body, time);
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
    fn what_was_found_is_kept_short() {
        let rule = CheckRule::Body(TextRule::Equals(template("short")));
        let CheckResult::Failed { found } = judged(&rule, "long ".repeat(1_000).as_bytes()) else {
            panic!("a long body is not `short`");
        };
        assert_eq!(found.chars().count(), crate::engine::response::MAX_FOUND);
    }
}
