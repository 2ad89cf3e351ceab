//! Correlation of ranks between two series over time.

use super::two_sided;

/// A rank correlation and its evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankCorrelation {
    /// Spearman's ρ, between −1 and 1.
    pub rho: f64,
    /// The number of pairs.
    pub pairs: usize,
    /// The number of independent pairs that say as much: neighbours in time are alike.
    pub effective: f64,
    /// The probability of a |ρ| at least this large if there is no correlation.
    pub p: f64,
}

impl RankCorrelation {
    /// The correlation of pairs in order of time; `None` for fewer than four pairs, and if a side never changes.
    ///
    /// Student's t with n′ − 2 degrees of freedom, where n′ = n (1 − r) / (1 + r), and r is the autocorrelation of the
    /// residuals at lag 1. Sources: Spearman, American Journal of Psychology 15 (1904); Santer et al., Journal of
    /// Geophysical Research 105 (2000), for the effective number.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        if pairs.len() < 4 {
            return None;
        }
        let x = centred_ranks(pairs.iter().map(|pair| pair.0));
        let y = centred_ranks(pairs.iter().map(|pair| pair.1));
        let (xx, yy) = (product(&x, &x), product(&y, &y));
        if xx <= 0.0 || yy <= 0.0 {
            return None;
        }
        let rho = (product(&x, &y) / (xx * yy).sqrt()).clamp(-1.0, 1.0);
        let slope = product(&x, &y) / xx;
        let rest: Vec<f64> = x.iter().zip(&y).map(|(x, y)| y - slope * x).collect();
        let r = lag_one(&rest).clamp(0.0, 0.999);
        let count = pairs.len() as f64;
        let effective = count * (1.0 - r) / (1.0 + r);
        let df = effective - 2.0;
        let t = rho * (df.max(0.0) / (1.0 - rho * rho).max(1e-12)).sqrt();
        Some(Self {
            rho,
            pairs: pairs.len(),
            effective,
            p: two_sided(t, df),
        })
    }
}

/// The autocorrelation at lag 1 of numbers whose mean is zero.
fn lag_one(values: &[f64]) -> f64 {
    let all = product(values, values);
    if all <= 0.0 {
        return 0.0;
    }
    product(&values[1..], values) / all
}

fn product(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

/// Ranks minus their mean; equal numbers share the mean of their ranks.
fn centred_ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&left, &right| values[left].total_cmp(&values[right]));
    let mean = (values.len() as f64 - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for equal in order.chunk_by(|&left, &right| values[left].total_cmp(&values[right]).is_eq()) {
        let rank = from as f64 + (equal.len() as f64 - 1.0) / 2.0 - mean;
        for &index in equal {
            ranks[index] = rank;
        }
        from += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rho_is_that_of_the_textbook() {
        // R: cor(c(106,86,100,101,99,103,97,113,112,110), c(7,0,27,50,28,29,20,12,6,17), method = "spearman"): −0.1757576
        let x = [
            106.0, 86.0, 100.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0,
        ];
        let y = [7.0, 0.0, 27.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        let pairs: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        let found = RankCorrelation::of(&pairs).expect("ten pairs");
        assert!((found.rho + 0.175_757_6).abs() < 1e-6, "{found:?}");
        assert!(found.effective <= 10.0 && found.p > 0.5, "{found:?}");
    }

    #[test]
    fn equal_numbers_share_their_rank() {
        let ranks = centred_ranks([1.0, 2.0, 2.0, 3.0].into_iter());
        let doubled: Vec<i32> = ranks.iter().map(|rank| (rank * 2.0) as i32).collect();
        assert_eq!(doubled, [-3, 0, 0, 3]);
        assert_eq!(RankCorrelation::of(&[(1.0, 1.0); 9]), None);
    }

    #[test]
    fn slow_waves_count_for_less_than_independent_pairs() {
        // Two unrelated waves: 200 pairs, of which neighbours are nearly the same.
        let wave = |t: f64| ((t / 23.0).sin(), (t / 31.0 + 1.0).sin());
        let pairs: Vec<(f64, f64)> = (0..200).map(|t| wave(f64::from(t))).collect();
        let found = RankCorrelation::of(&pairs).expect("pairs");
        assert!(found.effective < 10.0 && found.p > 0.05, "{found:?}");
    }
}
