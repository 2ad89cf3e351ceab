//! The checks of a response and the values captured from it.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use regex::Regex;

use super::{Comparator, Condition, JsonPath, SlotId, Template};
use crate::format::words::CapturePick;
use crate::units::ByteSize;

/// An assertion on one response.
#[derive(Debug, Clone)]
pub struct Check {
    /// The check as shown in reports: `status is 200`, `$.items length >= 1`.
    pub name: String,
    /// The condition.
    pub rule: CheckRule,
}

/// The condition of a check.
#[derive(Debug, Clone)]
pub enum CheckRule {
    /// The status is one of these (`200`, `[200, 201]`, `2xx`).
    Status(Vec<StatusRange>),
    /// The header exists and its value matches.
    Header(HeaderName, TextRule),
    /// The decompressed body matches.
    Body(TextRule),
    /// The value at the path satisfies the rule.
    Json(JsonPath, JsonRule),
    /// The size of the decompressed body, in bytes.
    Size(Comparator, ByteSize),
    /// The service time.
    Time(Comparator, Duration),
    /// The condition holds; it may use the response and every other name.
    That(Condition),
}

impl CheckRule {
    /// True if the check needs the body.
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

impl StatusRange {
    /// True if the status is in the range.
    pub fn contains(self, status: StatusCode) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

/// A condition on a text.
#[derive(Debug, Clone)]
pub enum TextRule {
    /// The text exists.
    Exists,
    /// The text equals this.
    Equals(Template),
    /// The text contains this.
    Contains(Template),
    /// The expression matches a part of the text, in linear time.
    Matches(Regex),
}

/// A condition on the value at a JSON path.
#[derive(Debug, Clone)]
pub enum JsonRule {
    /// The value exists; it may be null.
    Exists,
    /// `equals:`, or a comparison with a number or a text; templates are allowed.
    Compare(Comparator, Template),
    /// The length of a list, an object or a text.
    Length(Comparator, u64),
}

/// A value to capture from a response.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The variable that receives it.
    pub slot: SlotId,
    /// The source of the value.
    pub from: CaptureFrom,
    /// The selection, if several values match.
    pub pick: CapturePick,
}

/// The source of a captured value.
#[derive(Debug, Clone)]
pub enum CaptureFrom {
    /// A JSON path in the body.
    Json(JsonPath),
    /// A response header.
    Header(HeaderName),
    /// A match of the expression in the body: its first group, or the whole match if it has no group.
    Regex(Regex),
    /// A cookie that the response sets.
    Cookie(String),
}

impl CaptureFrom {
    /// True if the capture needs the body.
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Regex(_))
    }
}
