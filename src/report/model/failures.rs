//! Failures of the run by step and status (or outcome without a status): count, time span, and one example each.

use std::collections::BTreeMap;

use crate::outcome::Outcome;
use crate::plan::{Series, SeriesId, Subject};
use crate::record::journal::Event;
use crate::record::{FailureExample, Interval};
use crate::report::text::clean;
use crate::units::{Micros, show_count, show_counted};

/// The maximum number of groups kept; the largest ones.
const MOST_GROUPS: usize = 1_000;

/// Failures of one step, or of one flow's iterations, with the same cause.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureGroup {
    /// The step, or the flow.
    pub step: String,
    /// Its flow.
    pub flow: String,
    /// Their outcome.
    pub outcome: Outcome,
    /// Their status, if that is the failure.
    pub status: Option<u16>,
    /// Failed requests in measured time.
    pub count: u64,
    /// Failed requests in the warm-up.
    pub in_warm_up: u64,
    /// The start of the first interval with such a failure, on the run's clock.
    pub first_seen: Micros,
    /// The end of the last interval with such a failure.
    pub last_seen: Micros,
    /// The first failure of the group.
    pub example: Option<Example>,
}

impl FailureGroup {
    /// The group's name: `status 503`, `timeout`.
    pub fn class(&self) -> String {
        match self.status {
            Some(status) => format!("{} {status}", self.outcome),
            None => self.outcome.to_string(),
        }
    }

    /// Its number of requests: `3 requests`, `1 request in the warm-up`.
    pub fn requests(&self) -> String {
        self.counted("request")
    }

    /// Its number of iterations: `3 iterations`.
    pub fn iterations(&self) -> String {
        self.counted("iteration")
    }

    /// The reason of the first failure, else the meaning of the outcome.
    pub fn reason(&self) -> &str {
        let meaning = self.outcome.meaning();
        self.example
            .as_ref()
            .map_or(meaning, |example| &example.detail)
    }

    fn counted(&self, noun: &str) -> String {
        let of = |count| show_counted(count, noun);
        match (self.count, self.in_warm_up) {
            (count, 0) => of(count),
            (0, warm_up) => format!("{} in the warm-up", of(warm_up)),
            (count, warm_up) => {
                format!("{}, and {} in the warm-up", of(count), show_count(warm_up))
            }
        }
    }
}

/// A complete example of a failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The time on the run's clock.
    pub at: Micros,
    /// The step.
    pub step: String,
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// Method and URL as sent.
    pub request: String,
    /// The cause.
    pub detail: String,
}

/// A failure outside iterations: in setup, in teardown, or in the `stop` of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmeasuredFailure {
    /// The class.
    pub outcome: Outcome,
    /// The example.
    pub example: Example,
}

#[derive(Debug, Default)]
struct GroupCounts {
    count: u64,
    in_warm_up: u64,
    first: Micros,
    last: Micros,
}

/// The key of a failure group.
type GroupKey = (SeriesId, Outcome, Option<u16>);

/// Collects failures from intervals into groups.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<GroupKey, GroupCounts>);

/// The failure groups of the run.
pub(super) struct Grouped {
    /// The largest first.
    pub(super) groups: Vec<FailureGroup>,
    /// The number of further groups.
    pub(super) left_out: u64,
    /// Groups of iterations.
    pub(super) iterations: Vec<FailureGroup>,
    pub(super) unmeasured: Vec<UnmeasuredFailure>,
}

impl Groups {
    pub(super) fn absorb(&mut self, interval: &Interval, series: &[Series]) {
        for (id, part) in &interval.series {
            let Some(series) = series.get(id.0 as usize) else {
                continue;
            };
            let counts = &part.counts;
            let by_status = counts.failed_statuses.iter();
            let by_status =
                by_status.map(|(&status, &count)| (Outcome::Status, Some(status), count));
            let told: u64 = counts.failed_statuses.values().sum();
            let by_outcome = counts.outcomes.iter().map(|(&outcome, &count)| {
                // Journals of earlier versions do not contain the status.
                let named = if outcome == Outcome::Status { told } else { 0 };
                (outcome, None, count.saturating_sub(named))
            });
            for (outcome, status, count) in by_status.chain(by_outcome) {
                // Other failures of an iteration are those of its requests.
                let is_own = match series.subject {
                    Subject::Requests => true,
                    Subject::Iterations => outcome.is_of_iterations(),
                    Subject::Groups | Subject::Silent => false,
                };
                if !outcome.is_failure() || count == 0 || !is_own {
                    continue;
                }
                let new = || GroupCounts {
                    first: interval.start,
                    ..GroupCounts::default()
                };
                let seen = self.0.entry((*id, outcome, status)).or_insert_with(new);
                seen.last = interval.end;
                if interval.is_warm_up {
                    seen.in_warm_up += count;
                } else {
                    seen.count += count;
                }
            }
        }
    }

    pub(super) fn finish(self, series: &[Series], events: &[Event]) -> Grouped {
        let mut examples: BTreeMap<GroupKey, &FailureExample> = BTreeMap::new();
        let mut unmeasured = Vec::new();
        for event in events {
            let Event::Failure(example) = event else {
                continue;
            };
            let Some(id) = example.series else {
                unmeasured.push(UnmeasuredFailure {
                    outcome: example.outcome,
                    example: cleaned(example, series),
                });
                continue;
            };
            let status = example
                .status
                .filter(|_| example.outcome == Outcome::Status);
            // If the journal does not distinguish statuses, any of them is an example.
            for status in [status, None] {
                let first = examples
                    .entry((id, example.outcome, status))
                    .or_insert(example);
                if example.at < first.at {
                    *first = example;
                }
            }
        }
        let groups: Vec<FailureGroup> = self
            .0
            .into_iter()
            .map(|(key, seen)| {
                let (id, outcome, status) = key;
                FailureGroup {
                    step: name(series, id),
                    flow: flow(series, id),
                    outcome,
                    status,
                    count: seen.count,
                    in_warm_up: seen.in_warm_up,
                    first_seen: seen.first,
                    last_seen: seen.last,
                    example: examples.get(&key).map(|example| cleaned(example, series)),
                }
            })
            .collect();
        let (iterations, mut groups): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.outcome.is_of_iterations());
        // Stable, so that groups of one size stay in the order of the plan.
        groups.sort_by_key(|group| std::cmp::Reverse((group.count, group.in_warm_up)));
        let left_out = groups.len().saturating_sub(MOST_GROUPS) as u64;
        groups.truncate(MOST_GROUPS);
        Grouped {
            groups,
            left_out,
            iterations,
            unmeasured,
        }
    }
}

fn flow(series: &[Series], id: SeriesId) -> String {
    series
        .get(id.0 as usize)
        .map_or_else(String::new, |series| series.flow.clone())
}

fn name(series: &[Series], id: SeriesId) -> String {
    series
        .get(id.0 as usize)
        .map_or_else(String::new, |series| series.name.clone())
}

fn cleaned(example: &FailureExample, series: &[Series]) -> Example {
    Example {
        at: example.at,
        step: example
            .series
            .map_or_else(String::new, |id| name(series, id)),
        status: example.status,
        request: clean(&example.request),
        detail: clean(&example.detail),
    }
}
