//! How a threshold stands at a moment of a run.

use serde::{Deserialize, Serialize};

/// How a threshold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// There were too few samples to say, which fails.
    NoData,
}
