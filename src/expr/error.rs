//! What is wrong with an expression.

/// What is wrong with the text of an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// Where it starts, in characters into the text (for [`super::Template::json`]: into the text of one string).
    pub offset: usize,
    /// How many characters are wrong; at least 1.
    pub length: usize,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}
