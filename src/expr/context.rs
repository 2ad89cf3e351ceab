//! The values that an expression needs when it is evaluated.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{Ambient, ResponsePart, SlotId, Value};

/// The values that a template needs when it is rendered.
pub trait Context {
    /// The variable's value, if it has one now.
    fn slot(&self, slot: SlotId) -> Option<&Value>;
    /// The value in this iteration's row of the feeder.
    fn column(&self, feed: usize, column: usize) -> Option<StoredValue<'_>>;
    /// 64 random bits from the run's seed, split by user and iteration.
    fn random(&mut self) -> u64;
    /// This user's number, from 0.
    fn user(&self) -> u64;
    /// This user's iteration, from 0.
    fn iteration(&self) -> u64;
    /// The variable's name, for the error that it has no value.
    fn slot_name(&self, slot: SlotId) -> &str;
    /// The column's name with that of its feeder, `users.email`, for the error that it has no value.
    fn column_name(&self, feed: usize, column: usize) -> String;
    /// A value of the run, the flow, the user or the iteration, if there is one here.
    fn ambient(&self, _: Ambient) -> Option<Value> {
        None
    }
    /// A part of the last response of this iteration, or the reason why there is none.
    fn response(&self, _: &ResponsePart) -> Result<&Value, String> {
        Err("there is no response".to_owned())
    }
    /// The value that a function of the scenario's scripts returns, or the reason why it fails.
    fn script(&mut self, _: usize, _: &[Value]) -> Result<Value, String> {
        Err("functions of your own cannot be called here".to_owned())
    }
    /// The wall clock, for `now()` and `timestamp_ms()`.
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A value in the form in which it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StoredValue<'a> {
    /// A text.
    Text(&'a str),
    /// Compact JSON of anything but a text.
    Json(&'a str),
    /// A value.
    Value(&'a Value),
}

impl<'a> StoredValue<'a> {
    /// The value.
    pub fn into_value(self) -> Cow<'a, Value> {
        match self {
            Self::Text(text) => Cow::Owned(Value::from(text)),
            Self::Json(text) => Cow::Owned(Value::from_json(text).unwrap_or(Value::Null)),
            Self::Value(value) => Cow::Borrowed(value),
        }
    }

    /// True for null.
    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Json("null") | Self::Value(Value::Null))
    }

    /// The value as plain text; a value that is not a text as JSON.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text),
            Self::Value(Value::Text(text)) => Cow::Borrowed(text),
            Self::Value(value) => Cow::Owned(value.to_string()),
        }
    }
}

/// A missing value: not captured in this iteration, captured as null, or a comparison of values without an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no value for `{name}`{}", .note.as_ref().map(|note| format!(": {note}")).unwrap_or_default())]
pub struct Missing {
    /// The expression without a value, as written in a template.
    pub name: String,
    /// The reason, if the value is not just absent.
    pub note: Option<String>,
}

impl Missing {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            note: None,
        }
    }

    pub(super) fn null(self) -> Self {
        self.because("it is null")
    }

    pub(super) fn because(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }
}
