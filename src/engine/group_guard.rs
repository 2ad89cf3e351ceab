//! Counts a group of steps exactly once; one that is dropped was cut off.

use super::run::RunState;
use crate::outcome::Outcome;
use crate::plan::SeriesId;
use crate::record::{Clock, GroupSample};
use crate::units::Micros;

/// A group that has begun.
#[derive(Debug)]
pub(super) struct GroupGuard<'r> {
    run: &'r RunState,
    user: usize,
    series: SeriesId,
    clock: Clock,
    started: Micros,
    is_open: bool,
}

impl<'r> GroupGuard<'r> {
    pub(super) const fn new(
        run: &'r RunState,
        user: usize,
        series: SeriesId,
        clock: Clock,
        started: Micros,
    ) -> Self {
        Self {
            run,
            user,
            series,
            clock,
            started,
            is_open: true,
        }
    }

    pub(super) fn end(mut self, finished: Micros, outcome: Outcome) {
        self.is_open = false;
        self.record(finished, outcome);
    }

    fn record(&self, finished: Micros, outcome: Outcome) {
        let sample = GroupSample {
            series: self.series,
            started: self.started,
            finished,
            outcome,
        };
        self.run
            .recorder
            .record(self.user, |shard| shard.group(&sample));
    }
}

impl Drop for GroupGuard<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.record(self.clock.now(), Outcome::Interrupted);
        }
    }
}
