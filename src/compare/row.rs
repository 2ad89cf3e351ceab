//! A line of the comparison: a figure, its change, and the verdict on it.

use crate::stats::{Bounds, CONFIDENCE, Effect};
use crate::units::{show_count, show_duration};

use super::comparison::told_bounds;
use super::design::{Flaw, Measured};
use super::figure::{Figure, Scale, Worse};
use super::profile::Reading;

/// The verdict on a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Worse, by at least the tolerance.
    Regressed,
    /// Better, by at least the tolerance.
    Improved,
    /// Changed by at least the tolerance, and neither direction is known to be worse.
    Changed,
    /// Any change is smaller than the tolerance.
    NoChange,
    /// None of these is proven.
    Inconclusive,
}

impl Change {
    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::Changed => "changed",
            Self::NoChange => "no change",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What would detect a change as large as the tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// This many pairs.
    Pairs(u32),
    /// This many runs on each side.
    RunsASide(u32),
    /// Runs of this many seconds.
    Seconds(f64),
    /// This many requests on each side, without a failure.
    Requests(u64),
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pairs(pairs) => write!(f, "{pairs} pairs"),
            Self::RunsASide(runs) => write!(f, "{runs} runs a side"),
            Self::Requests(requests) => write!(f, "{} requests a side", show_count(*requests)),
            Self::Seconds(seconds) => {
                let seconds = seconds.ceil().clamp(1.0, 1e8) as u64;
                let whole = if seconds > 120 {
                    seconds.next_multiple_of(60)
                } else {
                    seconds
                };
                let length = show_duration(std::time::Duration::from_secs(whole));
                write!(f, "runs of {length}")
            }
        }
    }
}

/// How a row is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    /// The limit of a change, as it is told.
    pub(super) limit: f64,
    pub(super) is_strict: bool,
    pub(super) confidence: f64,
    /// True if the row decides.
    pub(super) decides: bool,
}

/// A figure, its change and the verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The figure.
    pub figure: Figure,
    /// Its value on side A: the geometric mean of times, the mean of shares.
    pub a: Option<f64>,
    /// Its value on side B.
    pub b: Option<f64>,
    /// The difference on the figure's scale.
    pub effect: Option<Effect>,
    /// The reason why the effect proves nothing.
    pub flaw: Option<Flaw>,
    /// The verdict.
    pub change: Change,
    /// The p-value, corrected for the other tests of its family.
    pub p: f64,
    /// The smallest change that would have been found, as it is told.
    pub detectable: Option<f64>,
    /// What would detect a change as large as the tolerance.
    pub need: Option<Need>,
    /// The limit of a change, as it is told and with its sign: 0.05 is +5 %, or 5 percentage points of a share.
    pub limit: f64,
    /// True if the row decides.
    pub decides: bool,
    /// True if neither side had a single event.
    has_no_events: bool,
    is_strict: bool,
    confidence: f64,
}

impl Row {
    pub(super) fn new(figure: Figure, measured: &Measured, rules: Rules) -> Self {
        let scale = figure.scale;
        let size = scale.difference(rules.limit).abs();
        Self {
            a: measured.a.map(|value| scale.number(value)),
            b: measured.b.map(|value| scale.number(value)),
            detectable: measured
                .effect
                .map(|effect| scale.told(effect.detectable())),
            need: measured.spread.need(size),
            effect: measured.effect,
            flaw: measured.flaw,
            change: Change::Inconclusive,
            p: 1.0,
            limit: rules.limit,
            decides: rules.decides,
            has_no_events: measured.spread.is_of_rare_events(),
            is_strict: rules.is_strict,
            confidence: rules.confidence,
            figure,
        }
    }

    /// The p-value by itself; 1 if the effect proves nothing.
    pub(super) fn p_value(&self) -> f64 {
        match (self.effect, self.flaw) {
            (Some(effect), None) => effect.p_value(),
            _ => 1.0,
        }
    }

    /// Judges the row, given its p-value among those of its family.
    ///
    /// Regressed: the whole interval is for the worse, and the estimate exceeds the tolerance (strict: the whole interval
    /// does). Improved: the mirror. No change: the whole interval is within the tolerance.
    pub(super) fn judge(&mut self, p: f64) {
        self.judge_by_direction(p);
        let is_either = matches!(self.change, Change::Regressed | Change::Improved);
        if self.figure.worse == Worse::Neither && is_either {
            self.change = Change::Changed;
        }
    }

    fn judge_by_direction(&mut self, p: f64) {
        self.p = p;
        if self.is_quiet() {
            self.change = Change::NoChange;
            return;
        }
        let (Some(worse), None) = (self.worse(), self.flaw) else {
            self.change = Change::Inconclusive;
            return;
        };
        let limit = self.size();
        if limit <= 0.0 {
            // The limit asks for an improvement, or for no loss at all.
            self.change = if worse.low >= limit {
                Change::Regressed
            } else if worse.high < limit {
                Change::Improved
            } else {
                Change::Inconclusive
            };
            return;
        }
        let is_significant = p < 1.0 - self.confidence;
        let proven = if self.is_strict { limit } else { 0.0 };
        self.change = if is_significant && worse.low > proven && worse.change >= limit {
            Change::Regressed
        } else if is_significant && worse.high < -proven && worse.change <= -limit {
            Change::Improved
        } else if worse.low > -limit && worse.high < limit {
            Change::NoChange
        } else {
            Change::Inconclusive
        };
    }

    /// The limit as a difference for the worse on the scale.
    fn size(&self) -> f64 {
        self.figure.worse.sign() * self.figure.scale.difference(self.limit)
    }

