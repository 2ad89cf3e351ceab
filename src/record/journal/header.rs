//! What `run.json` holds.

use serde::{Deserialize, Serialize};

use crate::plan::schedule::{Model, StageMark};
use crate::plan::{CheckEntry, Segment, Series, Threshold};
use crate::probe::Machine;
use crate::scenario::Kind;
use crate::units::Micros;

/// The schema that this version of Gander writes and reads.
pub const SCHEMA: &str = "gander.run/2";

/// `run.json`: what is known before the first request, and all that a report needs besides the intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// `gander.run/2`
    pub schema: String,
    /// Gander's version.
    pub gander: String,
    /// Unique, sorts by time: `20261120T110000Z-baseline-1a2b`.
    pub run_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's kind.
    pub kind: Kind,
    /// The scenario's description.
    pub description: Option<String>,
    /// The scenario's path as given.
    pub scenario_path: String,
    /// SHA-256 of the scenario's text, in hex.
    pub scenario_sha256: String,
    /// The hash of what is sent, without the seed: two runs of one scenario have the same. Older runs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_hash: Option<String>,
    /// The plan's hash.
    pub plan_hash: String,
    /// The seed.
    pub seed: u64,
    /// This machine's share.
    pub segment: Segment,
    /// The target: its base URL, and how it came about.
    pub target: String,
    /// Whether Gander started the target itself.
    pub target_is_bundled: bool,
    /// The load model.
    pub model: Model,
    /// The load in words: `20 users for 5m`.
    pub load: String,
    /// The load's stages, for marks on time axes.
    pub stages: Vec<StageMark>,
    /// Planned length of the load, in µs; none when only the iterations' end decides.
    pub planned_duration: Option<Micros>,
    /// Iterations the schedule asks for in all, where it says.
    pub planned_iterations: Option<u64>,
    /// Length of the warm-up.
    pub warm_up: Micros,
    /// Closed models: the least time from one start of a user's iterations to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<Micros>,
    /// The most users.
    pub peak_users: u32,
    /// Series by [`crate::plan::SeriesId`].
    pub series: Vec<Series>,
    /// Checks by [`crate::plan::CheckId`].
    pub checks: Vec<CheckEntry>,
    /// The rules.
    pub thresholds: Vec<Threshold>,
    /// What the command line changed in the scenario.
    pub overrides: Vec<String>,
    /// The machine the generator ran on.
    pub machine: Machine,
    /// The git commit of the scenario's repository, if it is in one.
    pub git_commit: Option<String>,
    /// When the load began, RFC 3339, UTC; of a run without load, when it was asked for.
    pub started_at: String,
}

impl RunHeader {
    /// The limit of users of an open load, which iterations wait for when all are busy; none in a closed one.
    pub fn max_users(&self) -> Option<u32> {
        match self.model {
            Model::Open => Some(self.segment.share(u64::from(self.peak_users)) as u32),
            Model::Closed => None,
        }
    }
}
