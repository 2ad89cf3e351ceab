//! `choose`: draws a list of steps by weight.

use std::ops::ControlFlow::{self, Continue};

use super::{Walker, within};
use crate::expr::below;
use crate::scenario::program::Alternative;

/// Draws an alternative and runs it.
pub(super) async fn run<W: Walker>(
    walker: &mut W,
    alternatives: &[Alternative<W::Request>],
) -> ControlFlow<W::Break> {
    let total = alternatives.iter().map(|one| u64::from(one.weight)).sum();
    let mut point = below(total, walker.values().random());
    for one in alternatives {
        let Some(left) = point.checked_sub(one.weight.into()) else {
            return within(walker, &one.steps).await;
        };
        point = left;
    }
    Continue(())
}
