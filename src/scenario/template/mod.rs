//! Templates: text with `${…}` expressions, compiled once into segments; and conditions, which are one expression.
//!
//! Between `${` and `}` stands a variable (`id`), a feeder's column (`users.email`), a function (`random(1,3)`), a number,
//! a 'quoted' text, or several of them with operators; `$${` is the text `${`. A template without expressions costs
//! nothing at run time. Rendering needs a [`Context`], which the engine's user state implements;
//! this module knows no user and no random source of its own, and it never looks up a name after compiling.

mod call;
mod compile;
mod cursor;
mod encoding;
mod evaluate;
#[cfg(test)]
pub(crate) mod fake;
mod function;
mod parse;
mod render;
mod slips;
mod suggest;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use regex::Regex;

use super::{Comparator, SlotId, Value};

pub use encoding::Encoding;
pub(super) use encoding::write_json_text;
pub use function::Function;
pub(crate) use function::below;

/// A compiled template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    /// In order; neighbouring literals are merged; empty for an empty text.
    pub segments: Box<[Segment]>,
    /// The text as written, for names and reports.
    pub source: Box<str>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// Copied as it is.
    Literal(Box<str>),
    /// Evaluated, then written in this encoding.
    Expression(Expression, Encoding),
}

/// What stands between `${` and `}`, or after `if:`.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A variable.
    Slot(SlotId),
    /// A column of this iteration's row of a feeder.
    Column {
        /// Index into [`super::Scenario::feeds`].
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

/// A value as it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Held<'a> {
    /// A text.
    Text(&'a str),
    /// Compact JSON of anything but a text.
    Json(&'a str),
    /// A value of its own.
    Value(&'a Value),
}

impl<'a> Held<'a> {
    /// The value.
    pub fn into_value(self) -> Cow<'a, Value> {
        match self {
            Self::Text(text) => Cow::Owned(Value::from(text)),
            Self::Json(text) => Cow::Owned(Value::from_json(text).unwrap_or(Value::Null)),
            Self::Value(value) => Cow::Borrowed(value),
        }
    }

    /// Whether this is null.
    fn is_null(self) -> bool {
        matches!(self, Self::Json("null") | Self::Value(Value::Null))
    }

    /// As plain text; a value that is none is its JSON.
    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text),
            Self::Value(Value::Text(text)) => Cow::Borrowed(text),
            Self::Value(value) => Cow::Owned(value.to_string()),
        }
    }
}

/// What a template needs to know while it is rendered.
pub trait Context {
    /// The variable's value, if it has one now.
    fn slot(&self, slot: SlotId) -> Option<&Value>;
    /// The value in this iteration's row of the feeder.
    fn column(&self, feed: usize, column: usize) -> Option<Held<'_>>;
    /// 64 random bits from the run's seed, split by user and iteration.
    fn random(&mut self) -> u64;
    /// This user's number, from 0.
    fn user(&self) -> u64;
    /// This user's iteration, from 0.
    fn iteration(&self) -> u64;
    /// The variable's name, to say that it has no value.
    fn slot_name(&self, slot: SlotId) -> &str;
    /// The column's name with its feeder's, `users.email`, to say that it has no value.
    fn column_name(&self, feed: usize, column: usize) -> String;
    /// The wall clock, for `now()` and `timestamp_ms()`.
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

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

/// What is wrong with a template's text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Where it starts, in characters into the text (for [`Template::json`]: into the text of one string).
    pub offset: usize,
    /// How many characters are wrong; at least 1.
    pub length: usize,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A value that a template inserts is absent now: never captured in this iteration, or captured as null.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no value for `{name}`{}", if *.is_null { ": it is null" } else { "" })]
pub struct Missing {
    /// What has no value, as a template would write it.
    pub name: String,
    /// Whether it is there, as a null.
    pub is_null: bool,
}

impl Missing {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_null: false,
        }
    }

    pub(super) fn null(self) -> Self {
        Self {
            is_null: true,
            ..self
        }
    }
}

impl Expression {
    /// Reads a whole text as one expression: what stands after `if:`.
    pub fn condition(text: &str, names: &mut dyn Names) -> Result<Self, TemplateError> {
        parse::condition(text, names)
    }
}

