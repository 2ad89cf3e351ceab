//! Templates: text with `${…}` expressions, compiled once into segments.
//!
//! Between `${` and `}` stands a variable (`id`), a feeder's column (`users.email`) or a function (`random(1,3)`)
//! whose arguments are numbers, 'quoted' texts or expressions again; `$${` is the text `${`. A template without
//! expressions costs nothing at run time. Rendering needs a [`Context`], which the engine's user state implements;
//! this module knows no user and no random source of its own, and it never looks up a name after compiling.

mod compare;
mod compile;
mod encoding;
mod function;
mod parse;
mod render;

use chrono::{DateTime, Utc};

use super::SlotId;

pub use encoding::Encoding;
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

/// What stands between `${` and `}`.
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
    /// A literal argument.
    Literal(serde_json::Value),
}

/// What a template needs to know while it is rendered.
pub trait Context {
    /// The variable's value, if it has one now.
    fn slot(&self, slot: SlotId) -> Option<&serde_json::Value>;
    /// The value in this iteration's row of the feeder.
    fn column(&self, feed: usize, column: usize) -> Option<&serde_json::Value>;
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
#[error("no value for `{name}`")]
pub struct Missing {
    /// What has no value, as a template would write it.
    pub name: String,
}

impl Missing {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
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
    pub fn json(value: &serde_json::Value, names: &mut dyn Names) -> Result<Self, TemplateError> {
        compile::json(value, names)
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

    /// The expression, if the template is exactly one.
    pub fn expression(&self) -> Option<&Expression> {
        match &*self.segments {
            [Segment::Expression(expression, _)] => Some(expression),
            _ => None,
        }
    }
}
