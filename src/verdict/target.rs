//! Whether the target can still be connected to: a run against one that cannot is stopped.

use crate::outcome::Outcome;
use crate::plan::{Series, SeriesId, Subject};
use crate::record::{Interval, StopReason};
use crate::units::Micros;

/// How long most attempts to connect must have failed before the run is stopped.
const PATIENCE: Micros = Micros(30_000_000);

/// How many must have failed by then: one a minute says nothing.
const ENOUGH: u64 = 10;

/// Watches for a target that has gone. A status or a check that fails is an answer, and no sign of it.
#[derive(Debug, Clone)]
pub(super) struct TargetWatch {
    requests: Vec<SeriesId>,
    /// Since when more than half of the requests have found no connection, in every second in which any ended.
    failing_since: Option<Micros>,
    now: Micros,
    ended: u64,
    unconnected: u64,
}

impl TargetWatch {
    pub(super) fn of(series: &[Series]) -> Self {
        let ids = (0..).map(SeriesId).zip(series);
        let requests = ids
            .filter(|(_, series)| series.subject == Subject::Requests)
            .map(|(id, _)| id);
        Self {
            requests: requests.collect(),
            failing_since: None,
            now: Micros::ZERO,
            ended: 0,
            unconnected: 0,
        }
    }

    /// Takes the next interval in, warm-up or not.
    pub(super) fn observe(&mut self, interval: &Interval) {
        self.now = interval.end;
        let (mut ended, mut unconnected) = (0, 0);
        for part in self
            .requests
            .iter()
            .filter_map(|id| interval.series.get(id))
        {
            let counts = &part.counts;
            // A request that failed on this machine says nothing about the target.
            let local = counts.by_outcomes(Outcome::is_local_failure);
            ended += counts.ended.saturating_sub(local);
            unconnected += counts.unconnected();
        }
        if ended == 0 {
            return;
        }
        if unconnected * 2 <= ended {
            self.failing_since = None;
            return;
        }
        if self.failing_since.is_none() {
            self.failing_since = Some(interval.start);
            (self.ended, self.unconnected) = (0, 0);
        }
        self.ended += ended;
        self.unconnected += unconnected;
    }

    /// Why to stop, once patience is at an end.
    pub(super) fn gone(&self) -> Option<StopReason> {
        let since = self.failing_since?;
        let lasted = self.now.saturating_sub(since);
        (lasted >= PATIENCE && self.unconnected >= ENOUGH).then(|| StopReason::TargetGone {
            detail: format!(
                "no connection could be made for {} of {} requests in the last {lasted}",
                self.unconnected, self.ended
            ),
        })
    }
}
