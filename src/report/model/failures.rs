//! Failures by class over the run: how many, where, since when, and one of each in full.

use std::collections::BTreeMap;

use crate::outcome::Outcome;
use crate::plan::{Series, SeriesId, Subject};
use crate::record::Interval;
use crate::record::journal::{Event, FailureExample};
use crate::report::text::clean;
use crate::units::Micros;

/// The failures of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureClass {
    /// The class.
    pub outcome: Outcome,
    /// Requests in measured time.
    pub count: u64,
    /// Requests in the warm-up.
    pub in_warm_up: u64,
    /// The beginning of the interval in which it was first seen, on the run's clock.
    pub first_seen: Micros,
    /// The end of the interval in which it was last seen.
    pub last_seen: Micros,
    /// Requests by step, warm-up included, the most first.
    pub steps: Vec<(String, u64)>,
    /// The first of the class, in full.
    pub example: Option<Example>,
}

/// A failure in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// When, on the run's clock.
    pub at: Micros,
    /// The step.
    pub step: String,
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// Method and URL as sent.
    pub request: String,
    /// What went wrong.
    pub detail: String,
}

/// A failure in setup or teardown.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmeasuredFailure {
    /// The class.
    pub outcome: Outcome,
    /// What is known of it.
    pub example: Example,
}

#[derive(Debug, Default)]
struct Seen {
    count: u64,
    in_warm_up: u64,
    first: Micros,
    last: Micros,
    series: BTreeMap<SeriesId, u64>,
}

/// Folds intervals into classes.
#[derive(Debug, Default)]
pub(super) struct Classes(BTreeMap<Outcome, Seen>);

impl Classes {
    pub(super) fn absorb(&mut self, interval: &Interval, series: &[Series]) {
        for (id, part) in &interval.series {
            if series.get(id.0 as usize).map(|series| series.subject) != Some(Subject::Requests) {
                continue;
            }
            for (outcome, count) in &part.counts.outcomes {
                if !outcome.is_failure() || *count == 0 {
                    continue;
                }
                let seen = self.0.entry(*outcome).or_insert_with(|| Seen {
                    first: interval.start,
                    ..Seen::default()
                });
                seen.last = interval.end;
                *seen.series.entry(*id).or_default() += count;
                if interval.is_warm_up {
                    seen.in_warm_up += count;
                } else {
                    seen.count += count;
                }
            }
        }
    }

    pub(super) fn finish(
        self,
        series: &[Series],
        events: &[Event],
    ) -> (Vec<FailureClass>, Vec<UnmeasuredFailure>) {
        let examples = || {
            events.iter().filter_map(|event| match event {
                Event::Failure(example) => Some(example),
                _ => None,
            })
        };
        let mut classes: Vec<FailureClass> = self
            .0
            .into_iter()
            .map(|(outcome, seen)| {
                let example = examples()
                    .filter(|example| example.outcome == outcome && example.series.is_some())
                    .min_by_key(|example| example.at);
                let mut steps: Vec<_> = seen
                    .series
                    .into_iter()
                    .map(|(id, count)| (name(series, id), count))
                    .collect();
                steps.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                FailureClass {
                    outcome,
                    count: seen.count,
                    in_warm_up: seen.in_warm_up,
                    first_seen: seen.first,
                    last_seen: seen.last,
                    steps,
                    example: example.map(|example| cleaned(example, series)),
                }
            })
            .collect();
        classes.sort_by(|a, b| {
            (b.count, b.in_warm_up, a.outcome).cmp(&(a.count, a.in_warm_up, b.outcome))
        });
        let unmeasured = examples()
            .filter(|example| example.series.is_none())
            .map(|example| UnmeasuredFailure {
                outcome: example.outcome,
                example: cleaned(example, series),
            })
            .collect();
        (classes, unmeasured)
    }
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
