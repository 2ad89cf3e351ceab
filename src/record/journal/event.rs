//! The lines of `events.jsonl`: one JSON object per line, in chronological order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::number_keys;
use crate::mask::Mask;
use crate::plan::CheckId;
use crate::probe::{Health, TargetHealth};
use crate::record::{
    CheckCounts, FailureExample, Interval, LoadChange, LoadChangeKind, LoadCounts, LoadStarts,
    LogLine, LostUsers, Monitored, SearchEnd, SearchLevel, SlowRequest, Standing, StopReason,
    ValueCounts,
};
use crate::units::Micros;

/// A line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An interval; its series are in `journal.bins.gz`, written before this line.
    Interval(Box<IntervalCounts>),
    /// The first failure of its outcome, or status, in its series.
    Failure(FailureExample),
    /// Requests that were among the slowest when they were written, in the order of recording.
    Slow {
        /// The requests.
        requests: Vec<SlowRequest>,
    },
    /// A text of a `log` step.
    Log(LogLine),
    /// The state of a threshold changed.
    Threshold {
        /// The time on the run's clock.
        at: Micros,
        /// Index into [`super::RunHeader::thresholds`].
        threshold: usize,
        /// Its new state.
        standing: Standing,
        /// The number observed, in the threshold's unit.
        observed: Option<f64>,
    },
    /// The load was changed by hand, or its time was marked.
    Change(LoadChange),
    /// A search for the capacity has tried a rate.
    Level(SearchLevel),
    /// The result of a search for the capacity.
    Capacity(SearchEnd),
    /// The starts of each of several loads; before the end.
    Loads {
        /// In the plan's order.
        loads: Vec<LoadStarts>,
    },
    /// The run was stopped before its planned end.
    Stop {
        /// The time on the run's clock.
        at: Micros,
        /// The reason.
        reason: StopReason,
    },
    /// A note for the reader.
    Warning {
        /// The time on the run's clock.
        at: Micros,
        /// One sentence.
        text: String,
    },
    /// The run has ended; the last line of a complete journal.
    End {
        /// The time on the run's clock.
        at: Micros,
        /// Users that panicked; a single one makes the run fail.
        panics: u64,
        /// Requests still in flight when the grace period ended, or a second signal came.
        interrupted: u64,
        /// Users that left early.
        #[serde(default, skip_serializing_if = "LostUsers::is_none")]
        lost: LostUsers,
    },
}

/// An [`Interval`] without its series, as a line of `events.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IntervalCounts {
    /// Index, from 0.
    pub number: u64,
    /// Start, on the run's clock.
    pub start: Micros,
    /// End, on the run's clock.
    pub end: Micros,
    /// True if it is part of the warm-up.
    pub is_warm_up: bool,
    /// The number of series with ended requests; their counts and histograms are in `journal.bins.gz`.
    pub series: u32,
    /// The offered and the started load.
    pub load: LoadCounts,
    /// Counts by check.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "number_keys::deserialize"
    )]
    pub checks: BTreeMap<CheckId, CheckCounts>,
    /// Counts of recorded values, by the names of their metrics; histograms of trends are in `journal.bins.gz`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, ValueCounts>,
    /// The generator's health.
    pub health: Health,
    /// The health of a target that Gander started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetHealth>,
    /// The target's own metrics.
    #[serde(default, skip_serializing_if = "Monitored::is_empty")]
    pub monitored: Monitored,
}

impl Event {
    /// The same event with secrets removed from its text; `None` if it has no text.
    pub(super) fn hidden(&self, mask: &Mask) -> Option<Self> {
        let mut event = self.clone_if_worded()?;
        match &mut event {
            Self::Failure(failure) => {
                failure.request = mask.text(&failure.request);
                failure.detail = mask.text(&failure.detail);
            }
            Self::Slow { requests } => {
                *requests = std::mem::take(requests)
                    .into_iter()
                    .map(|request| request.hidden(mask))
                    .collect();
            }
            Self::Change(LoadChange {
                kind: LoadChangeKind::Tag { text },
                ..
            })
            | Self::Log(LogLine { text, .. })
            | Self::Warning { text, .. } => {
                *text = mask.text(text);
            }
            Self::Stop { reason, .. } => match reason {
                StopReason::Panic { message: words }
                | StopReason::TargetGone { detail: words }
                | StopReason::SetupFailed { detail: words } => *words = mask.text(words),
                // A name comes from the file and is kept.
                StopReason::StepFailed { step: name } | StopReason::ByScenario { flow: name } => {
                    *name = mask.known(name);
                }
                StopReason::Signal
                | StopReason::Control
                | StopReason::SecondSignal
                | StopReason::Threshold { .. } => {}
            },
            Self::Interval(_)
            | Self::Change(_)
            | Self::Level(_)
            | Self::Capacity(_)
            | Self::Loads { .. }
            | Self::Threshold { .. }
            | Self::End { .. } => {}
        }
        Some(event)
    }

    fn clone_if_worded(&self) -> Option<Self> {
        let is_worded = matches!(
            self,
            Self::Failure(_)
                | Self::Slow { .. }
                | Self::Log(_)
                | Self::Change(_)
                | Self::Warning { .. }
                | Self::Stop { .. }
        );
        is_worded.then(|| self.clone())
    }
}

impl IntervalCounts {
    /// An interval without its series, only with their number.
    pub fn of(interval: &Interval) -> Self {
        let values = interval.values.iter();
        Self {
            number: interval.number,
            start: interval.start,
            end: interval.end,
            is_warm_up: interval.is_warm_up,
            series: interval.series.len() as u32,
            load: interval.load,
            checks: interval.checks.clone(),
            values: values
                .map(|(name, part)| (name.clone(), part.counts))
                .collect(),
            health: interval.health,
            target: interval.target,
            monitored: interval.monitored.clone(),
        }
    }
}
