//! How a run came to its end.

use serde::{Deserialize, Serialize};

use crate::units::Micros;

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
        /// Index into [`super::RunHeader::thresholds`].
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

/// Users that left before the load was over, by their own doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostUsers {
    /// How many users there were.
    pub of: u64,
    /// How long the load was to last, where the schedule says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Micros>,
    /// Left because `on_error` is `stop_user`.
    pub stopped: u64,
    /// Left because a `unique` feeder had no row for them.
    pub out_of_rows: u64,
    /// The feeder whose rows were used up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feeder: Option<String>,
    /// Whether the load ended before its schedule, because no user was left.
    pub ended_the_load: bool,
    /// Whether the scenario says that it may: the rows of a feeder with `when_used_up: end` were used up.
    pub may_end_the_load: bool,
}

impl LostUsers {
    /// How many.
    pub const fn count(&self) -> u64 {
        self.stopped + self.out_of_rows
    }

    /// Whether there is none.
    pub const fn is_none(&self) -> bool {
        self.count() == 0
    }
}
