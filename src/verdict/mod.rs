//! Compares thresholds with the timeline: one pure fold, used live each second and at the end.
//!
//! A [`Judge`] observes every interval in order. At any time it knows the state of each threshold and whether the run
//! should stop; at the end it returns a [`Verdict`]. It has no clock and does no I/O, so judging the journal again
//! gives the same verdict.

mod conclude;
mod generator;
mod idle;
mod judge;
mod kept;
mod lost;
mod recorded;
mod reference;
mod seconds;
mod sentence;
mod slope;
pub(crate) mod tally;
mod target;
#[cfg(test)]
mod tests;
mod trend;
mod users;
mod warning;
mod window;

use serde::{Deserialize, Serialize};

pub use crate::record::Standing;
use crate::record::journal::Ending;
pub use generator::{CPU_SATURATED, LAG_HIGH, LAG_INVALID, STOLEN_PART, THROTTLED_PART};
pub use judge::{BaselineResult, Judge, Judged};
pub use warning::Warning;

use crate::exit::Exit;

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every threshold holds.
    Pass,
    /// No error, but the scenario defines no threshold that could have failed.
    NoVerdict,
    /// A threshold failed, the target could not be reached, or a user panicked.
    Fail,
    /// A threshold had no samples to judge.
    NoData,
    /// The generator was the bottleneck, so the measurement is invalid.
    Invalid,
    /// Stopped before its planned end.
    Interrupted,
    /// A figure got worse than in the baseline.
    Regressed,
    /// The comparison with the baseline cannot tell.
    Inconclusive,
}

/// The verdict on a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The result.
    pub conclusion: Conclusion,
    /// The exit code of the process.
    pub exit: Exit,
    /// The reason, in one sentence without a full stop.
    pub reason: String,
    /// Warnings for the reader.
    pub warnings: Vec<Warning>,
    /// The state of each threshold, in the order of the plan.
    pub thresholds: Vec<Judged>,
}
