//! When iterations start: pure arithmetic on the load, no clock and no I/O.
//!
//! Open model: arrival k is due where the area under the rate curve reaches k. Closed model: user i is active while
//! the level of the curve is above i. Both are closed forms per linear stage.

use std::time::Duration;

use crate::scenario::{ArrivalLaw, Sharing};

use super::curve::Curve;

/// When users are active, or when iterations start.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Closed: the curve's level is the number of active users.
    Users(Curve),
    /// Closed: so many iterations, by so many users.
    Iterations {
        /// Iterations in all, or by each user.
        count: u64,
        /// Whose `count` is.
        sharing: Sharing,
        /// Concurrent users.
        users: u32,
        /// The run ends here even if iterations are left.
        max_duration: Option<Duration>,
    },
    /// Open: the curve's level is the arrival rate, per second.
    Arrivals {
        /// The rate over time.
        curve: Curve,
        /// How arrivals are spread.
        law: ArrivalLaw,
        /// The most users there may be.
        max_users: u32,
    },
}

/// The load model of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Arrivals by completion.
    Closed,
    /// Arrivals by schedule.
    Open,
}

impl Schedule {
    /// Whether arrivals follow completions or a schedule.
    pub const fn model(&self) -> Model {
        match self {
            Self::Users(_) | Self::Iterations { .. } => Model::Closed,
            Self::Arrivals { .. } => Model::Open,
        }
    }

    /// The most users that are ever active at once.
    pub fn peak_users(&self) -> u32 {
        match self {
            Self::Users(curve) => curve.peak() as u32,
            Self::Iterations { users, .. } => *users,
            Self::Arrivals { max_users, .. } => *max_users,
        }
    }

    /// How long the load lasts; none where only the iterations' end decides.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Users(curve) | Self::Arrivals { curve, .. } => Some(curve.duration()),
            Self::Iterations { max_duration, .. } => *max_duration,
        }
    }
}
