//! Delay distributions, and their syntax in a query.

use std::f64::consts::TAU;
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng as _;

use crate::input::QueryFields;
use crate::settings::Span;

/// Maximum delay; the tails of unbounded distributions are cut here.
pub(super) const LONGEST: Duration = Duration::from_mins(10);

/// A distribution of delays, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Law {
    /// Always `value`.
    Constant { value: f64 },
    /// Uniform between `low` and `high`.
    Uniform { low: f64, high: f64 },
    /// `high` with probability `chance`, else `low`.
    TwoPoint { low: f64, high: f64, chance: f64 },
    /// exp(ln `median` + `sigma`·N(0, 1)).
    Lognormal { median: f64, sigma: f64 },
    /// −`mean`·ln U.
    Exponential { mean: f64 },
}

impl Law {
    /// Parses `law` and its parameters.
    pub(super) fn read(query: &mut QueryFields) -> Self {
        const LAWS: [&str; 5] = [
            "constant",
            "uniform",
            "two_point",
            "lognormal",
            "exponential",
        ];
        let name = query.parsed(
            "law",
            Some("constant".to_owned()),
            LAWS.join(", "),
            |name| LAWS.contains(&name.as_str()),
        );
        match name.as_deref() {
            Some("uniform") => Self::Uniform {
                low: seconds(query, "low"),
                high: seconds(query, "high"),
            },
            Some("two_point") => Self::TwoPoint {
                low: seconds(query, "low"),
                high: seconds(query, "high"),
                chance: number(query, "chance", 1.0),
            },
            Some("lognormal") => Self::Lognormal {
                median: seconds(query, "median"),
                sigma: number(query, "sigma", 10.0),
            },
            Some("exponential") => Self::Exponential {
                mean: seconds(query, "mean"),
            },
            Some(_) => Self::Constant {
                value: seconds(query, "value"),
            },
            None => Self::Constant { value: 0.0 },
        }
    }

    /// The delay of the draw with this number: the same for the same seed, independent of earlier draws.
    pub(super) fn delay(self, seed: u64, draw: u64) -> Duration {
        let mut random = Pcg64Mcg::seed_from_u64(seed.rotate_left(32) ^ draw);
        // In (0, 1], so that its logarithm is finite.
        let mut unit = || 1.0 - random.random::<f64>();
        let seconds = match self {
            Self::Constant { value } => value,
            Self::Uniform { low, high } => low + (high - low) * unit(),
            Self::TwoPoint { low, high, chance } => {
                if unit() <= chance {
                    high
                } else {
                    low
                }
            }
            // Box and Muller: √(−2 ln U₁)·cos 2πU₂ is a standard normal draw.
            Self::Lognormal { median, sigma } => {
                median * (sigma * (-2.0 * unit().ln()).sqrt() * (TAU * unit()).cos()).exp()
            }
            Self::Exponential { mean } => -mean * unit().ln(),
        };
        Duration::try_from_secs_f64(seconds.max(0.0))
            .unwrap_or(LONGEST)
            .min(LONGEST)
    }
}

/// A required duration of at most [`LONGEST`], in seconds.
fn seconds(query: &mut QueryFields, field: &'static str) -> f64 {
    let expected = "a duration of at most 10m, such as 250us, 5ms or 1.5s";
    query
        .parsed(field, None, expected, |Span(span)| *span <= LONGEST)
        .map_or(0.0, |Span(span)| span.as_secs_f64())
}

/// A required number from 0 to `most`.
fn number(query: &mut QueryFields, field: &'static str, most: f64) -> f64 {
    let expected = format!("a number from 0 to {most}");
    query
        .parsed(field, None, expected, |number| {
            (0.0..=most).contains(number)
        })
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dvoretzky, Kiefer and Wolfowitz: sup|Fₙ − F| ≤ √(ln(2/α)/2n); the draws are fixed by the seed, so α can be small.
    #[test]
    fn draws_follow_their_law() {
        const DRAWS: u64 = 20_000;
        let bound = (f64::ln(2.0 / 1e-6) / (2.0 * DRAWS as f64)).sqrt();
        let normal = |z: f64| 0.5 * (1.0 + erf(z / std::f64::consts::SQRT_2));
        let laws: [(Law, &dyn Fn(f64) -> f64); 3] = [
            (
                Law::Uniform {
                    low: 0.001,
                    high: 0.003,
                },
                &|x| (x - 0.001) / 0.002,
            ),
            (
                Law::Lognormal {
                    median: 0.005,
                    sigma: 0.5,
                },
                &|x| normal((x / 0.005).ln() / 0.5),
            ),
            (Law::Exponential { mean: 0.004 }, &|x| {
                1.0 - (-x / 0.004).exp()
            }),
        ];
        for (law, distribution) in laws {
            let mut draws: Vec<_> = (0..DRAWS)
                .map(|draw| law.delay(1, draw).as_secs_f64())
                .collect();
            draws.sort_by(f64::total_cmp);
            let gap = (0..).zip(&draws).map(|(rank, &x)| {
                let below = f64::from(rank) / DRAWS as f64;
                (distribution(x) - below).abs()
            });
            let gap = gap.fold(0.0, f64::max);
            assert!(gap <= bound, "{law:?}: {gap} over {bound}");
        }
        let law = Law::TwoPoint {
            low: 0.001,
            high: 0.1,
            chance: 0.2,
        };
        let high = (0..DRAWS)
            .filter(|&draw| law.delay(1, draw) == Duration::from_millis(100))
            .count();
        assert!((high as f64 / DRAWS as f64 - 0.2).abs() <= bound);
    }

    /// Abramowitz and Stegun 7.1.26, error below 1.5e-7.
    fn erf(x: f64) -> f64 {
        let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
        let tail = [
            1.061_405_429,
            -1.453_152_027,
            1.421_413_741,
            -0.284_496_736,
            0.254_829_592,
        ];
        let series = tail.iter().fold(0.0, |sum, factor| (sum + factor) * t);
        (1.0 - series * (-x * x).exp()).copysign(x)
    }
}
