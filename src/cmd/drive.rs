//! A run under way: once a second an interval is closed, written down, judged and shown.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::engine::{Running, Stop};
use crate::plan::Plan;
use crate::record::journal::{self, Event, StopReason};
use crate::record::{Interval, Recorder, TargetHealth, Totals};
use crate::report::live::{Live, LiveState};
use crate::units::Micros;
use crate::verdict::{Judge, Standing};

use super::run::Driven;

/// The length of an interval.
const SECOND: Micros = Micros(1_000_000);

/// A run under way.
pub(super) struct Drive<'a> {
    pub(super) plan: Arc<Plan>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) running: Running,
    pub(super) driven: &'a mut Driven,
    pub(super) journal: journal::Writer,
    pub(super) totals: Totals,
    pub(super) judge: Judge,
    pub(super) live: Live,
    pub(super) grace: Duration,
}

/// How far the stop of a run has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Load is sent.
    Loading,
    /// No new iterations; what is in flight has until then.
    Draining { until: Micros },
    /// Nothing more is waited for.
    Cut,
}

impl Drive<'_> {
    /// Goes on until every user has ended, then closes the journal.
    pub(super) async fn to_the_end(mut self) -> anyhow::Result<()> {
        let mut interrupts = Signals::listen()?;
        let mut phase = Phase::Loading;
        let mut at = Micros::ZERO;
        loop {
            let boundary = self.boundary_after(at);
            let due = Instant::from_std(self.running.clock().base() + boundary.as_duration());
            tokio::select! {
                () = sleep_until(due) => {
                    at = boundary;
                    let interval = self.close_interval(boundary)?;
                    self.show(&interval, phase);
                    phase = self.next_phase(phase)?;
                }
                () = interrupts.next() => phase = self.interrupted(phase)?,
                () = self.running.finished() => break,
            }
        }
        self.finish()
    }

    /// The end of the interval that contains `at`: the next whole second, or the end of the warm-up if that is sooner.
    fn boundary_after(&self, at: Micros) -> Micros {
        let second = Micros((at.0 / SECOND.0 + 1) * SECOND.0);
        let warm_up = Micros::from(self.plan.warm_up);
        if warm_up > at {
            second.min(warm_up)
        } else {
            second
        }
    }

    /// Closes the interval that ends at `boundary` on the schedule, and at this moment on the clock.
    fn close_interval(&mut self, boundary: Micros) -> anyhow::Result<Interval> {
        let now = self.running.clock().now();
        let load = self.running.load(now);
        let is_warm_up = boundary <= Micros::from(self.plan.warm_up);
        self.write_interval(now, is_warm_up, load)
    }

    fn write_interval(
        &mut self,
        end: Micros,
        is_warm_up: bool,
        load: crate::record::LoadCounts,
    ) -> anyhow::Result<Interval> {
        let interval = self
            .recorder
            .rotate(end, is_warm_up, load, self.driven.health());
        for failure in self.recorder.take_failures() {
            self.write_event(&Event::Failure(failure))?;
        }
        self.journal
            .append(&interval)
            .context("cannot write the journal: is the disk full?")?;
        self.totals.absorb(&interval);
        let before: Vec<Standing> = self
            .judge
            .standings()
            .iter()
            .map(|judged| judged.standing)
            .collect();
        self.judge.observe(&interval, &self.totals);
        self.write_turns(interval.end, &before)?;
        Ok(interval)
    }

    /// Notes every threshold whose standing is not what it was.
    fn write_turns(&mut self, at: Micros, before: &[Standing]) -> anyhow::Result<()> {
        for (threshold, (now, before)) in self.judge.standings().into_iter().zip(before).enumerate()
        {
            if now.standing != *before {
                let (standing, observed) = (now.standing, now.observed);
                self.write_event(&Event::Threshold {
                    at,
                    threshold,
                    standing,
                    observed,
                })?;
            }
        }
        Ok(())
    }

    fn write_event(&mut self, event: &Event) -> anyhow::Result<()> {
        self.journal
            .event(event)
            .context("cannot write the journal: is the disk full?")
    }

    fn show(&mut self, interval: &Interval, phase: Phase) {
        let standings = self.judge.standings();
        self.live.show(&LiveState {
            interval,
            totals: &self.totals,
            standings: &standings,
            is_draining: phase != Phase::Loading,
        });
    }

    /// What the interval just closed means for the run: stop it, or stop waiting for it.
    fn next_phase(&mut self, phase: Phase) -> anyhow::Result<Phase> {
        let now = self.running.clock().now();
        match phase {
            Phase::Loading => {
                if let Some(reason) = self.reason_to_stop() {
                    return self.drain(reason, now);
                }
                let is_over = self
                    .plan
                    .schedule
                    .duration()
                    .is_some_and(|length| now >= Micros::from(length));
                Ok(if is_over {
                    self.draining_from(now)
                } else {
                    Phase::Loading
                })
            }
            Phase::Draining { until } if now >= until => {
                self.running.stop(Stop::AtOnce);
                Ok(Phase::Cut)
            }
            Phase::Draining { .. } | Phase::Cut => Ok(phase),
        }
    }

    fn reason_to_stop(&mut self) -> Option<StopReason> {
        self.running
            .stop_reason()
            .or_else(|| {
                self.driven
                    .has_gone()
                    .map(|detail| StopReason::TargetGone { detail })
            })
            .or_else(|| self.judge.abort())
    }

    fn drain(&mut self, reason: StopReason, now: Micros) -> anyhow::Result<Phase> {
        self.running.stop(Stop::Graceful);
        self.write_event(&Event::Stop { at: now, reason })?;
        Ok(self.draining_from(now))
    }

    fn draining_from(&self, now: Micros) -> Phase {
        Phase::Draining {
            until: now + Micros::from(self.grace),
        }
    }

    /// A signal: the first one drains, the second one cuts.
    fn interrupted(&mut self, phase: Phase) -> anyhow::Result<Phase> {
        let now = self.running.clock().now();
        match phase {
            Phase::Loading => self.drain(StopReason::Signal, now),
            Phase::Draining { .. } => {
                self.running.stop(Stop::AtOnce);
                self.write_event(&Event::Stop {
                    at: now,
                    reason: StopReason::SecondSignal,
                })?;
                Ok(Phase::Cut)
            }
            Phase::Cut => Ok(Phase::Cut),
        }
    }

    /// The last interval and the journal's last line.
    fn finish(mut self) -> anyhow::Result<()> {
        let clock = self.running.clock();
        let stopped_itself = self.running.stop_reason();
        let end = clock.now();
        let load = self.running.load(end);
        let ended = self.running.join();
        if let Some(reason) = stopped_itself {
            self.journal.event(&Event::Stop { at: end, reason })?;
        }
        Ok(())
    }
}

/// SIGINT and SIGTERM, as one stream.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