impl Template {
    /// Compiles `text`: literal parts stay as written, values are written in `encoding`.
    ///
    /// ```
    /// use gander::scenario::template::{Encoding, Expression, Names, Template};
    ///
    /// struct Nothing;
    /// impl Names for Nothing {
    ///     fn resolve(&mut self, _: &str, _: Option<&str>) -> Option<Expression> {
    ///         None
    ///     }
    ///     fn known(&self) -> Vec<String> {
    ///         Vec::new()
    ///     }
    /// }
    ///
    /// let plain = Template::compile("costs $5, not $${price}", Encoding::Plain, &mut Nothing).unwrap();
    /// assert_eq!(plain.literal(), Some("costs $5, not ${price}"));
    ///
    /// let error = Template::compile("/${uid()}", Encoding::Percent, &mut Nothing).unwrap_err();
    /// assert_eq!((error.offset, error.length), (3, 3));
    /// assert_eq!(error.hint.as_deref(), Some("did you mean `uuid()`?"));
    /// ```
    pub fn compile(
        text: &str,
        encoding: Encoding,
        names: &mut dyn Names,
    ) -> Result<Self, TemplateError> {
        compile::text(text, Encoding::Plain, encoding, names)
    }

    /// Compiles a URL or a path: values are percent-encoded, unless the whole of it is one expression, which then is
    /// taken as a URL that stands for itself (a link captured from a response, say).
    pub fn url(text: &str, names: &mut dyn Names) -> Result<Self, TemplateError> {
        compile::url(text, names)
    }

    /// Compiles one value of a query or a form: literal parts and values alike are percent-encoded.
    pub fn component(text: &str, names: &mut dyn Names) -> Result<Self, TemplateError> {
        compile::text(text, Encoding::Percent, Encoding::Percent, names)
    }

    /// Compiles a JSON document in which every string, keys included, is a template.
    ///
    /// A string that is exactly one expression becomes a JSON value of the expression's own type; in any other string
    /// values are escaped. Whatever the values, the rendered text is valid JSON.
    pub fn json(value: &Value, names: &mut dyn Names) -> Result<Self, TemplateError> {
        compile::json(value, names)
    }

    /// A template that is this value, with its type.
    pub fn constant(value: Value, source: &str) -> Self {
        Self::of(Expression::Literal(value), source)
    }

    /// Reads a whole text as one expression, whose value keeps its type. A text in quotes becomes a literal.
    pub fn expression_of(text: &str, names: &mut dyn Names) -> Result<Self, TemplateError> {
        Ok(match parse::condition(text, names)? {
            Expression::Literal(Value::Text(literal)) if text.starts_with(['\'', '"']) => {
                Self::from_literal(&literal)
            }
            expression => Self::of(expression, text),
        })
    }

    fn of(expression: Expression, source: &str) -> Self {
        Self {
            segments: Box::new([Segment::Expression(expression, Encoding::Plain)]),
            source: source.into(),
        }
    }

    /// A template that is `text`, whatever it looks like.
    pub fn from_literal(text: &str) -> Self {
        Self {
            segments: if text.is_empty() {
                Box::default()
            } else {
                Box::new([Segment::Literal(text.into())])
            },
            source: text.into(),
        }
    }

    /// One template that renders what the parts render, one after the other.
    pub fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        compile::concat(parts)
    }

    /// The text, if no expression is in it; empty for an empty template.
    pub fn literal(&self) -> Option<&str> {
        match &*self.segments {
            [] => Some(""),
            [Segment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Shows every variable and column in here to `see`, and whether it may be absent where it stands.
    pub(crate) fn each_use(&self, see: &mut dyn FnMut(&Expression, bool)) {
        for segment in &self.segments {
            if let Segment::Expression(expression, _) = segment {
                expression.each_use(false, see);
            }
        }
    }

    /// The expression, if the template is exactly one.
    pub fn expression(&self) -> Option<&Expression> {
        match &*self.segments {
            [Segment::Expression(expression, _)] => Some(expression),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_known_for_one() {
        for text in ["", "/api", "${id}", "$${id}"] {
            assert_eq!(Template::from_literal(text).literal(), Some(text));
        }
        assert_eq!(Template::default().literal(), Some(""));
    }

    #[test]
    fn concatenation_merges_literals_and_keeps_encodings() {
        let mut fake = fake::Fake::with([("q", serde_json::json!("a b"))]);
        let whole = Template::concat([
            Template::from_literal("/search"),
            Template::from_literal("?q="),
            fake.compile("${q}&raw=", Encoding::Percent),
            fake.compile("${q}", Encoding::Plain),
            Template::default(),
        ]);
        assert_eq!(whole.segments.len(), 4, "{whole:?}");
        assert_eq!(&*whole.source, "/search?q=${q}&raw=${q}");
        assert_eq!(fake.rendered(&whole), "/search?q=a%20b&raw=a b");
        let literal = Template::concat(["a", "", "b"].map(Template::from_literal));
        assert_eq!(literal.literal(), Some("ab"));
    }
}
