//! The fold: intervals in, standings out.

use super::generator::GeneratorWatch;
use super::idle::Steps;
use super::tally::Picker;
use super::target::TargetWatch;
use super::users::UserWatch;
use super::window::State;
use crate::plan::Series;
use crate::plan::threshold::{Aggregate, Metric, Threshold};
use crate::record::{Carried, Interval, LoadCounts, Standing, StopReason};
use crate::scenario::Window;
use crate::units::Micros;

/// Judges a run as it goes.
#[derive(Debug, Clone)]
pub struct Judge {
    pub(super) rules: Vec<Rule>,
    pub(super) generator: GeneratorWatch,
    pub(super) users: UserWatch,
    pub(super) steps: Steps,
    target: TargetWatch,
    carried: Carried,
    now: Micros,
}

/// A threshold and how it stands.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) threshold: Threshold,
    picker: Picker,
    state: State,
    pub(super) judged: Judged,
}

/// How a threshold stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Whether it holds.
    pub standing: Standing,
    /// The number observed, in the threshold's unit: over the whole run, or over the worst of its windows.
    pub observed: Option<f64>,
    /// On how many samples that number stands.
    pub samples: u64,
    /// The end of the interval at which it broke, on the run's clock; over the whole run, of the interval from which on
    /// it has been broken without a pause.
    pub first_violation: Option<Micros>,
}

impl Judge {
    /// A judge of these rules, on series by their numbers; `max_users` is the limit of an open load, and none in a
    /// closed one. Nothing has been observed yet.
    pub fn new(thresholds: &[Threshold], series: &[Series], max_users: Option<u32>) -> Self {
        let rules = thresholds.iter().map(|threshold| Rule {
            threshold: threshold.clone(),
            picker: Picker::of(threshold, series),
            state: State::of(threshold.window),
            judged: Judged {
                standing: Standing::NoData,
                observed: None,
                samples: 0,
                first_violation: None,
            },
        });
        Self {
            rules: rules.collect(),
            generator: GeneratorWatch::default(),
            users: UserWatch::of(max_users),
            steps: Steps::of(series),
            target: TargetWatch::of(series),
            carried: Carried::default(),
            now: Micros::ZERO,
        }
    }

    /// Takes the next interval in; each once, in order. Warm-up intervals move no threshold.
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
            if !(is_drain && rule.is_about_load()) {
                rule.observe(interval, &load);
            }
        }
    }

    /// How each threshold stands now, in the order of the plan.
    pub fn standings(&self) -> Vec<Judged> {
        self.rules.iter().map(|rule| rule.judged).collect()
    }

    /// Why the run should be stopped now: a threshold that aborts is broken, or the target cannot be reached.
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

impl Rule {
    /// Whether the end of the load alone would move it: the level of users, and rates within a window. What is still in
    /// flight then counts for everything else.
    fn is_about_load(&self) -> bool {
        let is_windowed = self.threshold.window != Window::Total;
        let is_count = matches!(self.threshold.aggregate, Aggregate::Count | Aggregate::Rate);
        self.threshold.metric == Metric::ActiveUsers || (is_windowed && is_count)
    }

    /// Takes in an interval, and of its load what the measured time offered.
    fn observe(&mut self, interval: &Interval, load: &LoadCounts) {
        let tally = self.picker.pick(interval, load);
        let judgement = self
            .state
            .absorb(&self.threshold, interval.start, interval.end, tally);
        let first_violation = match judgement.standing {
            Standing::Fail => self.judged.first_violation.or(Some(interval.end)),
            Standing::Pass | Standing::NoData => None,
        };
        self.judged = Judged {
            standing: judgement.standing,
            observed: judgement.reading.value,
            samples: judgement.reading.samples,
            first_violation,
        };
    }
}
