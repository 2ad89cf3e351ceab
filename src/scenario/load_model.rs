//! The load of a scenario: closed or open, constant or in stages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::format::words::ArrivalLaw;
use crate::units::Rate;

/// A load and its model.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Closed model: stages of concurrent users. A constant load is one stage that starts at its level.
    Users {
        /// In order; at least one.
        stages: Vec<UserStage>,
    },
    /// Closed model: a number of iterations; each user starts the next one as soon as it is free.
    Iterations {
        /// Iterations in total, or per user.
        count: u64,
        /// Whether `count` is the total or per user.
        sharing: Sharing,
        /// Concurrent users.
        users: u32,
        /// The run ends after this time even if iterations are left.
        max_duration: Option<Duration>,
    },
    /// Open model: iterations start by a schedule, whether or not earlier ones have ended.
    Arrivals {
        /// In order; at least one.
        stages: Vec<RateStage>,
        /// The maximum number of users; when all are busy, iterations start late.
        max_users: u32,
        /// The distribution of starts within the rate.
        law: ArrivalLaw,
    },
}

/// Whether an iteration count is the total or per user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// All users share one count.
    Shared,
    /// Each user runs the full count.
    PerUser,
}

/// A stage of a closed load.
#[derive(Debug, Clone, PartialEq)]
pub struct UserStage {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Users at the end of the stage.
    pub users: u32,
    /// The duration of the stage.
    pub duration: Duration,
    /// Whether the level changes at once or gradually.
    pub shape: Shape,
}

/// A stage of an open load.
#[derive(Debug, Clone, PartialEq)]
pub struct RateStage {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Arrival rate at the end of the stage.
    pub rate: Rate,
    /// The duration of the stage.
    pub duration: Duration,
    /// Whether the level changes at once or gradually.
    pub shape: Shape,
}

/// The way in which a stage reaches its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `for:` at once, then held.
    Hold,
    /// `over:` linearly from the level before (0 before the first stage).
    Ramp,
}

/// The distribution of a pause; each pause is drawn from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// Uniformly distributed between the two.
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
