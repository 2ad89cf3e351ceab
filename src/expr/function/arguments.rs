//! The arguments of a call: evaluates each one as the type that the function needs.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use chrono::format::{Item, StrftimeItems};

use super::super::encoding::hex;
use super::super::evaluate::{limit_text, number, shown};
use super::super::value::View;
use super::{Function, Kind};
use crate::expr::{Context, Expression, Missing, Number, Value};
use crate::units::parse_duration;

/// The maximum number of items of a list that a function makes.
pub(super) const MOST_ITEMS: usize = 1_000_000;

/// The arguments of a function call.
pub(super) struct Arguments<'e> {
    function: Function,
    expressions: &'e [Expression],
    context: &'e mut dyn Context,
}

impl<'e> Arguments<'e> {
    pub(super) fn new<'c: 'e>(
        function: Function,
        expressions: &'e [Expression],
        context: &'e mut (dyn Context + 'c),
    ) -> Self {
        Self {
            function,
            expressions,
            context,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.expressions.len()
    }

    pub(super) fn context(&mut self) -> &mut dyn Context {
        self.context
    }

    /// 64 random bits.
    pub(super) fn random(&mut self) -> u64 {
        self.context.random()
    }

    /// The error that the call has no value, with its reason.
    pub(super) fn fail(&self, reason: impl Into<String>) -> Missing {
        Missing::named(self.function.usage()).because(reason)
    }

    pub(super) fn value(&mut self, index: usize) -> Result<Cow<'_, Value>, Missing> {
        self.expressions[index].value(self.context)
    }

    /// The value as a text; null is a missing value.
    pub(super) fn text(&mut self, index: usize) -> Result<Cow<'_, str>, Missing> {
        self.expressions[index].text(self.context)
    }

    pub(super) fn number(&mut self, index: usize) -> Result<Number, Missing> {
        let function = self.function;
        let value = self.value(index)?;
        let found = number(&value).map(Cow::into_owned);
        found.ok_or_else(|| wrong(function, Kind::Number, &value))
    }

    pub(super) fn whole(&mut self, index: usize) -> Result<i64, Missing> {
        let function = self.function;
        let value = self.value(index)?;
        whole_number(&value).ok_or_else(|| wrong(function, Kind::Whole, &value))
    }

    /// A whole number from 0 to `most`.
    pub(super) fn count(&mut self, index: usize, most: usize) -> Result<usize, Missing> {
        let whole = self.whole(index)?;
        let count = usize::try_from(whole).ok().filter(|count| *count <= most);
        count.ok_or_else(|| self.fail(format!("expected a number from 0 to {most}, found {whole}")))
    }

    pub(super) fn list(&mut self, index: usize) -> Result<Vec<Value>, Missing> {
        match self.value(index)?.into_owned() {
            Value::List(items) => Ok(items),
            other => Err(wrong(self.function, Kind::List, &other)),
        }
    }

    /// The numbers of the arguments, or of the list that is the only one.
    pub(super) fn numbers(&mut self) -> Result<Vec<Number>, Missing> {
        if self.len() > 1 {
            return (0..self.len()).map(|index| self.number(index)).collect();
        }
        let items = match self.value(0)?.into_owned() {
            Value::List(items) => items,
            single => vec![single],
        };
        let numbers = items.iter().map(|item| {
            let found = number(item).map(Cow::into_owned);
            found.ok_or_else(|| wrong(self.function, Kind::Number, item))
        });
        numbers.collect()
    }

    /// A signed length of time.
    pub(super) fn offset(&mut self, index: usize) -> Result<TimeDelta, Missing> {
        let function = self.function;
        let value = self.value(index)?;
        offset(&value).ok_or_else(|| wrong(function, Kind::Offset, &value))
    }

    /// The text of bytes, in the encoding that an optional argument names; without one in lower-case hex.
    pub(super) fn encoded(&mut self, index: usize, bytes: &[u8]) -> Result<Value, Missing> {
        if index >= self.len() {
            return Ok(hex(bytes).into());
        }
        let word = self.text(index)?.into_owned();
        match encoded(&word, bytes) {
            Some(text) => Ok(text.into()),
            None => Err(wrong(self.function, Kind::Encoding, &word.into())),
        }
    }

    /// An error for a text that is too long.
    pub(super) fn limit_text(&self, length: usize) -> Result<(), Missing> {
        limit_text(length).map_err(|reason| self.fail(reason))
    }

    /// An error for a list that is too long.
    pub(super) fn limit_items(&self, count: usize) -> Result<(), Missing> {
        if count <= MOST_ITEMS {
            return Ok(());
        }
        Err(self.fail(format!("a list has at most {MOST_ITEMS} items")))
    }
}

/// The error for an argument of a wrong type.
fn wrong(function: Function, kind: Kind, found: &Value) -> Missing {
    let reason = match kind.refuse(found) {
        Some(reason) => reason,
        None => format!("{} cannot be used", shown(found)),
    };
    Missing::named(function.usage()).because(reason)
}

impl Kind {
    /// The reason why a value is not of this kind.
    pub(super) fn refuse(self, value: &Value) -> Option<String> {
        let (is_right, what) = match self {
            Self::Any => (true, ""),
            Self::Text => (*value != Value::Null, "a text"),
            Self::Number => (number(value).is_some(), "a number"),
            Self::Whole => (whole_number(value).is_some(), "a whole number"),
            Self::List => (matches!(value, Value::List(_)), "a list"),
            Self::Format => (
                is_format(value),
                "a date format such as '%Y-%m-%d' (chrono's strftime)",
            ),
            Self::Offset => (
                offset(value).is_some(),
                "an offset such as '-1d' or '2h30m'",
            ),
            Self::Encoding => {
                let is_word = matches!(value, Value::Text(word) if encoded(word, &[]).is_some());
                (is_word, "'hex', 'base64' or 'base64url'")
            }
        };
        (!is_right).then(|| match View::from(value) {
            View::Structure(_) => format!("{} is not {what}", View::from(value).kind()),
            View::Null | View::Bool(_) | View::Number(_) | View::Text(_) => {
                format!("{} is not {what}", shown(value))
            }
        })
    }
}

/// The whole number in a number or a text.
fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_whole(),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// True for a text that is a format without an error.
fn is_format(value: &Value) -> bool {
    matches!(value, Value::Text(format)
        if StrftimeItems::new(format).all(|item| !matches!(item, Item::Error)))
}

fn offset(value: &Value) -> Option<TimeDelta> {
    let Value::Text(text) = value else {
        let seconds = number(value)?.to_float();
        let is_short = seconds.abs() < 1e11;
        return is_short.then(|| TimeDelta::milliseconds((seconds * 1e3) as i64));
    };
    let text = text.trim();
    let (is_negative, length) = match text.strip_prefix('-') {
        Some(length) => (true, length),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let length: Duration = parse_duration(length).ok()?;
    let delta = TimeDelta::from_std(length).ok()?;
    Some(if is_negative { -delta } else { delta })
}

fn encoded(word: &str, bytes: &[u8]) -> Option<String> {
    Some(match word {
        "hex" => hex(bytes),
        "base64" => STANDARD.encode(bytes),
        "base64url" => URL_SAFE_NO_PAD.encode(bytes),
        _ => return None,
    })
}
