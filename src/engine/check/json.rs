//! Judges a rule on the values at a JSON path.

use serde_json::Value;

use super::{CheckResult, Undecided};
use crate::engine::place::JsonLocation;
use crate::engine::response::{self, Response, is_exact};
use crate::expr::Context;
use crate::expr::value::View;
use crate::mask::{REDACTED, is_secret_name};
use crate::scenario::{self, Comparator, JsonPath, JsonRule, JsonType};

/// Passed if the path finds at least one value and the rule holds for every value found.
pub(super) fn judge(
    path: &JsonPath,
    rule: &JsonRule,
    place: &JsonLocation<'_, '_>,
    json: &Value,
    context: &mut dyn Context,
) -> Result<CheckResult, Undecided> {
    let nodes = place.path.query(json);
    let nodes = nodes.map_err(|error| Undecided(error.to_string()))?;
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
        JsonRule::Type(expected) => types(&nodes, *expected),
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

/// Passed if every value has this type.
fn types(nodes: &[&Value], expected: JsonType) -> CheckResult {
    let other = nodes.iter().find(|node| !has_type(node, expected));
    CheckResult::of(other.is_none(), || {
        other.map_or_else(String::new, |node| type_of(node).word().to_owned())
    })
}

fn has_type(node: &Value, expected: JsonType) -> bool {
    match (expected, node) {
        // As in JSON Schema, 5.0 is an integer.
        (JsonType::Integer, Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => type_of(node) == expected,
    }
}

const fn type_of(node: &Value) -> JsonType {
    match node {
        Value::Null => JsonType::Null,
        Value::Bool(_) => JsonType::Boolean,
        Value::Number(_) => JsonType::Number,
        Value::String(_) => JsonType::String,
        Value::Array(_) => JsonType::Array,
        Value::Object(_) => JsonType::Object,
    }
}

/// The values at a path, for the message of a failed check.
pub(super) fn shown(path: &JsonPath, response: &Response<'_>) -> String {
    if is_secret_name(&path.to_string()) {
        return REDACTED.to_owned();
    }
    let found = response.at(path).ok().flatten().and_then(|place| {
        let nodes = place.path.query(place.json().ok()?).ok()?;
        let nodes = nodes.iter().map(ToString::to_string);
        Some(nodes.collect::<Vec<_>>().join(", "))
    });
    found.unwrap_or_else(|| response.excerpt())
}
