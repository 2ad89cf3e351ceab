//! The content of `run.json`.

use serde::{Deserialize, Serialize};

use crate::plan::schedule::{Model, StageMark};
use crate::plan::{CheckEntry, Metrics, Segment, Series, Threshold, Timing};
use crate::probe::Machine;
use crate::scenario::{CustomMetric, KeptMetric, Kind};
use crate::units::Micros;

/// The schema that this version of Gander writes and reads.
pub const SCHEMA: &str = "gander.run/2";

/// `run.json`: the facts known before the first request, and everything besides the intervals that a report needs.
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
    /// The hash of the load without the seed: equal for two runs of the same scenario. Older runs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_hash: Option<String>,
    /// The plan's hash.
    pub plan_hash: String,
    /// The seed.
    pub seed: u64,
    /// The share of this machine.
    pub segment: Segment,
    /// The target: its base URL and its origin.
    pub target: String,
    /// True if Gander started Folio as the target.
    pub target_is_bundled: bool,
    /// The command line with which Gander started the target, if it did, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_command: Option<String>,
    /// True if the load searches for the capacity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_searched: bool,
    /// The load model.
    pub model: Model,
    /// The load in words: `20 users for 5m`.
    pub load: String,
    /// The stages of the load, for marks on time axes.
    pub stages: Vec<StageMark>,
    /// Planned length of the load, in µs; `None` if it ends only when all iterations are done.
    pub planned_duration: Option<Micros>,
    /// The total number of scheduled iterations, if it is known.
    pub planned_iterations: Option<u64>,
    /// Length of the warm-up.
    pub warm_up: Micros,
    /// Closed models: the minimum time between two iteration starts of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<Micros>,
    /// The maximum number of users.
    pub peak_users: u32,
    /// The metrics, by the numbers that the histograms have. Older runs name none.
    #[serde(default = "unnamed")]
    pub metrics: Metrics,
    /// Metrics of the scenario's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_metrics: Vec<CustomMetric>,
    /// The metrics that are kept of the target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_metrics: Vec<KeptMetric>,
    /// Series by [`crate::plan::SeriesId`].
    pub series: Vec<Series>,
    /// Checks by [`crate::plan::CheckId`].
    pub checks: Vec<CheckEntry>,
    /// The thresholds.
    pub thresholds: Vec<Threshold>,
    /// The address of a trace, with `${trace_id}` in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_url: Option<String>,
    /// Changes of the command line to the scenario.
    pub overrides: Vec<String>,
    /// The machine the generator ran on.
    pub machine: Machine,
    /// The git commit of the scenario's repository, if it is in one.
    pub git_commit: Option<String>,
    /// The baseline that the run is compared with, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineRecord>,
    /// The start of the load, RFC 3339, UTC; for a run without load, the start of the command.
    pub started_at: String,
}

/// A baseline as the run found it, so that a rebuilt report compares with the same one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineRecord {
    /// The file, as given.
    pub file: String,
    /// Its content; `None` if there was no file.
    pub content: Option<serde_json::Value>,
    /// True if the run may pass without a baseline to compare with.
    pub may_be_missing: bool,
}

/// The metrics of a run that names none. Their numbers are fixed, unlike those of [`Timing`].
fn unnamed() -> Metrics {
    Metrics::of([
        Timing::ResponseTime,
        Timing::ServiceTime,
        Timing::Ttfb,
        Timing::Connect,
        Timing::Tls,
        Timing::FailedTime,
        Timing::TimedOut,
        Timing::StartLag,
        Timing::SchedulingLag,
        Timing::IterationTime,
    ])
}

impl RunHeader {
    /// The load was changed while it ran: it is no longer that of the plan, nor that of any other run.
    pub(super) fn changed_by_hand(&mut self) {
        let mark = format!(", changed by hand in {}", self.run_id);
        self.plan_hash.push_str(&mark);
        if let Some(hash) = &mut self.workload_hash {
            hash.push_str(&mark);
        }
    }

    /// The user limit of an open load; iterations wait when all users are busy. `None` in a closed model.
    pub fn max_users(&self) -> Option<u32> {
        // Of several loads, each has users of its own; a search is over the limit on purpose.
        if self.is_searched || self.stages.iter().any(|stage| stage.model.is_some()) {
            return None;
        }
        match self.model {
            Model::Open => Some(self.segment.share(u64::from(self.peak_users)) as u32),
            Model::Closed => None,
        }
    }
}
