//! Compares values: numbers exactly as numbers, texts as texts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::{Number, Value};
use crate::expr::Comparator;

/// A value to compare, borrowed if it is stored.
#[derive(Debug, Clone)]
pub enum View<'v> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Cow<'v, Number>),
    /// A text.
    Text(&'v str),
    /// A list or a mapping.
    Structure(Cow<'v, Value>),
}

impl<'v> From<&'v Value> for View<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(Cow::Borrowed(number)),
            Value::Text(text) => Self::Text(text),
            Value::List(_) | Value::Map(_) => Self::Structure(Cow::Borrowed(value)),
        }
    }
}

impl<'v> From<&'v serde_json::Value> for View<'v> {
    fn from(value: &'v serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => Self::Number(Cow::Owned(number.into())),
            serde_json::Value::String(text) => Self::Text(text),
            other => Self::Structure(Cow::Owned(other.into())),
        }
    }
}

impl fmt::Display for View<'_> {
    /// As compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", Value::from(*text)),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Structure(_) => {
                f.write_str(&self.written())
            }
        }
    }
}

impl Comparator {
    /// True if `left self right` is true.
    ///
    /// Two numbers are equal if they have the same value, two texts if they are the same. A text equals a number or a
    /// boolean if it is the written form of it. Numbers, and texts that are plain decimal numbers, are ordered as
    /// numbers, unless `as_texts` is true. Otherwise two texts, and with `as_texts` also a text and a number, are
    /// ordered by their characters. Other values have no order, and a comparison of them is false.
    pub fn holds_between(self, left: &View<'_>, right: &View<'_>, as_texts: bool) -> bool {
        self.decides(left, right, as_texts) == Some(true)
    }

    /// As [`Self::holds_between`]; `None` if the comparison needs an order and the values have none.
    pub fn decides(self, left: &View<'_>, right: &View<'_>, as_texts: bool) -> Option<bool> {
        match self {
            Self::Equal => Some(left.equals(right)),
            Self::NotEqual => Some(!left.equals(right)),
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => left
                .order(right, as_texts)
                .map(|order| self.holds(&order, &Ordering::Equal)),
        }
    }
}

impl View<'_> {
    /// The kind of value, for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Structure(_) => "a list or a mapping",
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Number(left), Self::Number(right)) => left.compare(right).is_eq(),
            (Self::Structure(left), Self::Structure(right)) => same(left, right),
            // `equals: '["a"]'` means a list.
            (Self::Structure(value), Self::Text(text))
            | (Self::Text(text), Self::Structure(value)) => {
                Value::from_json(text).is_ok_and(|read| same(value, &read))
            }
            (Self::Null | Self::Structure(_), _) | (_, Self::Null | Self::Structure(_)) => false,
            (
                Self::Bool(_) | Self::Number(_) | Self::Text(_),
                Self::Bool(_) | Self::Number(_) | Self::Text(_),
            ) => self.written() == other.written(),
        }
    }

    fn order(&self, other: &Self, as_texts: bool) -> Option<Ordering> {
        if !as_texts && let (Some(left), Some(right)) = (self.number(), other.number()) {
            return Some(left.compare(&right));
        }
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Text(_), Self::Number(_)) | (Self::Number(_), Self::Text(_)) if as_texts => {
                Some(self.written().cmp(&other.written()))
            }
            (
                Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Structure(_),
                _,
            ) => None,
        }
    }

    /// The value as a number, also from a text. A text such as 1e3 is more often a name than a number, so it is not
    /// converted.
    fn number(&self) -> Option<Cow<'_, Number>> {
        match self {
            Self::Number(number) => Some(Cow::Borrowed(number)),
            Self::Text(text) if text.contains(['e', 'E']) => None,
            Self::Text(text) => Number::from_text(text).map(Cow::Owned),
            Self::Null | Self::Bool(_) | Self::Structure(_) => None,
        }
    }

    /// A text unchanged, any other value as JSON.
    fn written(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed("null"),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Structure(value) => Cow::Owned(value.to_string()),
        }
    }
}

/// True if two values are equal, regardless of the order of members and the notation of numbers.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.compare(right).is_eq(),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        (Value::Map(left), Value::Map(right)) => {
            let ordered = |members: &'_ [(String, Value)]| {
                let mut order: Vec<usize> = (0..members.len()).collect();
                order.sort_by(|l, r| members[*l].0.cmp(&members[*r].0));
                order
            };
            left.len() == right.len()
                && ordered(left)
                    .iter()
                    .zip(ordered(right))
                    .all(|(l, r)| left[*l].0 == right[r].0 && same(&left[*l].1, &right[r].1))
        }
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_),
            _,
        ) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Comparator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};

    fn holds(left: &str, comparator: Comparator, right: &str, as_texts: bool) -> bool {
        let (left, right) = (Value::from_json(left), Value::from_json(right));
        let (left, right) = (left.expect("JSON"), right.expect("JSON"));
        comparator.holds_between(&(&left).into(), &(&right).into(), as_texts)
    }

    #[test]
    fn texts_are_equal_as_texts_and_numbers_as_numbers() {
        for (left, right, expected) in [
            (r#""1""#, r#""001""#, false),
            (r#""100000""#, r#""1e5""#, false),
            (r#""1.10""#, r#""1.1""#, false),
            (r#""+1""#, r#""1""#, false),
            ("1", "1.0", true),
            ("1E2", "100", true),
            (
                "123456789012345678901234567890123456789012",
                "123456789012345678901234567890123456789013",
                false,
            ),
            (r#""3""#, "3", true),
            (r#""03""#, "3", false),
            (r#""1e5""#, "100000", false),
            (r#""10.00""#, "10.00", true),
            (r#""true""#, "true", true),
            (r#""null""#, "null", false),
            ("null", "null", true),
            ("null", "0", false),
            (r#""""#, "0", false),
            (r#"["a",1.0]"#, r#"["a",1]"#, true),
            (r#"["1"]"#, "[1]", false),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            (r#"["a"]"#, r#""[\"a\"]""#, true),
            (r#"["a"]"#, r#""a""#, false),
        ] {
            assert_eq!(
                holds(left, Equal, right, false),
                expected,
                "{left} == {right}"
            );
            assert_eq!(
                holds(right, NotEqual, left, false),
                !expected,
                "{right} != {left}"
            );
        }
    }

    #[test]
    fn order_is_of_numbers_where_there_are_two_and_of_characters_where_it_is_asked_for() {
        for (left, comparator, right, as_texts, expected) in [
            ("9", Less, "10", false, true),
            (r#""9""#, Less, "10", false, true),
            (r#""9""#, Less, r#""10""#, false, true),
            (r#""9""#, Less, r#""10""#, true, false),
            ("9", Less, r#""10""#, true, false),
            (r#""9a""#, Less, r#""10a""#, false, false),
            (r#""2024-01-02""#, Greater, r#""2024-01-01""#, false, true),
            (
                "123456789012345678902",
                Greater,
                "123456789012345678901",
                false,
                true,
            ),
            ("0.5", LessOrEqual, "0.50", false, true),
            (r#""abc""#, Greater, "5", false, false),
            (r#""abc""#, LessOrEqual, "5", false, false),
            ("null", GreaterOrEqual, "0", false, false),
            ("true", Greater, "0", false, false),
            ("[1]", Greater, "0", false, false),
            (r#""1e3""#, Greater, "999", false, false),
            (r#""+1.50""#, Less, "2", false, true),
        ] {
            assert_eq!(
                holds(left, comparator, right, as_texts),
                expected,
                "{left} {} {right}",
                comparator.symbol()
            );
        }
    }
}
