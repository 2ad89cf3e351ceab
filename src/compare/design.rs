//! How the runs of two sides belong together, and the effect that follows from it.

use crate::stats::{CONFIDENCE, Effect, POWER, mean, normal_quantile, runs_needed, variance};

use super::blocks::DF_WITHIN;
use super::figure::{Figure, Scale};
use super::noise::Noise;
use super::profile::{Profile, Reading};
use super::row::{Need, Row};

/// How the runs of the sides belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Design {
    /// Independent runs.
    Groups,
    /// The n-th runs of both sides are a pair, made one after the other.
    Pairs {
        /// For each pair, whether the run of side A was the first.
        a_first: Vec<bool>,
    },
}

/// How the second run of a pair differs from the first, whichever side it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The figure.
    pub figure: Figure,
    /// The difference.
    pub effect: Effect,
}

impl Slot {
    /// True if the difference exceeds the noise.
    pub fn is_noticeable(&self) -> bool {
        self.effect.p_value() < 1.0 - CONFIDENCE
    }
}

/// The effect on a figure, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// The mean of side A on the figure's scale.
    pub(super) a: Option<f64>,
    /// The mean of side B.
    pub(super) b: Option<f64>,
    /// The difference B − A.
    pub(super) effect: Option<Effect>,
    /// The reason why the effect proves nothing.
    pub(super) flaw: Option<Flaw>,
    /// Where its error comes from.
    pub(super) spread: Spread,
}

/// The reason why an effect proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A side has no such figure, or no data for it.
    NoData,
    /// One run a side, and nothing is known about the noise between runs.
    NoNoiseFloor,
    /// The runs are too short to estimate an error.
    TooShort,
    /// Too few independent samples in the tail.
    ThinTail,
}

/// Where the error of an effect comes from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Spread {
    /// The variance that each further pair, or each further run a side, divides.
    by_run: Option<f64>,
    /// The part of it that longer runs divide, and their present length in seconds.
    within: Option<(f64, f64)>,
    is_paired: bool,
    /// The pairs, or the runs of the smaller side, that there are.
    runs: u32,
    /// True if nothing was seen, so that only more requests help.
    is_of_rare_events: bool,
}

/// The upper bound of the number of events if none was seen.
const RULE_OF_THREE: f64 = 3.0;

impl Spread {
    /// True if neither side had a single event.
    pub(super) const fn is_of_rare_events(&self) -> bool {
        self.is_of_rare_events
    }

    /// The runs needed to detect an effect of this size.
    pub(super) fn need(&self, size: f64) -> Option<Need> {
        if self.is_of_rare_events {
            return Some(Need::Requests((RULE_OF_THREE / size).ceil() as u64));
        }
        let variance = self.by_run?;
        // Only more runs than there are can help.
        let runs = runs_needed(variance, size).filter(|runs| *runs > self.runs);
        if self.is_paired {
            return runs.map(Need::Pairs);
        }
        // A single run a side can also be made longer, unless the noise between runs hides the effect.
        if let Some((within, load_s)) = self.within {
            let allowed =
                (size / (normal_quantile(0.5 + CONFIDENCE / 2.0) + normal_quantile(POWER))).powi(2)
                    - (variance - within);
            if allowed > 0.0 && within > allowed {
                return Some(Need::Seconds(load_s * within / allowed));
            }
        }
        runs.map(Need::RunsASide)
    }
}

impl Measured {
    /// The effect on a figure.
    pub(super) fn of(
        figure: &Figure,
        a: &[Profile],
        b: &[Profile],
        design: &Design,
        floor: Option<&Noise>,
    ) -> Self {
        let readings = |side: &[Profile]| -> Vec<Option<Reading>> {
            side.iter().map(|run| run.reading(&figure.name)).collect()
        };
        let load_s = a.first().map_or(0.0, |run| run.facts.load_s);
        let tau = floor.and_then(|noise| noise.variance(&figure.name));
        Self::from_readings(
            &readings(a),
            &readings(b),
            (figure.scale, figure.quantile),
            design,
            (floor, tau, load_s),
        )
    }

    pub(super) fn from_readings(
        a: &[Option<Reading>],
        b: &[Option<Reading>],
        (scale, quantile): (Scale, Option<f64>),
        design: &Design,
        (floor, tau, load_s): (Option<&Noise>, Option<f64>, f64),
    ) -> Self {
        let known =
            |side: &[Option<Reading>]| -> Vec<Reading> { side.iter().copied().flatten().collect() };
        let values =
            |side: &[Reading]| -> Vec<f64> { side.iter().map(|reading| reading.value).collect() };
        let (all_a, all_b) = (known(a), known(b));
        let (values_a, values_b) = (values(&all_a), values(&all_b));
        let mut measured = Self {
            a: mean(&values_a),
            b: mean(&values_b),
            effect: None,
            flaw: None,
            spread: Spread::default(),
        };
        if all_a.is_empty() || all_b.is_empty() {
            measured.flaw = Some(Flaw::NoData);
            return measured;
        }
        if let Design::Pairs { .. } = design {
            let pairs = a
                .iter()
                .zip(b)
                .filter_map(|(a, b)| Some(b.as_ref()?.value - a.as_ref()?.value));
            let differences: Vec<f64> = pairs.collect();
            measured.effect = Effect::of_pairs(&differences);
            measured.spread = Spread {
                by_run: variance(&differences),
                is_paired: true,
                runs: differences.len() as u32,
                ..Spread::default()
            };
            if measured.effect.is_none() {
                measured.flaw = Some(Flaw::NoNoiseFloor);
            }
        } else {
            measured.of_independent(&all_a, &all_b, (floor, tau, load_s));
        }
        let is_error_within = measured.spread.within.is_some();
        let is_thin = |reading: &Reading| {
            quantile.is_some_and(|quantile| reading.is_thin(quantile, is_error_within))
        };
        if measured.flaw.is_none() && all_a.iter().chain(&all_b).any(is_thin) {
            measured.flaw = Some(Flaw::ThinTail);
        }
        if scale == Scale::Share {
            measured.widen_for_rare_events(&all_a, &all_b);
        }
        measured
    }

