//! The smallest change that runs of some length can find, from the noise between runs and the error within them.

use crate::stats::{CONFIDENCE, POWER, mean, runs_needed, t_quantile};

use super::blocks::DF_WITHIN;
use super::noise::Noise;
use super::profile::{Profile, Reading};

/// What runs of a figure can find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detectability {
    /// τ: the standard deviation between runs, beyond the error within them.
    pub noise: f64,
    /// The degrees of freedom of τ.
    df: f64,
    /// The variance within a run of the calibrated length.
    within: f64,
    /// That length, in seconds.
    load_s: f64,
}

impl Detectability {
    /// From calibration runs; `None` if the figure has no error there.
    pub fn of(figure: &str, noise: &Noise, runs: &[Profile]) -> Option<Self> {
        let readings: Option<Vec<Reading>> = runs.iter().map(|run| run.reading(figure)).collect();
        let squares: Option<Vec<f64>> = readings?
            .iter()
            .map(|reading| reading.error.map(|error| error * error))
            .collect();
        Some(Self {
            noise: noise.variance(figure)?.sqrt(),
            df: noise.df(),
            within: mean(&squares?)?,
            load_s: noise.load_s,
        })
    }

    /// The variance of a difference between two runs of `length` times the calibrated length.
    fn variance(&self, length: f64) -> f64 {
        2.0 * (self.noise * self.noise + self.within / length)
    }

    /// The smallest change found by one run against another, both `length` times as long; on the figure's scale.
    pub fn single(&self, length: f64) -> Option<f64> {
        let variance = self.variance(length);
        let (between, within) = (2.0 * self.noise * self.noise, 2.0 * self.within / length);
        let weight = between * between / self.df + within * within / (2.0 * DF_WITHIN);
        let df = if weight > 0.0 {
            variance * variance / weight
        } else {
            f64::INFINITY
        };
        let size = factor(df) * variance.sqrt();
        (size > 0.0).then_some(size)
    }

    /// The smallest change found by this many pairs of runs, each `length` times as long.
    pub fn pairs(&self, pairs: u32, length: f64) -> Option<f64> {
        let size =
            factor(f64::from(pairs) - 1.0) * (self.variance(length) / f64::from(pairs)).sqrt();
        (size > 0.0 && size.is_finite()).then_some(size)
    }

    /// The pairs and the length that find a change of this size, in words; the cheapest of some lengths.
    pub fn advice(&self, size: f64) -> Option<String> {
        const LENGTHS: [f64; 5] = [0.5, 1.0, 2.0, 4.0, 8.0];
        let cost = |length: f64| {
            let pairs = runs_needed(self.variance(length), size)?.max(FEWEST_PAIRS);
            Some((f64::from(pairs) * length, pairs, length))
        };
        // Shorter runs have no error of their own.
        let long_enough = |length: &f64| self.load_s * length >= SHORTEST;
        let costs = LENGTHS.into_iter().filter(long_enough).filter_map(cost);
        let (_, pairs, length) = costs.min_by(|left, right| left.0.total_cmp(&right.0))?;
        let seconds = (self.load_s * length).round().max(1.0) as u64;
        let length = crate::units::show_duration(std::time::Duration::from_secs(seconds));
        Some(format!("{pairs} pairs with {length} of measured load each"))
    }
}

/// The shortest run whose error can be estimated, in seconds.
const SHORTEST: f64 = 10.0;

/// Fewer pairs have too wide intervals for anything else.
const FEWEST_PAIRS: u32 = 5;

fn factor(df: f64) -> f64 {
    t_quantile(f64::midpoint(1.0, CONFIDENCE), df) + t_quantile(POWER, df)
}
