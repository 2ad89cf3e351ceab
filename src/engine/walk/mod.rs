//! Runs the steps of a flow or a hook in order; each kind of step has its file here.

mod repeat;
pub(super) mod request;
mod set;
pub(super) mod think;

use std::ops::ControlFlow::{self, Continue};
use std::time::Duration;

use super::state::Values;
use crate::expr::Missing;
use crate::scenario::{Action, Step};

/// Runs single steps, and decides when the walk ends early.
pub(super) trait Walker: Send {
    /// The request of a step.
    type Request: Sync;
    /// The reason why a walk ended before its last step.
    type Break: Send;

    /// Called before each step; a break ends the walk.
    fn may_continue(&self) -> ControlFlow<Self::Break>;

    /// The user's values.
    fn values(&mut self) -> &mut dyn Values;

    /// A step needs a value that is missing.
    fn missing_value(
        &mut self,
        step: &Step<Self::Request>,
        missing: Missing,
    ) -> ControlFlow<Self::Break>;

    /// Sends a request.
    fn send(
        &mut self,
        request: &Self::Request,
    ) -> impl Future<Output = ControlFlow<Self::Break>> + Send;

    /// Pauses for this long.
    fn pause(&mut self, length: Duration) -> impl Future<Output = ControlFlow<Self::Break>> + Send;
}

/// Runs steps in order, to the end or to the first break.
pub(super) async fn walk<W: Walker>(
    walker: &mut W,
    steps: &[Step<W::Request>],
) -> ControlFlow<W::Break> {
    for step in steps {
        walker.may_continue()?;
        let condition = step.condition.as_ref();
        match condition.map_or(Ok(true), |condition| condition.holds(walker.values())) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(missing) => {
                walker.missing_value(step, missing)?;
                continue;
            }
        }
        match &step.action {
            Action::Request(request) => walker.send(request).await?,
            Action::Think(delay) => think::run(walker, delay).await?,
            Action::Repeat {
                times,
                steps,
                pause,
            } => repeat::run(walker, *times, steps, pause.as_ref()).await?,
            Action::Set(values) => set::run(walker, step, values)?,
        }
    }
    Continue(())
}
