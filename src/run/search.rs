//! The search for the capacity: changes the rate, second by second.
//!
//! The rate rises until a rule breaks. Then the load backs off until the target has caught up, and the rates between the
//! last that held and the first that broke are halved until they are close. The highest that held is confirmed by
//! holding it for longer. Each rate is judged by itself, without the part in which the target settles. A rate at which the
//! generator was the limit ends the search: it would tell nothing about the target.

use crate::plan::{SearchPlan, Series, Subject};
use crate::record::journal::Ending;
use crate::record::{Capacity, Interval, LevelResult, Purpose, SearchLevel, Timing, Totals};
use crate::scenario::ArrivalLaw;
use crate::units::{Micros, show_count, show_percent, show_rate};
use crate::verdict::{Conclusion, Judge, Verdict, Warning};

/// The part of a level in which the target settles.
const SETTLING: f64 = 0.2;
/// The part of the due iterations by which a target may fall behind.
const BEHIND: f64 = 0.01;
/// A target this far behind has broken before the end of the level.
const FAR_BEHIND: f64 = 0.25;
/// With fewer iterations, one more or less is a large part.
const FEW: f64 = 5.0;
/// If every user is busy, but responses take less than this much longer than at a rate that held, users are too few.
const SLOWER: f64 = 1.5;
/// An interval ends a little later than it is due, so a level may end a little before its time.
const SLACK: Micros = Micros(100_000);
/// The lowest rate to try, as a part of the first one.
const LOWEST: f64 = 1.0 / 64.0;

/// What to do after an interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SearchStep {
    /// Set the rate.
    Rate(f64),
    /// A level has ended.
    Level(SearchLevel),
    /// The search has ended.
    Done(Capacity),
}

/// A search in progress.
#[derive(Debug)]
pub(super) struct Search {
    plan: SearchPlan,
    series: Vec<Series>,
    checks: usize,
    max_users: u32,
    law: ArrivalLaw,
    phase: SearchPhase,
    holds: Option<f64>,
    breaks: Option<(f64, String)>,
    /// The service time at the first rate that held, in microseconds.
    unloaded: Option<f64>,
}

#[derive(Debug)]
enum SearchPhase {
    Level(Box<Level>),
    /// The rate is zero until the target has caught up; then this rate follows.
    BackingOff {
        next: f64,
        purpose: Purpose,
    },
    Over,
}

/// A rate that is being tried.
#[derive(Debug)]
struct Level {
    rate: f64,
    purpose: Purpose,
    /// The start of its judged part; `None` until it begins.
    judged_from: Option<Micros>,
    ends: Micros,
    settles: Micros,
    judge: Judge,
    totals: Totals,
    due: u64,
    in_flight: f64,
    seconds: f64,
}

impl Search {
    pub(super) fn new(
        plan: SearchPlan,
        (series, checks): (&[Series], usize),
        max_users: u32,
        law: ArrivalLaw,
    ) -> Self {
        let mut search = Self {
            phase: SearchPhase::Over,
            series: series.to_vec(),
            checks,
            max_users,
            law,
            holds: None,
            breaks: None,
            unloaded: None,
            plan,
        };
        let from = search.plan.from;
        search.begin(from, Purpose::Rise, Micros::ZERO);
        search
    }

    /// Adds the next interval; each exactly once, in order. The steps are to be done at once.
    pub(super) fn observe(&mut self, interval: &Interval) -> Vec<SearchStep> {
        if interval.is_warm_up {
            if let SearchPhase::Level(level) = &self.phase {
                let (rate, purpose) = (level.rate, level.purpose);
                self.begin(rate, purpose, interval.end);
            }
            return Vec::new();
        }
        if interval.end >= Micros::from(self.plan.max_duration)
            && !matches!(self.phase, SearchPhase::Over)
        {
            return vec![self.done(self.out_of_time())];
        }
        match &mut self.phase {
            SearchPhase::Over => Vec::new(),
            SearchPhase::BackingOff { next, purpose } => {
                let load = &interval.load;
                if load.in_flight > 0 || load.backlog > 0 {
                    return Vec::new();
                }
                let (next, purpose) = (*next, *purpose);
                self.begin(next, purpose, interval.end);
                vec![SearchStep::Rate(next)]
            }
            SearchPhase::Level(level) => {
                level.observe(interval);
                if !level.is_over(interval.end) {
                    return Vec::new();
                }
                self.end_level()
            }
        }
    }

