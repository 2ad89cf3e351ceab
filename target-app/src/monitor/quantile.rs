//! Quantiles of the durations recorded between two snapshots.

use crate::metrics::RecordedTimes;

/// Counts by duration in nanoseconds; a duration stands for values at most 1 % below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Distribution {
    counts: std::collections::BTreeMap<u64, u64>,
}

impl Distribution {
    pub(super) fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Adds the durations of a series.
    pub(super) fn add(&mut self, series: &RecordedTimes) {
        for (time, count) in &series.counts {
            *self.counts.entry(*time).or_default() += count;
        }
    }

    /// The durations recorded since `before`.
    pub(super) fn since(mut self, before: &Self) -> Self {
        self.counts.retain(|time, count| {
            *count = count.saturating_sub(before.counts.get(time).copied().unwrap_or_default());
            *count > 0
        });
        self
    }

    /// The quantile `q` in [0, 1] in milliseconds: the value of rank ⌈q·n⌉, at least the first; `None` without values.
    pub(super) fn milliseconds(&self, q: f64) -> Option<f64> {
        let rank = ((q * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map(|(time, _)| *time as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[(u64, u64)]) -> Distribution {
        let mut distribution = Distribution::default();
        distribution.add(&RecordedTimes {
            label: ("route", "/".to_owned()),
            counts: counts.to_vec(),
        });
        distribution
    }

    #[test]
    fn a_quantile_is_the_value_of_its_rank() {
        let times = of(&[(1_000_000, 94), (80_000_000, 5), (900_000_000, 1)]);
        for (q, expected) in [
            (0.0, 1.0),
            (0.5, 1.0),
            (0.94, 1.0),
            (0.95, 80.0),
            (0.99, 80.0),
            (1.0, 900.0),
        ] {
            assert_eq!(times.milliseconds(q), Some(expected), "{q}");
        }
        assert_eq!(Distribution::default().milliseconds(0.5), None);
    }

    #[test]
    fn only_values_between_two_snapshots_count() {
        let before = of(&[(1_000_000, 90), (2_000_000, 10)]);
        let now = of(&[(1_000_000, 90), (2_000_000, 20), (3_000_000, 1)]);
        let between = now.clone().since(&before);
        assert_eq!(between, of(&[(2_000_000, 10), (3_000_000, 1)]));
        assert_eq!(now.clone().since(&Distribution::default()), now);
    }
}
