//! The part of the run to which a threshold applies: the whole run, every window of a length, or a sustained breach. For
//! a slope it is the whole run too.
//!
//! Windows end where intervals end, and contain measured intervals only. A rolling window keeps only the intervals
//! that fit into it; a sustained one keeps one number per interval.

use std::collections::VecDeque;

use super::seconds::Seconds;
use super::slope::Slope;
use super::tally::{Reading, Tally};
use crate::plan::threshold::{Aggregate, SecondRule, Threshold};
use crate::record::bins::Sum;
use crate::record::{Interval, Standing};
use crate::scenario::{Comparator, Window};
use crate::units::Micros;

/// The state of a threshold's window.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// All measured intervals so far.
    Total(Tally<Sum>),
    /// The threshold applies to every window of this length.
    Rolling {
        length: Micros,
        parts: VecDeque<WindowPart<Tally>>,
        /// The sum of the intervals.
        sum: Box<Tally<Sum>>,
        worst: Option<Judgement>,
    },
    /// A breach counts once every interval for this length breaks the limit. The reported level is that of the
    /// interval closest to the limit.
    Sustained {
        length: Micros,
        parts: VecDeque<WindowPart<Reading>>,
        worst: Option<Judgement>,
    },
    /// The slope over all measured intervals so far.
    Slope(Slope),
    /// The share of measured seconds in which a rule held.
    Seconds(SecondRule, Seconds),
}

/// An interval's part in a window.
#[derive(Debug, Clone)]
pub(super) struct WindowPart<T> {
    start: Micros,
    end: Micros,
    content: T,
}

/// The result of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judgement {
    pub(super) standing: Standing,
    pub(super) reading: Reading,
    /// The 95 % interval of the reading, of a slope.
    pub(super) interval: Option<(f64, f64)>,
}

