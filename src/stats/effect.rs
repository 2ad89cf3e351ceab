//! An estimated difference between two sides, with its error.

use super::{CONFIDENCE, POWER, mean, t_quantile, two_sided, variance};

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Bounds {
    /// True if it contains the value.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// The estimated difference B − A, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The estimate.
    pub change: f64,
    /// Its standard error.
    pub error: f64,
    /// The degrees of freedom of that error.
    pub df: f64,
}

impl Effect {
    /// The effect in pairs, from the difference B − A of each: d̄ with s/√k and k − 1 degrees of freedom. `None` for
    /// fewer than two pairs.
    pub fn of_pairs(differences: &[f64]) -> Option<Self> {
        let pairs = differences.len() as f64;
        Some(Self {
            change: mean(differences)?,
            error: (variance(differences)? / pairs).sqrt(),
            df: pairs - 1.0,
        })
    }

    /// The effect between two groups of runs with the same spread: s√(1/m + 1/k), s pooled, m + k − 2 degrees of
    /// freedom. A side of one run adds nothing to s. `None` for fewer than three runs.
    pub fn of_groups(a: &[f64], b: &[f64]) -> Option<Self> {
        let (runs_a, runs_b) = (a.len() as f64, b.len() as f64);
        let df = runs_a + runs_b - 2.0;
        if df < 1.0 {
            return None;
        }
        let squares = |values: &[f64], runs: f64| variance(values).unwrap_or(0.0) * (runs - 1.0);
        let pooled = (squares(a, runs_a) + squares(b, runs_b)) / df;
        Some(Self {
            change: mean(b)? - mean(a)?,
            error: (pooled * (1.0 / runs_a + 1.0 / runs_b)).sqrt(),
            df,
        })
    }

    /// A difference with several independent sources of error, each a variance and its degrees of freedom. Source of the
    /// combined degrees of freedom: Satterthwaite, Biometrics Bulletin 2 (1946).
    pub fn of_sources(change: f64, sources: &[(f64, f64)]) -> Self {
        let total: f64 = sources.iter().map(|(variance, _)| variance).sum();
        let parts = sources.iter().filter(|(variance, _)| *variance > 0.0);
        let weight: f64 = parts.map(|(variance, df)| variance * variance / df).sum();
        Self {
            change,
            error: total.sqrt(),
            df: if weight > 0.0 {
                total * total / weight
            } else {
                f64::INFINITY
            },
        }
    }

    /// The interval that contains the true difference with this confidence.
    pub fn bounds(self, confidence: f64) -> Bounds {
        let half = t_quantile(0.5 + confidence / 2.0, self.df) * self.error;
        // Without any spread, however few runs, 0 · ∞ is no number.
        let half = if self.error == 0.0 { 0.0 } else { half };
        Bounds {
            low: self.change - half,
            high: self.change + half,
        }
    }

    /// The probability of a difference at least this large if there is none.
    pub fn p_value(self) -> f64 {
        if self.change == 0.0 {
            return 1.0;
        }
        two_sided(self.change / self.error, self.df)
    }

    /// The smallest difference that is found with [`POWER`]: (t₀.₉₇₅ + t₀.₈₀) · error.
    pub fn detectable(self) -> f64 {
        if self.error == 0.0 {
            return 0.0;
        }
        let tail = f64::midpoint(1.0, CONFIDENCE);
        (t_quantile(tail, self.df) + t_quantile(POWER, self.df)) * self.error
    }
}

/// The runs a side needed to detect a difference of this size, if each adds `variance` to the difference and leaves one
/// degree of freedom; `None` if it is over a thousand.
pub fn runs_needed(variance: f64, size: f64) -> Option<u32> {
    (2..=1_000).find(|&runs| {
        let effect = Effect {
            change: 0.0,
            error: (variance / f64::from(runs)).sqrt(),
            df: f64::from(runs - 1),
        };
        effect.detectable() <= size
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_give_the_paired_t_interval() {
        // R: t.test(c(1, 2, 3, 4, 5)): 95 % 1.036757 … 4.963243, p = 0.01324
        let effect = Effect::of_pairs(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("five pairs");
        let bounds = effect.bounds(CONFIDENCE);
        assert!((bounds.low - 1.036_757).abs() < 1e-5, "{bounds:?}");
        assert!((bounds.high - 4.963_243).abs() < 1e-5, "{bounds:?}");
        assert!((effect.p_value() - 0.013_24).abs() < 1e-5);
        assert_eq!(Effect::of_pairs(&[1.0]), None);
    }

    #[test]
    fn groups_give_students_two_sample_interval() {
        // R: t.test(c(4, 6, 5), c(1, 2, 3), var.equal = TRUE): 95 % 0.733 … 5.267
        let effect = Effect::of_groups(&[1.0, 2.0, 3.0], &[4.0, 6.0, 5.0]).expect("six runs");
        let bounds = effect.bounds(CONFIDENCE);
        assert!((bounds.low - 0.733_042).abs() < 1e-4, "{bounds:?}");
        assert!((bounds.high - 5.266_958).abs() < 1e-4, "{bounds:?}");
        // One run against three: the spread of the three, two degrees of freedom.
        let one = Effect::of_groups(&[1.0, 2.0, 3.0], &[2.0]).expect("four runs");
        assert!((one.error - (4.0_f64 / 3.0).sqrt()).abs() < 1e-12 && (one.df - 2.0).abs() < 1e-12);
        assert_eq!(Effect::of_groups(&[1.0], &[2.0]), None);
    }

    #[test]
    fn sources_of_error_add_up() {
        let alike = Effect::of_sources(0.1, &[(2.0, 9.0), (2.0, 9.0)]);
        assert!((alike.error - 2.0).abs() < 1e-12 && (alike.df - 18.0).abs() < 1e-9);
        let one = Effect::of_sources(0.1, &[(2.0, 9.0), (0.0, 3.0)]);
        assert!((one.df - 9.0).abs() < 1e-9);
    }

    #[test]
    fn runs_without_any_spread_are_sure() {
        let same = Effect::of_pairs(&[0.0, 0.0]).expect("two pairs");
        assert_eq!(
            same.bounds(CONFIDENCE),
            Bounds {
                low: 0.0,
                high: 0.0
            }
        );
        assert!((same.p_value() - 1.0).abs() < 1e-12);
        let shifted = Effect::of_pairs(&[0.5, 0.5]).expect("two pairs");
        assert!(shifted.p_value() < 1e-12);
    }

    #[test]
    fn more_runs_detect_less() {
        let (coarse, fine) = (runs_needed(1.0, 2.0), runs_needed(1.0, 1.0));
        assert!(coarse < fine, "{coarse:?} {fine:?}");
        assert_eq!(runs_needed(1.0, 1e-9), None);
    }
}
