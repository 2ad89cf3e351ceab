//! The journal of a run, written as it goes: `run.json`, `journal.hlog`, `events.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CheckCounts, Counts, Health, LoadCounts, TargetHealth};
use crate::outcome::Outcome;
use crate::plan::schedule::Model;
pub use crate::plan::schedule::StageMark;
use crate::plan::threshold::{Standing, Threshold};
use crate::plan::{CheckEntry, CheckId, Segment, Series, SeriesId};
pub use crate::probe::Machine;
use crate::scenario::Kind;
use crate::units::Micros;

/// `run.json`: what is known before the first request, and all that a report needs besides the intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// `gander.run/1`
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
    /// The most users.
    pub peak_users: u32,
    /// Series by [`SeriesId`].
    pub series: Vec<Series>,
    /// Checks by [`CheckId`].
    pub checks: Vec<CheckEntry>,
    /// The rules.
    pub thresholds: Vec<Threshold>,
    /// What the command line changed in the scenario.
    pub overrides: Vec<String>,
    /// The machine the generator ran on.
    pub machine: Machine,
    /// The git commit of the scenario's repository, if it is in one.
    pub git_commit: Option<String>,
    /// When the load began, RFC 3339, UTC.
    pub started_at: String,
}

/// A line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An interval's counts; its histograms are in `journal.hlog`, written before this line.
    Interval(IntervalCounts),
    /// The first failure of its class in its series.
    Failure(FailureExample),
    /// A threshold's standing changed.
    Threshold {
        /// When, on the run's clock.
        at: Micros,
        /// Index into [`RunHeader::thresholds`].
        threshold: usize,
        /// Whether it holds now.
        standing: Standing,
        /// The number observed, in the threshold's unit.
        observed: Option<f64>,
    },
    /// The run was asked to stop before its planned end.
    Stop {
        /// When, on the run's clock.
        at: Micros,
        /// Why.
        reason: StopReason,
    },
    /// Something the reader should know.
    Warning {
        /// When, on the run's clock.
        at: Micros,
        /// One sentence.
        text: String,
    },
    /// The run is over; the last line of a journal that was not cut short.
    End {
        /// When, on the run's clock.
        at: Micros,
        /// Users that panicked; any makes the run fail.
        panics: u64,
        /// Requests still in flight when the grace period ended.
        interrupted: u64,
    },
}

/// Why a run stopped before its planned end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StopReason {
    /// SIGINT or SIGTERM, once: in-flight requests were given the grace period.
    Signal,
    /// A second signal: stopped at once.
    SecondSignal,
    /// A threshold with `abort` broke.
    Threshold {
        /// Index into [`RunHeader::thresholds`].
        threshold: usize,
    },
    /// A user panicked.
    Panic {
        /// The panic's message, redacted.
        message: String,
    },
    /// `on_error: abort`.
    StepFailed {
        /// The step.
        step: String,
    },
    /// The target could no longer be reached, or the bundled target ended.
    TargetGone {
        /// What was seen.
        detail: String,
    },
    /// `setup` failed: no load was sent.
    SetupFailed {
        /// What failed.
        detail: String,
    },
}

/// The counts of an [`super::Interval`], as a line of `events.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IntervalCounts {
    /// From 0.
    pub number: u64,
    /// On the run's clock.
    pub start: Micros,
    /// On the run's clock.
    pub end: Micros,
    /// Whether it lies in the warm-up.
    pub is_warm_up: bool,
    /// How many histogram lines of `journal.hlog` belong to it.
    pub histograms: u32,
    /// What was offered and started.
    pub load: LoadCounts,
    /// Counts by series.
    pub series: BTreeMap<SeriesId, Counts>,
    /// Counts by check.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<CheckId, CheckCounts>,
    /// The generator.
    pub health: Health,
    /// The bundled target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetHealth>,
}

/// One failure in full, standing for its class; secrets are already redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureExample {
    /// When, on the run's clock.
    pub at: Micros,
    /// The series; none in setup and teardown.
    pub series: Option<SeriesId>,
    /// The class.
    pub outcome: Outcome,
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// Method and URL as sent, at most 200 characters.
    pub request: String,
    /// What went wrong, at most 200 characters: the error, or what a check found.
    pub detail: String,
}
