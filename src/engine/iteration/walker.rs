//! The steps of an iteration: what each does, and what follows from its failure.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::{Duration, Instant};

use super::early_end::{EarlyEnd, Failures};
use super::{LeaveReason, NextAction};
use crate::engine::Stop;
use crate::engine::answer::Answer;
use crate::engine::group_guard::GroupGuard;
use crate::engine::pacer::{Pace, unless_stopped};
use crate::engine::rendezvous::Met;
use crate::engine::run::RunState;
use crate::engine::state::{User, Values};
use crate::engine::trial::event::{Happening, Part};
use crate::engine::trial::{Note, Tone, Trail};
use crate::engine::walk::request::{self, Consequence, RequestEnd};
use crate::engine::walk::retry::{FailedAttempt, OpenRetries};
use crate::engine::walk::{Walker, assets, parallel, record};
use crate::expr::{Context as _, Missing};
use crate::outcome::Outcome;
use crate::plan::{MeasuredRequest, PlannedFlow, SeriesId};
use crate::record::{Clock, FailureExample, LogLine, LoggedBy, Millionths, StopReason};
use crate::scenario::program::{Assets, Parallel, Rendezvous};
use crate::scenario::{OnError, Recording, Step, StopScope};
use crate::units::{Micros, show_duration};

/// Walks through the steps of an iteration for one user.
#[derive(Debug)]
pub(super) struct IterationWalker<'a, 'r> {
    pub(super) run: &'r RunState,
    /// The schedule of the user's load.
    pub(super) pace: &'r Pace,
    pub(super) user: &'a mut User<'r>,
    pub(super) index: usize,
    pub(super) clock: Clock,
    /// Goes to the iteration's first request.
    pub(super) intended: Option<Micros>,
    /// When the last step ended, if that is known without looking at the clock.
    pub(super) ended: Option<Instant>,
    pub(super) failures: Failures,
    pub(super) retries: OpenRetries,
    pub(super) flow: &'a PlannedFlow,
    /// The number of the user's iteration.
    pub(super) number: u64,
    /// True in the `stop` of a flow, which goes on after the end of the load, until the grace period is over.
    pub(super) is_leaving: bool,
}

impl IterationWalker<'_, '_> {
    /// The end of the last step.
    pub(super) fn finished(&self) -> Micros {
        self.ended
            .map_or_else(|| self.clock.now(), |ended| self.clock.at(ended))
    }

    /// The steps of the flow begin, after those of its `start`.
    pub(super) fn begin_steps(&self) {
        if let Some(trail) = self.trail()
            && !self.flow.start.is_empty()
        {
            let part = Part::Flow(self.flow.name.clone(), self.user.state.user());
            trail.tell(Happening::Begin(part));
        }
    }

    /// Keeps the first failure of this outcome that a step of the flow caused without a request.
    fn keep_example(&self, outcome: Outcome, detail: &str) {
        // A failure in `stop` is one of no iteration.
        let series = Some(self.flow.series).filter(|_| !self.is_leaving);
        let request = match series {
            Some(_) => String::new(),
            None => format!("`stop` of flow {}", self.flow.name),
        };
        self.run
            .recorder
            .failure(series, outcome, None, || FailureExample {
                at: self.clock.now(),
                series,
                outcome,
                status: None,
                request,
                detail: self.user.state.hide(detail),
            });
    }

    /// A value that later steps may need is missing, or a step failed; `on_error` decides how the iteration goes on.
    pub(super) fn failed(&mut self, step: &str, outcome: Outcome) -> ControlFlow<EarlyEnd> {
        let plan = &self.run.plan;
        if let Some(feeder) = self.user.state.used_up() {
            return Break(EarlyEnd::out_of_rows(
                feeder,
                plan.workload.feeds[feeder].when_used_up,
            ));
        }
        self.failures.iteration.get_or_insert(outcome);
        self.failures.group.get_or_insert(outcome);
        let then = match plan.workload.on_error {
            OnError::Continue => return Continue(()),
            OnError::StopIteration => NextAction::Iterate,
            OnError::StopUser => NextAction::Leave(LeaveReason::Stopped),
            OnError::Abort => {
                let step = step.to_owned();
                self.run.halt.because(StopReason::StepFailed { step });
                self.run.stop(Stop::Graceful);
                NextAction::Leave(LeaveReason::Aborting)
            }
        };
        Break(EarlyEnd::new(outcome, then))
    }

