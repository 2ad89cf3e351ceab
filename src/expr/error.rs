//! Errors of expressions.

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
