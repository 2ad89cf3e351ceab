//! The slope of a number over the run, with its interval.
//!
//! The run is cut into bins of equal length, the number is read in each from its merged samples, and [`Trend`] fits a
//! line to them. Bins begin as single intervals; whenever there are too many, pairs are merged, so memory does not grow
//! with the run.
//!
//! The rule for `slope(…) < limit`, and mirrored for `>`:
//!
//! - it passes if the whole 95 % interval is below the limit;
//! - it fails if the slope is above the limit and the whole interval is above zero (for a limit below zero, above it): a
//!   drift that noise does not explain;
//! - otherwise it is inconclusive.
//!
//! Without any drift it fails in 2.5 % of runs, as often as the interval lies above zero by chance.

use super::tally::{Reading, Tally};
use super::trend::Trend;
use super::window::{Judgement, UNDECIDED};
use crate::plan::threshold::{Threshold, Unit};
use crate::record::Standing;
use crate::record::bins::Sum;
use crate::scenario::Comparator;
use crate::units::{Micros, show_duration};

/// The maximum number of bins.
const MOST_BINS: usize = 240;

/// The shortest first bin: intervals last a second.
const NARROWEST: Micros = Micros(1_000_000);

/// The shortest measured time for a slope. In less, a drift cannot be distinguished from a slow swing of the load.
const SHORTEST: Micros = Micros(300_000_000);

const HOUR: f64 = 3_600.0;

/// The state of a slope.
#[derive(Debug, Clone)]
pub(super) struct Slope {
    bins: Vec<Bin>,
    /// The bin that is not full yet.
    open: Option<OpenBin>,
    width: Micros,
    samples: u64,
    judgement: Judgement,
}

/// A part of the run, and the number in it.
#[derive(Debug, Clone)]
struct Bin {
    start: Micros,
    end: Micros,
    tally: Tally,
    value: Option<f64>,
}

#[derive(Debug, Clone)]
struct OpenBin {
    start: Micros,
    end: Micros,
    sum: Box<Tally<Sum>>,
}

impl Default for Slope {
    fn default() -> Self {
        Self {
            bins: Vec::new(),
            open: None,
            width: NARROWEST,
            samples: 0,
            judgement: UNDECIDED,
        }
    }
}

impl Slope {
    /// Adds an interval. A bin at the end that is not full yet does not count.
    pub(super) fn absorb(
        &mut self,
        rule: &Threshold,
        (start, end): (Micros, Micros),
        tally: &Tally,
    ) {
        self.samples += tally.read(rule.aggregate).samples;
        // Between stages that are not consecutive the bin ends early.
        if self.open.as_ref().is_some_and(|open| open.end != start) {
            self.open = None;
        }
        let open = self.open.get_or_insert_with(|| OpenBin {
            start,
            end,
            sum: Box::default(),
        });
        open.sum.merge(tally);
        open.end = end;
        // Intervals end some milliseconds late or early.
        let enough = Micros(self.width.0 - NARROWEST.0 / 10);
        if open.end.saturating_sub(open.start) < enough {
            return;
        }
        if let Some(open) = self.open.take() {
            let tally = open.sum.compact();
            self.bins.push(Bin {
                start: open.start,
                end: open.end,
                value: tally.read(rule.aggregate).value,
                tally,
            });
        }
        if self.bins.len() >= MOST_BINS {
            self.widen(rule);
        }
        self.judgement = self.judge(rule);
    }

    pub(super) const fn judgement(&self) -> Judgement {
        self.judgement
    }

    /// Merges the bins in pairs. An odd one at the end stays, as the only narrow one.
    fn widen(&mut self, rule: &Threshold) {
        self.width = Micros(self.width.0 * 2);
        let pairs = self.bins.chunks(2).map(|pair| match pair {
            [first, second] => {
                let mut sum = Tally::<Sum>::default();
                sum.merge(&first.tally);
                sum.merge(&second.tally);
                let tally = sum.compact();
                Bin {
                    start: first.start,
                    end: second.end,
                    value: tally.read(rule.aggregate).value,
                    tally,
                }
            }
            rest => rest[0].clone(),
        });
        self.bins = pairs.collect();
    }

