//! Circuit breaker for a dependency: after too many failures in a window it rejects calls at once; later a few probes
//! decide whether the dependency is back.
//!
//! A call through a closed breaker costs one atomic load on entry and one compare-and-swap on exit; everything less
//! frequent takes a lock. The breaker neither retries nor times out: the caller does, and decides which results are
//! failures.

mod window;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{IntCounter, IntGauge};
use serde::Serialize;

use self::window::OutcomeWindow;
use crate::metrics::Metrics;
use crate::settings::Live;

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerState {
    /// All calls pass, and their outcomes are counted.
    Closed,
    /// A few calls pass, and their outcomes decide.
    HalfOpen,
    /// No call passes.
    Open,
}

/// The authority that decides the state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerRule {
    /// The outcomes of its calls.
    Auto,
    /// An operator keeps it closed.
    Closed,
    /// An operator keeps it open.
    Open,
}

/// A call was rejected because the dependency has been failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker of {name} is open")]
pub(crate) struct BreakerOpen {
    /// Name of the breaker.
    pub(crate) name: &'static str,
    /// Minimum time until it closes; zero while probes are in progress.
    pub(crate) retry_after: Duration,
}

/// The breaker of one dependency; see the module documentation.
pub(crate) struct Breaker {
    name: &'static str,
    settings: Arc<Live>,
    started: Instant,
    /// The state in the low bits, above them the number of transitions, so that an outcome from before the last
    /// transition is ignored.
    word: AtomicU64,
    /// Nanoseconds since `started` until which an open breaker rejects calls without further checks.
    until: AtomicU64,
    window: OutcomeWindow,
    /// Timed-out calls since the last successful one.
    timeouts: AtomicU32,
    trial: Mutex<BreakerProgress>,
    state_gauge: IntGauge,
    refusals: IntCounter,
    transitions: [IntCounter; 3],
}

/// Data that is only used while the breaker is not simply closed.
struct BreakerProgress {
    rule: BreakerRule,
    under_way: u32,
    succeeded: u32,
}

