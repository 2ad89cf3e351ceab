//! The share of seconds in which a rule held.

use super::tally::{Reading, Tally};
use super::window::may_be_of_nothing;
use crate::plan::threshold::{Aggregate, SecondRule};
use crate::record::Interval;

/// The seconds that were judged so far. An interval of less than half a second is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Seconds {
    held: u64,
    judged: u64,
}

impl Seconds {
    /// Judges the next interval. One without a sample counts as one in which the rule did not hold if requests were in
    /// flight, as when the target stalls; else it does not count.
    pub(super) fn absorb(
        &mut self,
        rule: SecondRule,
        aggregate: Aggregate,
        interval: &Interval,
        tally: &Tally,
    ) {
        if interval.is_tail() {
            return;
        }
        let reading = tally.read(aggregate);
        let is_measured = reading.samples > 0 || may_be_of_nothing(aggregate);
        match reading.value.filter(|_| is_measured) {
            Some(value) => {
                self.judged += 1;
                self.held += u64::from(rule.comparator.holds(&value, &rule.limit));
            }
            None if interval.load.in_flight_milli > 0 => self.judged += 1,
            None => {}
        }
    }

    /// The share of seconds in which the rule held; the samples are the seconds.
    pub(super) fn read(&self) -> Reading {
        let share = self.held as f64 / self.judged as f64;
        Reading {
            value: (self.judged > 0).then_some(share),
            samples: self.judged,
        }
    }
}