    /// The user has paused since then: a first request that is still to come is due that much later.
    fn paused(&mut self, since: Micros) {
        self.ended = None;
        let intended = self.intended;
        self.intended = intended.map(|due| due + self.clock.now().saturating_sub(since));
    }

    /// Waits until the limit on the load's requests allows the next one; the wait is like a pause before it.
    async fn throttle(&mut self) -> ControlFlow<EarlyEnd> {
        let Some(throttle) = &self.pace.throttle else {
            return Continue(());
        };
        let now = self.clock.now();
        let wait = throttle.reserve(now).saturating_sub(now);
        if wait == Micros::ZERO {
            return Continue(());
        }
        let sleep = tokio::time::sleep(wait.as_duration());
        let waited = unless_stopped(&self.pace.halt, sleep).await;
        self.paused(now);
        match waited {
            None if !self.is_leaving => Break(EarlyEnd::STOPPED),
            None | Some(()) => Continue(()),
        }
    }

    /// Waits if the last request could not connect.
    pub(super) async fn back_off(&mut self) -> ControlFlow<EarlyEnd> {
        if let Some(pause) = self.user.backoff.take()
            && self.run.back_off(self.index, pause).await.is_none()
            && !self.is_leaving
        {
            return Break(EarlyEnd::STOPPED);
        }
        Continue(())
    }
}

