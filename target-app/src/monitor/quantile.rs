//! Quantiles of what a histogram counted between two looks.
//!
//! Only the bucket of an observation is known. Within it, observations are taken to lie evenly: the quantile of rank
//! `r = q·n` in the bucket `(l, u]` that holds the ranks `a < r ≤ b` is `l + (u − l)·(r − a)/(b − a)`. It is off by the
//! bucket's width at most. Above the last finite bound nothing is known but that bound, which is given then.

use prometheus::proto::Histogram;

/// Observations by upper bound, each bound's count with those of the bounds below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets {
    /// Rising finite upper bounds and the observations up to each.
    up_to: Vec<(f64, u64)>,
    count: u64,
}

impl Buckets {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Adds what `histogram` holds; all histograms of a family have the same bounds.
    pub(super) fn add(&mut self, histogram: &Histogram) {
        self.count += histogram.get_sample_count();
        let finite = histogram.get_bucket().iter();
        let finite = finite.filter(|bucket| bucket.upper_bound().is_finite());
        if self.up_to.is_empty() {
            self.up_to = finite
                .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                .collect();
        } else {
            for ((_, sum), bucket) in self.up_to.iter_mut().zip(finite) {
                *sum += bucket.cumulative_count();
            }
        }
    }

    /// What came since `before`.
    pub(super) fn since(mut self, before: &Self) -> Self {
        self.count = self.count.saturating_sub(before.count);
        for ((_, count), (_, before)) in self.up_to.iter_mut().zip(&before.up_to) {
            *count = count.saturating_sub(*before);
        }
        self
    }

    /// The quantile `q` in [0, 1], in the unit of the observations; `None` without any.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = q * self.count as f64;
        let (mut lower, mut below) = (0.0, 0);
        for &(upper, up_to) in &self.up_to {
            if up_to > below && up_to as f64 >= rank {
                let part = (rank - below as f64) / (up_to - below) as f64;
                return Some(lower + (upper - lower) * part.max(0.0));
            }
            (lower, below) = (upper, up_to);
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(up_to: &[(f64, u64)], count: u64) -> Buckets {
        Buckets {
            up_to: up_to.to_vec(),
            count,
        }
    }

    #[test]
    fn a_quantile_lies_in_its_bucket_in_proportion() {
        let latency = buckets(&[(1.0, 10), (2.0, 30), (4.0, 40)], 40);
        for (q, expected) in [
            (0.0, 0.0),
            (0.125, 0.5),
            (0.25, 1.0),
            (0.5, 1.5),
            (0.75, 2.0),
            (0.875, 3.0),
            (1.0, 4.0),
        ] {
            let found = latency.quantile(q).expect("observations");
            assert!((found - expected).abs() < 1e-9, "{q}: {found}");
        }
    }

    #[test]
    fn empty_buckets_are_stepped_over() {
        let latency = buckets(&[(1.0, 0), (2.0, 0), (4.0, 10), (8.0, 10)], 10);
        assert_eq!(latency.quantile(0.5), Some(3.0));
        assert_eq!(latency.quantile(0.0), Some(2.0));
        assert_eq!(latency.quantile(1.0), Some(4.0));
    }

    #[test]
    fn above_the_last_bound_that_bound_is_given_and_nothing_has_no_quantile() {
        assert_eq!(buckets(&[(1.0, 1), (2.0, 1)], 10).quantile(0.99), Some(2.0));
        assert_eq!(buckets(&[(1.0, 0)], 0).quantile(0.5), None);
        assert_eq!(Buckets::default().quantile(0.5), None);
    }

    #[test]
    fn only_what_came_between_two_looks_counts() {
        let before = buckets(&[(1.0, 90), (2.0, 100)], 100);
        let now = buckets(&[(1.0, 90), (2.0, 110)], 110);
        let between = now.clone().since(&before);
        assert_eq!(between, buckets(&[(1.0, 0), (2.0, 10)], 10));
        assert_eq!(between.quantile(0.5), Some(1.5));
        assert_eq!(now.clone().since(&Buckets::default()), now);
    }
}
