//! Summaries of a histogram: a row of numbers and a curve.

use hdrhistogram::Histogram;

use crate::units::Micros;

/// A distribution as a row of numbers; all zero if nothing was recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// The number of recorded times.
    pub count: u64,
    /// The shortest.
    pub min: Micros,
    /// The arithmetic mean, in µs.
    pub mean: f64,
    /// 50 of 100 lie at or below.
    pub p50: Micros,
    /// 75 of 100 lie at or below.
    pub p75: Micros,
    /// 90 of 100 lie at or below.
    pub p90: Micros,
    /// 95 of 100 lie at or below.
    pub p95: Micros,
    /// 99 of 100 lie at or below.
    pub p99: Micros,
    /// 999 of 1,000 lie at or below.
    pub p99_9: Micros,
    /// The longest.
    pub max: Micros,
}

impl Stats {
    /// Nothing was recorded.
    pub const NONE: Self = Self {
        count: 0,
        min: Micros::ZERO,
        mean: 0.0,
        p50: Micros::ZERO,
        p75: Micros::ZERO,
        p90: Micros::ZERO,
        p95: Micros::ZERO,
        p99: Micros::ZERO,
        p99_9: Micros::ZERO,
        max: Micros::ZERO,
    };

    /// The numbers of a histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::NONE;
        }
        let [p50, p75, p90, p95, p99, p99_9] =
            quantiles(histogram, [0.50, 0.75, 0.90, 0.95, 0.99, 0.999]);
        Self {
            count: histogram.len(),
            min: Micros(histogram.min()),
            mean: histogram.mean(),
            p50,
            p75,
            p90,
            p95,
            p99,
            p99_9,
            max: Micros(histogram.max()),
        }
    }

    /// The numbers, or `None` if nothing was recorded.
    pub fn recorded(&self) -> Option<&Self> {
        (self.count > 0).then_some(self)
    }
}

/// A point of a percentile curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// log₁₀ 1/(1−q): 1 is p90, 2 is p99, 3 is p99.9.
    pub nines: f64,
    /// The time at that quantile.
    pub time: Micros,
}

/// The curve of a distribution over log₁₀ 1/(1−q), from the minimum up to where fewer than ten samples remain above:
/// n(1−q) < 10. Beyond that a quantile depends on a few requests.
pub fn curve(histogram: &Histogram<u64>, steps_per_decade: u32) -> Vec<CurvePoint> {
    const LEFT_ABOVE: f64 = 10.0;
    let last = (histogram.len() as f64 / LEFT_ABOVE).log10();
    if !last.is_finite() || last <= 0.0 {
        return Vec::new();
    }
    let steps = (last * f64::from(steps_per_decade)).floor() as u32;
    let nines: Vec<f64> = (0..=steps)
        .map(|step| f64::from(step) / f64::from(steps_per_decade))
        .chain((last > f64::from(steps) / f64::from(steps_per_decade)).then_some(last))
        .collect();
    let positions: Vec<f64> = nines.iter().map(|nines| 1.0 - 10f64.powf(-nines)).collect();
    let times = walk(histogram, &positions);
    nines
        .into_iter()
        .zip(times)
        .map(|(nines, time)| CurvePoint { nines, time })
        .collect()
}

/// The times at some quantiles; zero if nothing was recorded.
pub fn quantiles<const N: usize>(histogram: &Histogram<u64>, positions: [f64; N]) -> [Micros; N] {
    // The upper edge of a bin can be above the longest recorded time.
    positions.map(|q| Micros(histogram.value_at_quantile(q).min(histogram.max())))
}

/// The times at ascending quantiles, in one pass over the histogram.
fn walk(histogram: &Histogram<u64>, ascending: &[f64]) -> Vec<Micros> {
    let total = histogram.len();
    let mut times = Vec::with_capacity(ascending.len());
    // The k-th smallest is at quantile k/n: the rank is rounded up, and at least 1.
    let mut ranks = ascending
        .iter()
        .map(|q| ((q * total as f64) - 1e-9).ceil().max(1.0) as u64)
        .peekable();
    let mut seen = 0;
    for bin in histogram.iter_recorded() {
        seen += bin.count_at_value();
        while ranks.next_if(|rank| *rank <= seen).is_some() {
            times.push(Micros(
                histogram
                    .highest_equivalent(bin.value_iterated_to())
                    .min(histogram.max()),
            ));
        }
    }
    times.resize(ascending.len(), Micros(histogram.max()));
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram;

    fn of(times: impl Iterator<Item = u64>) -> Histogram<u64> {
        let mut all = histogram::empty();
        times.for_each(|time| histogram::record(&mut all, Micros(time)));
        all
    }

    #[test]
    fn one_pass_agrees_with_the_histogram_itself() {
        let all = of((1..=20_000).map(|i| i * 7 % 900_000 + 1));
        for q in [0.0, 0.01, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0] {
            assert_eq!(walk(&all, &[q]), quantiles(&all, [q]), "{q}");
        }
    }

    #[test]
    fn a_curve_stops_where_ten_samples_are_left() {
        let points = curve(&of(1..=10_000), 10);
        let last = points.last().expect("10,000 samples make a curve");
        assert!((last.nines - 3.0).abs() < 1e-9, "{last:?}");
        assert!(points.windows(2).all(|pair| pair[0].time <= pair[1].time));
        assert!(curve(&of(1..=10), 10).is_empty());
        assert!(curve(&histogram::empty(), 10).is_empty());
    }

    #[test]
    fn nothing_recorded_is_all_zero() {
        assert_eq!(Stats::of(&histogram::empty()), Stats::NONE);
        let one = Stats::of(&of([1_000].into_iter()));
        assert_eq!(
            (one.count, one.p50, one.max),
            (1, Micros(1_000), Micros(1_000))
        );
    }
}
