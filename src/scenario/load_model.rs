//! The load of a scenario: closed or open, constant or in stages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ThresholdEntry;
use crate::format::words::ArrivalLaw;
use crate::units::Rate;

/// A load: its model, and when it runs.
#[derive(Debug, Clone)]
pub struct Load {
    /// When users are active or iterations start.
    pub model: LoadModel,
    /// When the load begins, since the start of the run.
    pub from: Duration,
    /// The time for its iterations to end after the end of the load, if not that of the run.
    pub grace: Option<Duration>,
    /// The maximum number of requests per second of all its users.
    pub throughput: Option<Rate>,
    /// Closed model: the number of users that the load may have, if more than it has by itself.
    pub room: Option<u32>,
}

/// When users are active or iterations start.
#[derive(Debug, Clone)]
pub enum LoadModel {
    /// Closed model: stages of concurrent users. A constant load is one stage that starts at its level.
    Users {
        /// In order; at least one. Levels are users.
        stages: Vec<Stage>,
    },
    /// Closed model: a number of iterations; each user starts the next one as soon as it is free.
    Iterations {
        /// Iterations in total, or per user.
        count: u64,
        /// Whether `count` is the total or per user.
        sharing: Sharing,
        /// Concurrent users.
        users: u32,
        /// The load ends after this time even if iterations are left.
        max_duration: Option<Duration>,
    },
    /// Open model: iterations start by a schedule, whether or not earlier ones have ended.
    Arrivals {
        /// In order; at least one. Levels are starts per second.
        stages: Vec<Stage>,
        /// The maximum number of users; when all are busy, iterations start late.
        max_users: u32,
        /// The distribution of starts within the rate.
        law: ArrivalLaw,
    },
    /// Open model: the rate rises until a rule breaks; the capacity lies below.
    Search(Box<CapacitySearch>),
}

/// A search for the highest rate that satisfies rules.
#[derive(Debug, Clone)]
pub struct CapacitySearch {
    /// The first rate, in starts per second.
    pub from: f64,
    /// The highest rate, if there is a limit.
    pub most: Option<f64>,
    /// The difference of two rates while the rate rises.
    pub step: SearchStep,
    /// The duration of each rate.
    pub every: Duration,
    /// The duration of the rate that confirms the result.
    pub confirm: Duration,
    /// The relative distance between the rate that holds and the one that breaks, at which the search ends.
    pub precision: f64,
    /// The capacity that the target must have.
    pub at_least: Option<f64>,
    /// The rules.
    pub rules: Vec<ThresholdEntry>,
    /// The maximum number of users.
    pub max_users: u32,
    /// The distribution of starts within the rate.
    pub law: ArrivalLaw,
    /// The time after which the search ends without a result.
    pub max_duration: Duration,
}

/// The difference of two rates while the rate of a search rises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchStep {
    /// Starts per second.
    Add(f64),
    /// A part of the rate.
    Part(f64),
}

impl LoadModel {
    /// Its stages; none for a number of iterations.
    pub fn stages(&self) -> &[Stage] {
        match self {
            Self::Users { stages } | Self::Arrivals { stages, .. } => stages,
            Self::Iterations { .. } | Self::Search(_) => &[],
        }
    }

    /// Its stages, to change them.
    pub fn stages_mut(&mut self) -> &mut [Stage] {
        match self {
            Self::Users { stages } | Self::Arrivals { stages, .. } => stages,
            Self::Iterations { .. } | Self::Search(_) => &mut [],
        }
    }

    /// The highest level of its stages.
    pub fn peak(&self) -> f64 {
        self.stages().iter().map(Stage::peak).fold(0.0, f64::max)
    }

    /// The time from its begin to its end; `None` if it depends on the target.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Users { stages } | Self::Arrivals { stages, .. } => {
                Some(stages.iter().map(|stage| stage.duration).sum())
            }
            Self::Iterations { max_duration, .. } => *max_duration,
            // It ends when the capacity is found.
            Self::Search(_) => None,
        }
    }
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

/// A stage of a load. Its levels are users, or starts per second.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The level at its end; of a wave or points, the highest.
    pub level: f64,
    /// The duration of the stage.
    pub duration: Duration,
    /// The levels until its end.
    pub shape: Shape,
}

/// How the level changes during a stage.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `for:` at once, then held.
    Hold,
    /// `over:` linearly, from this level or else from the end of the stage before (0 before the first stage).
    Ramp(Option<f64>),
    /// `wave:` a cosine, which begins at its lowest level.
    Wave {
        /// The lowest level.
        low: f64,
        /// The time from one lowest level to the next.
        period: Duration,
    },
    /// `file:` linear between these points: the time since the begin of the stage, and the level. The last point is at
    /// the end of the stage.
    Points(Vec<(Duration, f64)>),
}

