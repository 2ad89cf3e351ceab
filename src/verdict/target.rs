//! Whether the target still answers: a run against one that does not is stopped.

use crate::outcome::Outcome;
use crate::plan::{Series, SeriesId, Subject};
use crate::record::Interval;
use crate::record::journal::StopReason;
use crate::units::Micros;

/// How long most requests must have failed before the run is stopped.
const PATIENCE: Micros = Micros(30_000_000);

/// Watches for a target that has gone.
#[derive(Debug, Clone)]
pub(super) struct TargetWatch {
    requests: Vec<SeriesId>,
    /// Since when more than half of the requests have failed in every second in which any ended.
    failing_since: Option<Micros>,
    now: Micros,
    ended: u64,
    failed: u64,
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
            failed: 0,
        }
    }

    /// Takes the next interval in, warm-up or not.
    pub(super) fn observe(&mut self, interval: &Interval) {
        self.now = interval.end;
        let (mut ended, mut failed) = (0, 0);
        for part in self
            .requests
            .iter()
            .filter_map(|id| interval.series.get(id))
        {
            let counts = &part.counts;
            // What this machine could not send is no sign of the target's.
            let own = counts.by_outcome(Outcome::FdLimit) + counts.by_outcome(Outcome::PortLimit);
            ended += counts.ended.saturating_sub(own);
            failed += counts.failed.saturating_sub(own);
        }
        if ended == 0 {
            return;
        }
        if failed * 2 <= ended {
            self.failing_since = None;
            return;
        }
        if self.failing_since.is_none() {
            self.failing_since = Some(interval.start);
            (self.ended, self.failed) = (0, 0);
        }
        self.ended += ended;
        self.failed += failed;
    }

    /// Why to stop, once patience is at an end.
    pub(super) fn gone(&self) -> Option<StopReason> {
        let since = self.failing_since?;
        let lasted = self.now.saturating_sub(since);
        (lasted >= PATIENCE).then(|| StopReason::TargetGone {
            detail: format!(
                "{} of {} requests failed in the last {lasted}",
                self.failed, self.ended
            ),
        })
    }
}
