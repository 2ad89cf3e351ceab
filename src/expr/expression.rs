//! What an expression is, once its names are resolved.

use regex::Regex;

use super::{Comparator, ExprError, Function, Names, SlotId, Value, parse};

/// What stands between `${` and `}`, or after `if:`.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A variable.
    Slot(SlotId),
    /// A column of this iteration's row of a feeder.
    Column {
        /// Index into [`crate::scenario::Scenario::feeds`].
        feed: usize,
        /// Index into the feeder's columns.
        column: usize,
    },
    /// A function and its arguments, as many as it takes.
    Call(Function, Box<[Expression]>),
    /// A value that stands there.
    Literal(Value),
    /// The texts of several, joined.
    Join(Box<[Expression]>),
    /// The first that is there and not null: `a ?? b`.
    Default(Box<[Expression]>),
    /// Whether all of them hold: `a and b`.
    All(Box<[Expression]>),
    /// Whether any of them holds: `a or b`.
    Any(Box<[Expression]>),
    /// Whether it does not hold: `not a`.
    Not(Box<Expression>),
    /// Whether a comparison holds: `a == b`.
    Compare(Box<Comparison>),
    /// Whether the text matches somewhere: `a =~ "b"`; or nowhere, if that is wanted.
    Match(Box<Expression>, Pattern, bool),
}

/// Two sides, and how they are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The left side.
    pub left: Expression,
    /// The relation.
    pub comparator: Comparator,
    /// The right side.
    pub right: Expression,
    /// Whether a side is a text in quotes, so that order is that of characters.
    pub as_texts: bool,
}

/// A regular expression; two are equal if they are written the same.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Expression {
    /// Reads a whole text as one expression: what stands after `if:`.
    pub fn condition(text: &str, names: &mut dyn Names) -> Result<Self, ExprError> {
        parse::condition(text, names)
    }
}

/// `if:`: an expression that is true or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(pub Expression);
