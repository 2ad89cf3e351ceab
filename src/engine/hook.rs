//! The hooks, setup and teardown: one user runs steps that are not measured.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use super::answer::Answer;
use super::backoff::Backoff;
use super::base_url::BaseUrl;
use super::request::Unsendable;
use super::state::{Draws, RunValues, User, UserState, Values};
use super::trial::{Note, Tone, Trail};
use super::walk::parallel::{Captures, Dispatcher, Flights, Job};
use super::walk::request::{HookRequestEnd, answered, unmeasured, unmeasured_exchange, unprepared};
use super::walk::retry::{FailedAttempt, OpenRetries};
use super::walk::{Walker, assets, parallel, settle, walk};
use super::{CutShort, StepFailure};
use crate::expr::Missing;
use crate::outcome::Outcome;
use crate::plan::{Plan, PlannedRequest};
use crate::record::{Log, LogLine};
use crate::scenario::program::{Assets, Parallel, Rendezvous};
use crate::scenario::{Recording, Step, StopScope};
use crate::transport::{Client, Shared};
use crate::units::Micros;

/// Runs `steps`, beginning with `values`, until they end or `stop` completes. Returns the values at the end, however it
/// ended.
pub(super) async fn run(
    plan: &Plan,
    steps: &[Step<PlannedRequest>],
    values: &RunValues,
    transport: &Arc<Shared>,
    log: &Log,
    trail: Option<Trail>,
    stop: impl Future<Output = ()>,
) -> (RunValues, Result<(), CutShort>) {
    let draws = Draws::of(plan);
    let mut hook = Hook {
        base: BaseUrl::of(&plan.workload.target),
        user: User {
            client: Client::new(Arc::clone(transport)),
            lanes: Vec::new(),
            state: UserState::new(plan, values, &draws, 0),
            backoff: Backoff::default(),
            trail,
        },
        log,
        retries: OpenRetries::new(),
    };
    let walked = tokio::select! {
        walked = walk(&mut hook, steps) => Some(walked),
        () = stop => None,
    };
    let ended = match walked {
        Some(Continue(())) => Ok(()),
        Some(Break(HookEnd { failure, .. })) => Err(CutShort::Failed(StepFailure {
            request: failure
                .request
                .map(|request| hook.user.state.hide(&request)),
            detail: hook.user.state.hide(&failure.detail),
            ..failure
        })),
        None => Err(CutShort::Stopped),
    };
    (hook.user.state.into_values(), ended)
}

/// The hook's one user.
#[derive(Debug)]
struct Hook<'r> {
    base: BaseUrl,
    user: User<'r>,
    log: &'r Log,
    retries: OpenRetries,
}

/// The end of a hook before its last step, or of the attempt of a `retry`.
#[derive(Debug)]
struct HookEnd {
    failure: StepFailure,
    attempt: Option<FailedAttempt>,
}

impl From<StepFailure> for HookEnd {
    fn from(failure: StepFailure) -> Self {
        Self {
            failure,
            attempt: None,
        }
    }
}

