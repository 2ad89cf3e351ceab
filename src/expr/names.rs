//! What the names in an expression mean where it stands.

use super::Expression;

/// A slot in the table of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u32);

/// What a template's names mean where it stands.
pub trait Names {
    /// The variable `name`, or the column `name.member`; `None` if there is no such thing here.
    fn resolve(&mut self, name: &str, member: Option<&str>) -> Option<Expression>;
    /// Every name that would resolve, columns as `feeder.column`, to suggest one.
    fn known(&self) -> Vec<String>;
    /// The environment variable, for `env(NAME)`.
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
    /// What stands for an environment variable that is not set and has no default, if it need not be set.
    fn stand_in(&self, _: &str) -> Option<String> {
        None
    }
}
