//! Runs the steps of a flow or a hook in order.

mod set;

use std::future::Future;
use std::ops::ControlFlow::{self, Continue};
use std::pin::Pin;

use self::set::set;
use super::state::Values;
use crate::expr::Missing;
use crate::scenario::{Action, Delay, Step};

/// Runs single steps, and decides when the walk ends early.
pub(super) trait Walker: Send {
    /// What a step sends.
    type Request;
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
    fn request(
        &mut self,
        request: &Self::Request,
    ) -> impl Future<Output = ControlFlow<Self::Break>> + Send;

    /// Pauses.
    fn think(&mut self, delay: &Delay) -> impl Future<Output = ControlFlow<Self::Break>> + Send;
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
            Action::Request(request) => walker.request(request).await?,
            Action::Think(delay) => walker.think(delay).await?,
            Action::Set(values) => set(walker, step, values)?,
            Action::Repeat {
                times,
                steps,
                pause,
            } => {
                for pass in 0..*times {
                    if let (Some(pause), 1..) = (pause, pass) {
                        walker.may_continue()?;
                        walker.think(pause).await?;
                    }
                    walk_within(walker, steps).await?;
                }
            }
        }
    }
    Continue(())
}

/// [`walk`], boxed, since a recursive future has no fixed size.
fn walk_within<'a, W: Walker>(
    walker: &'a mut W,
    steps: &'a [Step<W::Request>],
) -> Pin<Box<dyn Future<Output = ControlFlow<W::Break>> + Send + 'a>> {
    Box::pin(walk(walker, steps))
}
