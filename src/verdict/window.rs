//! The part of the run to which a threshold applies: the whole run, every window of a length, or a sustained breach.
//!
//! Windows end where intervals end, and contain measured intervals only. A rolling window keeps only the intervals
//! that fit into it; a sustained one keeps one number per interval.

use std::collections::VecDeque;

use super::tally::{Reading, Tally};
use crate::plan::threshold::{Aggregate, Threshold};
use crate::record::Standing;
use crate::record::bins::Sum;
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

    /// Adds the next interval; returns the state of the threshold in its worst window so far.
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
                parts.push_back(WindowPart {
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
                parts.push_back(WindowPart {
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
fn held(rule: &Threshold, parts: &VecDeque<WindowPart<Reading>>) -> Reading {
    let samples = parts.iter().map(|part| part.content.samples).sum();
    let speaks = |part: &&WindowPart<Reading>| part.content.samples > 0 || may_be_of_nothing(rule);
    let speaking = parts.iter().filter(speaks).count();
    let value = parts
        .iter()
        .filter(speaks)
        .filter_map(|part| part.content.value)
        .min_by(|a, b| badness(rule, *a).total_cmp(&badness(rule, *b)))
        .filter(|value| {
            speaking * 2 >= parts.len() || rule.comparator.holds(value, &rule.limit.number())
        });
    Reading { value, samples }
}

/// Keeps the worse of two windows; a window without a result is ignored.
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

/// Converts a number so that the larger result is the worse one for the comparator.
fn badness(rule: &Threshold, value: f64) -> f64 {
    match rule.comparator {
        Comparator::Less | Comparator::LessOrEqual => value,
        Comparator::Greater | Comparator::GreaterOrEqual => -value,
        Comparator::Equal => (value - rule.limit.number()).abs(),
        Comparator::NotEqual => -(value - rule.limit.number()).abs(),
    }
}

/// The result of a reading. Without enough samples there is no result, which never passes. A count or rate of zero is
/// a valid number without samples; a step that never ran has a warning of its own.
fn judge(rule: &Threshold, reading: Reading) -> Judgement {
    let fewest = u64::from(!may_be_of_nothing(rule));
    let standing = match reading.value {
        Some(value) if reading.samples >= rule.min_samples.max(fewest) => {
            if rule.comparator.holds(&value, &rule.limit.number()) {
                Standing::Pass
            } else {
                Standing::Fail
            }
        }
        _ => Standing::NoData,
    };
    Judgement { standing, reading }
}

/// True if a reading without a sample is zero instead of missing.
const fn may_be_of_nothing(rule: &Threshold) -> bool {
    matches!(rule.aggregate, Aggregate::Count | Aggregate::Rate)
}