    /// Runs that are no pairs: their own spread if there are enough of them, else the noise floor.
    fn of_independent(
        &mut self,
        a: &[Reading],
        b: &[Reading],
        (floor, tau, load_s): (Option<&Noise>, Option<f64>, f64),
    ) {
        let values =
            |side: &[Reading]| -> Vec<f64> { side.iter().map(|reading| reading.value).collect() };
        let runs = a.len() + b.len();
        let change = self.b.unwrap_or_default() - self.a.unwrap_or_default();
        if let (Some(floor), Some(tau), true) = (floor, tau, runs < ENOUGH_RUNS) {
            let (Some(within_a), Some(within_b)) = (within(a), within(b)) else {
                self.flaw = Some(Flaw::TooShort);
                return;
            };
            let parts = 1.0 / a.len() as f64 + 1.0 / b.len() as f64;
            let effect = Effect::of_sources(
                change,
                &[
                    (within_a, DF_WITHIN * a.len() as f64),
                    (within_b, DF_WITHIN * b.len() as f64),
                    (tau * parts, floor.df()),
                ],
            );
            self.effect = Some(effect);
            let each = within_a * a.len() as f64 + within_b * b.len() as f64;
            self.spread = Spread {
                by_run: Some(each + 2.0 * tau),
                within: Some((each, load_s)),
                runs: a.len().min(b.len()) as u32,
                ..Spread::default()
            };
            return;
        }
        self.effect = Effect::of_groups(&values(a), &values(b));
        if let Some(effect) = self.effect {
            let parts = 1.0 / a.len() as f64 + 1.0 / b.len() as f64;
            self.spread.by_run = Some(2.0 * effect.error * effect.error / parts);
            self.spread.runs = a.len().min(b.len()) as u32;
            return;
        }
        // The error within the runs is told, but it proves nothing.
        self.flaw = Some(Flaw::NoNoiseFloor);
        if let (Some(within_a), Some(within_b)) = (within(a), within(b)) {
            self.effect = Some(Effect::of_sources(
                change,
                &[(within_a, DF_WITHIN), (within_b, DF_WITHIN)],
            ));
        }
    }

    /// A share of which nothing was seen has an error all the same: its upper bound is 3 / n (the rule of three:
    /// Hanley and Lippman-Hand, JAMA 249 (1983)).
    fn widen_for_rare_events(&mut self, a: &[Reading], b: &[Reading]) {
        let samples = |side: &[Reading]| side.iter().map(|reading| reading.samples).sum::<u64>();
        let fewest = samples(a).min(samples(b));
        if let Some(effect) = &mut self.effect
            && effect.error == 0.0
            && a.iter().chain(b).all(|reading| reading.value == 0.0)
            && fewest > 0
        {
            effect.error = RULE_OF_THREE / normal_quantile(0.5 + CONFIDENCE / 2.0) / fewest as f64;
            effect.df = f64::INFINITY;
            self.spread = Spread {
                is_of_rare_events: true,
                ..Spread::default()
            };
        }
    }
}

/// With this many runs, their own spread is used instead of the noise floor.
const ENOUGH_RUNS: usize = 5;

/// The variance of a side's mean from the errors within its runs; `None` if one is not known.
fn within(side: &[Reading]) -> Option<f64> {
    let squares: Option<f64> = side
        .iter()
        .map(|reading| reading.error.map(|error| error * error))
        .sum();
    let runs = side.len() as f64;
    squares.map(|squares| squares / (runs * runs))
}

/// The slot effects of the gates that are times: half the difference between the pairs that began with side A and those
/// that began with side B.
pub(super) fn slots(gates: &[Row], a: &[Profile], b: &[Profile], design: &Design) -> Vec<Slot> {
    let Design::Pairs { a_first } = design else {
        return Vec::new();
    };
    let times = gates.iter().filter(|row| row.figure.scale == Scale::Factor);
    let slot = |row: &Row| {
        let name = &row.figure.name;
        let (mut ab, mut ba) = (Vec::new(), Vec::new());
        for ((a, b), is_a_first) in a.iter().zip(b).zip(a_first) {
            let difference = b.reading(name)?.value - a.reading(name)?.value;
            let side = if *is_a_first { &mut ab } else { &mut ba };
            side.push(difference);
        }
        let both = Effect::of_groups(&ba, &ab).filter(|effect| effect.change.is_finite())?;
        Some(Slot {
            figure: row.figure.clone(),
            effect: Effect {
                change: both.change / 2.0,
                error: both.error / 2.0,
                ..both
            },
        })
    };
    times.filter_map(slot).collect()
}
