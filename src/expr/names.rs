//! The meaning of names in an expression.

use super::Expression;

/// A slot in the table of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u32);

/// Resolves the names of a template at its place in the scenario.
pub trait Names {
    /// The variable `name`, or the column `name.member`; `None` if it does not exist here.
    fn resolve(&mut self, name: &str, member: Option<&str>) -> Option<Expression>;
    /// Every valid name, with columns as `feeder.column`, for suggestions.
    fn known(&self) -> Vec<String>;
    /// The environment variable, for `env(NAME)`.
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
    /// The text of a file, for `file(path)`; or the reason why it cannot be read, and perhaps the remedy.
    fn file(&mut self, _: &str) -> Result<String, (String, Option<String>)> {
        Err(("no file can be read here".to_owned(), None))
    }
    /// The names of the functions of the scenario's scripts, by index; `None` if the scripts could not be read, so that
    /// any name may be one of theirs.
    fn scripts(&self) -> Option<Vec<&str>> {
        Some(Vec::new())
    }
    /// A placeholder for an environment variable without a value and a default, if it need not be set.
    fn stand_in(&self, _: &str) -> Option<String> {
        None
    }
}
