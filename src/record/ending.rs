//! The end of a run.

use serde::{Deserialize, Serialize};

use crate::units::Micros;

/// The reason why a run stopped before its planned end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StopReason {
    /// SIGINT or SIGTERM, once: in-flight requests were given the grace period.
    Signal,
    /// `gander ctl stop`: in-flight requests were given the grace period.
    Control,
    /// A second signal: stopped at once.
    SecondSignal,
    /// A threshold with `abort` failed.
    Threshold {
        /// Index into [`super::RunHeader::thresholds`].
        threshold: usize,
    },
    /// A user panicked.
    Panic {
        /// The panic message, redacted.
        message: String,
    },
    /// `on_error: abort`.
    StepFailed {
        /// The step.
        step: String,
    },
    /// A step `stop: run`.
    ByScenario {
        /// The flow with the step.
        flow: String,
    },
    /// The target became unreachable, or a target that Gander started exited.
    TargetGone {
        /// The observation.
        detail: String,
    },
    /// `setup` failed: no load was sent.
    SetupFailed {
        /// The error.
        detail: String,
    },
}

/// The starts of one of several loads, over its whole length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStarts {
    /// The flow whose load it is; `None` for the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Iterations that were due; in a load of users, those that started.
    pub due: u64,
    /// Those among them that started.
    pub started: u64,
}

/// Users that left before the end of the load without being stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostUsers {
    /// The number of users.
    pub of: u64,
    /// The planned length of the load, if the schedule has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Micros>,
    /// Left because `on_error` is `stop_user`.
    pub stopped: u64,
    /// Left because of a step `stop: user`.
    #[serde(default, skip_serializing_if = "crate::record::is_zero")]
    pub left: u64,
    /// Left because a `unique` feeder had no row for them.
    pub out_of_rows: u64,
    /// The feeder whose rows were used up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feeder: Option<String>,
    /// True if the load ended before its schedule because no user was left.
    pub ended_the_load: bool,
    /// True if the scenario allows that: the rows of a feeder with `when_used_up: end` were used up, or steps `stop: user`
    /// ended the users.
    pub may_end_the_load: bool,
}

impl LostUsers {
    /// The number of users that left.
    pub const fn count(&self) -> u64 {
        self.stopped + self.left + self.out_of_rows
    }

    /// True if no user left.
    pub const fn is_none(&self) -> bool {
        self.count() == 0
    }
}
