//! The units of thresholds.

use serde::{Deserialize, Serialize};

use crate::units::{ByteSize, Micros, show_number, show_percent, show_rate};

/// The unit of a threshold's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Microseconds.
    Us,
    /// A part of one: `1%` is 0.01.
    Ratio,
    /// A plain number.
    Count,
    /// Per second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// A change as a part of what it changes: `+10%` is 0.1.
    Change,
    /// A change per hour as a part of what it changes.
    ChangePerHour,
    /// Microseconds per hour.
    UsPerHour,
    /// Change of a ratio per hour; 0.01 is a percentage point.
    RatioPerHour,
    /// Change of a number per hour.
    CountPerHour,
    /// Bytes per hour.
    BytesPerHour,
}

impl Unit {
    /// A number of this unit for display: `612 ms`, `1.25 %`, `40/s`, `+10 %`.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Us => Micros(value.max(0.0).round() as u64).to_string(),
            Self::Ratio => show_percent(value),
            Self::Count => show_number(value),
            Self::PerSecond => show_rate(value),
            Self::Bytes => ByteSize(value.max(0.0).round() as u64).to_string(),
            Self::Change => signed(value, show_percent),
            Self::ChangePerHour => format!("{}/h", signed(value, show_percent)),
            Self::UsPerHour => format!("{}/h", signed(value, |value| Self::Us.show(value))),
            Self::RatioPerHour => {
                format!("{} points/h", signed(value * 100.0, show_number))
            }
            Self::CountPerHour => format!("{}/h", signed(value, show_number)),
            Self::BytesPerHour => format!("{}/h", signed(value, |value| Self::Bytes.show(value))),
        }
    }

    /// True for the units of slopes.
    pub const fn is_of_slope(self) -> bool {
        match self {
            Self::ChangePerHour
            | Self::UsPerHour
            | Self::RatioPerHour
            | Self::CountPerHour
            | Self::BytesPerHour => true,
            Self::Us | Self::Ratio | Self::Count | Self::PerSecond | Self::Bytes | Self::Change => {
                false
            }
        }
    }

    /// The unit of the slope of a number with this unit; `None` if its slope is only given in percent.
    pub(super) const fn per_hour(self) -> Option<Self> {
        match self {
            Self::Us => Some(Self::UsPerHour),
            Self::Ratio => Some(Self::RatioPerHour),
            Self::Count => Some(Self::CountPerHour),
            Self::Bytes => Some(Self::BytesPerHour),
            Self::PerSecond
            | Self::Change
            | Self::ChangePerHour
            | Self::UsPerHour
            | Self::RatioPerHour
            | Self::CountPerHour
            | Self::BytesPerHour => None,
        }
    }

    /// The kind of number, for a message.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Us => "a time",
            Self::Ratio => "a ratio",
            Self::Count => "a count",
            Self::PerSecond => "a rate",
            Self::Bytes => "a size",
            Self::Change => "a change",
            Self::ChangePerHour
            | Self::UsPerHour
            | Self::RatioPerHour
            | Self::CountPerHour
            | Self::BytesPerHour => "a slope",
        }
    }
}

/// A number with its sign, unless it is zero.
fn signed(value: f64, show: impl Fn(f64) -> String) -> String {
    let shown = show(value.abs());
    if shown == show(0.0) {
        return shown;
    }
    let sign = if value < 0.0 { '−' } else { '+' };
    format!("{sign}{shown}")
}
