//! Expressions with resolved names.

use regex::Regex;

use super::{Comparator, ExprError, Function, Names, SlotId, Value, parse};

/// The content of `${…}`, or the value of `if:`.
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
    /// A function and its arguments, in the right number.
    Call(Function, Box<[Expression]>),
    /// A constant.
    Literal(Value),
    /// The joined texts of several expressions.
    Join(Box<[Expression]>),
    /// The first value that exists and is not null: `a ?? b`.
    Default(Box<[Expression]>),
    /// True if all of them are true: `a and b`.
    All(Box<[Expression]>),
    /// True if any of them is true: `a or b`.
    Any(Box<[Expression]>),
    /// True if it is false: `not a`.
    Not(Box<Expression>),
    /// True if the comparison is true: `a == b`.
    Compare(Box<Comparison>),
    /// True if the pattern matches a part of the text: `a =~ "b"`. The flag is false for `!~`, which is true if nothing
    /// matches.
    Match(Box<Expression>, Pattern, bool),
}

/// A comparison of two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The left side.
    pub left: Expression,
    /// The operator.
    pub comparator: Comparator,
    /// The right side.
    pub right: Expression,
    /// True if a side is a text in quotes; then texts are ordered by their characters.
    pub as_texts: bool,
}

/// A regular expression. Two are equal if their texts are equal.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Expression {
    /// Parses a complete text as one expression: the value of `if:`.
    pub fn condition(text: &str, names: &mut dyn Names) -> Result<Self, ExprError> {
        parse::condition(text, names)
    }
}

/// `if:`: an expression that is true or false.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(pub Expression);
