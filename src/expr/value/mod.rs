//! Values of variables, rows, captures and expressions.
//!
//! A number keeps its digits: an identifier of thirty digits and the price 10.00 are sent as they were received.
//! Comparison is exact; no number is converted to a type that cannot represent it.

mod arithmetic;
mod compare;
mod number;
mod part;
mod read;
mod written;

use std::fmt::{self, Write};

use super::encoding::write_json_text;

pub use arithmetic::{NoResult, Operator, Rounding};
pub use compare::View;
pub use number::Number;
pub use read::{PathStep, part};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number with its digits.
    Number(Number),
    /// A text.
    Text(String),
    /// Values in order.
    List(Vec<Value>),
    /// Named values in order; each name once.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The truth of the value in a condition. False are null, false, zero, an empty text, and the texts `false` and
    /// `0`, which a CSV file may contain.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(flag) => *flag,
            Self::Number(number) => !number.is_zero(),
            Self::Text(text) => !matches!(text.as_str(), "" | "false" | "0"),
            Self::List(_) | Self::Map(_) => true,
        }
    }

    /// A text without quotes, any other value as JSON.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Value {
    /// As compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => json_text(text, f),
            Self::List(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_char(']')
            }
            Self::Map(members) => {
                f.write_char('{')?;
                for (index, (name, member)) in members.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    json_text(name, f)?;
                    write!(f, ":{member}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn json_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    write_json_text(text, f)?;
    f.write_char('"')
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Self::from(&value)
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => Self::Number(number.into()),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => Self::Map(
                members
                    .iter()
                    .map(|(name, member)| (name.clone(), member.into()))
                    .collect(),
            ),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<std::borrow::Cow<'_, str>> for Value {
    fn from(text: std::borrow::Cow<'_, str>) -> Self {
        Self::Text(text.into_owned())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<&Value> for serde_json::Value {
    /// A number too large for a float becomes the largest float.
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(number.into()),
            Value::Text(text) => Self::String(text.clone()),
            Value::List(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Map(members) => Self::Object(
                members
                    .iter()
                    .map(|(name, member)| (name.clone(), member.into()))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_keeps_the_digits_of_its_numbers() {
        for text in [
            "123456789012345678901",
            "10.00",
            "1E2",
            "-0",
            "0.12345678901234567890",
            "18446744073709551615",
            r#"{"a":[1.10,null,true,"x\"\n"],"b":{}}"#,
        ] {
            let value = Value::from_json(text).expect(text);
            assert_eq!(value.to_string(), text);
        }
        assert!(Value::from_json("[1,]").is_err());
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Value::from_json(&deep(100)).is_ok());
        assert!(Value::from_json(&deep(100_000)).is_err());
    }

    #[test]
    fn of_a_name_given_twice_the_last_value_counts() {
        let value = Value::from_json(r#"{"a": 1, "b": 2, "\u0061": 3}"#).expect("JSON");
        assert_eq!(value.to_string(), r#"{"a":3,"b":2}"#);
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_as_it_reads_it(texts in prop::collection::vec(any::<String>(), 0..5), whole: i64) {
            let value = serde_json::json!({"texts": texts, "n": [whole, {"k": null}]});
            let read = Value::from_json(&value.to_string()).expect("JSON");
            prop_assert_eq!(read, Value::from(&value));
        }
    }
}
