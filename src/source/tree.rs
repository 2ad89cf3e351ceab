//! The tree of a scenario file: every key and value with its position, without a meaning.

use super::Span;

/// A value and its position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Content,
    pub(crate) span: Span,
}

/// The content of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A text, a number, a flag or nothing; the reader decides which.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// The text after unquoting; environment variables are inserted later.
    pub(crate) text: String,
    /// The text before environment variables were inserted; `None` if there were none.
    pub(crate) written: Option<String>,
    pub(crate) notation: Notation,
    /// Distance in characters from the start of the span to the text, if the file contains the text unchanged.
    pub(crate) offset: Option<u32>,
}

/// The notation of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    /// Without quotes: a text, a number, a flag or nothing.
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
    /// A scalar that is not in the file.
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
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// True for an empty value: `key:`, `null` or `~`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Content::Scalar(scalar) if scalar.is_null())
    }
}

impl Scalar {
    /// The text before environment variables were inserted.
    pub(crate) fn as_written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }

    /// The position of a part of the text that begins `offset` characters into it; `None` if the file does not contain
    /// the text unchanged.
    pub(crate) fn place(&self, span: Span, offset: usize, length: usize) -> Option<Span> {
        let start = self.offset.filter(|_| span.is_in_file())?;
        Some(span.part(start as usize + offset, length))
    }

    /// True for an empty value.
    pub(crate) fn is_null(&self) -> bool {
        self.notation == Notation::Plain
            && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}
