//! Thresholds against the timeline: one pure fold, used live each second and at the end.

use serde::{Deserialize, Serialize};

pub use crate::plan::threshold::Standing;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every threshold holds.
    Pass,
    /// A threshold does not hold, or a user panicked.
    Fail,
    /// A threshold had nothing to judge.
    NoData,
    /// The generator was the bottleneck: the numbers cannot be believed.
    Invalid,
    /// Stopped before its end.
    Interrupted,
}

/// How one threshold stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Whether it holds.
    pub standing: Standing,
    /// What was observed, in the threshold's unit.
    pub observed: Option<f64>,
    /// Samples it was judged on.
    pub samples: u64,
    /// When it first did not hold, on the run's clock.
    pub first_violation: Option<crate::units::Micros>,
}
