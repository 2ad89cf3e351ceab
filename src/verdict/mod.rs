//! Thresholds against the timeline: one pure fold, used live each second and at the end.
//!
//! A [`Judge`] is shown every interval in order and says at any time how each threshold stands and whether the run
//! should be stopped; at the end it comes to a [`Verdict`]. It has no clock and does no I/O, so that a run judged
//! again from its journal comes to the same verdict.

mod conclude;
mod generator;
mod idle;
mod judge;
mod lost;
mod sentence;
mod tally;
mod target;
#[cfg(test)]
mod tests;
mod users;
mod warning;
mod window;

use serde::{Deserialize, Serialize};

pub use crate::record::Standing;
use crate::record::journal::Ending;
pub use judge::{Judge, Judged};
pub use warning::Warning;

use crate::exit::Exit;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every threshold holds.
    Pass,
    /// Nothing went wrong, but the scenario has no threshold of its own that could have failed.
    NoVerdict,
    /// A threshold does not hold, the target could not be reached, or a user panicked.
    Fail,
    /// A threshold had nothing to judge.
    NoData,
    /// The generator was the bottleneck: the numbers cannot be believed.
    Invalid,
    /// Stopped before its end.
    Interrupted,
}

/// A run, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What it came to.
    pub conclusion: Conclusion,
    /// How the process ends.
    pub exit: Exit,
    /// Why, in one plain sentence without a full stop.
    pub reason: String,
    /// What the reader should know besides.
    pub warnings: Vec<Warning>,
    /// How each threshold stands, in the order of the plan.
    pub thresholds: Vec<Judged>,
}
