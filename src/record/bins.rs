//! The times of one second as a sparse histogram. One second of a series fills only some dozens of a histogram's
//! thousands of bins, so the cost of writing, reading and adding depends on the recorded times only.
//!
//! A bin is an index into the counts of a histogram as in [`super::histogram`]: each value below 2,048 has its own
//! bin, and every further power of two is divided into 1,024.

use hdrhistogram::Histogram;

use super::histogram::{self, LONGEST};
use crate::units::Micros;

/// Bins per power of two, as needed for 3 significant digits.
const HALF: u64 = 1_024;

/// The bin of a value.
pub(super) const fn bin_of(value: u64) -> u32 {
    let shift = (value | HALF).ilog2() - HALF.ilog2();
    (((shift as u64) << HALF.ilog2()) + (value >> shift)) as u32
}

/// The lowest and the highest value of a bin.
pub const fn range_of(bin: u32) -> (u64, u64) {
    let bin = bin as u64;
    let shift = (bin >> HALF.ilog2()).saturating_sub(1);
    let lowest = (bin - (shift << HALF.ilog2())) << shift;
    (lowest, lowest + (1 << shift) - 1)
}

/// The middle of a bin; it differs from each time in the bin by at most 0.05 %.
pub const fn middle_of(bin: u32) -> u64 {
    let (lowest, highest) = range_of(bin);
    lowest + (highest + 1 - lowest) / 2
}

/// The last bin for a time.
pub const LAST: u32 = bin_of(LONGEST.0);

/// Non-empty bins and their counts, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bins {
    /// Bin and count.
    counts: Vec<(u32, u32)>,
    total: u64,
}

impl Bins {
    /// Counts one time.
    pub fn record(&mut self, time: Micros) {
        self.record_number(time.min(LONGEST).0);
    }

    /// Counts one number.
    pub(super) fn record_number(&mut self, number: u64) {
        let bin = bin_of(number);
        match self.counts.binary_search_by_key(&bin, |(bin, _)| *bin) {
            Ok(place) => self.counts[place].1 = self.counts[place].1.saturating_add(1),
            Err(place) => self.counts.insert(place, (bin, 1)),
        }
        self.total += 1;
    }

    /// Empty, with capacity for this many bins.
    pub(super) fn with_capacity(bins: usize) -> Self {
        Self {
            counts: Vec::with_capacity(bins),
            total: 0,
        }
    }

    /// Adds a count to the last bin or to a later one.
    pub(super) fn add(&mut self, bin: u32, count: u64) {
        if let Some((last, hits)) = self.counts.last_mut()
            && *last == bin
            && let Some(sum) = u32::try_from(count)
                .ok()
                .and_then(|count| hits.checked_add(count))
        {
            *hits = sum;
            self.total += count;
        } else {
            self.push(bin, count);
        }
    }

    /// Adds a count to a bin that does not exist yet.
    pub(super) fn push(&mut self, bin: u32, count: u64) {
        let mut rest = count;
        while rest > 0 {
            let part = u32::try_from(rest).unwrap_or(u32::MAX);
            self.counts.push((bin, part));
            rest -= u64::from(part);
        }
        self.total = self.total.saturating_add(count);
    }

    /// Adds every count of other times.
    pub fn merge(&mut self, other: &Self) {
        let own = std::mem::take(self);
        self.counts.reserve(own.counts.len() + other.counts.len());
        let (mut left, mut right) = (own.iter().peekable(), other.iter().peekable());
        loop {
            let (left_bin, right_bin) = (left.peek(), right.peek());
            let next = match (left_bin, right_bin) {
                (Some((bin, _)), Some((other, _))) if bin <= other => left.next(),
                (Some(_), None) => left.next(),
                (_, Some(_)) => right.next(),
                (None, None) => break,
            };
            if let Some((bin, count)) = next {
                self.add(bin, count);
            }
        }
    }

