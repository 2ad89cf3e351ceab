//! What `events.jsonl` holds: one JSON object a line, in the order things happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::number_keys;
use crate::mask::Mask;
use crate::outcome::Outcome;
use crate::plan::threshold::Standing;
use crate::plan::{CheckId, SeriesId};
use crate::probe::{Health, TargetHealth};
use crate::record::{CheckCounts, Interval, LoadCounts};
use crate::units::Micros;

/// A line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An interval; what ended in it is in `journal.bins.gz`, written before this line.
    Interval(IntervalCounts),
    /// The first failure of its outcome, or status, in its series.
    Failure(FailureExample),
    /// A threshold's standing changed.
    Threshold {
        /// When, on the run's clock.
        at: Micros,
        /// Index into [`super::RunHeader::thresholds`].
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
        /// Requests still in flight when the grace period ended, or a second signal came.
        interrupted: u64,
        /// Users that left early.
        #[serde(default, skip_serializing_if = "LostUsers::is_none")]
        lost: LostUsers,
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

/// An [`Interval`] without its series, as a line of `events.jsonl`.
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
    /// In how many series something ended; their counts and histograms are in `journal.bins.gz`.
    pub series: u32,
    /// What was offered and started.
    pub load: LoadCounts,
    /// Counts by check.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "number_keys::deserialize"
    )]
    pub checks: BTreeMap<CheckId, CheckCounts>,
    /// The generator.
    pub health: Health,
    /// The bundled target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetHealth>,
}

/// One failure in full, standing for its group; secrets are already redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureExample {
    /// When, on the run's clock.
    pub at: Micros,
    /// The series; none in setup and teardown.
    pub series: Option<SeriesId>,
    /// How it ended.
    pub outcome: Outcome,
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// Method and URL as sent, at most 200 characters.
    pub request: String,
    /// What went wrong, at most 400 characters: the error, what a check found, or how the body begins.
    pub detail: String,
}

impl Event {
    /// The same event with secrets left out of its words; none for an event that has no words.
    pub(super) fn hidden(&self, mask: &Mask) -> Option<Self> {
        let mut event = self.clone_if_worded()?;
        match &mut event {
            Self::Failure(failure) => {
                failure.request = mask.text(&failure.request);
                failure.detail = mask.text(&failure.detail);
            }
            Self::Warning { text, .. } => *text = mask.text(text),
            Self::Stop { reason, .. } => match reason {
                StopReason::Panic { message: words }
                | StopReason::TargetGone { detail: words }
                | StopReason::SetupFailed { detail: words } => *words = mask.text(words),
                // A step has the name that the file gives it.
                StopReason::StepFailed { step } => *step = mask.known(step),
                StopReason::Signal | StopReason::SecondSignal | StopReason::Threshold { .. } => {}
            },
            Self::Interval(_) | Self::Threshold { .. } | Self::End { .. } => {}
        }
        Some(event)
    }

    fn clone_if_worded(&self) -> Option<Self> {
        let is_worded = matches!(
            self,
            Self::Failure(_) | Self::Warning { .. } | Self::Stop { .. }
        );
        is_worded.then(|| self.clone())
    }
}

impl IntervalCounts {
    /// An interval without its series, which are only counted.
    pub fn of(interval: &Interval) -> Self {
        Self {
            number: interval.number,
            start: interval.start,
            end: interval.end,
            is_warm_up: interval.is_warm_up,
            series: interval.series.len() as u32,
            load: interval.load,
            checks: interval.checks.clone(),
            health: interval.health,
            target: interval.target,
        }
    }
}
