//! The state of a threshold at a moment of a run.

use serde::{Deserialize, Serialize};

/// The state of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// There were too few samples to judge, which does not pass.
    NoData,
    /// The samples prove neither that it holds nor that it does not; this warns and does not fail the run.
    Inconclusive,
}
