//! Expressions: the one language of templates, conditions and thresholds.
//!
//! A [`Template`] is text with `${…}` in it, a [`Condition`] is one expression, and a threshold compares a number of
//! the run with a limit ([`threshold`]). A [`selector`] reads a target's own metrics. All of them use one cursor and one error type, [`ExprError`]. Names become
//! slots and columns when the text is compiled ([`Names`]); evaluation needs a [`Context`], which the engine's user
//! state implements. This module knows no users and has no random source of its own.

pub(crate) mod ambient;
mod comparator;
mod compile;
mod context;
mod cursor;
mod encoding;
mod error;
mod evaluate;
mod expression;
#[cfg(test)]
pub(crate) mod fake;
mod function;
pub(crate) mod guide;
mod known;
mod names;
mod parse;
mod part;
mod relation;
mod render;
pub mod selector;
mod slips;
mod suggest;
mod template;
pub mod threshold;
pub mod value;

pub use ambient::{Ambient, PartSet, ResponsePart};
pub use comparator::Comparator;
pub use context::{Context, Missing, StoredValue};
pub use encoding::Encoding;
pub(crate) use encoding::hex;
pub use error::ExprError;
pub use expression::{
    Arithmetic, Comparison, Condition, Expression, Part, Pattern, ScriptFunction,
};
pub use function::Function;
pub(crate) use function::{below, call_pure, is_function, pure_functions};
pub use names::{Names, SlotId};
pub use template::{Template, TemplateSegment};
pub use value::{Number, Value};
