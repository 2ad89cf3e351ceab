//! Statistics that more than one module needs: Student's t, estimates with their error, rank correlation, corrections for several
//! tests, change points.

mod change_points;
mod effect;
mod rank;
mod several;
mod spending;
mod usl;

use std::f64::consts::SQRT_2;

use special::{Beta as _, Error as _};

pub use change_points::{
    CHANGE_LEVEL, ChangePoint, FEWEST_RUNS, change_points, detectable_change, levels,
};
pub use effect::{Bounds, Effect, runs_needed};
pub use rank::RankCorrelation;
pub use several::{benjamini_hochberg, holm};
pub use spending::Spending;
pub use usl::Usl;

/// The confidence of every interval, unless it says otherwise.
pub const CONFIDENCE: f64 = 0.95;

/// The chance of finding an effect of the size that is called detectable.
pub const POWER: f64 = 0.80;

/// The quantile of Student's t with `df` degrees of freedom; infinite without any.
///
/// Student's t and the normal distribution follow from the incomplete beta function and the error function: Abramowitz and
/// Stegun, Handbook of Mathematical Functions, 26.5.27 and 26.2.29.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if df > LIKE_NORMAL {
        return normal_quantile(p);
    }
    if df.is_nan() || df <= 0.0 {
        return f64::INFINITY;
    }
    let (half, tail) = (df / 2.0, 2.0 * p.min(1.0 - p));
    let x = tail.inv_inc_beta(half, 0.5, half.ln_beta(0.5));
    let t = (df * (1.0 - x) / x).sqrt();
    if p < 0.5 { -t } else { t }
}

/// The probability of a |t| at least this large if there is no effect; 1 without degrees of freedom.
pub fn two_sided(t: f64, df: f64) -> f64 {
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return 1.0;
    }
    if df > LIKE_NORMAL {
        return (t.abs() / SQRT_2).compl_error();
    }
    let half = df / 2.0;
    (df / (df + t * t)).inc_beta(half, 0.5, half.ln_beta(0.5))
}

/// With more degrees of freedom, Student's t is the normal distribution.
const LIKE_NORMAL: f64 = 1e6;

/// The quantile of the standard normal distribution.
pub fn normal_quantile(p: f64) -> f64 {
    SQRT_2 * (2.0 * p - 1.0).inv_error()
}

/// The probability of a standard normal value up to this one.
pub fn normal_cdf(z: f64) -> f64 {
    (-z / SQRT_2).compl_error() / 2.0
}

/// The arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The variance of the population that a sample comes from (divisor n − 1); `None` for fewer than two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from the tables of R: `qt`, `pt`.
    #[test]
    fn students_t_is_that_of_the_tables() {
        for (p, df, expected) in [
            (0.975, 1.0, 12.706_204_7),
            (0.975, 4.0, 2.776_445_1),
            (0.975, 9.0, 2.262_157_2),
            (0.80, 5.0, 0.919_543_8),
        ] {
            let found = t_quantile(p, df);
            assert!((found - expected).abs() < 1e-5, "{p} {df}: {found}");
        }
        assert!((two_sided(2.776_445_1, 4.0) - 0.05).abs() < 1e-6);
        assert!((two_sided(-2.776_445_1, 4.0) - 0.05).abs() < 1e-6);
        assert!(t_quantile(0.975, 0.0).is_infinite());
        assert!((t_quantile(0.975, f64::INFINITY) - 1.959_964).abs() < 1e-5);
        assert!((two_sided(1.959_964, f64::INFINITY) - 0.05).abs() < 1e-6);
        assert!((normal_cdf(normal_quantile(0.9)) - 0.9).abs() < 1e-9);
        assert!(two_sided(f64::INFINITY, 4.0) < 1e-12);
    }

    #[test]
    fn no_effect_is_never_significant() {
        assert!((two_sided(0.0, 4.0) - 1.0).abs() < 1e-12);
        assert!((two_sided(f64::NAN, 4.0) - 1.0).abs() < 1e-12);
        assert!((two_sided(3.0, 0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_sample_of_one_has_no_variance() {
        assert_eq!(variance(&[1.0]), None);
        assert_eq!(variance(&[1.0, 3.0]), Some(2.0));
        assert_eq!(mean(&[]), None);
    }
}
