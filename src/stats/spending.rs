//! How much of the error rate each look at unfinished results may use.

use super::{CONFIDENCE, normal_cdf, normal_quantile};

/// Looks at equal distances, the last of them at the planned end.
///
/// The error rate is spent as O'Brien and Fleming's boundaries do: almost nothing early. Source: Lan and `DeMets`,
/// Biometrika 70 (1983). Each look is tested at what it adds to the rate spent, so that the rate holds for any
/// dependence between the looks, at the price of some power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// Pairs at the first look.
    pub first: u32,
    /// Pairs at the last look.
    pub last: u32,
}

impl Spending {
    /// Looks after each pair from the third on.
    pub const fn each_pair_of(pairs: u32) -> Self {
        Self {
            first: if pairs < 3 { pairs } else { 3 },
            last: pairs,
        }
    }

    /// The confidence of an interval at the look after this many pairs; `None` if there is no look then.
    pub fn confidence(self, pairs: u32) -> Option<f64> {
        if pairs < self.first || pairs > self.last {
            return None;
        }
        let before = if pairs == self.first {
            0.0
        } else {
            self.spent(pairs - 1)
        };
        Some(1.0 - (self.spent(pairs) - before))
    }

    /// The error rate spent up to this look: 2 − 2Φ(z₁₋α⸝₂ / √t).
    fn spent(self, pairs: u32) -> f64 {
        let part = f64::from(pairs) / f64::from(self.last);
        let z = normal_quantile(f64::midpoint(1.0, CONFIDENCE));
        2.0 - 2.0 * normal_cdf(z / part.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_looks_together_spend_the_error_rate() {
        let looks = Spending::each_pair_of(6);
        let rates: Vec<f64> = (3..=6)
            .map(|pairs| 1.0 - looks.confidence(pairs).expect("a look"))
            .collect();
        assert!((rates.iter().sum::<f64>() - 0.05).abs() < 1e-9, "{rates:?}");
        assert!(rates.windows(2).all(|two| two[0] < two[1]), "{rates:?}");
        assert_eq!((looks.confidence(2), looks.confidence(7)), (None, None));
    }
}
