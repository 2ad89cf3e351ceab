//! Addition of recorded values: counts are summed, histograms merged bin by bin. Nothing here averages.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::bins::Sum;
use super::{Bins, CheckCounts, Counts, SeriesInterval};
use crate::outcome::{Outcome, OutcomeClass};
use crate::plan::MetricId;

impl Counts {
    /// Counts by outcome; [`Outcome::Ok`] and [`Outcome::Interrupted`] are derived from the other fields.
    pub fn by_outcome(&self, outcome: Outcome) -> u64 {
        match outcome.class() {
            OutcomeClass::Success => self.ended.saturating_sub(self.failed),
            OutcomeClass::Interrupted => self.interrupted,
            OutcomeClass::Failed
            | OutcomeClass::Unconnected
            | OutcomeClass::GeneratorLimit
            | OutcomeClass::NotAttempted => self.outcomes.get(&outcome).copied().unwrap_or(0),
        }
    }

    /// The sum of the counts of some outcomes.
    pub fn by_outcomes(&self, are_counted: impl Fn(Outcome) -> bool) -> u64 {
        Outcome::ALL
            .into_iter()
            .filter(|&outcome| are_counted(outcome))
            .map(|outcome| self.by_outcome(outcome))
            .sum()
    }

    /// Requests without a connection; see [`Outcome::is_unconnected`].
    pub fn unconnected(&self) -> u64 {
        self.by_outcomes(Outcome::is_unconnected)
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.ended += other.ended;
        self.failed += other.failed;
        self.interrupted += other.interrupted;
        self.interrupted_sent += other.interrupted_sent;
        self.out_of_rows += other.out_of_rows;
        self.cut_off += other.cut_off;
        self.retries += other.retries;
        self.incomplete_rendezvous += other.incomplete_rendezvous;
        self.unsent += other.unsent;
        self.after_load += other.after_load;
        self.redirects += other.redirects;
        self.resent += other.resent;
        self.connections += other.connections;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        for (&status, &count) in &other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (&outcome, &count) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        for (&status, &count) in &other.failed_statuses {
            *self.failed_statuses.entry(status).or_default() += count;
        }
    }
}

impl AddAssign for CheckCounts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl<T> Default for SeriesInterval<T> {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            histograms: BTreeMap::new(),
        }
    }
}

impl<T> SeriesInterval<T> {
    /// The histogram of a metric; `None` if nothing was recorded.
    pub fn histogram(&self, metric: impl Into<MetricId>) -> Option<&T> {
        self.histograms.get(&metric.into())
    }
}

impl AddAssign<&SeriesInterval> for SeriesInterval<Sum> {
    fn add_assign(&mut self, other: &SeriesInterval) {
        self.counts += &other.counts;
        add_times(&mut self.histograms, &other.histograms);
    }
}

/// Adds the times of each metric.
pub(super) fn add_times(sums: &mut BTreeMap<MetricId, Sum>, parts: &BTreeMap<MetricId, Bins>) {
    for (&metric, part) in parts {
        sums.entry(metric).or_default().add(part);
    }
}
