//! The figures that a comparison compares. Each is named as in a threshold: `p95(response_time{step="login"})`.

use serde::{Deserialize, Serialize};

use crate::plan::threshold::{Aggregate, Metric};

/// A figure of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name, as in a threshold.
    pub name: String,
    /// The part of the run that it describes.
    pub part: Part,
    /// The scale on which it changes.
    pub scale: Scale,
    /// The direction of a change for the worse.
    pub worse: Worse,
    /// The quantile, if it is one: 0.95 for p95.
    pub quantile: Option<f64>,
    /// True if it is a time in µs that the target tells; its name does not say so.
    pub is_kept_time: bool,
}

impl Figure {
    /// An aggregate of a metric.
    pub(super) fn new(name: String, part: Part, aggregate: Aggregate, metric: Metric) -> Self {
        Self {
            name,
            part,
            scale: Scale::of(aggregate),
            worse: Worse::of(aggregate, metric),
            quantile: match aggregate {
                Aggregate::Percentile(quantile) => Some(quantile.value()),
                _ => None,
            },
            is_kept_time: metric == Metric::KeptSeconds && aggregate != Aggregate::Count,
        }
    }
}

/// The part of a run that a figure describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Run,
    /// A step.
    Step {
        /// Its flow.
        flow: String,
        /// Its name.
        step: String,
    },
    /// The selection of a threshold against a baseline.
    Threshold,
}

/// The scale on which a figure changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// By a factor: the logarithm is compared, and a change is told in percent.
    Factor,
    /// A share: it is compared as it is, and a change is told in percentage points.
    Share,
}

/// The direction of a change for the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// More is worse: times, failures.
    More,
    /// Less is worse: rates.
    Less,
    /// Neither is known to be worse: metrics of the target, which may be a hit ratio or a queue.
    Neither,
}

impl Scale {
    /// The scale of an aggregate's number.
    pub const fn of(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Ratio | Aggregate::Apdex(_) => Self::Share,
            Aggregate::Percentile(_)
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Mean
            | Aggregate::StandardDeviation
            | Aggregate::Count
            | Aggregate::Rate
            | Aggregate::Last => Self::Factor,
        }
    }

    /// The number on the scale; `None` if it has no place there, such as a time of zero.
    pub fn place(self, number: f64) -> Option<f64> {
        let placed = match self {
            Self::Factor => number.ln(),
            Self::Share => number,
        };
        placed.is_finite().then_some(placed)
    }

    /// The number at a place on the scale.
    pub fn number(self, placed: f64) -> f64 {
        match self {
            Self::Factor => placed.exp(),
            Self::Share => placed,
        }
    }

    /// A difference on the scale as it is told: a relative change (0.1 is +10 %), or a difference of shares.
    pub fn told(self, difference: f64) -> f64 {
        match self {
            Self::Factor => difference.exp_m1(),
            Self::Share => difference,
        }
    }

    /// The reverse of [`Self::told`].
    pub fn difference(self, told: f64) -> f64 {
        match self {
            Self::Factor => told.ln_1p(),
            Self::Share => told,
        }
    }
}

impl Worse {
    /// The direction for an aggregate of a metric.
    pub const fn of(aggregate: Aggregate, metric: Metric) -> Self {
        match (aggregate, metric) {
            _ if metric.is_kept() => Self::Neither,
            (Aggregate::Apdex(_), _)
            | (
                _,
                Metric::Requests
                | Metric::Iterations
                | Metric::Groups
                | Metric::Started
                | Metric::Checks
                | Metric::BytesIn
                | Metric::BytesOut
                | Metric::TargetWork,
            ) => Self::Less,
            _ => Self::More,
        }
    }

    /// +1 if more is worse, −1 if less is; +1 if neither is.
    pub const fn sign(self) -> f64 {
        match self {
            Self::More | Self::Neither => 1.0,
            Self::Less => -1.0,
        }
    }
}
