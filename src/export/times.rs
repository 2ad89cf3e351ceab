//! Histograms of times for other systems: classic buckets with fixed bounds, and exponential ones.
//!
//! Each time is taken as the middle of its bin, which is at most 0.05 % away from it; counts are exact. A quantile that a
//! receiver reads from the exponential buckets is off by the width of a bucket at most, 2.2 %.

use std::collections::BTreeMap;

use crate::record::Bins;
use crate::record::bins::middle_of;

/// The bounds of the classic buckets, in µs; each bucket includes its bound.
pub(super) const BOUNDS: [u64; 16] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Exponential buckets grow by 2^(1/32): schema 5 of Prometheus, scale 5 of OTLP.
pub(super) const SCALE: i32 = 5;

/// Times since the load began.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Times {
    /// Counts of the classic buckets, not cumulative; longer times are in `count` alone.
    classic: [u64; BOUNDS.len()],
    /// Counts of the exponential buckets, by the index of their upper bound: 2^(index/32) seconds.
    exponential: BTreeMap<i32, u64>,
    /// Times of 0 µs.
    zero: u64,
    count: u64,
    sum_us: u64,
}

impl Times {
    pub(super) fn add(&mut self, bins: &Bins) {
        for (bin, count) in bins.iter() {
            let middle = middle_of(bin);
            if let Some(bucket) = BOUNDS.iter().position(|bound| middle <= *bound) {
                self.classic[bucket] += count;
            }
            if middle == 0 {
                self.zero += count;
            } else {
                *self.exponential.entry(bucket_of(middle)).or_default() += count;
            }
            self.count += count;
            self.sum_us += middle * count;
        }
    }

    /// The number of times.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum, in seconds.
    pub(super) fn sum(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }

    /// Times of zero.
    pub(super) const fn zero(&self) -> u64 {
        self.zero
    }

    /// Upper bounds in seconds and the number of times up to them, ascending.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e6);
        bounds.zip(self.classic.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))
    }

    /// The exponential buckets that hold times, ascending: the index of the upper bound, and the count.
    pub(super) fn exponential(&self) -> impl Iterator<Item = (i32, u64)> {
        self.exponential
            .iter()
            .map(|(index, count)| (*index, *count))
    }
}

/// The index of the exponential bucket of a time in µs, which is above zero: the least with time ≤ 2^(index/32) s.
fn bucket_of(micros: u64) -> i32 {
    let seconds = micros as f64 / 1e6;
    (seconds.log2() * f64::from(1 << SCALE)).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Micros;

    #[test]
    fn each_time_is_in_the_bucket_of_its_size() {
        let mut bins = Bins::default();
        let times = [
            0,
            1,
            499,
            500,
            501,
            1_000_000,
            1_000_700,
            61_000_000,
            3_600_000_000,
        ];
        for time in times {
            bins.record(Micros(time));
        }
        let mut sum = Times::default();
        sum.add(&bins);
        sum.add(&bins);
        assert_eq!((sum.count(), sum.zero()), (18, 2));
        let up_to: Vec<u64> = sum.cumulative().map(|(_, count)| count).collect();
        assert_eq!((up_to[0], up_to[1], up_to[15]), (8, 10, 14));
        assert_eq!(sum.exponential().map(|(_, count)| count).sum::<u64>(), 16);
        for time in times.into_iter().skip(1) {
            let index = f64::from(bucket_of(time));
            let seconds = time as f64 / 1e6;
            let (over, upper) = (((index - 1.0) / 32.0).exp2(), (index / 32.0).exp2());
            assert!(over < seconds && seconds <= upper * (1.0 + 1e-12), "{time}");
        }
        let exact: u64 = times.iter().sum::<u64>() * 2;
        assert!((sum.sum() / (exact as f64 / 1e6) - 1.0).abs() < 5e-4);
    }
}
