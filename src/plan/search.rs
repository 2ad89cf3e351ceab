//! A search for the capacity: the rates that it tries, and the rules that each must satisfy.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::threshold::Threshold;
use crate::scenario::{CapacitySearch, SearchStep};
use crate::units::{show_duration, show_percent, show_rate};

/// A search for the highest rate that satisfies its rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchPlan {
    /// The index of the load whose rate it changes.
    pub load: usize,
    /// The first rate, in starts per second.
    pub from: f64,
    /// The highest rate, if there is a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
    /// The difference of two rates while the rate rises.
    pub step: SearchStep,
    /// The duration of each rate.
    pub every: Duration,
    /// The duration of the rate that confirms the result.
    pub confirm: Duration,
    /// The relative distance between the rate that holds and the one that breaks, at which the search ends.
    pub precision: f64,
    /// The capacity that the target must have, in starts per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The rules.
    pub rules: Vec<Threshold>,
    /// The time after which it ends without a result.
    pub max_duration: Duration,
}

impl SearchPlan {
    /// The plan of a search, without its rules.
    pub(super) fn of(load: usize, search: &CapacitySearch) -> Self {
        Self {
            load,
            from: search.from,
            most: search.most,
            step: search.step,
            every: search.every,
            confirm: search.confirm,
            precision: search.precision,
            at_least: search.at_least,
            rules: Vec::new(),
            max_duration: search.max_duration,
        }
    }

    /// The rate that follows while the rate rises.
    pub fn after(&self, rate: f64) -> f64 {
        let next = match self.step {
            SearchStep::Add(step) => rate + step,
            SearchStep::Part(part) => rate * (1.0 + part),
        };
        self.most.map_or(next, |most| next.min(most))
    }
}

impl fmt::Display for SearchPlan {
    /// `50/s rising by 50/s every 30s until a rule breaks`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            SearchStep::Add(step) => show_rate(step),
            SearchStep::Part(part) => show_percent(part),
        };
        let (from, every) = (show_rate(self.from), show_duration(self.every));
        write!(
            f,
            "{from} rising by {step} every {every} until a rule breaks"
        )
    }
}
