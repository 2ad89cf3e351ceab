//! Values from YAML; plain scalars have the types of the YAML 1.2 core schema.

use super::{Number, Value};
use crate::source::{Content, Node, Notation, Scalar};

impl From<&Node> for Value {
    fn from(node: &Node) -> Self {
        match &node.value {
            Content::Scalar(scalar) => scalar.into(),
            Content::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Content::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), (&entry.value).into()))
                    .collect(),
            ),
        }
    }
}

impl From<&Scalar> for Value {
    fn from(scalar: &Scalar) -> Self {
        match scalar.notation {
            Notation::Text => scalar.text.as_str().into(),
            Notation::Plain => match scalar.text.as_str() {
                _ if scalar.is_null() => Self::Null,
                "true" | "True" | "TRUE" => true.into(),
                "false" | "False" | "FALSE" => false.into(),
                text => number(text).map_or_else(|| text.into(), Self::Number),
            },
        }
    }
}

/// A number of the core schema with its digits; a number that JSON cannot represent (`.inf`, `0o17` beyond 64 bits)
/// stays text.
fn number(text: &str) -> Option<Number> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Into::into);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Into::into);
    }
    Number::from_text(text)
}

#[cfg(test)]
mod tests;
