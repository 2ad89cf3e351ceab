//! Detects a target that can no longer be reached, so that the run stops.

use crate::outcome::Outcome;
use crate::plan::{Series, SeriesId, Subject};
use crate::record::{Interval, StopReason};
use crate::units::{Micros, show_count};

/// The run stops when most connection attempts have failed for this long.
const PATIENCE: Micros = Micros(30_000_000);

/// The minimum number of failed attempts: one per minute does not prove anything.
const ENOUGH: u64 = 10;

/// Detects a lost target. A failed status or check is an answer, so it does not count.
#[derive(Debug, Clone)]
pub(super) struct TargetWatch {
    requests: Vec<SeriesId>,
    /// Since then, in every second with ended requests, more than half of them found no connection.
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

    /// Adds the next interval, warm-up or not.
    pub(super) fn observe(&mut self, interval: &Interval) {
        self.now = interval.end;
        let (mut ended, mut unconnected) = (0, 0);
        for part in self
            .requests
            .iter()
            .filter_map(|id| interval.series.get(id))
        {
            let counts = &part.counts;
            // A request that failed on this machine does not prove anything about the target.
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

    /// The reason to stop, once the time limit is reached.
    pub(super) fn gone(&self) -> Option<StopReason> {
        let since = self.failing_since?;
        let lasted = self.now.saturating_sub(since);
        (lasted >= PATIENCE && self.unconnected >= ENOUGH).then(|| StopReason::TargetGone {
            detail: format!(
                "no connection could be made for {} of {} requests in the last {lasted}",
                show_count(self.unconnected),
                show_count(self.ended)
            ),
        })
    }
}
