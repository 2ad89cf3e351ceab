//! Setup and teardown: one user walks through steps that are not measured.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use super::backoff::Backoff;
use super::request::Origin;
use super::state::{Draws, RunValues, State};
use super::step::{User, unmeasured};
use super::walk::{Walker, walk};
use super::{CutShort, StepFailure};
use crate::expr::{Context, Missing};
use crate::outcome::Outcome;
use crate::plan::{Plan, Request, Step};
use crate::scenario::Delay;
use crate::transport::{Client, Shared};

/// Goes through `steps`, beginning with `values`, until `stop` is over; gives the values there are at the end, whatever
/// the end is.
pub(super) async fn run(
    plan: &Plan,
    steps: &[Step],
    values: &RunValues,
    transport: &Arc<Shared>,
    stop: impl Future<Output = ()>,
) -> (RunValues, Result<(), CutShort>) {
    let draws = Draws::of(plan);
    let mut errand = Errand {
        origin: Origin::of(&plan.target),
        user: User {
            client: Client::new(Arc::clone(transport)),
            state: State::new(plan, values, &draws, 0),
            backoff: Backoff::default(),
        },
    };
    let walked = tokio::select! {
        walked = walk(&mut errand, steps) => Some(walked),
        () = stop => None,
    };
    let ended = match walked {
        Some(Continue(())) => Ok(()),
        Some(Break(failure)) => Err(CutShort::Failed(StepFailure {
            request: failure
                .request
                .map(|request| errand.user.state.hide(&request)),
            detail: errand.user.state.hide(&failure.detail),
            ..failure
        })),
        None => Err(CutShort::Stopped),
    };
    (errand.user.state.into_values(), ended)
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

    fn lacks(&mut self, _: &Step, missing: Missing) -> ControlFlow<StepFailure> {
        Break(StepFailure {
            step: format!("the condition on `{}`", missing.name),
            request: None,
            outcome: Outcome::Unsendable,
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
