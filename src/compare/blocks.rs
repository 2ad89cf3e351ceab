//! A selection's numbers in consecutive blocks of time, so that a figure's error can be estimated from one run.
//!
//! Neighbouring requests are alike, so the spread of single requests says too little. Sums over long blocks are nearly
//! independent of each other (the method of batch means: Law and Kelton, Simulation Modeling and Analysis, ch. 9).

use crate::plan::threshold::Aggregate;
use crate::record::Bins;
use crate::record::bins::{Sum, range_of};
use crate::stats::{self, CONFIDENCE};
use crate::verdict::tally::Tally;

/// With fewer blocks, the error is not estimated.
const FEWEST: usize = 10;

/// The degrees of freedom of an error within one run, at least.
pub(super) const DF_WITHIN: f64 = (FEWEST - 1) as f64;

/// At this number, neighbours are joined; memory does not grow with the run.
const MOST: usize = 2 * FEWEST;

/// Blocks of equal length, except for the last.
#[derive(Debug, Clone)]
pub(super) struct Blocks<T = Tally> {
    /// Intervals a block.
    each: u64,
    full: Vec<T>,
    open: T,
    in_open: u64,
}

/// The numbers of a part of a run.
pub(super) trait Portion: Default {
    /// Adds a later part.
    fn append(&mut self, later: &Self);
}

impl Portion for Tally {
    fn append(&mut self, later: &Self) {
        self.append(later);
    }
}

/// A figure of one run on its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// The number.
    pub(super) number: f64,
    /// Numbers one standard error lower and higher; `None` if the run is too short to estimate it.
    pub(super) around: Option<(f64, f64)>,
    /// The number of samples.
    pub(super) samples: u64,
    /// The number of independent samples that would give this error; `None` like `around`.
    pub(super) effective: Option<f64>,
}

impl<T: Portion> Blocks<T> {
    pub(super) fn new() -> Self {
        Self {
            each: 1,
            full: Vec::new(),
            open: T::default(),
            in_open: 0,
        }
    }

    /// Adds the next interval.
    pub(super) fn absorb(&mut self, interval: &T) {
        self.open.append(interval);
        self.in_open += 1;
        if self.in_open < self.each {
            return;
        }
        self.full.push(std::mem::take(&mut self.open));
        self.in_open = 0;
        if self.full.len() == MOST {
            for index in 0..FEWEST {
                let mut first = std::mem::take(&mut self.full[2 * index]);
                first.append(&self.full[2 * index + 1]);
                self.full[index] = first;
            }
            self.full.truncate(FEWEST);
            self.each *= 2;
        }
    }

    /// All blocks in order. The last has at least half the length of the others.
    pub(super) fn finish(mut self) -> Vec<T> {
        if self.in_open == 0 {
            return self.full;
        }
        if 2 * self.in_open >= self.each {
            self.full.push(self.open);
        } else if let Some(last) = self.full.last_mut() {
            last.append(&self.open);
        }
        self.full
    }
}

/// The estimate of an aggregate; `None` without data.
pub(super) fn estimate(blocks: &[Tally], aggregate: Aggregate) -> Option<Estimate> {
    match aggregate {
        Aggregate::Percentile(_) if blocks.iter().any(Tally::is_kept) => {
            by_jackknife(blocks, aggregate)
        }
        Aggregate::Percentile(quantile) => Distribution::of(blocks)?.at(quantile.value()),
        Aggregate::Min | Aggregate::Max | Aggregate::Last => {
            let reading = sum_of(blocks, None).read(aggregate);
            Some(Estimate {
                number: reading.value?,
                around: None,
                samples: reading.samples,
                effective: None,
            })
        }
        Aggregate::Mean
        | Aggregate::StandardDeviation
        | Aggregate::Count
        | Aggregate::Rate
        | Aggregate::Ratio
        | Aggregate::Apdex(_) => by_jackknife(blocks, aggregate),
    }
}

/// The times of all blocks, together and apart.
pub(super) struct Distribution<'a> {
    blocks: Vec<&'a Bins>,
    all: Bins,
}

impl<'a> Distribution<'a> {
    /// `None` without times.
    pub(super) fn of(blocks: &'a [Tally]) -> Option<Self> {
        let blocks: Vec<&Bins> = blocks.iter().filter_map(Tally::times).collect();
        let mut all = Sum::default();
        for times in &blocks {
            all.add(times);
        }
        (!all.is_empty()).then(|| Self {
            blocks,
            all: all.take(),
        })
    }