    /// The result if the search ends now.
    fn out_of_time(&self) -> Capacity {
        Capacity::OutOfTime {
            holds: self.holds,
            breaks: self.breaks.as_ref().map(|(rate, _)| *rate),
        }
    }

    /// The result if the run is stopped now.
    pub(super) fn stopped(&self) -> Capacity {
        Capacity::Stopped {
            holds: self.holds,
            breaks: self.breaks.as_ref().map(|(rate, _)| *rate),
        }
    }

    /// True if it has a result.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.phase, SearchPhase::Over)
    }

    fn begin(&mut self, rate: f64, purpose: Purpose, at: Micros) {
        let length = match purpose {
            Purpose::Confirm => self.plan.confirm,
            Purpose::Rise | Purpose::Narrow => self.plan.every,
        };
        self.phase = SearchPhase::Level(Box::new(Level {
            rate,
            purpose,
            judged_from: None,
            settles: at + length.mul_f64(SETTLING).into(),
            ends: at + length.into(),
            judge: Judge::new(&self.plan.rules, &self.series, Some(self.max_users)),
            totals: Totals::new(&self.series, self.checks),
            due: 0,
            in_flight: 0.0,
            seconds: 0.0,
        }));
    }

    fn done(&mut self, result: Capacity) -> SearchStep {
        self.phase = SearchPhase::Over;
        SearchStep::Done(result)
    }

    /// Judges the level, and decides what follows.
    fn end_level(&mut self) -> Vec<SearchStep> {
        let SearchPhase::Level(level) = std::mem::replace(&mut self.phase, SearchPhase::Over)
        else {
            return Vec::new();
        };
        let record = self.judged(&level);
        let (rate, at) = (level.rate, level.now());
        let mut steps = vec![SearchStep::Level(record.clone())];
        match record.result {
            LevelResult::Invalid => {
                let reason = record.reason;
                steps.push(self.done(Capacity::Generator { rate, reason }));
            }
            LevelResult::Held => {
                self.holds = Some(self.holds.map_or(rate, |holds| holds.max(rate)));
                self.unloaded.get_or_insert(record.service);
                steps.extend(self.after_held(rate, level.purpose, at));
            }
            LevelResult::Broke => {
                let is_lower = |(known, _): &(f64, String)| rate < *known;
                if self.breaks.as_ref().is_none_or(is_lower) {
                    self.breaks = Some((rate, record.reason));
                }
                // A rate that held before and breaks now does not hold.
                self.holds = self.holds.filter(|holds| *holds < rate);
                steps.extend(self.after_broke(rate));
            }
        }
        steps
    }

    fn after_held(&mut self, rate: f64, purpose: Purpose, at: Micros) -> Vec<SearchStep> {
        if purpose == Purpose::Confirm {
            let result = match &self.breaks {
                Some((breaks, reason)) => Capacity::Found {
                    holds: rate,
                    breaks: *breaks,
                    reason: reason.clone(),
                },
                None => Capacity::AtLeast { holds: rate },
            };
            return vec![self.done(result)];
        }
        let (next, purpose) = match &self.breaks {
            Some((breaks, _)) => self.between(rate, *breaks),
            None if self.plan.most.is_some_and(|most| rate >= most) => (rate, Purpose::Confirm),
            None => (self.plan.after(rate), Purpose::Rise),
        };
        self.begin(next, purpose, at);
        vec![SearchStep::Rate(next)]
    }

    fn after_broke(&mut self, rate: f64) -> Vec<SearchStep> {
        let breaks = self.breaks.as_ref().map_or(rate, |(breaks, _)| *breaks);
        let (next, purpose) = match self.holds {
            Some(holds) => self.between(holds, breaks),
            None if rate / 2.0 < self.plan.from * LOWEST => {
                let (breaks, reason) = self.breaks.clone().unwrap_or((rate, String::new()));
                return vec![self.done(Capacity::NothingHeld { breaks, reason })];
            }
            None => (rate / 2.0, Purpose::Narrow),
        };
        self.phase = SearchPhase::BackingOff { next, purpose };
        vec![SearchStep::Rate(0.0)]
    }

    /// The rate after two between which the capacity lies.
    fn between(&self, holds: f64, breaks: f64) -> (f64, Purpose) {
        if breaks / holds - 1.0 <= self.plan.precision {
            (holds, Purpose::Confirm)
        } else {
            (f64::midpoint(holds, breaks), Purpose::Narrow)
        }
    }

    /// The record of a level with its result.
    fn judged(&self, level: &Level) -> SearchLevel {
        let ending = Ending {
            at: level.now(),
            is_complete: true,
            ..Ending::default()
        };
        let verdict = level.judge.conclude(&level.totals, &ending);
        let service = level.totals.timing(Timing::ServiceTime, &[]).mean();
        let response = level.totals.timing(Timing::ResponseTime, &[]);
        let quantile = |q| (!response.is_empty()).then(|| response.value_at_quantile(q));
        let (result, reason) = self.result(level, &verdict, service);
        SearchLevel {
            rate: level.rate,
            purpose: level.purpose,
            from: level.judged_from.unwrap_or(level.ends),
            to: level.now(),
            result,
            reason,
            due: level.due,
            completed: level.completed(),
            in_flight: level.in_flight / level.seconds.max(1e-6),
            p50: quantile(0.5),
            p95: quantile(0.95),
            service,
        }
    }

    fn result(&self, level: &Level, verdict: &Verdict, service: f64) -> (LevelResult, String) {
        if verdict.conclusion == Conclusion::Invalid {
            return (LevelResult::Invalid, verdict.reason.clone());
        }
        let behind = level.behind();
        let noise = match self.law {
            ArrivalLaw::Constant => FEW,
            // Two standard deviations of a Poisson count.
            ArrivalLaw::Poisson => FEW.max(2.0 * (level.due as f64).sqrt()),
        };
        let is_behind = behind > (BEHIND * level.due as f64).max(noise);
        let is_broken = matches!(verdict.conclusion, Conclusion::Fail | Conclusion::NoData);
        if !is_behind && !is_broken {
            return (LevelResult::Held, "every rule held".to_owned());
        }
        let is_short = verdict
            .warnings
            .iter()
            .any(|warning| matches!(warning, Warning::UsersExhausted { .. }));
        let is_slower = self
            .unloaded
            .is_none_or(|unloaded| service > unloaded * SLOWER);
        if is_short && !is_slower {
            let reason = format!(
                "all {} users were busy, although the target answered as fast as at a lower rate: raise `max_users`",
                show_count(self.max_users.into())
            );
            return (LevelResult::Invalid, reason);
        }
        if is_broken {
            return (LevelResult::Broke, verdict.reason.clone());
        }
        let reason = format!(
            "{} of the iterations due were not completed: {} of {}",
            show_percent(behind / level.due.max(1) as f64),
            show_rate(level.completed() as f64 / level.seconds.max(1e-6)),
            show_rate(level.rate)
        );
        (LevelResult::Broke, reason)
    }
}

impl Level {
    fn observe(&mut self, interval: &Interval) {
        if interval.start + SLACK < self.settles {
            return;
        }
        self.judged_from.get_or_insert(interval.start);
        self.judge.observe(interval);
        self.totals.absorb(interval);
        self.due += interval.load.offered;
        let seconds = interval.end.saturating_sub(interval.start).as_secs_f64();
        self.seconds += seconds;
        self.in_flight += interval.load.in_flight_milli as f64 / 1e3 * seconds;
    }

    /// The time up to which it was observed.
    fn now(&self) -> Micros {
        let from = self.judged_from.unwrap_or(self.settles);
        Micros(from.0 + (self.seconds * 1e6) as u64)
    }

    fn completed(&self) -> u64 {
        self.totals.counts(Subject::Iterations).ended
    }

    /// Iterations due and not completed.
    fn behind(&self) -> f64 {
        self.due as f64 - self.completed() as f64
    }

    fn is_over(&self, now: Micros) -> bool {
        let due = self.due as f64;
        let is_far_behind = self.seconds >= 1.0 && self.behind() > (FAR_BEHIND * due).max(FEW);
        now + SLACK >= self.ends && self.seconds > 0.0 || is_far_behind
    }
}
