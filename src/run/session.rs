//! A load in progress: once a second it closes an interval, judges it and passes it to the sinks.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::search::{Search, SearchStep};
use super::signals::Signals;
use super::sink::{End, Second, Sinks};
use super::target::RunningTarget;
use crate::control::{ControlSocket, ReplyTo, Request};
use crate::engine::{LevelChange, Running, Stop};
use crate::monitor::Monitor;
use crate::plan::Plan;
use crate::record::journal::Event;
use crate::record::{
    Capacity, Interval, LoadCounts, Monitored, Recorder, SearchEnd, StopReason, Totals,
};
use crate::units::Micros;
use crate::verdict::Judge;

/// The length of an interval.
const SECOND: Micros = Micros(1_000_000);

/// The most slow requests in a line of the journal.
const SLOW_REQUESTS: usize = 100;

/// A load in progress.
pub(super) struct Session<'a> {
    pub(super) plan: &'a Plan,
    /// The scrapes of the target's own metrics, until the load is over.
    pub(super) monitor: Option<Monitor>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) running: Running,
    pub(super) target: &'a mut RunningTarget,
    pub(super) sinks: &'a mut Sinks,
    pub(super) totals: Totals,
    pub(super) judge: Judge,
    pub(super) grace: Duration,
    /// The ends of the load's stages, except the last, after which the requests in flight end.
    pub(super) stage_ends: Vec<Micros>,
    /// True if the load was stopped before its planned end.
    pub(super) is_stopped: bool,
    /// The number of changes by request so far.
    pub(super) changes: usize,
    /// The search for the capacity, if the load is one.
    pub(super) search: Option<Box<Search>>,
    /// The starts and the users of the last interval, for `gander ctl status`.
    pub(super) last: LoadCounts,
}

/// A finished load.
#[derive(Default)]
pub(super) struct LoadOver {
    pub(super) end: End,
    /// True if it was stopped before its planned end; the journal has the reason.
    pub(super) is_stopped: bool,
}

/// The phases of the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Load is sent.
    Loading,
    /// The load is over or was stopped; requests in flight may finish until the deadline.
    Draining {
        /// The deadline for requests in flight.
        until: Micros,
        /// True if a signal caused the stop; the next signal cuts off requests at once.
        is_asked: bool,
    },
    /// Requests in flight were cut off.
    Cut {
        /// The time after which remaining users are no longer waited for.
        until: Micros,
    },
}

