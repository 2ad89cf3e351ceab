//! The reasons why a run was slow, as far as its figures show them: sentences, each with its figures.
//!
//! Slow seconds are found by a robust test against the run's own median. What moved with them is found by rank
//! correlation over the seconds: first the generator (then no cause in the target is named), the load, the failures, then
//! the target. A sentence is left out if its evidence is thin. All limits are constants beside their test.

mod cause;
mod excess;
mod figures;
mod known;
mod slow;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::model::Report;
use figures::Figures;
use slow::Slow;

use crate::stats::RankCorrelation;

/// The fewest points of the timeline from which anything is said.
const FEWEST_POINTS: usize = 20;

/// The most sentences in a summary.
pub(super) const MOST_IN_SHORT: usize = 3;

/// The subject of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// There were no slow seconds, and no figure explains the times.
    Nothing,
    /// When the run was slow.
    SlowSeconds,
    /// The generator was late in the slow seconds.
    Generator,
    /// The times follow the load.
    Load,
    /// Requests failed in the slow seconds.
    Failures,
    /// All steps stalled at regular intervals.
    Pauses,
    /// A figure of the target moved with the times.
    Target,
    /// No figure moved with the times.
    Unexplained,
    /// The step with most of the added time.
    Step,
    /// The part of the requests with most of the added time.
    Phase,
}

/// A sentence of the analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Its subject.
    pub topic: Topic,
    /// The figure, step or part that it names.
    pub name: Option<String>,
    /// The sentence.
    pub text: String,
    /// The correlation on which it is based.
    pub correlation: Option<RankCorrelation>,
}

impl Topic {
    /// True if it is a reason, and not a description.
    pub const fn is_cause(self) -> bool {
        matches!(
            self,
            Self::Generator | Self::Load | Self::Failures | Self::Pauses | Self::Target
        )
    }

    fn says(self, name: Option<&str>, text: String) -> Finding {
        Finding {
            topic: self,
            name: name.map(ToOwned::to_owned),
            text,
            correlation: None,
        }
    }
}

/// The findings on a run, the most important first; none if the run was too short to say anything.
pub fn analyse(report: &Report) -> Vec<Finding> {
    findings(&Figures::of(report))
}

fn findings(figures: &Figures) -> Vec<Finding> {
    if figures.points.len() < FEWEST_POINTS {
        return Vec::new();
    }
    let slow = Slow::of(figures);
    let mut found: Vec<Finding> = slow.iter().map(|slow| slow.told(figures)).collect();
    found.extend(cause::causes(figures, slow.as_ref()));
    if let Some(slow) = &slow {
        found.extend(excess::step(figures, slow));
        found.extend(excess::phase(figures, slow));
    }
    if found.is_empty() {
        found.push(slow::nothing(figures));
    }
    found
}
