//! What a step asks of a response, and what it takes from it.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use regex::Regex;

use super::{Comparator, JsonPath, SlotId, Template};
use crate::format::words::CapturePick;
use crate::units::ByteSize;

/// An assertion on one response.
#[derive(Debug, Clone)]
pub struct Check {
    /// The check as shown in reports: `status is 200`, `$.items length >= 1`.
    pub name: String,
    /// What must hold.
    pub rule: CheckRule,
}

/// What a check asks of a response.
#[derive(Debug, Clone)]
pub enum CheckRule {
    /// The status is one of these (`200`, `[200, 201]`, `2xx`).
    Status(Vec<StatusRange>),
    /// The header is there and its value matches.
    Header(HeaderName, TextRule),
    /// The body, inflated, matches.
    Body(TextRule),
    /// The value at the path satisfies the rule.
    Json(JsonPath, JsonRule),
    /// The inflated body's size in bytes.
    Size(Comparator, ByteSize),
    /// The service time.
    Time(Comparator, Duration),
}

impl CheckRule {
    /// Whether judging this needs the body's bytes.
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Body(_) | Self::Json(..) | Self::Size(..))
    }
}

/// Statuses from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest status accepted.
    pub first: StatusCode,
    /// The highest status accepted.
    pub last: StatusCode,
}

/// What a text must be like.
#[derive(Debug, Clone)]
pub enum TextRule {
    /// It is there.
    Exists,
    /// It is this.
    Equals(Template),
    /// This is in it.
    Contains(Template),
    /// The expression matches somewhere in it (linear time).
    Matches(Regex),
}

/// What the value at a JSON path must be like.
#[derive(Debug, Clone)]
pub enum JsonRule {
    /// There is a value; null is one.
    Exists,
    /// `equals:`, or a comparison with a number or a text; templates allowed.
    Compare(Comparator, Template),
    /// Length of a list, an object or a text.
    Length(Comparator, u64),
}

/// A value to take from one response.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The variable that receives it.
    pub slot: SlotId,
    /// Where it is.
    pub from: CaptureFrom,
    /// Which, if there are several.
    pub pick: CapturePick,
}

/// Where a captured value is.
#[derive(Debug, Clone)]
pub enum CaptureFrom {
    /// At a JSON path of the body.
    Json(JsonPath),
    /// A response header.
    Header(HeaderName),
    /// The first group of the expression (the whole match if it has none), in the body.
    Regex(Regex),
    /// A cookie the response set.
    Cookie(String),
}

impl CaptureFrom {
    /// Whether taking this needs the body's bytes.
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Regex(_))
    }
}
