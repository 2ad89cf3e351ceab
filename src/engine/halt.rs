//! How far the stop of a run has gone, as every user reads it between two steps.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use super::Stop;
use crate::record::journal::StopReason;
use crate::units::Micros;

const GOING: u8 = 0;
const DRAINING: u8 = 1;
const GRACE_OVER: u8 = 2;
const CUT: u8 = 3;

/// The state of the stop: it only ever goes further.
#[derive(Debug, Default)]
pub(super) struct Halt {
    level: AtomicU8,
    /// When no more starts were offered, on the run's clock.
    at: OnceLock<Micros>,
    /// Why, if the engine itself decided it.
    reason: OnceLock<StopReason>,
}

impl Halt {
    /// Takes the stop at least this far. The first time fixes when it was.
    pub(super) fn advance(&self, stop: Stop, at: Micros) {
        // A run that is over as planned keeps the end it had.
        self.at.get_or_init(|| at);
        let level = match stop {
            Stop::Graceful => DRAINING,
            Stop::GraceOver => GRACE_OVER,
            Stop::AtOnce => CUT,
        };
        self.level.fetch_max(level, Ordering::AcqRel);
    }

    /// Fixes when the load ended, without stopping anything.
    pub(super) fn ended(&self, at: Micros) {
        self.at.get_or_init(|| at);
    }

    /// Keeps the first reason.
    pub(super) fn because(&self, reason: StopReason) {
        self.reason.get_or_init(|| reason);
    }

    /// No new request may start.
    pub(super) fn is_stopping(&self) -> bool {
        self.level.load(Ordering::Relaxed) != GOING
    }

    /// What is in flight has had its time.
    pub(super) fn is_grace_over(&self) -> bool {
        self.level.load(Ordering::Relaxed) >= GRACE_OVER
    }

    /// Nothing is waited for any more.
    pub(super) fn is_cut(&self) -> bool {
        self.level.load(Ordering::Relaxed) == CUT
    }

    pub(super) fn at(&self) -> Option<Micros> {
        self.at.get().copied()
    }

    pub(super) fn reason(&self) -> Option<&StopReason> {
        self.reason.get()
    }
}
