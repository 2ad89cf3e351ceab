//! What is wrong with a scenario, where, and what to do about it.

use std::fmt;
use std::path::PathBuf;

/// A place in the scenario's text: bytes from `start` to `end`, for the quoted line and its caret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// How many characters are underlined; at least 1.
    pub length: u32,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where, if it can be pinned to a place.
    pub span: Option<Span>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do: `did you mean …?`
    pub hint: Option<String>,
}

/// Everything that is wrong with one file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file.
    pub path: PathBuf,
    /// Its text (empty if it could not be read), to quote lines from.
    pub text: String,
    /// In the order of the file.
    pub list: Vec<Diagnostic>,
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            writeln!(f, "{}: {}", self.path.display(), diagnostic.message)?;
        }
        Ok(())
    }
}
