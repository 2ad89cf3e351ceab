//! One iteration: one user runs one flow.

mod dispatch;
mod early_end;
mod guard;

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::{Duration, Instant};

use self::early_end::{EarlyEnd, Failures};
use self::guard::IterationGuard;
use super::Stop;
use super::answer::Answer;
use super::group_guard::GroupGuard;
use super::pacer::{Start, unless_stopped};
use super::rendezvous::Met;
use super::run::RunState;
use super::state::{User, Values};
use super::walk::record;
use super::walk::request::{self, Consequence, RequestEnd};
use super::walk::retry::{FailedAttempt, OpenRetries};
use super::walk::{Walker, assets, parallel, walk};
use crate::expr::{Context as _, Missing};
use crate::outcome::Outcome;
use crate::plan::{MeasuredRequest, PlannedFlow, SeriesId};
use crate::record::{Clock, FailureExample, LogLine, LoggedBy, StopReason};
use crate::scenario::program::{Assets, Parallel, Rendezvous};
use crate::scenario::{OnError, Recording, Step, StopScope};
use crate::units::{Micros, show_duration};

/// The user's next action after an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextAction {
    /// Starts the next one when the pacer allows it.
    Iterate,
    /// Leaves the load.
    Leave(LeaveReason),
}

/// The reason why a user leaves before the load is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaveReason {
    /// `on_error` is `abort`: everyone leaves.
    Aborting,
    /// `on_error` is `stop_user`.
    Stopped,
    /// A step `stop: user`.
    Asked,
    /// The feeder of this index has no row left for it.
    OutOfRows(usize),
}

/// Runs one iteration and records it.
pub(super) async fn iterate<'r>(
    run: &'r RunState,
    user: &mut User<'r>,
    index: usize,
    number: u64,
    flow_index: usize,
    clock: Clock,
    start: Start,
) -> NextAction {
    user.state.begin_iteration(number);
    user.client.begin_iteration();
    let flow = user.state.take_flow(flow_index);
    let guard = IterationGuard::new(run, index, flow.series, clock, start);
    let mut walker = IterationWalker {
        run,
        user,
        index,
        clock,
        intended: Some(start.intended),
        ended: None,
        failures: Failures::default(),
        retries: OpenRetries::new(),
        flow,
        number,
        is_leaving: false,
    };
    let mut result = Continue(());
    if !walker.user.state.has_begun(flow_index) {
        result = walk(&mut walker, &flow.start).await;
        if result.is_continue() {
            walker.user.state.begin(flow_index);
            walker.user.client.begin_iteration();
        }
    }
    if result.is_continue() {
        result = walk(&mut walker, &flow.steps).await;
    }
    let finished = walker.finished();
    let (outcome, then) = match result {
        Continue(()) => (Outcome::Ok, NextAction::Iterate),
        Break(cut) => (cut.outcome, cut.then),
    };
    let outcome = walker.failures.iteration.unwrap_or(outcome);
    let is_stopped = outcome == Outcome::Interrupted && then == NextAction::Iterate;
    if is_stopped && run.halt.is_grace_over() {
        // It did not end within the grace period.
        drop(guard);
    } else {
        if outcome == Outcome::Interrupted
            && matches!(then, NextAction::Leave(LeaveReason::OutOfRows(_)))
        {
            let series = flow.series;
            run.recorder
                .record(index, |shard| shard.out_of_rows(series));
        }
        guard.end(finished, outcome);
    }
    then
}

/// Runs the `stop` of each flow that the user has begun, before it leaves. It is no iteration, so it counts as none.
pub(super) async fn leave<'r>(
    run: &'r RunState,
    user: &mut User<'r>,
    index: usize,
    number: u64,
    clock: Clock,
) {
    for (flow_index, flow) in run.plan.workload.flows.iter().enumerate() {
        if flow.stop.is_empty() || !user.state.has_begun(flow_index) {
            continue;
        }
        user.state.begin_iteration(number);
        user.client.begin_iteration();
        let flow = user.state.take_flow(flow_index);
        let mut walker = IterationWalker {
            run,
            user,
            index,
            clock,
            intended: None,
            ended: None,
            failures: Failures::default(),
            retries: OpenRetries::new(),
            flow,
            number,
            is_leaving: true,
        };
        // The user leaves in any case; failures are recorded where they occur.
        let _ = walk(&mut walker, &flow.stop).await;
    }
}

/// Walks through the steps of an iteration for one user.
#[derive(Debug)]
struct IterationWalker<'a, 'r> {
    run: &'r RunState,
    user: &'a mut User<'r>,
    index: usize,
    clock: Clock,
    /// Goes to the iteration's first request.
    intended: Option<Micros>,
    /// When the last step ended, if that is known without looking at the clock.
    ended: Option<Instant>,
    failures: Failures,
    retries: OpenRetries,
    flow: &'a PlannedFlow,
    /// The number of the user's iteration.
    number: u64,
    /// True in the `stop` of a flow, which goes on after the end of the load, until the grace period is over.
    is_leaving: bool,
}

impl IterationWalker<'_, '_> {
    /// The end of the last step.
    fn finished(&self) -> Micros {
        self.ended
            .map_or_else(|| self.clock.now(), |ended| self.clock.at(ended))
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
    fn failed(&mut self, step: &str, outcome: Outcome) -> ControlFlow<EarlyEnd> {
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

    /// Waits if the last request could not connect.
    async fn back_off(&mut self) -> ControlFlow<EarlyEnd> {
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
        let halt = &self.run.halt;
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
        let pace = &self.run.paces[self.run.load_of(self.index)];
        let now = self.clock.now();
        let end = pace.left(now).map(|left| now.as_duration() + left);
        let end = end.map(|end| (self.clock.base() + end).into());
        let points = &self.run.meeting_points;
        let began = self.clock.now();
        let met = points.meet(rendezvous, end, &self.run.halt).await;
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
        let slept = unless_stopped(&self.run.halt, tokio::time::sleep(length)).await;
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
struct BegunGroup<'r> {
    guard: GroupGuard<'r>,
    /// The first failure so far in the group around it.
    outer: Option<Outcome>,
}
