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
            Self::Change if value > 0.0 => format!("+{}", show_percent(value)),
            Self::Change => show_percent(value),
        }
    }
}
