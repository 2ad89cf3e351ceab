//! The tree of a scenario file: every key and value with its place in the text, whatever they mean.

use super::diagnostic::Span;
use crate::scenario;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A text, a number, a flag or nothing: which of them is for the reader to say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    /// The text after unquoting and, later, after the environment's values were put in.
    pub(super) text: String,
    /// The text before the environment's values were put in, where that made a difference.
    pub(super) written: Option<String>,
    pub(super) notation: Notation,
    /// How many characters after the start of the span the text starts, when it stands there unchanged.
    pub(super) offset: Option<u32>,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// Without quotes: may be a number, a flag or nothing.
    Plain,
    /// In quotes or as a block: always a text.
    Text,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// Whether nothing was written: `key:`, `null` or `~`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// What was written, as a value; plain scalars are typed by the YAML 1.2 core schema.
    pub(super) fn to_value(&self) -> scenario::Value {
        match &self.value {
            Value::Scalar(scalar) => scalar.to_value(),
            Value::List(items) => scenario::Value::List(items.iter().map(Self::to_value).collect()),
            Value::Map(entries) => scenario::Value::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_value()))
                    .collect(),
            ),
        }
    }
}

impl Scalar {
    /// The text before the environment's values were put in.
    pub(super) fn as_written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }

    /// The place of a part of the text, which begins `offset` characters into it; none where the text does not stand in
    /// the file as it is.
    pub(super) fn place(&self, span: Span, offset: usize, length: usize) -> Option<Span> {
        let start = self.offset.filter(|_| span.is_in_file())?;
        Some(Span {
            column: span.column + start + offset as u32,
            length: length as u32,
            ..span
        })
    }

    fn is_null(&self) -> bool {
        self.notation == Notation::Plain
            && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    pub(super) fn to_value(&self) -> scenario::Value {
        if self.notation == Notation::Text {
            return self.text.as_str().into();
        }
        match self.text.as_str() {
            _ if self.is_null() => scenario::Value::Null,
            "true" | "True" | "TRUE" => true.into(),
            "false" | "False" | "FALSE" => false.into(),
            text => number(text).map_or_else(|| text.into(), scenario::Value::Number),
        }
    }
}

/// A number of the core schema, with its digits; what JSON cannot hold (`.inf`, `0o17` beyond 64 bits) stays text.
fn number(text: &str) -> Option<scenario::Number> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Into::into);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Into::into);
    }
    scenario::Number::from_text(text)
}
