//! The state of a run's stop; every user reads it between two steps.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use super::Stop;
use crate::record::StopReason;
use crate::units::Micros;

const GOING: u8 = 0;
const DRAINING: u8 = 1;
const GRACE_OVER: u8 = 2;
const CUT: u8 = 3;

/// The state of the stop; it never goes back.
#[derive(Debug, Default)]
pub(super) struct Halt {
    level: AtomicU8,
    /// When the load ended, on the run's clock: no iteration starts after it.
    at: OnceLock<Micros>,
    /// The reason, if the engine itself stopped the run.
    reason: OnceLock<StopReason>,
}

impl Halt {
    /// Advances the stop to at least this level. The first call sets the time of the end.
    pub(super) fn advance(&self, stop: Stop, at: Micros) {
        // A load that ended as planned keeps its end.
        self.at.get_or_init(|| at);
        let level = match stop {
            Stop::Graceful => DRAINING,
            Stop::GraceOver => GRACE_OVER,
            Stop::AtOnce => CUT,
        };
        self.level.fetch_max(level, Ordering::AcqRel);
    }

    /// Sets the time of the end, without a stop.
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

    /// The requests in flight have used up the grace period, and are not cut off for another reason.
    pub(super) fn is_grace_over(&self) -> bool {
        self.level.load(Ordering::Relaxed) == GRACE_OVER
    }

    /// Requests in flight are cut off.
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
