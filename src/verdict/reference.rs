//! The right side of a threshold that compares two numbers of the run.

use super::tally::{Picker, Tally};
use super::window::may_be_of_nothing;
use crate::plan::Series;
use crate::plan::threshold::{Limit, Selection, Threshold};
use crate::record::bins::Sum;
use crate::record::{Interval, LoadCounts};

/// The number that a threshold compares with, multiplied by its factor.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    factor: f64,
    selection: Selection,
    picker: Picker,
    sum: Tally<Sum>,
    /// The fewest samples for a result.
    fewest: u64,
}

impl Reference {
    /// The right side of a threshold, if it is a number of the run.
    pub(super) fn of(threshold: &Threshold, series: &[Series]) -> Option<Self> {
        let Limit::Times { factor, of } = &threshold.limit else {
            return None;
        };
        let needs_one = u64::from(!may_be_of_nothing(of.aggregate));
        Some(Self {
            factor: *factor,
            picker: Picker::of(of, series),
            selection: of.clone(),
            sum: Tally::default(),
            fewest: threshold.min_samples.max(needs_one),
        })
    }

    /// Adds the next interval, if it is selected.
    pub(super) fn observe(&mut self, interval: &Interval, load: &LoadCounts) {
        if self.selection.is_during(interval.start) {
            self.sum.merge(&self.picker.pick(interval, load));
        }
    }

    /// The limit that follows from the samples so far; `None` without enough of them.
    pub(super) fn limit(&self) -> Option<f64> {
        let reading = self.sum.read(self.selection.aggregate);
        let value = reading.value.filter(|_| reading.samples >= self.fewest)?;
        Some(self.factor * value)
    }
}
