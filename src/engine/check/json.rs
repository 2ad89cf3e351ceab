//! Judges a rule on the values at a JSON path.

use serde_json::Value;

use super::CheckResult;
use crate::engine::place::JsonLocation;
use crate::engine::response::{self, is_exact};
use crate::expr::value::View;
use crate::expr::{Context, Missing};
use crate::mask::{REDACTED, is_secret_name};
use crate::scenario::{self, Comparator, JsonPath, JsonRule};

/// Passed if the path finds at least one value and the rule holds for every value found.
pub(super) fn judge(
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
