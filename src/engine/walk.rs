//! Walking through steps, whoever does it: a user under load, or the one that sets up and tears down.

use std::future::Future;
use std::ops::ControlFlow::{self, Continue};
use std::pin::Pin;

use crate::expr::{Context, Missing};
use crate::plan::{Action, Request, Step};
use crate::scenario::Delay;

/// Who walks, and what breaks off the walk.
pub(super) trait Walker: Send {
    /// Why a walk ended before its last step.
    type Cut: Send;

    /// Asked before each step.
    fn may_go_on(&self) -> ControlFlow<Self::Cut>;

    /// What conditions are judged against.
    fn context(&mut self) -> &mut dyn Context;

    /// The condition of a step had nothing to compare.
    fn lacks(&mut self, step: &Step, missing: Missing) -> ControlFlow<Self::Cut>;

    /// Sends a request.
    fn request(&mut self, request: &Request)
    -> impl Future<Output = ControlFlow<Self::Cut>> + Send;

    /// Pauses.
    fn think(&mut self, delay: &Delay) -> impl Future<Output = ControlFlow<Self::Cut>> + Send;
}

/// Goes through steps in order, to the end or to the first cut.
pub(super) async fn walk<W: Walker>(walker: &mut W, steps: &[Step]) -> ControlFlow<W::Cut> {
    for step in steps {
        walker.may_go_on()?;
        let condition = step.condition.as_ref();
        match condition.map_or(Ok(true), |condition| condition.holds(walker.context())) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(missing) => {
                walker.lacks(step, missing)?;
                continue;
            }
        }
        match &step.action {
            Action::Request(request) => walker.request(request).await?,
            Action::Think(delay) => walker.think(delay).await?,
            Action::Repeat {
                times,
                steps,
                pause,
            } => {
                for pass in 0..*times {
                    if let (Some(pause), 1..) = (pause, pass) {
                        walker.may_go_on()?;
                        walker.think(pause).await?;
                    }
                    walk_within(walker, steps).await?;
                }
            }
        }
    }
    Continue(())
}

/// [`walk`], on the heap: a walk that contains itself has no size otherwise.
fn walk_within<'a, W: Walker>(
    walker: &'a mut W,
    steps: &'a [Step],
) -> Pin<Box<dyn Future<Output = ControlFlow<W::Cut>> + Send + 'a>> {
    Box::pin(walk(walker, steps))
}
