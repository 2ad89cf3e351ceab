//! Setup and teardown: one user walks through steps that are not measured.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use super::StepFailure;
use super::request::Origin;
use super::state::{Draws, RunValues, State};
use super::step::{User, unmeasured};
use super::walk::{Walker, walk};
use crate::outcome::Outcome;
use crate::plan::{Plan, Request, Step};
use crate::scenario::Delay;
use crate::scenario::template::{Context, Missing};
use crate::transport::{Client, Shared};

/// Goes through `steps`, beginning with `values`, and gives the values there are at the end.
pub(super) async fn run(
    plan: &Plan,
    steps: &[Step],
    values: &RunValues,
    transport: &Arc<Shared>,
) -> Result<RunValues, StepFailure> {
    let draws = Draws::of(plan);
    let mut errand = Errand {
        origin: Origin::of(&plan.target),
        user: User {
            client: Client::new(Arc::clone(transport)),
            state: State::new(plan, values, &draws, 0),
        },
    };
    match walk(&mut errand, steps).await {
        Continue(()) => Ok(errand.user.state.into_values()),
        Break(failure) => Err(failure),
    }
}

/// The one user, on its way.
#[derive(Debug)]
struct Errand<'r> {
    origin: Origin,
    user: User<'r>,
}

impl Walker for Errand<'_> {
    type Cut = StepFailure;

    fn may_go_on(&self) -> ControlFlow<StepFailure> {
        Continue(())
    }

    fn context(&mut self) -> &mut dyn Context {
        &mut self.user.state
    }

    fn lacks(&mut self, missing: Missing) -> ControlFlow<StepFailure> {
        Break(StepFailure {
            step: format!("the condition on `{}`", missing.name),
            request: None,
            outcome: Outcome::Capture,
            status: None,
            detail: missing.to_string(),
        })
    }

    async fn request(&mut self, request: &Request) -> ControlFlow<StepFailure> {
        match unmeasured(&self.origin, &mut self.user, request).await {
            Ok(()) => Continue(()),
            Err(failure) => Break(failure),
        }
    }

    async fn think(&mut self, delay: &Delay) -> ControlFlow<StepFailure> {
        tokio::time::sleep(self.user.state.pause(delay)).await;
        Continue(())
    }
}