impl<'r> Walker for IterationWalker<'_, 'r> {
    type Request = MeasuredRequest;
    type Break = EarlyEnd;
    type Sent = RequestEnd;
    type Failures = Failures;
    type Group = Option<BegunGroup<'r>>;

    fn may_continue(&self) -> ControlFlow<EarlyEnd> {
        let halt = &self.pace.halt;
        let is_over = if self.is_leaving {
            halt.is_grace_over()
        } else {
            halt.is_stopping()
        };
        if is_over {
            return Break(EarlyEnd::STOPPED);
        }
        Continue(())
    }

    fn values(&mut self) -> &mut dyn Values {
        &mut self.user.state
    }

    fn trail(&self) -> Option<&Trail> {
        self.user.trail.as_ref()
    }

    fn tell(&mut self, note: impl FnOnce(&mut dyn Values) -> Note) {
        self.user.tell(|state| note(state));
    }

    fn missing_value(
        &mut self,
        step: &Step<MeasuredRequest>,
        missing: Missing,
    ) -> ControlFlow<EarlyEnd> {
        let detail = format!("`{}` could not run: {missing}", step.action.word());
        self.failed_step(step.action.word(), Outcome::Step, detail)
    }

    fn missing_in_condition(
        &mut self,
        step: &Step<MeasuredRequest>,
        missing: Missing,
    ) -> ControlFlow<EarlyEnd> {
        let Some(request) = step.action.request() else {
            let detail = format!("the `if` of `{}`: {missing}", step.action.word());
            return self.failed_step(step.action.word(), Outcome::Step, detail);
        };
        if self.user.state.used_up().is_none() {
            let detail = format!("its `if` cannot be evaluated: {missing}");
            request::unsendable(
                self.run, self.user, self.index, self.clock, request, &detail,
            );
        }
        self.ended = None;
        self.failed(&request.request.name, Outcome::Unsendable)
    }

    fn failed_step(
        &mut self,
        kind: &'static str,
        outcome: Outcome,
        detail: String,
    ) -> ControlFlow<EarlyEnd> {
        self.ended = None;
        self.tell(|_| Note::new(Tone::Failed, kind, detail.as_str()));
        if self.user.state.used_up().is_none() {
            self.keep_example(outcome, &detail);
        }
        self.failed(kind, outcome)
    }

    fn fail(&mut self, reason: String) -> EarlyEnd {
        const OUTCOME: Outcome = Outcome::Fail;
        match self.failed_step("fail", OUTCOME, reason) {
            Break(end) => end,
            Continue(()) => EarlyEnd::new(OUTCOME, NextAction::Iterate),
        }
    }

    fn stop(&mut self, scope: StopScope) -> EarlyEnd {
        self.tell(|_| Note::plain("stop", scope.word()));
        let then = match scope {
            StopScope::Iteration => NextAction::Iterate,
            StopScope::User => NextAction::Leave(LeaveReason::Asked),
            StopScope::Run => {
                let flow = self.flow.name.clone();
                self.run.halt.because(StopReason::ByScenario { flow });
                self.run.stop(Stop::Graceful);
                NextAction::Leave(LeaveReason::Aborting)
            }
        };
        EarlyEnd::new(Outcome::Ok, then)
    }

    fn log(&mut self, text: String) {
        self.tell(|_| Note::new(Tone::Log, "log", text.as_str()));
        self.run.recorder.log().write(|| LogLine {
            at: self.clock.now(),
            by: Some(LoggedBy {
                flow: self.flow.name.clone(),
                user: self.user.state.user(),
                iteration: self.number,
            }),
            text: self.user.state.hide(&text),
        });
    }

    fn record(&mut self, recordings: &[Recording]) -> ControlFlow<EarlyEnd> {
        for recording in recordings {
            let metric = &self.run.plan.workload.custom_metrics[recording.metric];
            let found = record::number(&recording.value, metric, &mut self.user.state);
            let at = self.clock.now();
            let value = found.as_ref().ok().copied();
            if let Some(value) = value {
                self.user.tell(|_| {
                    let Millionths(millionths) = value;
                    Note::plain(
                        "record",
                        format!("{} = {}", metric.name, millionths as f64 / 1e6),
                    )
                });
            }
            self.run
                .recorder
                .value(self.index, recording.metric, at, value);
            if let Err(reason) = found {
                let detail = format!("`{}` was not recorded: {reason}", metric.name);
                self.failed_step("record", Outcome::Record, detail)?;
            }
        }
        Continue(())
    }

    fn begin_group(&mut self, series: Option<u32>) -> Self::Group {
        let series = SeriesId(series?);
        let started = self.intended.unwrap_or_else(|| self.clock.now());
        let guard = GroupGuard::new(self.run, self.index, series, self.clock, started);
        Some(BegunGroup {
            guard,
            outer: self.failures.group.take(),
        })
    }

    fn end_group(&mut self, group: Self::Group, result: &ControlFlow<EarlyEnd>) {
        let Some(BegunGroup { guard, outer }) = group else {
            return;
        };
        let early = match result {
            Continue(()) => Outcome::Ok,
            Break(end) => end.outcome,
        };
        let own = self.failures.group;
        guard.end(self.finished(), own.unwrap_or(early));
        self.failures.group = outer.or(own);
    }

    async fn send(&mut self, request: &MeasuredRequest) -> ControlFlow<EarlyEnd, RequestEnd> {
        self.back_off().await?;
        self.throttle().await?;
        let intended = self.intended.take();
        let done = request::measured(
            self.run, self.user, self.index, self.clock, request, intended,
        );
        let end = done.await;
        self.ended = end.at;
        match end.consequence {
            Consequence::CutOff => Break(EarlyEnd::STOPPED),
            Consequence::Nothing
            | Consequence::MissingValue
            | Consequence::EndsIteration
            | Consequence::NotSent => Continue(end),
        }
    }

    fn answer(end: &RequestEnd) -> Answer {
        end.answer
    }

    fn settle(&mut self, request: &MeasuredRequest, end: RequestEnd) -> ControlFlow<EarlyEnd> {
        let outcome = end.answer.outcome;
        match end.consequence {
            Consequence::Nothing => {
                if outcome.is_failure() {
                    self.failures.group.get_or_insert(outcome);
                }
            }
            Consequence::MissingValue => {
                self.failures.group.get_or_insert(outcome);
                self.failed(&request.request.name, Outcome::Capture)?;
            }
            Consequence::EndsIteration => {
                self.failures.group.get_or_insert(Outcome::Check);
                return Break(EarlyEnd::new(Outcome::Check, NextAction::Iterate));
            }
            Consequence::NotSent => return self.failed(&request.request.name, Outcome::Unsendable),
            Consequence::CutOff => return Break(EarlyEnd::STOPPED),
        }
        self.record(&request.request.records)
    }

    fn retries(&mut self) -> &mut OpenRetries {
        &mut self.retries
    }

    fn end_attempt(&mut self, end: RequestEnd) -> EarlyEnd {
        EarlyEnd::new(end.answer.outcome, NextAction::Iterate)
    }

    fn failed_attempt(end: &mut EarlyEnd) -> &mut Option<FailedAttempt> {
        &mut end.attempt
    }

    fn gave_up(&mut self, _: EarlyEnd, attempts: u32, answer: Answer) -> ControlFlow<EarlyEnd> {
        let detail =
            format!("the last of {attempts} attempts failed: a request ended with {answer}");
        self.failed_step("retry", Outcome::Retry, detail)
    }

    fn failures(&self) -> Failures {
        self.failures
    }

    fn repeat(&mut self, failures: Failures) {
        self.failures = failures;
        let series = self.flow.series;
        self.run
            .recorder
            .record(self.index, |shard| shard.retried(series));
    }

    async fn meet(&mut self, rendezvous: &Rendezvous) -> ControlFlow<EarlyEnd> {
        if self.is_leaving {
            return Continue(());
        }
        if self.trail().is_some() {
            let users = rendezvous.users;
            let text = format!("the meeting of {users} users is left out");
            self.tell(|_| Note::new(Tone::Skipped, "rendezvous", text));
            return Continue(());
        }
        let pace = self.pace;
        let now = self.clock.now();
        let end = pace.left(now).map(|left| now.as_duration() + left);
        let end = end.map(|end| (self.clock.base() + end).into());
        let points = &self.run.meeting_points;
        let began = self.clock.now();
        let met = points.meet(rendezvous, end, &pace.halt).await;
        self.paused(began);
        match met {
            Met::GoOn => Continue(()),
            Met::Incomplete(waiting) => {
                let series = self.flow.series;
                self.run
                    .recorder
                    .record(self.index, |shard| shard.incomplete_rendezvous(series));
                let Rendezvous { users, within, .. } = rendezvous;
                let within = show_duration(*within);
                self.log(format!(
                    "rendezvous: {waiting} of {users} users went on after {within}"
                ));
                Continue(())
            }
            Met::Stopped => Break(EarlyEnd::STOPPED),
        }
    }

    async fn parallel(&mut self, block: &Parallel<MeasuredRequest>) -> ControlFlow<EarlyEnd> {
        parallel::run(self, block).await
    }

    async fn assets(&mut self, assets: &Assets<MeasuredRequest>) -> ControlFlow<EarlyEnd> {
        assets::run(self, assets).await
    }

    async fn pause(&mut self, length: Duration) -> ControlFlow<EarlyEnd> {
        if self.is_leaving && self.run.is_over(self.clock.now()) {
            return Continue(());
        }
        self.user.backoff.rest(length);
        let began = self.clock.now();
        let slept = unless_stopped(&self.pace.halt, tokio::time::sleep(length)).await;
        self.paused(began);
        match slept {
            Some(()) => Continue(()),
            None if self.is_leaving => Continue(()),
            None => Break(EarlyEnd::STOPPED),
        }
    }
}

/// An open group of an iteration.
#[derive(Debug)]
pub(super) struct BegunGroup<'r> {
    guard: GroupGuard<'r>,
    /// The first failure so far in the group around it.
    outer: Option<Outcome>,
}
