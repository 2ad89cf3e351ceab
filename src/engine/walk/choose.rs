//! `choose`: draws a list of steps by weight.

use std::ops::ControlFlow;

use super::{Walker, told, within};
use crate::engine::state::Values;
use crate::expr::below;
use crate::scenario::Step;
use crate::scenario::program::Alternative;

/// Draws an alternative and runs it.
pub(super) async fn run<W: Walker>(
    walker: &mut W,
    alternatives: &[Alternative<W::Request>],
) -> ControlFlow<W::Break> {
    let steps = drawn(walker.values(), alternatives);
    walker.tell(|_| told::choice(alternatives, steps));
    within(walker, steps).await
}

/// The steps of an alternative, drawn by weight.
pub(super) fn drawn<'p, R>(
    values: &mut dyn Values,
    alternatives: &'p [Alternative<R>],
) -> &'p [Step<R>] {
    let total = alternatives.iter().map(|one| u64::from(one.weight)).sum();
    let mut point = below(total, values.random());
    for one in alternatives {
        let Some(left) = point.checked_sub(one.weight.into()) else {
            return &one.steps;
        };
        point = left;
    }
    &[]
}
