//! Compares an interval's histograms with its counts, two independent records of the same requests.

use super::JournalWarning;
use crate::outcome::MeasuredTime;
use crate::plan::{Series, Subject};
use crate::record::bins::Bins;
use crate::record::{Counts, Interval, Timing};

/// The differences found so far: the first one and the total number.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    first: Option<JournalWarning>,
    count: u64,
}

impl Agreement {
    pub(super) fn check(&mut self, interval: &Interval, series: &[Series]) {
        for (id, part) in &interval.series {
            let Some(entry) = series.get(id.0 as usize) else {
                continue;
            };
            for (timing, counted) in expected(entry.subject, &part.counts) {
                let recorded = part.histogram(timing).map_or(0, Bins::len);
                if recorded != counted {
                    self.count += 1;
                    self.first.get_or_insert(JournalWarning::Disagreement {
                        interval: interval.number,
                        place: match entry.subject {
                            Subject::Requests | Subject::Silent => {
                                format!("step `{}`", entry.name)
                            }
                            Subject::Iterations => format!("flow `{}`", entry.flow),
                            Subject::Groups => format!("group `{}`", entry.name),
                        },
                        timing,
                        recorded,
                        counted,
                        times: 0,
                    });
                }
            }
        }
    }

    pub(super) fn into_warning(self) -> Option<JournalWarning> {
        let mut warning = self.first;
        if let Some(JournalWarning::Disagreement { times, .. }) = &mut warning {
            *times = self.count;
        }
        warning
    }
}

/// The expected number of times in each histogram, from the counts of its series.
fn expected(subject: Subject, counts: &Counts) -> Vec<(Timing, u64)> {
    let good = counts.ended.saturating_sub(counts.failed);
    match subject {
        Subject::Requests => {
            let failed_as =
                |time| counts.by_outcomes(|it| it.is_failure() && it.measured_time() == time);
            let censored = failed_as(MeasuredTime::AtLeast);
            let timed = counts
                .failed
                .saturating_sub(failed_as(MeasuredTime::Untimed));
            vec![
                (Timing::ResponseTime, good),
                (Timing::ServiceTime, good),
                (Timing::FailedTime, timed.saturating_sub(censored)),
                (Timing::TimedOut, censored),
                (Timing::Connect, counts.connections),
            ]
        }
        // They have no times.
        Subject::Silent => Vec::new(),
        Subject::Groups => vec![(Timing::GroupTime, good)],
        Subject::Iterations => {
            let started = counts.ended + counts.interrupted;
            vec![
                (Timing::StartLag, started),
                (Timing::SchedulingLag, started),
                (Timing::IterationTime, counts.ended),
            ]
        }
    }
}