    /// Bins and their counts, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.counts
            .iter()
            .map(|&(bin, count)| (bin, u64::from(count)))
    }

    /// The bin of each time, in ascending order.
    pub(super) fn times(&self) -> impl Iterator<Item = u32> {
        self.counts
            .iter()
            .flat_map(|&(bin, count)| std::iter::repeat_n(bin, count as usize))
    }

    /// The number of non-empty bins.
    pub(super) const fn distinct(&self) -> u64 {
        self.counts.len() as u64
    }

    /// The highest value of each bin and its count, in ascending order.
    pub fn values(&self) -> impl Iterator<Item = (u64, u64)> {
        self.iter().map(|(bin, count)| (range_of(bin).1, count))
    }

    /// The number of recorded times.
    pub const fn len(&self) -> u64 {
        self.total
    }

    /// True if no time was recorded.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The longest time, as the highest value of its bin; zero if empty.
    pub fn max(&self) -> u64 {
        self.counts.last().map_or(0, |(bin, _)| range_of(*bin).1)
    }

    /// The shortest time, as the lowest value of its bin; zero if empty.
    pub fn min(&self) -> u64 {
        self.counts.first().map_or(0, |(bin, _)| range_of(*bin).0)
    }

    /// The time at a quantile above zero, equal to [`Histogram::value_at_quantile`].
    pub fn value_at_quantile(&self, quantile: f64) -> u64 {
        let [value] = self.values_at_quantiles([quantile]);
        value
    }

    /// The times at several ascending quantiles, in one pass from the end because most callers need the tail.
    pub fn values_at_quantiles<const N: usize>(&self, ascending: [f64; N]) -> [u64; N] {
        let mut values = [self.min(); N];
        let mut bins = self.counts.iter().rev().peekable();
        // The number of times above the next bin.
        let mut above = 0;
        for (value, quantile) in values.iter_mut().zip(ascending).rev() {
            let rank = ((quantile.min(1.0) * self.total as f64).ceil() as u64).max(1);
            while let Some(&&(bin, count)) = bins.peek() {
                if above + u64::from(count) > self.total.saturating_sub(rank) {
                    *value = range_of(bin).1;
                    break;
                }
                above += u64::from(count);
                bins.next();
            }
        }
        values
    }

    /// The histogram of these times.
    pub fn to_histogram(&self) -> Histogram<u64> {
        let mut histogram = histogram::empty();
        histogram::merge(&mut histogram, self);
        histogram
    }
}

/// A dense sum of bins, for adding up many seconds.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    /// Count by bin.
    counts: Vec<u64>,
    total: u64,
}

impl Sum {
    /// Counts one time.
    pub(super) fn record(&mut self, time: Micros) {
        let bin = bin_of(time.min(LONGEST).0) as usize;
        self.reach(bin);
        self.counts[bin] += 1;
        self.total += 1;
    }

    /// Adds every count.
    pub fn add(&mut self, bins: &Bins) {
        if let Some(&(last, _)) = bins.counts.last() {
            self.reach(last as usize);
        }
        for (bin, count) in bins.iter() {
            self.counts[bin as usize] += count;
        }
        self.total += bins.total;
    }

    /// Subtracts every count. The counts must have been added before.
    pub fn subtract(&mut self, bins: &Bins) {
        for (bin, count) in bins.iter() {
            self.counts[bin as usize] -= count;
        }
        self.total -= bins.total;
    }

    /// The number of recorded times.
    pub const fn len(&self) -> u64 {
        self.total
    }

    /// True if no time was recorded.
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The shortest time, as the lowest value of its bin; zero if empty.
    pub fn min(&self) -> u64 {
        self.iter().next().map_or(0, |(bin, _)| range_of(bin).0)
    }

    /// The longest time, as the highest value of its bin; zero if empty.
    pub fn max(&self) -> u64 {
        let last = self.iter().next_back();
        last.map_or(0, |(bin, _)| range_of(bin).1)
    }

    /// The time at a quantile above zero, equal to [`Histogram::value_at_quantile`].
    pub fn value_at_quantile(&self, quantile: f64) -> u64 {
        let rank = ((quantile.min(1.0) * self.total as f64).ceil() as u64).max(1);
        let mut from_here = 0;
        for (bin, count) in self.iter().rev() {
            from_here += count;
            if from_here > self.total.saturating_sub(rank) {
                return range_of(bin).1;
            }
        }
        0
    }

    /// The arithmetic mean, with each time taken as the middle of its bin, equal to [`Histogram::mean`].
    pub fn mean(&self) -> f64 {
        self.iter().fold(0.0, |sum, (bin, count)| {
            sum + middle_of(bin) as f64 * count as f64 / self.total as f64
        })
    }