    /// The time in full bins.
    fn measured(&self) -> Micros {
        let each = self
            .bins
            .iter()
            .map(|bin| bin.end.saturating_sub(bin.start));
        each.fold(Micros::ZERO, |sum, length| sum + length)
    }

    fn judge(&self, rule: &Threshold) -> Judgement {
        let missing = Judgement {
            reading: Reading {
                value: None,
                samples: self.samples,
            },
            ..UNDECIDED
        };
        // Bins of a second end some milliseconds early or late.
        if self.measured() + NARROWEST < SHORTEST || self.samples < rule.min_samples {
            return missing;
        }
        let points: Vec<(f64, f64)> = self
            .bins
            .iter()
            .filter_map(|bin| {
                let middle = f64::midpoint(bin.start.as_secs_f64(), bin.end.as_secs_f64());
                Some((middle / HOUR, bin.value?))
            })
            .collect();
        let Some(trend) = Trend::of(&points) else {
            return missing;
        };
        let scale = match rule.unit {
            Unit::ChangePerHour if trend.mean > 0.0 => trend.mean,
            Unit::ChangePerHour => return missing,
            _ => 1.0,
        };
        let (slope, half) = (trend.slope / scale, trend.half_width / scale);
        let limit = rule.limit.fixed().unwrap_or_default();
        Judgement {
            standing: standing(rule.comparator, slope, half, limit),
            reading: Reading {
                value: Some(slope),
                samples: self.samples,
            },
            interval: Some((slope - half, slope + half)),
        }
    }

    /// The reason why there is no decision.
    pub(super) fn detail(&self, rule: &Threshold) -> Option<String> {
        let judgement = self.judgement;
        match (judgement.standing, judgement.reading.value) {
            (Standing::NoData, _) if self.samples < rule.min_samples => None,
            (Standing::NoData, _) => Some(format!(
                "a slope needs at least {} of measured time with samples in most of it, found {}",
                show_duration(SHORTEST.as_duration()),
                show_duration(self.measured().as_duration())
            )),
            (Standing::Inconclusive, Some(slope)) => {
                let limit = rule.limit.fixed().unwrap_or_default();
                let longer = judgement
                    .interval
                    .and_then(|(from, to)| self.needed(slope, (to - from) / 2.0, limit))
                    .map(|length| {
                        format!("; with this noise it would take a run of about {length}")
                    });
                Some(format!(
                    "the 95 % interval is too wide to compare with the limit{}",
                    longer.unwrap_or_default()
                ))
            }
            (Standing::Pass | Standing::Fail | Standing::Inconclusive, _) => None,
        }
    }

    /// The length of a run that would decide: an interval narrows with the length to the power of 1.5.
    fn needed(&self, slope: f64, half: f64, limit: f64) -> Option<String> {
        let gap = (slope - limit).abs().max(limit.abs() / 2.0);
        let factor = (half / gap).powf(2.0 / 3.0);
        let hours = self.measured().as_secs_f64() / HOUR * factor;
        (factor.is_finite() && hours < 1_000.0).then(|| {
            let minutes = (hours * 60.0).ceil().max(1.0);
            show_duration(std::time::Duration::from_secs(minutes as u64 * 60))
        })
    }
}

/// See the rule at the top.
fn standing(comparator: Comparator, slope: f64, half: f64, limit: f64) -> Standing {
    // Turned round for `>`, so that a larger slope is the worse one.
    let (slope, limit) = match comparator {
        Comparator::Greater | Comparator::GreaterOrEqual => (-slope, -limit),
        Comparator::Less | Comparator::LessOrEqual | Comparator::Equal | Comparator::NotEqual => {
            (slope, limit)
        }
    };
    let is_strict = matches!(comparator, Comparator::Less | Comparator::Greater);
    let holds = |value: f64| value < limit || (!is_strict && value <= limit);
    if holds(slope + half) {
        Standing::Pass
    } else if !holds(slope) && slope - half > limit.min(0.0) {
        Standing::Fail
    } else {
        Standing::Inconclusive
    }
}