impl Walker for Hook<'_> {
    type Request = PlannedRequest;
    type Break = HookEnd;
    type Sent = HookRequestEnd;
    type Failures = ();
    type Group = ();

    fn may_continue(&self) -> ControlFlow<HookEnd> {
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
        step: &Step<PlannedRequest>,
        missing: Missing,
    ) -> ControlFlow<HookEnd> {
        self.tell(|_| Note::new(Tone::Failed, step.action.word(), missing.to_string()));
        let step = format!("the step that needs `{}`", missing.name);
        Break(failure(step, Outcome::Step, missing.to_string()))
    }

    fn failed_step(
        &mut self,
        kind: &'static str,
        outcome: Outcome,
        detail: String,
    ) -> ControlFlow<HookEnd> {
        self.tell(|_| Note::new(Tone::Failed, kind, detail.as_str()));
        Break(failure(kind.to_owned(), outcome, detail))
    }

    fn fail(&mut self, reason: String) -> HookEnd {
        self.tell(|_| Note::new(Tone::Failed, "fail", reason.as_str()));
        failure("fail".to_owned(), Outcome::Fail, reason)
    }

    /// The reader accepts `stop` only in flows.
    fn stop(&mut self, scope: StopScope) -> HookEnd {
        self.fail(format!("`stop: {}`", scope.word()))
    }

    fn log(&mut self, text: String) {
        self.tell(|_| Note::new(Tone::Log, "log", text.as_str()));
        self.log.write(|| LogLine {
            at: Micros::ZERO,
            by: None,
            text: self.user.state.hide(&text),
        });
    }

    /// Nothing is measured here. The reader accepts `record` only in flows and in blocks.
    fn record(&mut self, _: &[Recording]) -> ControlFlow<HookEnd> {
        Continue(())
    }

    fn begin_group(&mut self, _: Option<u32>) {}

    fn end_group(&mut self, (): (), _: &ControlFlow<HookEnd>) {}

    async fn send(&mut self, request: &PlannedRequest) -> ControlFlow<HookEnd, Self::Sent> {
        Continue(unmeasured(&self.base, &mut self.user, request).await)
    }

    fn answer((answer, _): &Self::Sent) -> Answer {
        *answer
    }

    fn settle(&mut self, _: &PlannedRequest, (_, ended): Self::Sent) -> ControlFlow<HookEnd> {
        match ended {
            Ok(()) => Continue(()),
            Err(failure) => Break(failure.into()),
        }
    }

    fn retries(&mut self) -> &mut OpenRetries {
        &mut self.retries
    }

    fn end_attempt(&mut self, (answer, ended): Self::Sent) -> HookEnd {
        match ended {
            Err(failure) => failure.into(),
            // A status that is no failure, but that the step waits out.
            Ok(()) => failure("retry".to_owned(), Outcome::Retry, answer.to_string()),
        }
    }

    fn failed_attempt(end: &mut HookEnd) -> &mut Option<FailedAttempt> {
        &mut end.attempt
    }

    fn gave_up(&mut self, end: HookEnd, attempts: u32, _: Answer) -> ControlFlow<HookEnd> {
        let HookEnd { mut failure, .. } = end;
        failure.detail = format!("{} (the last of {attempts} attempts)", failure.detail);
        self.tell(|_| Note::new(Tone::Failed, "retry", failure.detail.as_str()));
        Break(failure.into())
    }

    fn failures(&self) {}

    fn repeat(&mut self, (): ()) {}

    /// There are no other users.
    async fn meet(&mut self, _: &Rendezvous) -> ControlFlow<HookEnd> {
        Continue(())
    }

    async fn parallel(&mut self, block: &Parallel<PlannedRequest>) -> ControlFlow<HookEnd> {
        parallel::run(self, block).await
    }

    async fn assets(&mut self, assets: &Assets<PlannedRequest>) -> ControlFlow<HookEnd> {
        assets::run(self, assets).await
    }

    async fn pause(&mut self, length: Duration) -> ControlFlow<HookEnd> {
        tokio::time::sleep(length).await;
        Continue(())
    }
}

impl Dispatcher for Hook<'_> {
    fn with_state<T>(&mut self, make: impl FnOnce(&BaseUrl, &mut UserState<'_>) -> T) -> T {
        make(&self.base, &mut self.user.state)
    }

    fn not_sent(&mut self, request: &PlannedRequest, reason: &Unsendable) -> Self::Sent {
        self.user.tell_unsent(request, reason);
        unprepared(request, reason)
    }

    fn shared(&self) -> &Arc<Shared> {
        self.user.client.shared()
    }

    /// The first failure drops the requests in flight, since nothing of them is measured.
    async fn send_all(
        &mut self,
        jobs: Vec<Job<'_, PlannedRequest>>,
        at_once: usize,
    ) -> ControlFlow<HookEnd> {
        let before = self.user.state.take_last();
        let mut waiting = jobs.into_iter();
        let mut flights = Flights::default();
        let mut captures = Captures::default();
        let mut result = Continue(());
        while result.is_continue() {
            for mut job in waiting.by_ref().take(at_once - flights.len()) {
                let lane = self.user.lanes.pop();
                let mut client = lane.unwrap_or_else(|| self.user.client.beside());
                let trace = self.user.trace();
                flights.add(async move {
                    let prepared = &mut job.prepared;
                    let sent = unmeasured_exchange(&mut client, job.request, prepared, trace);
                    let exchange = sent.await;
                    (job, client, exchange)
                });
            }
            let Some((job, client, exchange)) = flights.next().await else {
                break;
            };
            self.user.lanes.push(client);
            let before = captures.begin(&job, &mut self.user.state);
            let answered = match exchange {
                Ok(exchange) => {
                    answered(&mut self.user, job.request, &job.prepared, exchange).await
                }
                Err(reason) => Dispatcher::not_sent(self, job.request, &reason),
            };
            before.restore(&mut self.user.state);
            result = settle(self, job.request, answered);
        }
        self.user.state.recall(before);
        result
    }
}

/// The failure of a step by itself, without a request.
fn failure(step: String, outcome: Outcome, detail: String) -> HookEnd {
    let failure = StepFailure {
        step,
        request: None,
        outcome,
        status: None,
        detail,
    };
    failure.into()
}