    /// A quantile and its error: each block's part of times up to the quantile gives the error of the distribution function
    /// there, which the quantiles around translate into times. Its interval keeps its promise where one from single
    /// requests does not.
    pub(super) fn at(&self, quantile: f64) -> Option<Estimate> {
        let (blocks, all) = (&self.blocks, &self.all);
        let total = all.len() as f64;
        let number = interpolated(all, quantile);
        let bare = Estimate {
            number,
            around: None,
            samples: all.len(),
            effective: None,
        };
        if blocks.len() < FEWEST {
            return Some(bare);
        }
        let edge = all.value_at_quantile(quantile);
        let below = |times: &Bins| count_up_to(times, edge) as f64;
        let share = below(all) / total;
        let excess: Vec<f64> = blocks
            .iter()
            .map(|times| below(times) - share * times.len() as f64)
            .collect();
        let variance = stats::variance(&excess)? * excess.len() as f64;
        let error = variance.sqrt() / total;
        let df = (blocks.len() - 1) as f64;
        let t = stats::t_quantile(f64::midpoint(1.0, CONFIDENCE), df);
        // The interval is looked up at its ends and then told as one standard error.
        let low = interpolated(all, (quantile - t * error).max(0.0));
        let high = interpolated(all, (quantile + t * error).min(1.0));
        let toward = |end: f64| number * (end.max(f64::MIN_POSITIVE) / number).powf(1.0 / t);
        let spread = quantile * (1.0 - quantile);
        Some(Estimate {
            around: Some((toward(low), toward(high))),
            effective: Some(if error > 0.0 {
                (spread / (error * error)).min(total)
            } else {
                total
            }),
            ..bare
        })
    }
}

/// The time at a quantile, interpolated in its bin.
fn interpolated(times: &Bins, quantile: f64) -> f64 {
    let rank = quantile * times.len() as f64;
    let mut below = 0.0;
    for (bin, count) in times.iter() {
        let count = count as f64;
        if below + count >= rank {
            let (lowest, highest) = range_of(bin);
            let width = (highest + 1 - lowest) as f64;
            return lowest as f64 + width * ((rank - below) / count).clamp(0.0, 1.0);
        }
        below += count;
    }
    times.max() as f64
}

fn count_up_to(times: &Bins, edge: u64) -> u64 {
    let up_to = times.values().take_while(|(value, _)| *value <= edge);
    up_to.map(|(_, count)| count).sum()
}

/// An aggregate and its error. A count falls with the time left out, so it has the error of its rate.
fn by_jackknife(blocks: &[Tally], aggregate: Aggregate) -> Option<Estimate> {
    let reading = sum_of(blocks, None).read(aggregate);
    let number = reading.value?;
    let error = match aggregate {
        Aggregate::Count => {
            let rate = sum_of(blocks, None).read(Aggregate::Rate).value;
            let error = jackknife(blocks, |sum| sum.read(Aggregate::Rate).value);
            error
                .zip(rate)
                .map(|(error, rate)| error * number / rate.max(f64::MIN_POSITIVE))
        }
        _ => jackknife(blocks, |sum| sum.read(aggregate).value),
    };
    let samples = reading.samples;
    let effective = match (aggregate, error) {
        (Aggregate::Ratio, Some(error)) if error > 0.0 => number * (1.0 - number) / (error * error),
        _ => samples as f64,
    };
    Some(Estimate {
        number,
        around: error.map(|error| (number - error, number + error)),
        samples,
        effective: error.map(|_| effective.min(samples as f64)),
    })
}

/// The error of a number by leaving out one block at a time; `None` for too few blocks. Source: Efron and Tibshirani, An
/// Introduction to the Bootstrap, ch. 11.
pub(super) fn jackknife<T: Portion>(
    blocks: &[T],
    number: impl Fn(&T) -> Option<f64>,
) -> Option<f64> {
    if blocks.len() < FEWEST {
        return None;
    }
    let without: Option<Vec<f64>> = (0..blocks.len())
        .map(|index| number(&sum_of(blocks, Some(index))))
        .collect();
    let count = blocks.len() as f64;
    let variance = stats::variance(&without?)?;
    Some((variance * (count - 1.0) * (count - 1.0) / count).sqrt())
}

/// The sum of all blocks, except for one.
pub(super) fn sum_of<T: Portion>(blocks: &[T], except: Option<usize>) -> T {
    let mut sum = T::default();
    let kept = blocks.iter().enumerate();
    for (_, block) in kept.filter(|(index, _)| Some(*index) != except) {
        sum.append(block);
    }
    sum
}
