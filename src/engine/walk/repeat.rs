//! `repeat`: runs steps several times.

use std::ops::ControlFlow::{self, Continue};
use std::pin::Pin;

use super::{Walker, think, walk};
use crate::scenario::{Delay, Step};

/// Runs steps several times, with a pause between two passes.
pub(super) async fn run<W: Walker>(
    walker: &mut W,
    times: u32,
    steps: &[Step<W::Request>],
    pause: Option<&Delay>,
) -> ControlFlow<W::Break> {
    for pass in 0..times {
        if let (Some(pause), 1..) = (pause, pass) {
            walker.may_continue()?;
            think::run(walker, pause).await?;
        }
        within(walker, steps).await?;
    }
    Continue(())
}

/// [`walk`], boxed, since a recursive future has no fixed size.
fn within<'a, W: Walker>(
    walker: &'a mut W,
    steps: &'a [Step<W::Request>],
) -> Pin<Box<dyn Future<Output = ControlFlow<W::Break>> + Send + 'a>> {
    Box::pin(walk(walker, steps))
}
