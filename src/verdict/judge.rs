//! A fold over intervals that keeps the state of every threshold.

use super::generator::GeneratorWatch;
use super::idle::Steps;
use super::reference::Reference;
use super::tally::Picker;
use super::target::TargetWatch;
use super::users::UserWatch;
use super::window::State;
use crate::exit::Exit;
use crate::plan::Series;
use crate::plan::threshold::{Aggregate, Metric, Selection, Threshold};
use crate::record::{Carried, Interval, LoadCounts, Standing, StopReason};
use crate::scenario::Window;
use crate::units::Micros;

/// Judges a run while it is in progress.
#[derive(Debug, Clone)]
pub struct Judge {
    pub(super) rules: Vec<JudgedThreshold>,
    pub(super) generator: GeneratorWatch,
    pub(super) users: UserWatch,
    pub(super) steps: Steps,
    pub(super) baseline: BaselineResult,
    target: TargetWatch,
    carried: Carried,
    now: Micros,
}

/// The result of a comparison with a baseline, which the intervals of one run cannot give.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BaselineResult {
    /// The results of thresholds, by their number in the plan.
    pub thresholds: Vec<(usize, Judged)>,
    /// What it means for the run: passed, regressed or inconclusive, and the reason. `None` if the run was not compared and
    /// needs no comparison.
    pub finding: Option<(Exit, String)>,
    /// What a reader must know although it does not decide.
    pub warning: Option<String>,
}

/// A threshold and its state.
#[derive(Debug, Clone)]
pub(super) struct JudgedThreshold {
    pub(super) threshold: Threshold,
    selection: Selection,
    picker: Picker,
    reference: Option<Reference>,
    state: State,
    pub(super) judged: Judged,
}

/// The state of a threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its current result.
    pub standing: Standing,
    /// The observed number in the threshold's unit: over the whole run, or in its worst window.
    pub observed: Option<f64>,
    /// The limit in the threshold's unit; `None` if it depends on samples that are missing.
    pub limit: Option<f64>,
    /// The 95 % interval of the observed number, if it has one: from and to.
    pub interval: Option<(f64, f64)>,
    /// The number of samples behind it.
    pub samples: u64,
    /// The end of the interval in which it failed, on the run's clock. For a threshold over the whole run, the
    /// interval since which it has failed continuously.
    pub first_violation: Option<Micros>,
    /// The reason for the result, as a clause to follow the left side of the expression; `None` if the numbers say it.
    pub detail: Option<String>,
}

impl Judged {
    /// The state before anything is known.
    pub const NOTHING: Self = Self {
        standing: Standing::NoData,
        observed: None,
        limit: None,
        interval: None,
        samples: 0,
        first_violation: None,
        detail: None,
    };

    /// The state before the first interval.
    fn before(threshold: &Threshold) -> Self {
        let is_against_baseline = threshold.is_against_baseline();
        Self {
            limit: threshold.limit.fixed(),
            detail: is_against_baseline.then(|| NO_BASELINE.to_owned()),
            ..Self::NOTHING
        }
    }
}

/// The reason why a threshold against a baseline has no result.
pub(super) const NO_BASELINE: &str = "there is no baseline: give one with --baseline";

impl Judge {
    /// A judge for these thresholds, with series by number; `max_users` is the user limit of an open load, `None` in
    /// a closed model. No interval has been observed yet.
    pub fn new(thresholds: &[Threshold], series: &[Series], max_users: Option<u32>) -> Self {
        let rules = thresholds.iter().map(|threshold| JudgedThreshold {
            threshold: threshold.clone(),
            selection: threshold.selection(),
            picker: Picker::of(&threshold.selection(), series),
            reference: Reference::of(threshold, series),
            state: State::of(threshold),
            judged: Judged::before(threshold),
        });
        Self {
            rules: rules.collect(),
            generator: GeneratorWatch::default(),
            users: UserWatch::of(max_users),
            steps: Steps::of(series),
            baseline: BaselineResult::default(),
            target: TargetWatch::of(series),
            carried: Carried::default(),
            now: Micros::ZERO,
        }
    }

    /// Adds the next interval; each exactly once, in order. Warm-up intervals do not affect thresholds.
    pub fn observe(&mut self, interval: &Interval) {
        self.now = interval.end;
        self.target.observe(interval);
        let load = self.carried.part(interval).own;
        self.users.observe(interval);
        if interval.is_warm_up {
            return;
        }
        self.generator.observe(interval);
        let is_drain = interval.is_drain();
        for rule in &mut self.rules {
            if !(is_drain && rule.is_about_load() || rule.threshold.is_against_baseline()) {
                rule.observe(interval, &load);
            }
        }
    }

    /// The current state of each threshold, in the order of the plan.
    pub fn standings(&self) -> Vec<Judged> {
        self.rules.iter().map(|rule| rule.judged.clone()).collect()
    }

    /// Sets the result of the comparison with a baseline; until then thresholds against one are [`Standing::NoData`].
    pub fn settle_baseline(&mut self, result: BaselineResult) {
        for (threshold, judged) in &result.thresholds {
            let rule = self.rules.get_mut(*threshold);
            if let Some(rule) = rule.filter(|rule| rule.threshold.is_against_baseline()) {
                rule.judged = Judged {
                    limit: rule.threshold.limit.fixed(),
                    ..judged.clone()
                };
            }
        }
        self.baseline = result;
    }

    /// The reason to stop the run now: a threshold with `abort` failed, or the target cannot be reached.
    pub fn abort(&self) -> Option<StopReason> {
        let broken = self.rules.iter().position(|rule| {
            let may_abort = rule
                .threshold
                .abort_after
                .is_some_and(|after| self.now >= after.into());
            may_abort && rule.judged.standing == Standing::Fail
        });
        broken
            .map(|threshold| StopReason::Threshold { threshold })
            .or_else(|| self.target.gone())
    }
}

impl JudgedThreshold {
    /// True if the end of the load alone would change the number: levels of users, rates within a window, and seconds. For
    /// other thresholds the requests still in flight count.
    fn is_about_load(&self) -> bool {
        if self.threshold.in_seconds.is_some() {
            return true;
        }
        let is_windowed = self.threshold.window != Window::Total;
        let is_count = matches!(self.threshold.aggregate, Aggregate::Count | Aggregate::Rate);
        self.threshold.metric == Metric::ActiveUsers || (is_windowed && is_count)
    }

    /// Adds an interval; `load` is the part that was offered in measured time.
    fn observe(&mut self, interval: &Interval, load: &LoadCounts) {
        let limit = match &mut self.reference {
            Some(reference) => {
                reference.observe(interval, load);
                reference.limit()
            }
            None => self.threshold.limit.fixed(),
        };
        let is_selected = self.selection.is_during(interval.start);
        let tally = is_selected.then(|| self.picker.pick(interval, load));
        let judgement = self.state.absorb(&self.threshold, limit, interval, tally);
        let first_violation = match judgement.standing {
            Standing::Fail => self.judged.first_violation.or(Some(interval.end)),
            Standing::Pass | Standing::NoData | Standing::Inconclusive => None,
        };
        self.judged = Judged {
            standing: judgement.standing,
            observed: judgement.reading.value,
            limit,
            interval: judgement.interval,
            samples: judgement.reading.samples,
            first_violation,
            detail: self.state.detail(&self.threshold, limit),
        };
    }
}
