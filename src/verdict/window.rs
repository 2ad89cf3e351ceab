//! Over which part of the run a threshold is judged: all of it, every window of a length, or breaches of a length.
//!
//! Windows end where intervals end, and hold measured intervals only. A rolling window keeps no more intervals than
//! fit into it, a sustained one only a number for each.

use std::collections::VecDeque;

use super::tally::{Reading, Tally};
use crate::plan::threshold::{Aggregate, Metric, Threshold};
use crate::record::Standing;
use crate::record::bins::Sum;
use crate::scenario::{Comparator, Window};
use crate::units::Micros;

/// The state of a threshold's window.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// Everything measured so far.
    Total(Tally<Sum>),
    /// Every window of this length must hold.
    Rolling {
        length: Micros,
        parts: VecDeque<Part<Tally>>,
        /// All of them together.
        sum: Box<Tally<Sum>>,
        worst: Option<Judgement>,
    },
    /// A breach counts once every interval of this length has broken the limit: the level that was held is that of the
    /// interval that broke it least.
    Sustained {
        length: Micros,
        parts: VecDeque<Part<Reading>>,
        worst: Option<Judgement>,
    },
}

/// An interval's part in a window.
#[derive(Debug, Clone)]
pub(super) struct Part<T> {
    start: Micros,
    end: Micros,
    content: T,
}

/// What a window came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judgement {
    pub(super) standing: Standing,
    pub(super) reading: Reading,
}

impl State {
    pub(super) fn of(window: Window) -> Self {
        match window {
            Window::Total => Self::Total(Tally::default()),
            Window::Rolling(length) => Self::Rolling {
                length: length.into(),
                parts: VecDeque::new(),
                sum: Box::default(),
                worst: None,
            },
            Window::Sustained(length) => Self::Sustained {
                length: length.into(),
                parts: VecDeque::new(),
                worst: None,
            },
        }
    }

    /// Takes the next interval in; says how the threshold stands, over the worst of its windows so far.
    pub(super) fn absorb(
        &mut self,
        rule: &Threshold,
        start: Micros,
        end: Micros,
        tally: Tally,
    ) -> Judgement {
        match self {
            Self::Total(sum) => {
                sum.merge(&tally);
                judge(rule, sum.read(rule.aggregate))
            }
            Self::Rolling {
                length,
                parts,
                sum,
                worst,
            } => {
                sum.merge(&tally);
                parts.push_back(Part {
                    start,
                    end,
                    content: tally,
                });
                let is_full = fill(parts, *length, |first, rest| {
                    sum.remove(&first.content, rest.iter().map(|part| &part.content));
                });
                if is_full {
                    keep_worse(rule, worst, judge(rule, sum.read(rule.aggregate)));
                }
                worst.unwrap_or(UNDECIDED)
            }
            Self::Sustained {
                length,
                parts,
                worst,
            } => {
                parts.push_back(Part {
                    start,
                    end,
                    content: tally.read(rule.aggregate),
                });
                if fill(parts, *length, |_, _| {}) {
                    keep_worse(rule, worst, judge(rule, held(rule, parts)));
                }
                worst.unwrap_or(UNDECIDED)
            }
        }
    }
}

const UNDECIDED: Judgement = Judgement {
    standing: Standing::NoData,
    reading: Reading {
        value: None,
        samples: 0,
    },
};

/// Drops the intervals that the window has left behind, each with a look at those that remain; whether these fill it.
///
/// Intervals end up to some milliseconds late, so a window is full a little before its length.
fn fill<T>(
    parts: &mut VecDeque<Part<T>>,
    length: Micros,
    mut drop: impl FnMut(&Part<T>, &VecDeque<Part<T>>),
) -> bool {
    let Some(end) = parts.back().map(|part| part.end) else {
        return false;
    };
    let enough = Micros(length.0 - (length.0 / 20).min(500_000));
    let spans = |part: &Part<T>| end.saturating_sub(part.start) >= enough;
    while parts.get(1).is_some_and(spans) {
        if let Some(first) = parts.pop_front() {
            drop(&first, parts);
        }
    }
    parts.front().is_some_and(spans)
}

/// The level that every interval reached or went beyond. Intervals without a sample have none: they break a breach
/// off as little as they prove it, so a breach counts only where at least half of the intervals have samples.
fn held(rule: &Threshold, parts: &VecDeque<Part<Reading>>) -> Reading {
    let samples = parts.iter().map(|part| part.content.samples).sum();
    let speaks = |part: &&Part<Reading>| part.content.samples > 0 || may_be_of_nothing(rule);
    let speaking = parts.iter().filter(speaks).count();
    let value = parts
        .iter()
        .filter(speaks)
        .filter_map(|part| part.content.value)
        .min_by(|a, b| badness(rule, *a).total_cmp(&badness(rule, *b)))
        .filter(|value| speaking * 2 >= parts.len() || rule.comparator.holds(value, &rule.limit));
    Reading { value, samples }
}

/// Keeps the worse of two windows; one that could not be judged counts for nothing.
fn keep_worse(rule: &Threshold, worst: &mut Option<Judgement>, new: Judgement) {
    if new.standing == Standing::NoData {
        return;
    }
    let rank = |judgement: &Judgement| {
        let bad = judgement
            .reading
            .value
            .map_or(f64::NEG_INFINITY, |value| badness(rule, value));
        (judgement.standing == Standing::Fail, bad)
    };
    if worst.is_none_or(|worst| rank(&new) > rank(&worst)) {
        *worst = Some(new);
    }
}

/// How far a number is on the wrong side of the limit, or how little on the right one: larger is worse.
fn badness(rule: &Threshold, value: f64) -> f64 {
    match rule.comparator {
        Comparator::Less | Comparator::LessOrEqual => value,
        Comparator::Greater | Comparator::GreaterOrEqual => -value,
        Comparator::Equal => (value - rule.limit).abs(),
        Comparator::NotEqual => -(value - rule.limit).abs(),
    }
}

/// Whether a reading holds. Nothing never passes: without enough samples there is no verdict. A count and a rate are
/// numbers also when nothing was counted, zero; but not those of failures, since what never ran could not fail.
fn judge(rule: &Threshold, reading: Reading) -> Judgement {
    let fewest = u64::from(!may_be_of_nothing(rule));
    let standing = match reading.value {
        Some(value) if reading.samples >= rule.min_samples.max(fewest) => {
            if rule.comparator.holds(&value, &rule.limit) {
                Standing::Pass
            } else {
                Standing::Fail
            }
        }
        _ => Standing::NoData,
    };
    Judgement { standing, reading }
}

/// Whether a reading without a sample is zero, and not without data.
const fn may_be_of_nothing(rule: &Threshold) -> bool {
    matches!(rule.aggregate, Aggregate::Count | Aggregate::Rate)
        && !matches!(rule.metric, Metric::Failed | Metric::FailedIterations)
}