impl Session<'_> {
    /// Runs until every user has left and every interval was passed to the sinks.
    pub(super) async fn until_over(
        mut self,
        signals: &mut Signals,
        mut control: Option<&mut ControlSocket>,
    ) -> anyhow::Result<LoadOver> {
        let mut phase = Phase::Loading;
        let mut closed = Micros::ZERO;
        loop {
            let boundary = self.boundary_after(closed);
            let due = self.instant(boundary);
            tokio::select! {
                () = sleep_until(due) => {
                    // A generator that stalled closes one long interval instead of several empty ones, but no
                    // interval extends beyond the end of the warm-up or of a stage.
                    let now = self.running.clock().now().max(boundary);
                    closed = self.ends_from(boundary).fold(now, Micros::min);
                    self.close_interval(closed, boundary, false)?;
                    match phase {
                        Phase::Cut { until } if closed >= until => break,
                        Phase::Loading | Phase::Draining { .. } | Phase::Cut { .. } => {
                            phase = self.next_phase(phase)?;
                        }
                    }
                }
                () = self.grace_over(phase) => phase = self.cut(Stop::GraceOver),
                () = signals.next() => phase = self.interrupted(phase)?,
                (request, reply_to) = next_request(control.as_deref_mut()) => {
                    let reply = self.obey(request, &mut phase)?;
                    // A client that is gone needs no reply.
                    reply_to.send(reply).ok();
                }
                () = self.running.finished() => break,
            }
        }
        if closed < Micros::from(self.plan.workload.warm_up) {
            self.close_warm_up()?;
        }
        self.finish(phase).await
    }

    /// Returns at the deadline for requests in flight; never while load is sent.
    async fn grace_over(&self, phase: Phase) {
        match phase {
            Phase::Draining { until, .. } => {
                sleep_until(self.instant(until)).await;
            }
            Phase::Loading | Phase::Cut { .. } => std::future::pending().await,
        }
    }

    fn instant(&self, at: Micros) -> Instant {
        Instant::from_std(self.running.clock().base() + at.as_duration())
    }

    /// Ends the warm-up at its configured end, if the load continued beyond it.
    fn close_warm_up(&mut self) -> anyhow::Result<()> {
        let end = Micros::from(self.plan.workload.warm_up);
        if end < self.running.clock().now() {
            self.close_interval(end, end, false)?;
        }
        Ok(())
    }

    /// The end of the interval that starts at `start`: the next whole second, or earlier the end of the warm-up, of a
    /// stage or of the load.
    fn boundary_after(&self, start: Micros) -> Micros {
        let second = Micros((start.0 / SECOND.0 + 1) * SECOND.0);
        let load = self.plan.workload.loads.duration().map(Micros::from);
        let ends = self.ends_from(Micros(start.0 + 1));
        ends.chain(load.filter(|end| *end > start))
            .fold(second, Micros::min)
    }

    /// The ends of the warm-up and of the stages from this time on, which no interval may contain.
    fn ends_from(&self, time: Micros) -> impl Iterator<Item = Micros> {
        let stages = self.stage_ends.iter().copied();
        let warm_up = Micros::from(self.plan.workload.warm_up);
        let ends = std::iter::once(warm_up).chain(stages);
        ends.filter(move |end| *end >= time)
    }

    /// Closes the interval that was due to end at `boundary`, judges it and passes it to the sinks.
    fn close_interval(
        &mut self,
        end: Micros,
        boundary: Micros,
        is_last: bool,
    ) -> anyhow::Result<()> {
        let load = self.running.load(end);
        let is_warm_up = boundary <= Micros::from(self.plan.workload.warm_up);
        let monitor = self.monitor.as_ref();
        let interval = Interval {
            monitored: monitor.map_or_else(Monitored::default, |monitor| monitor.take(end)),
            ..self
                .recorder
                .rotate(end, is_warm_up, load, self.target.health())
        };
        for failure in self.recorder.take_failures() {
            self.sinks.event(&Event::Failure(failure))?;
        }
        for line in self.recorder.log().take() {
            self.sinks.event(&Event::Log(line))?;
        }
        self.totals.absorb(&interval);
        self.last = interval.load;
        let before = self.judge.standings();
        self.judge.observe(&interval);
        let standings = self.judge.standings();
        self.sinks.interval(&Second {
            interval: &interval,
            totals: &self.totals,
            standings: &standings,
            is_last,
        })?;
        let mask = &self.plan.secrets.mask;
        let requests = self.recorder.take_slowest(end, is_last, mask);
        for part in requests.chunks(SLOW_REQUESTS) {
            let requests = part.to_vec();
            self.sinks.event(&Event::Slow { requests })?;
        }
        if let Some(search) = self.search.as_mut().filter(|_| !self.is_stopped) {
            let steps = search.observe(&interval);
            self.go_on_searching(steps)?;
        }
        for (threshold, (now, before)) in standings.iter().zip(&before).enumerate() {
            if now.standing != before.standing {
                let (standing, observed) = (now.standing, now.observed);
                self.sinks.event(&Event::Threshold {
                    at: end,
                    threshold,
                    standing,
                    observed,
                })?;
            }
        }
        Ok(())
    }

    fn search_end(&self, result: Capacity) -> SearchEnd {
        let at_least = self.plan.search.as_ref().and_then(|search| search.at_least);
        SearchEnd { result, at_least }
    }

    /// Does what the search for the capacity has decided.
    fn go_on_searching(&mut self, steps: Vec<SearchStep>) -> anyhow::Result<()> {
        let load = self.plan.search.as_ref().map_or(0, |search| search.load);
        for step in steps {
            match step {
                SearchStep::Rate(rate) => {
                    self.running.change(load, LevelChange::Set(rate));
                }
                SearchStep::Level(level) => self.sinks.event(&Event::Level(level))?,
                SearchStep::Done(result) => {
                    let end = self.search_end(result);
                    self.sinks.event(&Event::Capacity(end))?;
                    self.running.stop(Stop::Graceful);
                }
            }
        }
        Ok(())
    }

    /// Acts on the closed interval: may stop the run, or start the drain of requests in flight.
    fn next_phase(&mut self, phase: Phase) -> anyhow::Result<Phase> {
        if phase != Phase::Loading {
            return Ok(phase);
        }
        let now = self.running.clock().now();
        if let Some(reason) = self.reason_to_stop() {
            return self.drain(reason, now);
        }
        if self.search.as_deref().is_some_and(Search::is_over) {
            return Ok(self.draining_from(now, false));
        }
        let end = self.plan.workload.loads.duration().map(Micros::from);
        let end = end.filter(|end| now >= *end);
        Ok(end.map_or(Phase::Loading, |end| Phase::Draining {
            until: self.last_grace_over(end),
            is_asked: false,
        }))
    }

    /// The time at which the last grace period is over, if the loads end as planned.
    fn last_grace_over(&self, end: Micros) -> Micros {
        let own = self.plan.workload.loads.iter().map(|load| {
            let grace_over = load.grace.and_then(|grace| Some(load.end()? + grace));
            grace_over.map_or_else(|| end + self.grace.into(), Micros::from)
        });
        own.max().unwrap_or(end)
    }

    /// The deadline for requests in flight has passed.
    fn cut(&self, stop: Stop) -> Phase {
        self.running.stop(stop);
        Phase::Cut {
            until: self.running.clock().now() + SECOND,
        }
    }

    fn reason_to_stop(&mut self) -> Option<StopReason> {
        self.running
            .stop_reason()
            .or_else(|| {
                self.target
                    .has_gone()
                    .map(|detail| StopReason::TargetGone { detail })
            })
            .or_else(|| self.judge.abort())
    }

    pub(super) fn drain(&mut self, reason: StopReason, now: Micros) -> anyhow::Result<Phase> {
        self.running.stop(Stop::Graceful);
        self.is_stopped = true;
        let is_asked = matches!(reason, StopReason::Signal | StopReason::Control);
        self.sinks.event(&Event::Stop { at: now, reason })?;
        Ok(self.draining_from(now, is_asked))
    }

    fn draining_from(&self, now: Micros, is_asked: bool) -> Phase {
        Phase::Draining {
            until: now + self.grace.into(),
            is_asked,
        }
    }

    /// Handles a signal: the first one drains, the second one cuts off.
    fn interrupted(&mut self, phase: Phase) -> anyhow::Result<Phase> {
        let now = self.running.clock().now();
        match phase {
            Phase::Loading => self.drain(StopReason::Signal, now),
            Phase::Draining {
                until,
                is_asked: false,
            } => {
                // If the load was already over or stopped, the first reason stays.
                if self.is_stopped {
                    self.sinks
                        .note("a second signal cuts off requests in flight");
                } else {
                    self.drain(StopReason::Signal, now)?;
                }
                Ok(Phase::Draining {
                    until,
                    is_asked: true,
                })
            }
            Phase::Draining { .. } => {
                let cut = self.cut(Stop::AtOnce);
                self.sinks.event(&Event::Stop {
                    at: now,
                    reason: StopReason::SecondSignal,
                })?;
                Ok(cut)
            }
            Phase::Cut { .. } => Ok(phase),
        }
    }

    async fn finish(mut self, phase: Phase) -> anyhow::Result<LoadOver> {
        let end = self.running.clock().now();
        if let (Phase::Loading, Some(reason)) = (phase, self.running.stop_reason()) {
            self.sinks.event(&Event::Stop { at: end, reason })?;
            self.is_stopped = true;
        }
        self.close_interval(end, end, true)?;
        for text in self.monitor.take().map_or_else(Vec::new, Monitor::finish) {
            self.sinks.event(&Event::Warning { at: end, text })?;
        }
        if let Some(search) = self.search.as_ref().filter(|search| !search.is_over()) {
            let end = self.search_end(search.stopped());
            self.sinks.event(&Event::Capacity(end))?;
        }
        let ended = self.running.join(Duration::ZERO).await;
        if ended.loads.len() > 1 {
            let loads = ended.loads;
            self.sinks.event(&Event::Loads { loads })?;
        }
        Ok(LoadOver {
            end: End {
                at: end,
                panics: ended.panics,
                interrupted: ended.interrupted,
                lost: ended.lost,
            },
            is_stopped: self.is_stopped,
        })
    }
}

/// The next request of another process; never, if there is no socket for them.
async fn next_request(control: Option<&mut ControlSocket>) -> (Request, ReplyTo) {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}
