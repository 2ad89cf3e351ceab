//! The hooks, setup and teardown: one user runs steps that are not measured.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::base_url::BaseUrl;
use super::state::{Draws, RunValues, User, UserState, Values};
use super::walk::request::unmeasured;
use super::walk::{Walker, walk};
use super::{CutShort, StepFailure};
use crate::expr::Missing;
use crate::outcome::Outcome;
use crate::plan::{Plan, PlannedRequest};
use crate::scenario::Step;
use crate::transport::{Client, Shared};

/// Runs `steps`, beginning with `values`, until they end or `stop` completes. Returns the values at the end, however it
/// ended.
pub(super) async fn run(
    plan: &Plan,
    steps: &[Step<PlannedRequest>],
    values: &RunValues,
    transport: &Arc<Shared>,
    stop: impl Future<Output = ()>,
) -> (RunValues, Result<(), CutShort>) {
    let draws = Draws::of(plan);
    let mut hook = Hook {
        base: BaseUrl::of(&plan.workload.target),
        user: User {
            client: Client::new(Arc::clone(transport)),
            state: UserState::new(plan, values, &draws, 0),
            backoff: Backoff::default(),
        },
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
}

impl Walker for Hook<'_> {
    type Request = PlannedRequest;
    type Break = StepFailure;

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

    async fn send(&mut self, request: &PlannedRequest) -> ControlFlow<StepFailure> {
        match unmeasured(&self.base, &mut self.user, request).await {
            Ok(()) => Continue(()),
            Err(failure) => Break(failure),
        }
    }

    async fn pause(&mut self, length: Duration) -> ControlFlow<StepFailure> {
        tokio::time::sleep(length).await;
        Continue(())
    }
}