    /// The change for the worse, with its bounds.
    fn worse(&self) -> Option<ForTheWorse> {
        let effect = self.effect?;
        let sign = self.figure.worse.sign();
        let bounds = effect.bounds(self.confidence);
        let (low, high) = if sign > 0.0 {
            (bounds.low, bounds.high)
        } else {
            (-bounds.high, -bounds.low)
        };
        Some(ForTheWorse {
            change: sign * effect.change,
            low,
            high,
        })
    }

    /// True if the figure got worse.
    pub fn is_worse(&self) -> bool {
        self.change == Change::Regressed
    }

    /// True if a change for the worse as large as the tolerance is ruled out.
    pub fn is_not_worse(&self) -> bool {
        if self.figure.worse == Worse::Neither {
            return self.change == Change::NoChange;
        }
        let limit = self.size();
        self.is_quiet()
            || self.flaw.is_none() && self.worse().is_some_and(|worse| worse.high < limit)
    }

    /// True if neither side had a single event, and the limit asks for no improvement: then there is no change, and the
    /// interval says how large one could be.
    fn is_quiet(&self) -> bool {
        self.has_no_events && self.size() >= 0.0
    }

    /// Orders rows: the worst first, those without an effect last.
    pub(super) fn badness(&self) -> f64 {
        let class = match self.change {
            Change::Regressed => 2e6,
            Change::Inconclusive if self.flaw.is_none() => 1e6,
            Change::NoChange | Change::Changed => 0.0,
            Change::Improved => -1e6,
            Change::Inconclusive => -2e6,
        };
        class + self.worse().map_or(0.0, |worse| worse.change * 1e3)
    }

    /// The change as it is told: relative, or in shares.
    pub fn told_change(&self) -> Option<f64> {
        self.effect
            .map(|effect| self.figure.scale.told(effect.change))
    }

    /// The interval of the change as it is told.
    pub fn told_bounds(&self) -> Option<Bounds> {
        let confidence = self.confidence;
        self.effect
            .map(|effect| told_bounds(&effect, self.figure.scale, confidence))
    }

    /// `+12.3 % (95 %: +8.1 to +16.7 %)`
    pub fn told(&self) -> String {
        let (Some(change), Some(bounds)) = (self.told_change(), self.told_bounds()) else {
            return "no data".to_owned();
        };
        let scale = self.figure.scale;
        let confidence = show_confidence(self.confidence);
        format!(
            "{} ({confidence}: {} to {})",
            show_change(change, scale),
            show_change(bounds.low, scale),
            show_change(bounds.high, scale)
        )
    }

    /// The reason why the row is not clear, in a sentence.
    pub fn explain(&self) -> String {
        format!("{}: {}", self.figure.name, self.why())
    }

    /// The reason why the row is not clear, as a clause to follow the figure.
    pub fn why(&self) -> String {
        match self.flaw {
            Some(Flaw::NoData) => "one side has no data for it; a baseline has it only from runs that were made with this threshold"
                    .to_owned(),
            Some(Flaw::NoNoiseFloor) => {
                "one run a side cannot tell a change from the noise between runs: compare three runs a side or more, or \
                 measure the noise with `gander calibrate`"
                    .to_owned()
            }
            Some(Flaw::TooShort) => {
                "the runs are too short to estimate an error; at least 10 s are needed".to_owned()
            }
            Some(Flaw::ThinTail) => "insufficient tail data: too few independent requests took longer, so the runs must \
                 be longer"
                .to_owned(),
            None => {
                let scale = self.figure.scale;
                let detectable = self.detectable.map_or_else(String::new, |detectable| {
                    format!("; changes from {} are found", show_change(detectable, scale))
                });
                let need = self.need.map_or_else(String::new, |need| {
                    format!("; {} needs {need}", show_change(self.limit, scale))
                });
                format!("may have changed by {}{detectable}{need}", self.told())
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct ForTheWorse {
    change: f64,
    low: f64,
    high: f64,
}

impl Reading {
    /// True if too few samples lie beyond the quantile for it to be reliable. If the error comes from within the run, the
    /// samples must be independent.
    pub(super) fn is_thin(&self, quantile: f64, is_error_within: bool) -> bool {
        const FEWEST: f64 = 10.0;
        const FEWEST_INDEPENDENT: f64 = 20.0;
        let beyond = 1.0 - quantile;
        match self.effective.filter(|_| is_error_within) {
            Some(effective) => effective * beyond < FEWEST_INDEPENDENT,
            None => self.samples as f64 * beyond < FEWEST,
        }
    }
}

/// A change with its sign: `+12.3 %`, or `+0.25 pp` of a share.
pub fn show_change(told: f64, scale: Scale) -> String {
    let percent = told * 100.0;
    let unit = match scale {
        Scale::Factor => "%",
        Scale::Share => "pp",
    };
    let size = percent.abs();
    if size >= 1_000.0 && size.is_finite() {
        return format!("{}>999 {unit}", if percent < 0.0 { "−" } else { "+" });
    }
    if !percent.is_finite() {
        return format!("{}∞ {unit}", if percent < 0.0 { "−" } else { "+" });
    }
    let digits = match scale {
        Scale::Factor if size >= 100.0 => 0,
        Scale::Factor => 1,
        Scale::Share if size >= 10.0 => 1,
        Scale::Share => 2,
    };
    let text = format!("{size:.digits$}");
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    let sign = match (is_zero, percent < 0.0) {
        (true, _) => "±",
        (false, true) => "−",
        (false, false) => "+",
    };
    format!("{sign}{text} {unit}")
}

/// `95 %`, or `99.2 %` after a look at unfinished results.
pub fn show_confidence(confidence: f64) -> String {
    if (confidence - CONFIDENCE).abs() < 1e-9 {
        return "95 %".to_owned();
    }
    format!("{:.2} %", confidence * 100.0)
}