/// The permit for one call. Its outcome must be reported, or it counts as neither success nor failure.
#[must_use = "a permit that is dropped counts as a cancelled call"]
pub(crate) struct CallPermit<'a> {
    breaker: &'a Breaker,
    word: u64,
    kind: PermitKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PermitKind {
    Call,
    Probe,
    /// Nothing is left to report: it was reported, or outcomes are not counted.
    Settled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CallOutcome {
    Succeeded,
    Failed,
    TimedOut,
    Cancelled,
}

const STATE_BITS: u32 = 2;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;

impl Breaker {
    /// A closed breaker; `name` is the label of its metrics.
    pub(crate) fn new(
        name: &'static str,
        settings: Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let states = metrics.gauges(
            "folio_breaker_state",
            "0 closed, 1 half-open, 2 open.",
            &["name"],
        )?;
        let refusals = metrics.counters(
            "folio_breaker_refused_total",
            "Calls that were not made because the breaker was open.",
            &["name"],
        )?;
        let transitions = metrics.counters(
            "folio_breaker_transitions_total",
            "Changes of state, by the new one.",
            &["name", "to"],
        )?;
        Ok(Self {
            name,
            settings,
            started: Instant::now(),
            word: AtomicU64::new(0),
            until: AtomicU64::new(0),
            window: OutcomeWindow::new(),
            timeouts: AtomicU32::new(0),
            trial: Mutex::new(BreakerProgress {
                rule: BreakerRule::Auto,
                under_way: 0,
                succeeded: 0,
            }),
            state_gauge: states.with_label_values(&[name]),
            refusals: refusals.with_label_values(&[name]),
            transitions: ["closed", "half_open", "open"]
                .map(|to| transitions.with_label_values(&[name, to])),
        })
    }

    /// The label of its metrics.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The current state; an open breaker becomes half-open at the first call after its time.
    pub(crate) fn state(&self) -> BreakerState {
        BreakerState::of(self.word.load(Ordering::Acquire))
    }

    /// The current authority.
    pub(crate) fn rule(&self) -> BreakerRule {
        self.trial().rule
    }

    /// Lets an operator decide, or the outcomes again, starting with a closed breaker and an empty window.
    pub(crate) fn force(&self, rule: BreakerRule) {
        let mut trial = self.trial();
        if trial.rule == rule {
            return;
        }
        trial.rule = rule;
        match rule {
            BreakerRule::Auto | BreakerRule::Closed => {
                self.transition(&mut trial, BreakerState::Closed, 0);
            }
            BreakerRule::Open => self.transition(&mut trial, BreakerState::Open, u64::MAX),
        }
    }

    /// A permit for one call.
    pub(crate) fn admit(&self) -> Result<CallPermit<'_>, BreakerOpen> {
        let word = self.word.load(Ordering::Acquire);
        if BreakerState::of(word) == BreakerState::Closed {
            return Ok(self.permit(word, PermitKind::Call));
        }
        self.admit_at(self.now())
    }

    fn admit_at(&self, at: u64) -> Result<CallPermit<'_>, BreakerOpen> {
        let settings = self.settings.load();
        let settings = &settings.breaker;
        let until = self.until.load(Ordering::Acquire);
        let is_open = self.state() == BreakerState::Open;
        if settings.enabled && is_open && at < until {
            return Err(self.refuse(Duration::from_nanos(until - at).min(settings.open_for.0)));
        }
        let mut trial = self.trial();
        if !settings.enabled {
            if trial.rule == BreakerRule::Auto && self.state() != BreakerState::Closed {
                self.transition(&mut trial, BreakerState::Closed, 0);
            }
            return Ok(self.permit(0, PermitKind::Settled));
        }
        if self.state() == BreakerState::Open {
            let until = self.until.load(Ordering::Acquire);
            if at < until {
                let left = Duration::from_nanos(until - at);
                return Err(self.refuse(left.min(settings.open_for.0)));
            }
            self.transition(&mut trial, BreakerState::HalfOpen, 0);
        }
        if self.state() == BreakerState::HalfOpen {
            // Also reached when the number of probes was lowered after these had returned.
            if trial.succeeded >= settings.probes {
                self.transition(&mut trial, BreakerState::Closed, 0);
            } else if trial.under_way + trial.succeeded >= settings.probes {
                return Err(self.refuse(Duration::ZERO));
            } else {
                trial.under_way += 1;
                return Ok(self.permit(self.word.load(Ordering::Acquire), PermitKind::Probe));
            }
        }
        Ok(self.permit(self.word.load(Ordering::Acquire), PermitKind::Call))
    }

    fn settle(&self, kind: PermitKind, word: u64, outcome: CallOutcome, at: u64) {
        match kind {
            PermitKind::Settled => {}
            PermitKind::Call => self.settle_call(word, outcome, at),
            PermitKind::Probe => self.settle_probe(word, outcome, at),
        }
    }

    fn settle_call(&self, word: u64, outcome: CallOutcome, at: u64) {
        if outcome == CallOutcome::Cancelled || self.word.load(Ordering::Acquire) != word {
            return;
        }
        let settings = self.settings.load();
        let settings = &settings.breaker;
        let has_failed = outcome != CallOutcome::Succeeded;
        self.window.record(at, settings.window.0, has_failed);
        let timeouts = match outcome {
            CallOutcome::TimedOut => self.timeouts.fetch_add(1, Ordering::Relaxed) + 1,
            CallOutcome::Succeeded if self.timeouts.load(Ordering::Relaxed) > 0 => {
                self.timeouts.store(0, Ordering::Relaxed);
                0
            }
            _ => 0,
        };
        if !has_failed || !settings.enabled {
            return;
        }
        let tally = self.window.tally(at, settings.window.0);
        // Successes from before the dependency stopped answering do not matter, and each further wait delays a client.
        if timeouts >= settings.timeouts || tally.is_bad(settings.failures, settings.least_calls) {
            let mut trial = self.trial();
            if trial.rule == BreakerRule::Auto && self.word.load(Ordering::Acquire) == word {
                let until = at.saturating_add(settings.open_for.0.as_nanos() as u64);
                self.transition(&mut trial, BreakerState::Open, until);
            }
        }
    }

    fn settle_probe(&self, word: u64, outcome: CallOutcome, at: u64) {
        let mut trial = self.trial();
        if self.word.load(Ordering::Acquire) != word {
            return;
        }
        trial.under_way -= 1;
        let settings = self.settings.load();
        let settings = &settings.breaker;
        match outcome {
            CallOutcome::Cancelled => {}
            CallOutcome::Failed | CallOutcome::TimedOut => {
                let until = at.saturating_add(settings.open_for.0.as_nanos() as u64);
                self.transition(&mut trial, BreakerState::Open, until);
            }
            CallOutcome::Succeeded => {
                trial.succeeded += 1;
                if trial.succeeded >= settings.probes {
                    self.transition(&mut trial, BreakerState::Closed, 0);
                }
            }
        }
    }

    /// Changes to state `to`; outcomes of earlier calls are ignored from then on. The caller holds the lock.
    fn transition(&self, trial: &mut BreakerProgress, to: BreakerState, until: u64) {
        let before = self.word.load(Ordering::Acquire);
        trial.under_way = 0;
        trial.succeeded = 0;
        if to == BreakerState::Closed {
            self.window.clear();
            self.timeouts.store(0, Ordering::Relaxed);
        }
        self.until.store(until, Ordering::Release);
        let transitions = (before >> STATE_BITS) + 1;
        self.word
            .store(transitions << STATE_BITS | to as u64, Ordering::Release);
        self.state_gauge.set(to as i64);
        if BreakerState::of(before) != to {
            self.transitions[to as usize].inc();
        }
    }

    fn permit(&self, word: u64, kind: PermitKind) -> CallPermit<'_> {
        CallPermit {
            breaker: self,
            word,
            kind,
        }
    }

    fn refuse(&self, retry_after: Duration) -> BreakerOpen {
        self.refusals.inc();
        BreakerOpen {
            name: self.name,
            retry_after,
        }
    }

    fn trial(&self) -> std::sync::MutexGuard<'_, BreakerProgress> {
        self.trial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since the breaker was created; enough for five centuries.
    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

impl BreakerState {
    fn of(word: u64) -> Self {
        match word & STATE_MASK {
            0 => Self::Closed,
            1 => Self::HalfOpen,
            _ => Self::Open,
        }
    }
}

impl CallPermit<'_> {
    /// The dependency did its work, or rejected the call for a reason that is the caller's.
    pub(crate) fn succeeded(self) {
        let at = self.breaker.now();
        self.resolve(CallOutcome::Succeeded, at);
    }

    /// The dependency failed, or took too long.
    pub(crate) fn failed(self) {
        let at = self.breaker.now();
        self.resolve(CallOutcome::Failed, at);
    }

    /// No answer in time. Enough of these in a row open the breaker, whatever the other outcomes.
    pub(crate) fn timed_out(self) {
        let at = self.breaker.now();
        self.resolve(CallOutcome::TimedOut, at);
    }

    fn resolve(mut self, outcome: CallOutcome, at: u64) {
        self.breaker.settle(self.kind, self.word, outcome, at);
        self.kind = PermitKind::Settled;
    }
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        self.breaker
            .settle(self.kind, self.word, CallOutcome::Cancelled, 0);
    }
}

#[cfg(test)]
mod tests;
