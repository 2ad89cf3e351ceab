//! The failures of an iteration, and its end before its last step.

use super::{LeaveReason, NextAction};
use crate::engine::walk::retry::FailedAttempt;
use crate::outcome::Outcome;
use crate::scenario::WhenUsedUp;

/// The failures that an iteration has noted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Failures {
    /// The first failure to provide a value, however the iteration went on.
    pub(super) iteration: Option<Outcome>,
    /// The first failure in the innermost open group.
    pub(super) group: Option<Outcome>,
}

/// The end of an iteration before its last step, or of the attempt of a `retry`.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct EarlyEnd {
    pub(super) outcome: Outcome,
    pub(super) then: NextAction,
    pub(super) attempt: Option<FailedAttempt>,
}

impl EarlyEnd {
    /// The stop of the run ended the iteration, which neither passed nor failed.
    pub(super) const STOPPED: Self = Self::new(Outcome::Interrupted, NextAction::Iterate);

    pub(super) const fn new(outcome: Outcome, then: NextAction) -> Self {
        Self {
            outcome,
            then,
            attempt: None,
        }
    }

    /// A feeder has no row left for this user. It is a failure unless the scenario says `when_used_up: end`.
    pub(super) const fn out_of_rows(feeder: usize, rule: WhenUsedUp) -> Self {
        let outcome = match rule {
            WhenUsedUp::Fail => Outcome::Unsendable,
            WhenUsedUp::End => Outcome::Interrupted,
        };
        Self::new(outcome, NextAction::Leave(LeaveReason::OutOfRows(feeder)))
    }
}
