//! Conditions and comparisons: one rule for `if:` and for checks.

use std::borrow::Cow;

use serde_json::Value;

use super::{Context, Missing};
use crate::scenario::{Comparator, Condition};

impl Condition {
    /// Whether the condition holds now; a lone operand that is absent does not hold, and is not missing.
    pub fn holds(&self, context: &mut dyn Context) -> Result<bool, Missing> {
        match self {
            Self::Truthy(operand) => Ok(operand.evaluate(context).is_ok_and(|v| is_truthy(&v))),
            Self::Compare(left, comparator, right) => {
                let left = left.evaluate(context)?;
                let right = right.evaluate(context)?;
                Ok(comparator.holds_between(&left, &right))
            }
        }
    }
}

/// Whether there is something: not null, false, zero, or an empty text or list.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

impl Comparator {
    /// Whether `left self right` holds: as numbers when both are numbers or texts that say one; for `==` and `!=`, as
    /// JSON when one is a list or an object; else as texts, in the order of their characters.
    pub fn holds_between(self, left: &Value, right: &Value) -> bool {
        if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
            return match (left, right) {
                (Number::Whole(left), Number::Whole(right)) => self.holds(&left, &right),
                (left, right) => self.holds(&left.as_f64(), &right.as_f64()),
            };
        }
        let is_structural =
            left.is_array() || left.is_object() || right.is_array() || right.is_object();
        match self {
            Self::Equal if is_structural => structure(left) == structure(right),
            Self::NotEqual if is_structural => structure(left) != structure(right),
            _ => self.holds(&text(left), &text(right)),
        }
    }
}

/// A number, exact where it is whole: identifiers beyond 2⁵³ are not rounded into one another.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// The number that a value is, or a text says; infinities and NaN are texts.
    fn of(value: &Value) -> Option<Self> {
        let real = |x: f64| x.is_finite().then_some(Self::Real(x));
        match value {
            Value::Number(number) => number
                .as_i128()
                .map(Self::Whole)
                .or_else(|| number.as_f64().and_then(real)),
            Value::String(text) => text
                .parse()
                .map(Self::Whole)
                .ok()
                .or_else(|| text.parse().ok().and_then(real)),
            _ => None,
        }
    }

    const fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// The JSON that a value is, or a text says, so that `equals: '["a"]'` can ask for a list.
fn structure(value: &Value) -> Cow<'_, Value> {
    value
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .map_or(Cow::Borrowed(value), Cow::Owned)
}