impl Stage {
    /// A stage at this level from its begin.
    pub const fn hold(level: f64, duration: Duration) -> Self {
        Self {
            name: None,
            level,
            duration,
            shape: Shape::Hold,
        }
    }

    /// The highest level that the stage itself sets.
    pub const fn peak(&self) -> f64 {
        match self.shape {
            Shape::Ramp(Some(from)) => from.max(self.level),
            Shape::Hold | Shape::Ramp(None) | Shape::Wave { .. } | Shape::Points(_) => self.level,
        }
    }

    /// The straight lines of the stage after a level `before` it: the levels at both ends, and the duration. A stage of
    /// zero length has none.
    pub fn lines(&self, before: f64) -> Vec<(f64, f64, Duration)> {
        if self.duration.is_zero() {
            return Vec::new();
        }
        match &self.shape {
            Shape::Hold => vec![(self.level, self.level, self.duration)],
            Shape::Ramp(from) => vec![(from.unwrap_or(before), self.level, self.duration)],
            Shape::Wave { low, period } => self.wave(*low, *period),
            Shape::Points(points) => {
                let pairs = points.windows(2);
                let lines =
                    pairs.map(|pair| (pair[0].1, pair[1].1, pair[1].0.saturating_sub(pair[0].0)));
                lines.filter(|(_, _, lasts)| !lasts.is_zero()).collect()
            }
        }
    }

    /// The level at its end.
    pub fn end(&self) -> f64 {
        match &self.shape {
            Shape::Hold | Shape::Ramp(_) => self.level,
            Shape::Wave { low, period } => self.wave_level(*low, *period, self.duration),
            Shape::Points(points) => points.last().map_or(self.level, |(_, level)| *level),
        }
    }

    fn wave(&self, low: f64, period: Duration) -> Vec<(f64, f64, Duration)> {
        let line = (period / WAVE_LINES).max(Duration::from_micros(1));
        let mut lines = Vec::new();
        let mut at = Duration::ZERO;
        while at < self.duration {
            let lasts = line.min(self.duration.saturating_sub(at));
            let level = |at| self.wave_level(low, period, at);
            lines.push((level(at), level(at + lasts), lasts));
            at += lasts;
        }
        lines
    }

    fn wave_level(&self, low: f64, period: Duration, at: Duration) -> f64 {
        let turns = at.as_secs_f64() / period.as_secs_f64();
        let part = (1.0 - (turns * std::f64::consts::TAU).cos()) / 2.0;
        low + (self.level - low) * part
    }

    /// Changes every level.
    pub fn map_levels(&mut self, change: impl Fn(f64) -> f64) {
        self.level = change(self.level);
        match &mut self.shape {
            Shape::Hold | Shape::Ramp(None) => {}
            Shape::Ramp(Some(from)) => *from = change(*from),
            Shape::Wave { low, .. } => *low = change(*low),
            Shape::Points(points) => {
                for (_, level) in points {
                    *level = change(*level);
                }
            }
        }
    }

    /// Changes every duration.
    pub fn map_durations(&mut self, change: impl Fn(Duration) -> Duration) {
        self.duration = change(self.duration);
        match &mut self.shape {
            Shape::Hold | Shape::Ramp(_) => {}
            Shape::Wave { period, .. } => *period = change(*period),
            Shape::Points(points) => {
                for (at, _) in points.iter_mut().filter(|(at, _)| !at.is_zero()) {
                    *at = change(*at);
                }
                // The end of the last line is the end of the stage.
                if let Some((end, _)) = points.last() {
                    self.duration = *end;
                }
            }
        }
    }
}

/// The straight lines that draw a period of a wave: they differ from the cosine by 0.5 % of its height at most.
const WAVE_LINES: u32 = 24;

/// The distribution of a pause; each pause is drawn from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// Uniformly distributed between the two.
    Uniform(Duration, Duration),
    /// Normal with this mean and standard deviation; cut off at the bounds.
    Normal(Duration, Duration, Bounds),
    /// Exponential with this mean; cut off at the bounds.
    Exponential(Duration, Bounds),
}

/// The least and the most that a random delay may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// No value is below it.
    pub least: Duration,
    /// No value is above it.
    pub most: Option<Duration>,
}

impl Bounds {
    /// The nearest duration within the bounds.
    pub fn clamp(self, duration: Duration) -> Duration {
        let cut = self.most.map_or(duration, |most| duration.min(most));
        cut.max(self.least)
    }
}

impl Delay {
    /// The mean, in seconds.
    pub fn mean_seconds(self) -> f64 {
        match self {
            Self::Constant(mean) => mean.as_secs_f64(),
            // The mean of the law itself, as far as the bounds allow it.
            Self::Normal(mean, _, bounds) | Self::Exponential(mean, bounds) => {
                bounds.clamp(mean).as_secs_f64()
            }
            Self::Uniform(low, high) => f64::midpoint(low.as_secs_f64(), high.as_secs_f64()),
        }
    }
}