impl State {
    pub(super) fn of(rule: &Threshold) -> Self {
        if rule.unit.is_of_slope() {
            return Self::Slope(Slope::default());
        }
        if let Some(in_seconds) = rule.in_seconds {
            return Self::Seconds(in_seconds, Seconds::default());
        }
        match rule.window {
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

    /// Adds the next interval, if it is selected; returns the state of the threshold in its worst window so far.
    /// `limit` is `None` if it depends on samples that are missing.
    pub(super) fn absorb(
        &mut self,
        rule: &Threshold,
        limit: Option<f64>,
        interval: &Interval,
        tally: Option<Tally>,
    ) -> Judgement {
        let (start, end) = (interval.start, interval.end);
        match self {
            Self::Total(sum) => {
                if let Some(tally) = &tally {
                    sum.merge(tally);
                }
                judge(rule, limit, sum.read(rule.aggregate))
            }
            Self::Rolling {
                length,
                parts,
                sum,
                worst,
            } => {
                let (Some(tally), Some(limit)) = (tally, limit) else {
                    return worst.unwrap_or(UNDECIDED);
                };
                sum.merge(&tally);
                parts.push_back(WindowPart {
                    start,
                    end,
                    content: tally,
                });
                let is_full = fill(parts, *length, |first, rest| {
                    sum.remove(&first.content, rest.iter().map(|part| &part.content));
                });
                if is_full {
                    let new = judge(rule, Some(limit), sum.read(rule.aggregate));
                    keep_worse(rule, limit, worst, new);
                }
                worst.unwrap_or(UNDECIDED)
            }
            Self::Sustained {
                length,
                parts,
                worst,
            } => {
                let (Some(tally), Some(limit)) = (tally, limit) else {
                    return worst.unwrap_or(UNDECIDED);
                };
                parts.push_back(WindowPart {
                    start,
                    end,
                    content: tally.read(rule.aggregate),
                });
                if fill(parts, *length, |_, _| {}) {
                    let new = judge(rule, Some(limit), held(rule, limit, parts));
                    keep_worse(rule, limit, worst, new);
                }
                worst.unwrap_or(UNDECIDED)
            }
            Self::Slope(slope) => {
                if let Some(tally) = tally {
                    slope.absorb(rule, (start, end), &tally);
                }
                slope.judgement()
            }
            Self::Seconds(in_seconds, seconds) => {
                if let Some(tally) = &tally {
                    seconds.absorb(*in_seconds, rule.aggregate, interval, tally);
                }
                judge(rule, limit, seconds.read())
            }
        }
    }

    /// The reason for a result that its numbers do not explain.
    pub(super) fn detail(&self, rule: &Threshold, limit: Option<f64>) -> Option<String> {
        match self {
            Self::Slope(slope) => slope.detail(rule),
            Self::Total(_) if limit.is_none() => {
                Some("the right side had too few samples to compare with".to_owned())
            }
            Self::Total(_) | Self::Rolling { .. } | Self::Sustained { .. } | Self::Seconds(..) => {
                None
            }
        }
    }
}

pub(super) const UNDECIDED: Judgement = Judgement {
    standing: Standing::NoData,
    reading: Reading {
        value: None,
        samples: 0,
    },
    interval: None,
};

/// Removes the intervals that have left the window, and calls `drop` for each with the remaining ones; returns true
/// if the remaining ones fill the window.
///
/// Intervals end up to some milliseconds late, so a window is full slightly before its length.
fn fill<T>(
    parts: &mut VecDeque<WindowPart<T>>,
    length: Micros,
    mut drop: impl FnMut(&WindowPart<T>, &VecDeque<WindowPart<T>>),
) -> bool {
    let Some(end) = parts.back().map(|part| part.end) else {
        return false;
    };
    let enough = Micros(length.0 - (length.0 / 20).min(500_000));
    let spans = |part: &WindowPart<T>| end.saturating_sub(part.start) >= enough;
    while parts.get(1).is_some_and(spans) {
        if let Some(first) = parts.pop_front() {
            drop(&first, parts);
        }
    }
    parts.front().is_some_and(spans)
}

/// The level that every interval reached or exceeded. Intervals without a sample neither break a breach nor prove it,
/// so a breach counts only if at least half of the intervals have samples.
fn held(rule: &Threshold, limit: f64, parts: &VecDeque<WindowPart<Reading>>) -> Reading {
    let samples = parts.iter().map(|part| part.content.samples).sum();
    let speaks =
        |part: &&WindowPart<Reading>| part.content.samples > 0 || may_be_of_nothing(rule.aggregate);
    let speaking = parts.iter().filter(speaks).count();
    let value = parts
        .iter()
        .filter(speaks)
        .filter_map(|part| part.content.value)
        .min_by(|a, b| badness(rule, limit, *a).total_cmp(&badness(rule, limit, *b)))
        .filter(|value| speaking * 2 >= parts.len() || rule.comparator.holds(value, &limit));
    Reading { value, samples }
}

/// Keeps the worse of two windows; a window without a result is ignored.
fn keep_worse(rule: &Threshold, limit: f64, worst: &mut Option<Judgement>, new: Judgement) {
    if new.standing == Standing::NoData {
        return;
    }
    let rank = |judgement: &Judgement| {
        let bad = judgement
            .reading
            .value
            .map_or(f64::NEG_INFINITY, |value| badness(rule, limit, value));
        (judgement.standing == Standing::Fail, bad)
    };
    if worst.is_none_or(|worst| rank(&new) > rank(&worst)) {
        *worst = Some(new);
    }
}

/// Converts a number so that the larger result is the worse one for the comparator.
fn badness(rule: &Threshold, limit: f64, value: f64) -> f64 {
    match rule.comparator {
        Comparator::Less | Comparator::LessOrEqual => value,
        Comparator::Greater | Comparator::GreaterOrEqual => -value,
        Comparator::Equal => (value - limit).abs(),
        Comparator::NotEqual => -(value - limit).abs(),
    }
}

/// The result of a reading. Without enough samples there is no result, which never passes. A count or rate of zero is
/// a valid number without samples; a step that never ran has a warning of its own.
fn judge(rule: &Threshold, limit: Option<f64>, reading: Reading) -> Judgement {
    let fewest = u64::from(!may_be_of_nothing(rule.aggregate));
    let standing = match (reading.value, limit) {
        (Some(value), Some(limit)) if reading.samples >= rule.min_samples.max(fewest) => {
            if rule.comparator.holds(&value, &limit) {
                Standing::Pass
            } else {
                Standing::Fail
            }
        }
        _ => Standing::NoData,
    };
    Judgement {
        standing,
        reading,
        interval: None,
    }
}

/// True if a reading without a sample is zero instead of missing.
pub(super) const fn may_be_of_nothing(aggregate: Aggregate) -> bool {
    matches!(aggregate, Aggregate::Count | Aggregate::Rate)
}
