//! A histogram of timer lateness with a few fixed buckets: small enough to record every second, and fine enough for a
//! p99.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::units::Micros;

/// The upper bounds of the buckets; the last bucket has none.
const BOUNDS: [Micros; 12] = [
    Micros(1_000),
    Micros(2_000),
    Micros(5_000),
    Micros(10_000),
    Micros(20_000),
    Micros(50_000),
    Micros(100_000),
    Micros(200_000),
    Micros(500_000),
    Micros(1_000_000),
    Micros(2_000_000),
    Micros(5_000_000),
];

/// Wake-ups counted by their lateness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WakeUps([u32; WakeUps::CLASSES]);

impl WakeUps {
    /// The number of buckets.
    pub const CLASSES: usize = BOUNDS.len() + 1;

    /// The bucket of a lateness.
    pub fn class(late: Micros) -> usize {
        BOUNDS.partition_point(|bound| *bound < late)
    }

    /// Wake-ups per bucket.
    pub const fn of(counts: [u32; Self::CLASSES]) -> Self {
        Self(counts)
    }

    /// The number of wake-ups.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&count| u64::from(count)).sum()
    }

    /// The bucket that contains the 99th percentile: later than the first bound, and at most the second. With fewer
    /// than a hundred wake-ups the latest is still left out, since a single one may be chance. `None` without
    /// wake-ups.
    pub fn p99(&self) -> Option<(Micros, Micros)> {
        let count = self.count();
        let rank = count - (count / 100).max(1).min(count.saturating_sub(1));
        let mut below = 0;
        let class = self.0.iter().position(|&count| {
            below += u64::from(count);
            count > 0 && below >= rank
        })?;
        let lower = class.checked_sub(1).map_or(Micros::ZERO, |i| BOUNDS[i]);
        Some((
            lower,
            BOUNDS.get(class).copied().unwrap_or(Micros(u64::MAX)),
        ))
    }
}

impl AddAssign for WakeUps {
    fn add_assign(&mut self, other: Self) {
        for (sum, part) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_that_of_the_times_to_within_their_class() {
        let mut wake_ups = WakeUps::default();
        assert_eq!(wake_ups.p99(), None);
        let mut add = |count: u32, late: u64| {
            let mut counts = [0; WakeUps::CLASSES];
            counts[WakeUps::class(Micros(late))] = count;
            wake_ups += WakeUps::of(counts);
            wake_ups.p99()
        };
        assert_eq!(add(98, 900), Some((Micros(0), Micros(1_000))));
        assert_eq!(add(1, 5_000), Some((Micros(0), Micros(1_000))));
        assert_eq!(add(1, 50_001), Some((Micros(2_000), Micros(5_000))));
        assert_eq!(add(2, 50_001), Some((Micros(50_000), Micros(100_000))));
        let never = Micros(u64::MAX);
        assert_eq!(add(50, 3_600_000_000), Some((Micros(5_000_000), never)));
    }
}
