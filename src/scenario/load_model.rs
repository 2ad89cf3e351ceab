//! How much load a scenario asks for: closed or open, constant or in stages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::format::words::ArrivalLaw;
use crate::units::Rate;

/// How much load, in which model.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Closed model: stages of concurrent users; a constant load is one stage that starts at its level.
    Users {
        /// In order; at least one.
        stages: Vec<UserStage>,
    },
    /// Closed model: a number of iterations, as fast as the users come back.
    Iterations {
        /// Iterations in all, or by each user.
        count: u64,
        /// Whether `count` is each user's own or shared between all.
        sharing: Sharing,
        /// Concurrent users.
        users: u32,
        /// The run ends here even if iterations are left.
        max_duration: Option<Duration>,
    },
    /// Open model: iterations start by a schedule, whether or not earlier ones have ended.
    Arrivals {
        /// In order; at least one.
        stages: Vec<RateStage>,
        /// The most users there may be; when all are busy, starts are late.
        max_users: u32,
        /// How starts are spread within the rate.
        law: ArrivalLaw,
    },
}

/// Whose an iteration count is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// One count that all users draw from.
    Shared,
    /// Each user has the whole count.
    PerUser,
}

/// A stage of a closed load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UserStage {
    /// Users at the end of the stage.
    pub users: u32,
    /// How long the stage lasts.
    pub duration: Duration,
    /// How the level gets there.
    pub shape: Shape,
}

/// A stage of an open load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateStage {
    /// Arrival rate at the end of the stage.
    pub rate: Rate,
    /// How long the stage lasts.
    pub duration: Duration,
    /// How the level gets there.
    pub shape: Shape,
}

/// How a stage reaches its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `for:` at once, then held.
    Hold,
    /// `over:` linearly from the level before (0 before the first stage).
    Ramp,
}

/// A pause drawn anew each time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// Anything between the two, alike.
    Uniform(Duration, Duration),
    /// Normal with this mean and standard deviation, cut off at zero.
    Normal(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
}

impl Delay {
    /// The mean, in seconds.
    pub fn mean_seconds(self) -> f64 {
        match self {
            Self::Constant(mean) | Self::Normal(mean, _) | Self::Exponential(mean) => {
                mean.as_secs_f64()
            }
            Self::Uniform(low, high) => f64::midpoint(low.as_secs_f64(), high.as_secs_f64()),
        }
    }
}
