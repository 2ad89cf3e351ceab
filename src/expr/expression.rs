//! Expressions with resolved names.

use regex::Regex;

use super::function::{RAW, URL_ENCODE};
use super::value::Operator;
use super::{Ambient, Comparator, ExprError, Function, Names, ResponsePart, SlotId, Value, parse};

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
    /// A value of the run, the flow, the user or the iteration.
    Ambient(Ambient),
    /// A part of the last response.
    Response(ResponsePart),
    /// A function and its arguments, in the right number.
    Call(Function, Box<[Expression]>),
    /// A function of the scenario's scripts and its arguments.
    Script(ScriptFunction, Box<[Expression]>),
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
    /// The result of arithmetic: `a + b`.
    Arithmetic(Box<Arithmetic>),
    /// The number with the other sign: `-a`.
    Negative(Box<Expression>),
    /// The second if the first is true, else the third: `a ? b : c`.
    If(Box<[Expression; 3]>),
    /// A list of values: `[a, b]`.
    List(Box<[Expression]>),
    /// A member of a mapping or an item of a list: `a.b`, `a[0]`.
    Part(Box<Part>),
}

/// A function of the scenario's scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFunction {
    /// Its index among them.
    pub index: usize,
    /// Its name.
    pub name: Box<str>,
}

/// A part of a value.
#[derive(Debug, Clone)]
pub struct Part {
    /// The value.
    pub whole: Expression,
    /// The name of the member, or the index of the item.
    pub key: Expression,
    /// The expression as written, for messages.
    pub written: Box<str>,
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.whole == other.whole && self.key == other.key
    }
}

/// Arithmetic on two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Arithmetic {
    /// The left side.
    pub left: Expression,
    /// The operator.
    pub operator: Operator,
    /// The right side.
    pub right: Expression,
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

    /// The expressions of which this one consists, in order.
    pub(crate) fn operands(&self) -> Vec<&Self> {
        match self {
            Self::Slot(_)
            | Self::Column { .. }
            | Self::Ambient(_)
            | Self::Response(_)
            | Self::Literal(_) => Vec::new(),
            Self::Call(_, several)
            | Self::Script(_, several)
            | Self::Join(several)
            | Self::Default(several)
            | Self::All(several)
            | Self::Any(several)
            | Self::List(several) => several.iter().collect(),
            Self::Not(inner) | Self::Negative(inner) | Self::Match(inner, ..) => vec![inner],
            Self::Compare(sides) => vec![&sides.left, &sides.right],
            Self::Arithmetic(sides) => vec![&sides.left, &sides.right],
            Self::If(several) => several.iter().collect(),
            Self::Part(part) => vec![&part.whole, &part.key],
        }
    }

    /// True if the value is the same always and everywhere.
    pub(super) fn is_constant(&self) -> bool {
        let is_constant = match self {
            Self::Slot(_)
            | Self::Column { .. }
            | Self::Ambient(_)
            | Self::Response(_)
            | Self::Script(..) => false,
            Self::Call(function, _) => function.is_pure(),
            Self::Literal(_)
            | Self::Join(_)
            | Self::Default(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_)
            | Self::Compare(_)
            | Self::Match(..)
            | Self::Arithmetic(_)
            | Self::Negative(_)
            | Self::If(_)
            | Self::List(_)
            | Self::Part(_) => true,
        };
        is_constant && self.operands().into_iter().all(Self::is_constant)
    }

    /// True for a call that does nothing where its value is encoded anyway.
    pub(super) fn is_encoded_by_its_place(&self) -> bool {
        matches!(self, Self::Call(function, _) if function.is(&URL_ENCODE) || function.is(&RAW))
    }

    /// Calls `see` for every name (a variable, a column, a response's part) and every call, and tells it whether the value
    /// may be missing there: `may_be` for the expression itself.
    pub(crate) fn each_use(&self, may_be: bool, see: &mut dyn FnMut(&Self, bool)) {
        match self {
            Self::Slot(_) | Self::Column { .. } | Self::Ambient(_) | Self::Response(_) => {
                see(self, may_be);
            }
            Self::Literal(_) => {}
            Self::Default(values) => {
                let last = values.len() - 1;
                for (index, value) in values.iter().enumerate() {
                    value.each_use(may_be || index < last, see);
                }
            }
            Self::All(_) | Self::Any(_) | Self::Not(_) => {
                for operand in self.operands() {
                    operand.each_use(true, see);
                }
            }
            Self::If(several) => {
                let [condition, then, otherwise] = &**several;
                condition.each_use(true, see);
                then.each_use(may_be, see);
                otherwise.each_use(may_be, see);
            }
            Self::Part(part) => {
                part.whole.each_use(may_be, see);
                part.key.each_use(false, see);
            }
            Self::Call(..) => {
                see(self, may_be);
                for operand in self.operands() {
                    operand.each_use(false, see);
                }
            }
            Self::Script(..)
            | Self::Join(_)
            | Self::Compare(_)
            | Self::Match(..)
            | Self::Arithmetic(_)
            | Self::Negative(_)
            | Self::List(_) => {
                for operand in self.operands() {
                    operand.each_use(false, see);
                }
            }
        }
    }
}

/// `if:`: an expression that is true or false.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(pub Expression);
