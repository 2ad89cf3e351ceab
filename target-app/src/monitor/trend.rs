//! Detects rising and falling measures: the least-squares line through their history.
//!
//! For points `(tᵢ, yᵢ)` the slope is `b = Σ(tᵢ−t̄)(yᵢ−ȳ) / Σ(tᵢ−t̄)²` and its standard error is
//! `s = √(Σ(yᵢ−ŷᵢ)² / (n−2) / Σ(tᵢ−t̄)²)`. A trend is reported only if the line is steeper than two standard errors, which
//! noise rarely is, and if the change along it is more than a tenth of the mean.

use serde::Serialize;

/// Fewer points than this have no trend.
const LEAST_POINTS: usize = 5;
/// Minimum change along the line, relative to the mean.
const WORTH_TELLING: f64 = 0.1;

/// The direction of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Rising,
    Flat,
    Falling,
}

/// The line through a measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Trend {
    pub(crate) direction: Direction,
    /// Change per minute along the line, in the unit of the measure.
    pub(crate) per_minute: f64,
}

impl Trend {
    /// The trend of `points`, each a time in seconds and a value; `least` is the minimum change.
    pub(super) fn of(points: &[(f64, f64)], least: f64) -> Option<Self> {
        if points.len() < LEAST_POINTS {
            return None;
        }
        let count = points.len() as f64;
        let mean_time = points.iter().map(|(time, _)| time).sum::<f64>() / count;
        let mean = points.iter().map(|(_, value)| value).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|(t, _)| (t - mean_time).powi(2)).sum();
        if spread <= 0.0 {
            return None;
        }
        let products = points.iter().map(|(t, y)| (t - mean_time) * (y - mean));
        let slope = products.sum::<f64>() / spread;
        let residues = points
            .iter()
            .map(|(t, y)| (y - mean - slope * (t - mean_time)).powi(2));
        let error = (residues.sum::<f64>() / (count - 2.0) / spread).sqrt();
        let times = points.iter().map(|(time, _)| *time);
        let length = times.clone().fold(f64::MIN, f64::max) - times.fold(f64::MAX, f64::min);
        let is_told = slope.abs() > 2.0 * error
            && (slope * length).abs() > (WORTH_TELLING * mean.abs()).max(least);
        Some(Self {
            direction: match slope {
                slope if is_told && slope > 0.0 => Direction::Rising,
                _ if is_told => Direction::Falling,
                _ => Direction::Flat,
            },
            per_minute: slope * 60.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(values: impl Fn(f64) -> f64) -> Trend {
        let points: Vec<_> = (0..60)
            .map(|n| (f64::from(n), values(f64::from(n))))
            .collect();
        Trend::of(&points, 1.0).expect("enough points")
    }

    #[test]
    fn a_line_is_found_with_its_slope() {
        let rising = trend(|t| 20.0 + 0.5 * t);
        assert_eq!(rising.direction, Direction::Rising);
        assert!((rising.per_minute - 30.0).abs() < 1e-9);
        let falling = trend(|t| 100.0 - 0.5 * t);
        assert_eq!(falling.direction, Direction::Falling);
        assert!((falling.per_minute + 30.0).abs() < 1e-9);
    }

    #[test]
    fn constant_noisy_and_slowly_changing_values_are_flat() {
        for (name, found) in [
            ("constant", trend(|_| 7.0)),
            ("zero", trend(|_| 0.0)),
            ("alternating", trend(|t| 50.0 + 30.0 * (t % 2.0))),
            ("under a tenth of the mean", trend(|t| 1_000.0 + t)),
            ("under the least change", trend(|t| 0.01 * t)),
        ] {
            assert_eq!(found.direction, Direction::Flat, "{name}");
        }
    }

    #[test]
    fn a_trend_is_detected_in_noise() {
        let noisy = trend(|t| 20.0 + t + 15.0 * (t * 12.9898).sin());
        assert_eq!(noisy.direction, Direction::Rising);
    }

    #[test]
    fn too_few_points_and_points_of_one_moment_have_no_trend() {
        let few: Vec<_> = (0..4).map(|n| (f64::from(n), f64::from(n))).collect();
        assert_eq!(Trend::of(&few, 0.0), None);
        assert_eq!(Trend::of(&[(1.0, 2.0); 10], 0.0), None);
    }
}