    /// The standard deviation, equal to [`Histogram::stdev`]; zero if empty.
    pub fn standard_deviation(&self) -> f64 {
        let mean = self.mean();
        let squares = self.iter().fold(0.0, |sum, (bin, count)| {
            let off = middle_of(bin) as f64 - mean;
            sum + (off * off) * count as f64
        });
        (squares / self.total.max(1) as f64).sqrt()
    }

    /// The number of times up to this one, including times in the same bin.
    pub fn count_up_to(&self, time: Micros) -> u64 {
        let bins = bin_of(time.min(LONGEST).0) as usize + 1;
        self.counts.iter().take(bins).sum()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, u64)> {
        let bins = self.counts.iter().enumerate();
        bins.filter(|(_, count)| **count > 0)
            .map(|(bin, &count)| (bin as u32, count))
    }

    /// The histogram of these times.
    pub fn to_histogram(&self) -> Histogram<u64> {
        self.bins().to_histogram()
    }

    /// The non-empty bins.
    pub fn bins(&self) -> Bins {
        let mut bins = Bins::default();
        self.iter().for_each(|(bin, count)| bins.push(bin, count));
        bins
    }

    /// Moves the non-empty bins out; the sum is empty afterwards and keeps its memory.
    pub fn take(&mut self) -> Bins {
        let bins = self.bins();
        self.counts.fill(0);
        self.total = 0;
        bins
    }

    /// Grows the counts up to this bin.
    fn reach(&mut self, bin: usize) {
        if bin >= self.counts.len() {
            // Grows by whole powers of two, so that it happens rarely.
            let length = (bin + 1).next_multiple_of(HALF as usize);
            self.counts.resize(length, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compares with the histogram of the crate, which must give the same results.
        #[test]
        fn bins_answer_as_the_histogram_of_the_same_times(
            times in prop::collection::vec(prop_oneof![0_u64..5_000, 0_u64..5_000_000_000], 1..300),
            quantile in 0.001..1.0_f64,
        ) {
            let mut histogram = histogram::empty();
            let mut bins = Bins::default();
            let mut sum = Sum::default();
            for &time in &times {
                histogram::record(&mut histogram, Micros(time));
                bins.record(Micros(time));
                sum.record(Micros(time));
            }
            let values = [0.5, quantile].map(|quantile| sum.value_at_quantile(quantile));
            prop_assert_eq!(values, [0.5, quantile].map(|quantile| histogram.value_at_quantile(quantile)));
            prop_assert_eq!((sum.min(), sum.max()), (histogram.min(), histogram.max()));
            prop_assert_eq!(sum.mean().to_bits(), histogram.mean().to_bits());
            prop_assert_eq!(sum.standard_deviation().to_bits(), histogram.stdev().to_bits());
            let limit = times[0];
            prop_assert_eq!(sum.count_up_to(Micros(limit)), histogram.count_between(0, limit.min(LONGEST.0)));
            let mut twice = sum.clone();
            twice.add(&bins);
            twice.subtract(&bins);
            prop_assert_eq!(&twice.bins(), &bins);
            prop_assert_eq!(&sum.take(), &bins);
            let (mut early, mut late) = (Bins::default(), Bins::default());
            for (index, &time) in times.iter().enumerate() {
                let half = if index % 3 == 0 { &mut early } else { &mut late };
                half.record(Micros(time));
            }
            early.merge(&late);
            prop_assert_eq!(&early, &bins);
            prop_assert!(sum.is_empty() && sum.bins().is_empty());
            prop_assert_eq!(&bins.to_histogram(), &histogram);
            prop_assert_eq!(bins.len(), histogram.len());
            prop_assert_eq!((bins.min(), bins.max()), (histogram.min(), histogram.max()));
            let quantiles = [quantile / 2.0, quantile, 1.0];
            let expected = quantiles.map(|quantile| histogram.value_at_quantile(quantile));
            prop_assert_eq!(bins.values_at_quantiles(quantiles), expected);
            let values: Vec<_> = histogram
                .iter_recorded()
                .map(|bin| (histogram.highest_equivalent(bin.value_iterated_to()), bin.count_at_value()))
                .collect();
            prop_assert_eq!(bins.values().collect::<Vec<_>>(), values);
        }
    }
}
