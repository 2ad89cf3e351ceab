//! The facts about a run that decide whether it can be compared with another.

use serde::{Deserialize, Serialize};

use crate::plan::Subject;
use crate::plan::schedule::Model;
use crate::probe::Machine;

use crate::record::{RunHeader, Totals};

use crate::verdict::{Conclusion, Verdict};

/// The facts about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The run's id.
    pub run_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The start, RFC 3339, UTC.
    pub started_at: String,
    /// Gander's version.
    pub gander: String,
    /// The commit of the scenario's repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// The hash of the load, without seed and target; see [`RunHeader::workload_hash`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_hash: Option<String>,
    /// The seed.
    pub seed: u64,
    /// `bundled`, the command that started it, or its address.
    pub target: String,
    /// Changes of the command line, without those of the target's address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The machine that generated the load.
    pub machine: Machine,
    /// The load model.
    pub model: Model,
    /// Iterations that were due (in a closed model: that started).
    pub offered: u64,
    /// Iterations that started.
    pub started: u64,
    /// The seconds of load that were measured.
    pub load_s: f64,
    /// Requests that ended.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// The verdict on the run by itself.
    pub verdict: Conclusion,
    /// The reason of that verdict.
    pub reason: String,
    /// True if the run ended as planned.
    pub is_whole: bool,
    /// The generator's CPU time per request, in µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_cpu_us: Option<f64>,
    /// The generator's busiest second, as a fraction of the cores that run users.
    pub generator_peak: f64,
    /// The CPU time that the machine gave to others (steal), as a fraction.
    pub stolen: f64,
}

impl RunFacts {
    /// The facts from a run's header, its totals and its verdict.
    pub fn of(header: &RunHeader, totals: &Totals, verdict: &Verdict, is_whole: bool) -> Self {
        let load = totals.load();
        let requests = totals.counts(Subject::Requests);
        let served = requests.ended + requests.redirects;
        let health = totals.health();
        Self {
            run_id: header.run_id.clone(),
            scenario: header.scenario.clone(),
            started_at: header.started_at.clone(),
            gander: header.gander.clone(),
            git_commit: header.git_commit.clone(),
            workload_hash: header.workload_hash.clone(),
            seed: header.seed,
            target: match &header.target_command {
                Some(command) => format!("started by Gander: {command}"),
                None if header.target_is_bundled => "bundled".to_owned(),
                None => header.target.clone(),
            },
            changes: header
                .overrides
                .iter()
                .filter(|change| !change.starts_with("target = "))
                .cloned()
                .collect(),
            machine: header.machine.clone(),
            model: header.model,
            offered: load.offered,
            started: load.started,
            load_s: totals.load_time().as_secs_f64(),
            requests: requests.ended,
            failed: requests.failed,
            verdict: verdict.conclusion,
            reason: verdict.reason.clone(),
            is_whole,
            generator_cpu_us: (served > 0).then(|| health.cpu_time.0 as f64 / served as f64),
            generator_peak: health.peak.user_cores,
            stolen: health.mean_stolen,
        }
    }

    /// Iterations that started, as a part of those that were due; `None` in a closed model, where none is ever due.
    pub fn achieved(&self) -> Option<f64> {
        (self.model == Model::Open && self.offered > 0)
            .then(|| self.started as f64 / self.offered as f64)
    }

    /// Iterations due per second of the load.
    pub fn offered_rate(&self) -> Option<f64> {
        (self.load_s > 0.0).then(|| self.offered as f64 / self.load_s)
    }
}
