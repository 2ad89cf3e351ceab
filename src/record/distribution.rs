//! The observations of a histogram of the target: buckets that can be added, and quantiles of their sums.

use serde::{Deserialize, Serialize};

use crate::units::Micros;

/// The observations of a histogram between scrapes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The sum of the observations.
    pub sum: f64,
    /// The time between the scrapes.
    pub over: Micros,
    /// The buckets with observations, in ascending order.
    pub buckets: Vec<Bucket>,
}

/// A bucket: its lower and upper bound, and the number of observations in it. An infinite bound is `None`.
pub type Bucket = (Option<f64>, Option<f64>, f64);

impl Distribution {
    /// The number of observations.
    pub fn count(&self) -> f64 {
        self.buckets.iter().map(|(_, _, count)| count).sum()
    }

    /// Observations per second; `None` without time.
    pub fn rate(&self) -> Option<f64> {
        divided(self.count(), self.over.as_secs_f64())
    }

    /// Adds later observations.
    pub fn absorb(&mut self, later: &Self) {
        self.sum += later.sum;
        self.over += later.over;
        for &(low, high, count) in &later.buckets {
            let place = self.buckets.binary_search_by(|(known, bound, _)| {
                order(*known, *bound).total_cmp_to(order(low, high))
            });
            match place {
                Ok(index) => self.buckets[index].2 += count,
                Err(index) => self.buckets.insert(index, (low, high, count)),
            }
        }
    }

    /// The value at a quantile, by linear interpolation in its bucket; `None` without observations. The true value is in
    /// the same bucket, so the error is less than its width. In the bucket without an upper bound it is the lower one.
    /// Source: `histogram_quantile` of Prometheus.
    pub fn at_quantile(&self, quantile: f64) -> Option<f64> {
        let (bucket, below) = self.bucket_at(quantile)?;
        let rank = quantile * self.count();
        Some(match bucket {
            (Some(low), Some(high), count) => {
                low + (high - low) * ((rank - below) / count).clamp(0.0, 1.0)
            }
            (Some(edge), None, _) | (None, Some(edge), _) => edge,
            (None, None, _) => return None,
        })
    }

    /// The bounds of the bucket at a quantile; `None` without observations.
    pub fn bounds_at(&self, quantile: f64) -> Option<(Option<f64>, Option<f64>)> {
        let ((low, high, _), _) = self.bucket_at(quantile)?;
        Some((low, high))
    }

    /// The bucket at a quantile, and the number of observations below it.
    fn bucket_at(&self, quantile: f64) -> Option<(Bucket, f64)> {
        let rank = quantile * self.count();
        let mut below = 0.0;
        let filled = self.buckets.iter().filter(|(_, _, count)| *count > 0.0);
        let mut last = None;
        for &bucket in filled {
            last = Some((bucket, below));
            if below + bucket.2 >= rank {
                break;
            }
            below += bucket.2;
        }
        last
    }
}

/// The place of a bucket: by its upper bound, then by its lower one.
#[derive(Clone, Copy)]
struct Place(f64, f64);

fn order(low: Option<f64>, high: Option<f64>) -> Place {
    Place(
        high.unwrap_or(f64::INFINITY),
        low.unwrap_or(f64::NEG_INFINITY),
    )
}

impl Place {
    fn total_cmp_to(self, other: Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.total_cmp(&other.1))
    }
}

/// A quotient; `None` if it is undefined.
pub(super) fn divided(numerator: f64, divisor: f64) -> Option<f64> {
    (divisor > 0.0).then(|| numerator / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = Micros(1_000_000);

    fn distribution(buckets: &[Bucket]) -> Distribution {
        Distribution {
            sum: 0.0,
            over: SECOND,
            buckets: buckets.to_vec(),
        }
    }

    #[test]
    fn a_quantile_is_interpolated_in_its_bucket_as_prometheus_does() {
        let low = distribution(&[(Some(0.0), Some(1.0), 10.0), (Some(1.0), Some(2.0), 10.0)]);
        let mut all = low.clone();
        assert_eq!(all.at_quantile(0.5), Some(1.0));
        assert_eq!(all.at_quantile(0.75), Some(1.5));
        assert_eq!(all.bounds_at(0.75), Some((Some(1.0), Some(2.0))));
        all.absorb(&distribution(&[
            (Some(1.0), Some(2.0), 10.0),
            (Some(2.0), None, 10.0),
        ]));
        assert_eq!(all.buckets.len(), 3);
        assert_eq!(all.at_quantile(0.5), Some(1.5));
        // Beyond the last bound nothing is known but that bound.
        assert_eq!(all.at_quantile(0.99), Some(2.0));
        assert_eq!(distribution(&[]).at_quantile(0.5), None);
    }
}
