//! The tree of a scenario file: every key and value with its place in the text, whatever they mean.

use super::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Content,
    pub(crate) span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A text, a number, a flag or nothing: which of them is for the reader to say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// The text after unquoting and, later, after the environment's values were put in.
    pub(crate) text: String,
    /// The text before the environment's values were put in, where that made a difference.
    pub(crate) written: Option<String>,
    pub(crate) notation: Notation,
    /// How many characters after the start of the span the text starts, when it stands there unchanged.
    pub(crate) offset: Option<u32>,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    /// Without quotes: may be a number, a flag or nothing.
    Plain,
    /// In quotes or as a block: always a text.
    Text,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// A scalar that does not stand in the file.
    pub(crate) fn plain(text: &str, span: Span) -> Self {
        Self {
            value: Content::Scalar(Scalar {
                text: text.to_owned(),
                written: None,
                notation: Notation::Plain,
                offset: None,
            }),
            span,
        }
    }

    /// The value under `key`, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Content::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// Whether nothing was written: `key:`, `null` or `~`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Content::Scalar(scalar) if scalar.is_null())
    }
}

impl Scalar {
    /// The text before the environment's values were put in.
    pub(crate) fn as_written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }

    /// The place of a part of the text, which begins `offset` characters into it; none where the text does not stand in
    /// the file as it is.
    pub(crate) fn place(&self, span: Span, offset: usize, length: usize) -> Option<Span> {
        let start = self.offset.filter(|_| span.is_in_file())?;
        Some(Span {
            column: span.column + start + offset as u32,
            length: length as u32,
            ..span
        })
    }

    /// Whether nothing was written.
    pub(crate) fn is_null(&self) -> bool {
        self.notation == Notation::Plain
            && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}
