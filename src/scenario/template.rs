//! Templates: text with `${…}` expressions, compiled once into segments.
//!
//! A template without expressions costs nothing at run time. Rendering needs a [`Context`], which the engine's
//! user state implements; this module knows no user, no clock and no random source of its own.

use super::SlotId;

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

/// How a value is written into its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As plain text.
    Plain,
    /// Percent-encoded, for a URL or a form.
    Percent,
    /// As a JSON value of its own type.
    Json,
    /// Escaped, inside a JSON string.
    JsonString,
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
    /// `status`, and functions.
    Call(Function, Box<[Expression]>),
    /// A literal argument.
    Literal(serde_json::Value),
}

/// The built-in functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `random(a,b)`: a whole number from a to b, both included.
    Random,
    /// `uuid()`: a version 4 UUID, from the seed.
    Uuid,
    /// `now()`: RFC 3339, UTC.
    Now,
    /// `timestamp_ms()`: milliseconds since 1970.
    TimestampMs,
    /// `choice(a,b,c)`: one of them.
    Choice,
    /// `iteration()`: this user's iteration, from 0.
    Iteration,
    /// `user()`: this user's number, from 0.
    User,
    /// `base64(x)`
    Base64,
    /// `sha256(x)`, in hex.
    Sha256,
    /// `hmac_sha256(k,x)`, in hex.
    HmacSha256,
    /// `json(x)`: as JSON text.
    Json,
    /// `urlencode(x)`
    UrlEncode,
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
}
