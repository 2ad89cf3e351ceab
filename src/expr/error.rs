//! Errors of expressions.

use crate::source::{Diagnostic, Span, brief};

/// An error in the text of an expression, and its position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// Its start in the text, in characters; for [`super::Template::json`], in the text of one string.
    pub offset: usize,
    /// The length of the faulty part in characters; at least 1.
    pub length: usize,
    /// The text found and the text expected.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl ExprError {
    /// The diagnostic for the value at `span`, whose text is `text`. `start` is the position of its first character.
    /// It is `None` if the file does not contain the text literally; then the message quotes the text.
    pub(crate) fn in_file(self, text: &str, span: Span, start: Option<Span>) -> Diagnostic {
        let diagnostic = match start {
            Some(start) => {
                Diagnostic::new(Some(start.part(self.offset, self.length)), self.message)
            }
            None => Diagnostic::new(Some(span), format!("`{}`: {}", brief(text), self.message)),
        };
        Diagnostic {
            hint: self.hint,
            ..diagnostic
        }
    }
}
