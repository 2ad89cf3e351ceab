//! `record`: the number that a metric of the scenario's own receives.

use crate::engine::response::clipped;
use crate::engine::state::UserState;
use crate::record::Millionths;
use crate::scenario::{CustomMetric, MetricType, Template, Value};

/// The number to record, or the reason why there is none.
pub(in crate::engine) fn number(
    value: &Template,
    metric: &CustomMetric,
    state: &mut UserState<'_>,
) -> Result<Millionths, String> {
    let value = value
        .evaluate(state)
        .map_err(|missing| missing.to_string())?;
    let (needed, number) = match metric.kind {
        MetricType::Trend | MetricType::Counter => (
            "a number from 0 to 1,000,000,000,000",
            amount(&value).filter(|number| number.0 >= 0),
        ),
        MetricType::Gauge => ("a number, at most 1,000,000,000,000 from 0", amount(&value)),
        MetricType::Rate => ("`true` or `false`", truth(&value)),
    };
    number.ok_or_else(|| {
        let found = clipped(&value.into_text());
        format!("a {} needs {needed}, found `{found}`", metric.kind.word())
    })
}

/// A number, or a text that is one.
fn amount(value: &Value) -> Option<Millionths> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => return None,
    };
    text.parse().ok().and_then(Millionths::of)
}

/// One for true, nothing for false.
fn truth(value: &Value) -> Option<Millionths> {
    let is_true = match value {
        Value::Bool(flag) => *flag,
        other => match other.to_string().trim_matches('"') {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return None,
        },
    };
    Some(Millionths(if is_true { 1_000_000 } else { 0 }))
}
