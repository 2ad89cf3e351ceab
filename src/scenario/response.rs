//! The checks of a response and the values captured from it.

use std::fmt;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use regex::Regex;

use super::{Comparator, Condition, CssQuery, JsonPath, JsonSchema, SlotId, Template};
use crate::format::words::{CapturePick, JsonType, OnFail};
use crate::units::ByteSize;

/// An assertion on one response.
#[derive(Debug, Clone)]
pub struct Check {
    /// The check as shown in reports: `status is 200`, `$.items length >= 1`.
    pub name: String,
    /// The condition.
    pub rule: CheckRule,
    /// The effect of a failure.
    pub on_fail: OnFail,
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
    /// An element that the selector finds in the body satisfies the rule.
    Css(CssQuery, CssRule),
    /// The body is valid against the schema.
    Schema(JsonSchema),
    /// The URL of the response, after redirects, matches.
    Url(TextRule),
    /// The rule inside is judged, and does not hold.
    Not(Box<Self>),
}

impl CheckRule {
    /// True if the check needs the body.
    pub fn reads_body(&self) -> bool {
        match self {
            Self::Body(_) | Self::Json(..) | Self::Size(..) | Self::Css(..) | Self::Schema(_) => {
                true
            }
            // What a condition reads of the response is kept for it by its parts.
            Self::Status(_) | Self::Header(..) | Self::Time(..) | Self::Url(_) | Self::That(_) => {
                false
            }
            Self::Not(inner) => inner.reads_body(),
        }
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

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first.as_u16(), self.last.as_u16());
        if first == last {
            write!(f, "{first}")
        } else if first % 100 == 0 && last == first + 99 {
            write!(f, "{}xx", first / 100)
        } else {
            write!(f, "{first}..{last}")
        }
    }
}

/// The statuses with which a response is a failed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailedStatuses {
    /// `fail_on`: these, unless a check accepts them.
    On(Vec<StatusRange>),
    /// `expect`: all but these.
    AllBut(Vec<StatusRange>),
}

impl FailedStatuses {
    /// True if one of its ranges has this status.
    fn names(ranges: &[StatusRange], status: StatusCode) -> bool {
        ranges.iter().any(|range| range.contains(status))
    }

    /// True if a response with this status is a failed one, whatever its checks say.
    pub fn has(&self, status: StatusCode) -> bool {
        match self {
            Self::On(ranges) => Self::names(ranges, status),
            Self::AllBut(ranges) => !Self::names(ranges, status),
        }
    }
}

impl Default for FailedStatuses {
    /// 400 and above.
    fn default() -> Self {
        Self::On(vec![StatusRange {
            first: StatusCode::BAD_REQUEST,
            last: StatusCode::from_u16(999).expect("a status"),
        }])
    }
}

/// A condition on the elements that a selector finds.
#[derive(Debug, Clone)]
pub enum CssRule {
    /// The text of one of them satisfies the rule.
    Text(TextRule),
    /// Their number.
    Count(Comparator, u64),
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
    /// The length of the text in characters.
    Length(Comparator, u64),
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
    /// The type of the value.
    Type(JsonType),
}

/// A value to capture from a response.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The variable that receives it.
    pub slot: SlotId,
    /// The source of the value.
    pub from: CaptureFrom,
    /// The selection, if several values match.
    pub pick: CaptureSelection,
    /// What happens if none matches.
    pub otherwise: CaptureDefault,
}

/// The selection among several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureSelection {
    /// By a word.
    Pick(CapturePick),
    /// The value with this number, from 1.
    Number(u32),
}

impl From<CapturePick> for CaptureSelection {
    fn from(pick: CapturePick) -> Self {
        Self::Pick(pick)
    }
}

/// What happens if a capture finds no value.
#[derive(Debug, Clone)]
pub enum CaptureDefault {
    /// The request fails.
    Fail,
    /// The variable gets this value.
    Value(Template),
    /// The variable has no value.
    Nothing,
}

/// The source of a captured value.
#[derive(Debug, Clone)]
pub enum CaptureFrom {
    /// A JSON path in the body.
    Json(JsonPath),
    /// A response header.
    Header(HeaderName),
    /// A match of the expression in the body: the group with this number; 0 is the whole match.
    Regex(Regex, usize),
    /// Elements of the body.
    Css(CssQuery),
    /// The part of the body between two texts.
    Between(Box<str>, Box<str>),
    /// A cookie that the response sets.
    Cookie(String),
    /// The body.
    Body,
    /// The status.
    Status,
    /// The URL after redirects.
    Url,
}

impl CaptureFrom {
    /// True if the capture needs the body.
    pub const fn reads_body(&self) -> bool {
        match self {
            Self::Json(_) | Self::Regex(..) | Self::Css(_) | Self::Between(..) | Self::Body => true,
            Self::Header(_) | Self::Cookie(_) | Self::Status | Self::Url => false,
        }
    }
}
