//! Counts an iteration exactly once, however it ends.

use super::Start;
use crate::engine::run::RunState;
use crate::outcome::Outcome;
use crate::plan::SeriesId;
use crate::record::{Clock, IterationSample};
use crate::units::Micros;

/// Counts an iteration exactly once; one that is dropped was cut off.
#[derive(Debug)]
pub(super) struct IterationGuard<'r> {
    run: &'r RunState,
    user: usize,
    series: SeriesId,
    clock: Clock,
    start: Start,
    is_open: bool,
}

impl<'r> IterationGuard<'r> {
    pub(super) const fn new(
        run: &'r RunState,
        user: usize,
        series: SeriesId,
        clock: Clock,
        start: Start,
    ) -> Self {
        Self {
            run,
            user,
            series,
            clock,
            start,
            is_open: true,
        }
    }

    pub(super) fn end(mut self, finished: Micros, outcome: Outcome) {
        self.is_open = false;
        let sample = self.sample(finished, outcome);
        let recorder = &self.run.recorder;
        recorder.record(self.user, |shard| shard.iteration(&sample));
    }

    fn sample(&self, finished: Micros, outcome: Outcome) -> IterationSample {
        IterationSample {
            series: self.series,
            intended: self.start.intended,
            free_since: self.start.free_since,
            started: self.start.started,
            finished,
            outcome,
        }
    }
}

impl Drop for IterationGuard<'_> {
    fn drop(&mut self) {
        if self.is_open {
            let sample = self.sample(self.clock.now(), Outcome::Interrupted);
            self.run.recorder.record(self.user, |shard| {
                shard.iteration(&sample);
                shard.cut_off(self.series);
            });
        }
    }
}
