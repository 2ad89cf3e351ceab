//! `set`: sets variables of a user.

use std::ops::ControlFlow::{self, Continue};

use super::Walker;
use crate::engine::trial::{Note, assigned};
use crate::scenario::{SlotId, Step, Template};

/// Sets each variable to the value of its template; a missing value ends the step.
pub(super) fn run<W: Walker>(
    walker: &mut W,
    step: &Step<W::Request>,
    values: &[(SlotId, Template)],
) -> ControlFlow<W::Break> {
    for (slot, template) in values {
        match template.evaluate(walker.values()) {
            Ok(value) => {
                walker.values().keep(*slot, value);
                walker.tell(|values| Note::plain("set", assigned(*slot, values)));
            }
            Err(missing) => return walker.missing_value(step, missing),
        }
    }
    Continue(())
}
