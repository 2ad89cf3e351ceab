//! The course and the result of a search for the capacity.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{Micros, show_rate};

/// A rate that a search has tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchLevel {
    /// The rate, in starts per second.
    pub rate: f64,
    /// The reason for which it was tried.
    pub purpose: Purpose,
    /// The start of the time that was judged: without the part in which the target settles.
    pub from: Micros,
    /// The end of that time.
    pub to: Micros,
    /// Whether it held.
    pub result: LevelResult,
    /// The reason, as a sentence without a full stop.
    pub reason: String,
    /// Iterations due in that time.
    pub due: u64,
    /// Iterations completed in that time.
    pub completed: u64,
    /// The mean number of requests in flight.
    pub in_flight: f64,
    /// The median of the response times, in microseconds; `None` without a good request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<u64>,
    /// Their 95th percentile, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<u64>,
    /// The mean of the service times, in microseconds.
    pub service: f64,
}

impl SearchLevel {
    /// Iterations completed per second.
    pub fn completed_per_second(&self) -> f64 {
        let seconds = self.to.saturating_sub(self.from).as_secs_f64();
        self.completed as f64 / seconds.max(1e-6)
    }
}

impl fmt::Display for SearchLevel {
    /// `400/s held`, `450/s broke: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = show_rate(self.rate);
        match self.result {
            LevelResult::Held => write!(f, "{rate} held"),
            LevelResult::Broke => write!(f, "{rate} broke: {}", self.reason),
            LevelResult::Invalid => write!(f, "{rate} is no measurement: {}", self.reason),
        }
    }
}

/// The reason for which a rate is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The rate rises until a rule breaks.
    Rise,
    /// Between a rate that held and one that broke.
    Narrow,
    /// The result, held for longer.
    Confirm,
}

impl Purpose {
    /// The word for reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rise => "rise",
            Self::Narrow => "narrow",
            Self::Confirm => "confirm",
        }
    }
}

/// Whether a rate held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelResult {
    /// Every rule held, and the target completed what was due.
    Held,
    /// A rule broke, or the target fell behind.
    Broke,
    /// The generator was the limit, so the rate says nothing about the target.
    Invalid,
}

/// The end of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchEnd {
    /// Its result.
    #[serde(flatten)]
    pub result: Capacity,
    /// The capacity that the target must have, in starts per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Capacity {
    /// The capacity lies between two rates.
    Found {
        /// The highest rate that held, confirmed; starts per second.
        holds: f64,
        /// The lowest rate that broke.
        breaks: f64,
        /// What broke there.
        reason: String,
    },
    /// Every rate held, up to the limit of the search.
    AtLeast {
        /// The highest rate, confirmed.
        holds: f64,
    },
    /// No rate held.
    NothingHeld {
        /// The lowest rate that was tried.
        breaks: f64,
        /// What broke there.
        reason: String,
    },
    /// The generator was the limit.
    Generator {
        /// The rate at which it was.
        rate: f64,
        /// Its limit.
        reason: String,
    },
    /// The run was stopped before.
    Stopped {
        /// The highest rate that held so far.
        holds: Option<f64>,
        /// The lowest rate that broke so far.
        breaks: Option<f64>,
    },
    /// The time of the search was over before.
    OutOfTime {
        /// The highest rate that held so far.
        holds: Option<f64>,
        /// The lowest rate that broke so far.
        breaks: Option<f64>,
    },
}

impl Capacity {
    /// The rate that the target holds, as far as it was found.
    pub const fn holds(&self) -> Option<f64> {
        match self {
            Self::Found { holds, .. } | Self::AtLeast { holds } => Some(*holds),
            Self::NothingHeld { .. } | Self::Generator { .. } => None,
            Self::Stopped { holds, .. } | Self::OutOfTime { holds, .. } => *holds,
        }
    }
}

impl fmt::Display for Capacity {
    /// A sentence without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found {
                holds,
                breaks,
                reason,
            } => write!(
                f,
                "the target holds {}, and breaks at {}: {reason}",
                show_rate(*holds),
                show_rate(*breaks)
            ),
            Self::AtLeast { holds } => write!(
                f,
                "the target holds {}, the highest rate of the search",
                show_rate(*holds)
            ),
            Self::NothingHeld { breaks, reason } => write!(
                f,
                "no rate held; even {} broke: {reason}",
                show_rate(*breaks)
            ),
            Self::Generator { rate, reason } => write!(
                f,
                "the generator was the limit at {}, so the capacity of the target is unknown: {reason}",
                show_rate(*rate)
            ),
            Self::Stopped { holds, breaks } | Self::OutOfTime { holds, breaks } => {
                f.write_str(match self {
                    Self::Stopped { .. } => "the search was stopped before the capacity was found",
                    Self::Found { .. }
                    | Self::AtLeast { .. }
                    | Self::NothingHeld { .. }
                    | Self::Generator { .. }
                    | Self::OutOfTime { .. } => {
                        "the time of the search was over before the capacity was found"
                    }
                })?;
                if let Some(holds) = holds {
                    write!(f, "; {} held", show_rate(*holds))?;
                }
                if let Some(breaks) = breaks {
                    write!(f, "; {} broke", show_rate(*breaks))?;
                }
                Ok(())
            }
        }
    }
}
