//! The hooks, setup and teardown: one user runs steps that are not measured.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::backoff::Backoff;
use super::base_url::BaseUrl;
use super::request::{Prepared, Unsendable};
use super::state::{Draws, RunValues, User, UserState, Values};
use super::walk::parallel::{Dispatcher, Flights, Job};
use super::walk::request::{answered, unmeasured, unprepared};
use super::walk::{Walker, assets, parallel, walk};
use super::{CutShort, StepFailure};
use crate::expr::Missing;
use crate::outcome::Outcome;
use crate::plan::{Plan, PlannedRequest};
use crate::record::{Log, LogLine};
use crate::scenario::program::{Assets, Parallel};
use crate::scenario::{Step, StopScope};
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
        },
        log,
    };
    let walked = tokio::select! {
        walked = walk(&mut hook, steps) => Some(walked),
        () = stop => None,
    };
    let ended = match walked {
        Some(Continue(())) => Ok(()),
        Some(Break(failure)) => Err(CutShort::Failed(StepFailure {
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
}

impl Walker for Hook<'_> {
    type Request = PlannedRequest;
    type Break = StepFailure;
    type Group = ();

    fn may_continue(&self) -> ControlFlow<StepFailure> {
        Continue(())
    }

    fn values(&mut self) -> &mut dyn Values {
        &mut self.user.state
    }

    fn missing_value(
        &mut self,
        _: &Step<PlannedRequest>,
        missing: Missing,
    ) -> ControlFlow<StepFailure> {
        Break(StepFailure {
            step: format!("the step that needs `{}`", missing.name),
            request: None,
            outcome: Outcome::Unsendable,
            status: None,
            detail: missing.to_string(),
        })
    }

    fn failed_step(
        &mut self,
        kind: &'static str,
        outcome: Outcome,
        detail: String,
    ) -> ControlFlow<StepFailure> {
        Break(StepFailure {
            step: kind.to_owned(),
            request: None,
            outcome,
            status: None,
            detail,
        })
    }

    fn fail(&mut self, reason: String) -> StepFailure {
        StepFailure {
            step: "fail".to_owned(),
            request: None,
            outcome: Outcome::Fail,
            status: None,
            detail: reason,
        }
    }

    /// The reader accepts `stop` only in flows.
    fn stop(&mut self, scope: StopScope) -> StepFailure {
        self.fail(format!("`stop: {}`", scope.word()))
    }

    fn log(&mut self, text: String) {
        self.log.write(|| LogLine {
            at: Micros::ZERO,
            by: None,
            text: self.user.state.hide(&text),
        });
    }

    fn begin_group(&mut self, _: Option<u32>) {}

    fn end_group(&mut self, (): (), _: &ControlFlow<StepFailure>) {}

    async fn send(&mut self, request: &PlannedRequest) -> ControlFlow<StepFailure> {
        match unmeasured(&self.base, &mut self.user, request).await {
            Ok(()) => Continue(()),
            Err(failure) => Break(failure),
        }
    }

    async fn parallel(&mut self, block: &Parallel<PlannedRequest>) -> ControlFlow<StepFailure> {
        parallel::run(self, block).await
    }

    async fn assets(&mut self, assets: &Assets<PlannedRequest>) -> ControlFlow<StepFailure> {
        assets::run(self, assets).await
    }

    async fn pause(&mut self, length: Duration) -> ControlFlow<StepFailure> {
        tokio::time::sleep(length).await;
        Continue(())
    }
}

impl Dispatcher for Hook<'_> {
    fn prepare<'p>(
        &mut self,
        request: &'p PlannedRequest,
    ) -> ControlFlow<StepFailure, Option<Job<'p, PlannedRequest>>> {
        let prepared = Prepared::of(request, &self.base, &mut self.user.state);
        self.job(request, prepared)
    }

    fn prepare_asset<'p>(
        &mut self,
        request: &'p PlannedRequest,
        uri: Uri,
    ) -> ControlFlow<StepFailure, Option<Job<'p, PlannedRequest>>> {
        let prepared = Prepared::of_asset(request, uri, &mut self.user.state);
        self.job(request, prepared)
    }

    fn shared(&self) -> &Arc<Shared> {
        self.user.client.shared()
    }

    /// The first failure drops the requests in flight, since nothing of them is measured.
    async fn send_all(
        &mut self,
        jobs: Vec<Job<'_, PlannedRequest>>,
        at_once: usize,
    ) -> ControlFlow<StepFailure> {
        let before = self.user.state.take_last();
        let mut waiting = jobs.into_iter();
        let mut flights = Flights::default();
        loop {
            for mut job in waiting.by_ref().take(at_once - flights.len()) {
                let lane = self.user.lanes.pop();
                let mut client = lane.unwrap_or_else(|| self.user.client.beside());
                flights.add(async move {
                    let exchange = client.send(job.prepared.outgoing(job.request)).await;
                    (job, client, exchange)
                });
            }
            let Some((job, client, exchange)) = flights.next().await else {
                break;
            };
            self.user.lanes.push(client);
            let of_hook = self.user.state.draw_from(job.random);
            let answered = answered(&mut self.user, job.request, &job.prepared, &exchange).await;
            self.user.state.draw_from(of_hook);
            if let Err(failure) = answered {
                return Break(failure);
            }
        }
        self.user.state.recall(before);
        Continue(())
    }
}

impl Hook<'_> {
    fn job<'p>(
        &mut self,
        request: &'p PlannedRequest,
        prepared: Result<Prepared<'p>, Unsendable>,
    ) -> ControlFlow<StepFailure, Option<Job<'p, PlannedRequest>>> {
        match prepared {
            Ok(prepared) => Continue(Some(Job {
                request,
                prepared,
                random: self.user.state.random_branch(),
            })),
            Err(reason) => Break(unprepared(request, &reason)),
        }
    }
}
