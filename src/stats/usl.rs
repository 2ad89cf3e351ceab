//! The Universal Scalability Law: throughput against concurrency.
//!
//! X(N) = λ·N / (1 + σ·(N − 1) + κ·N·(N − 1)), with N requests at the same time, λ the throughput of one, σ the part of
//! the work that has to wait for others (contention), and κ the cost of each pair of requests for one another (coherency):
//! Gunther, Guerrilla Capacity Planning, 2007. N/X = (1 + σ·(N − 1) + κ·N·(N − 1)) / λ is linear in 1/λ, σ/λ and κ/λ, which
//! are fitted by least squares of the relative errors of X. A negative σ or κ has no meaning, so it is left out.

/// A fit of the law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usl {
    /// The throughput of a single request at a time, per second.
    pub lambda: f64,
    /// Contention: 0 if requests do not wait for one another.
    pub sigma: f64,
    /// Coherency: above 0 if throughput falls when there are too many.
    pub kappa: f64,
    /// The part of the variance of X that the fit explains.
    pub r_squared: f64,
}

/// Fewer points determine no law.
const FEWEST: usize = 4;

impl Usl {
    /// Fits the law to points (N, X), both above 0; `None` with fewer than four, or if they determine no law.
    pub fn fit(points: &[(f64, f64)]) -> Option<Self> {
        let points: Vec<(f64, f64)> = points
            .iter()
            .copied()
            .filter(|(n, x)| *n > 0.0 && *x > 0.0)
            .collect();
        if points.len() < FEWEST {
            return None;
        }
        // Terms that stay: contention, coherency.
        let choices = [(true, true), (true, false), (false, true), (false, false)];
        // With as many terms as points, any points follow the law.
        let terms = |(contention, coherency)| 1 + usize::from(contention) + usize::from(coherency);
        let fits = choices
            .into_iter()
            .filter(|choice| points.len() >= terms(*choice) + 2)
            .filter_map(|(contention, coherency)| Self::with(&points, contention, coherency));
        fits.filter(|fit| fit.sigma >= 0.0 && fit.kappa >= 0.0)
            .max_by(|a, b| a.r_squared.total_cmp(&b.r_squared))
    }

    /// The throughput at a concurrency, per second.
    pub fn throughput(&self, n: f64) -> f64 {
        let slowdown = 1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0);
        self.lambda * n / slowdown
    }

    /// The concurrency with the highest throughput, √((1 − σ)/κ); `None` if throughput never falls.
    pub fn peak(&self) -> Option<f64> {
        let ratio = (1.0 - self.sigma) / self.kappa;
        (self.kappa > 0.0 && ratio > 1.0).then(|| ratio.sqrt())
    }

    /// The throughput that is never exceeded, per second: that of the peak, or λ/σ; `None` without a limit.
    pub fn limit(&self) -> Option<f64> {
        match self.peak() {
            Some(peak) => Some(self.throughput(peak)),
            None => (self.sigma > 0.0).then(|| self.lambda / self.sigma),
        }
    }

    fn with(points: &[(f64, f64)], contention: bool, coherency: bool) -> Option<Self> {
        // Normal equations of the three terms; a term that is left out is zero.
        let mut a = [[0.0; 3]; 3];
        let mut b = [0.0; 3];
        for &(n, x) in points {
            let used = [1.0, f64::from(contention), f64::from(coherency)];
            // y = N/X has the relative error of X, so each row is divided by y.
            let y = n / x;
            let row = [1.0, n - 1.0, n * (n - 1.0)];
            let row: Vec<f64> = row
                .iter()
                .zip(used)
                .map(|(term, used)| term * used / y)
                .collect();
            for i in 0..3 {
                for j in 0..3 {
                    a[i][j] += row[i] * row[j];
                }
                b[i] += row[i];
            }
        }
        for (index, is_used) in [(1, contention), (2, coherency)] {
            if !is_used {
                a[index][index] = 1.0;
            }
        }
        let [base, sigma, kappa] = solved(a, b)?;
        if base <= 0.0 {
            return None;
        }
        let mut fit = Self {
            lambda: 1.0 / base,
            sigma: sigma / base,
            kappa: kappa / base,
            r_squared: 0.0,
        };
        let mean = points.iter().map(|(_, x)| x).sum::<f64>() / points.len() as f64;
        let square = |value: f64| value * value;
        let left: f64 = points
            .iter()
            .map(|&(n, x)| square(x - fit.throughput(n)))
            .sum();
        let all: f64 = points.iter().map(|&(_, x)| square(x - mean)).sum();
        fit.r_squared = if all > 0.0 { 1.0 - left / all } else { 0.0 };
        fit.r_squared.is_finite().then_some(fit)
    }
}

/// The solution of three linear equations, by Gauss with the largest pivot; `None` if there is none.
fn solved(mut a: [[f64; 3]; 3], mut b: [f64; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot =
            (column..3).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        if a[pivot][column].abs() < 1e-12 {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in 0..3 {
            if row == column {
                continue;
            }
            let factor = a[row][column] / a[column][column];
            let own = a[column];
            for (value, own) in a[row].iter_mut().zip(own) {
                *value -= factor * own;
            }
            b[row] -= factor * b[column];
        }
    }
    Some([b[0] / a[0][0], b[1] / a[1][1], b[2] / a[2][2]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(lambda: f64, sigma: f64, kappa: f64) -> Vec<(f64, f64)> {
        let law = Usl {
            lambda,
            sigma,
            kappa,
            r_squared: 1.0,
        };
        let counts = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        counts.map(|n| (n, law.throughput(n))).to_vec()
    }

    fn assert_near(found: f64, expected: f64) {
        let error = (found - expected).abs();
        assert!(
            error <= 1e-6 * expected.abs().max(1e-3),
            "{found} is not {expected}"
        );
    }

    #[test]
    fn a_law_is_found_again() {
        for (lambda, sigma, kappa) in [(100.0, 0.05, 0.001), (995.6, 0.027, 0.0), (10.0, 0.0, 0.0)]
        {
            let fit = Usl::fit(&points(lambda, sigma, kappa)).expect("a fit");
            assert_near(fit.lambda, lambda);
            assert_near(fit.sigma, sigma);
            assert_near(fit.kappa, kappa);
            assert_near(fit.r_squared, 1.0);
        }
    }

    #[test]
    fn the_peak_and_the_limit_follow_from_the_law() {
        let fit = Usl::fit(&points(100.0, 0.05, 0.001)).expect("a fit");
        let peak = fit.peak().expect("a peak");
        assert_near(peak, 950.0_f64.sqrt());
        assert!(fit.throughput(peak) > fit.throughput(peak * 1.1));
        let fit = Usl::fit(&points(100.0, 0.1, 0.0)).expect("a fit");
        assert_near(fit.limit().expect("a limit"), 1_000.0);
        assert_eq!(
            Usl::fit(&points(10.0, 0.0, 0.0)).and_then(|fit| fit.limit()),
            None
        );
    }

    #[test]
    fn too_few_points_determine_nothing() {
        assert_eq!(Usl::fit(&points(100.0, 0.05, 0.001)[..3]), None);
        assert_eq!(Usl::fit(&[(0.0, 1.0); 9]), None);
        assert_eq!(Usl::fit(&[(2.0, 5.0); 9]).map(|fit| fit.kappa), Some(0.0));
    }
}
