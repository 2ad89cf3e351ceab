//! `on`: sends a request and reacts to its end.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{Walker, settle, told, within};
use crate::scenario::program::Reacting;
use crate::scenario::{StopScope, Then};

/// Sends the request; the first reaction that fits its end decides what follows.
pub(super) async fn run<W: Walker>(
    walker: &mut W,
    reacting: &Reacting<W::Request>,
) -> ControlFlow<W::Break> {
    let request = &reacting.request;
    let sent = walker.send(request).await?;
    let answer = W::answer(&sent);
    let mut reactions = reacting.reactions.iter();
    let Some(reaction) = reactions.find(|one| one.on.has(answer.outcome, answer.status)) else {
        return settle(walker, request, sent);
    };
    walker.tell(|_| told::reaction(&request.as_ref().name, answer, reaction));
    within(walker, &reaction.steps).await?;
    match reaction.then {
        Then::Continue => Continue(()),
        Then::Retry => {
            walker.may_continue()?;
            let sent = walker.send(request).await?;
            settle(walker, request, sent)
        }
        Then::Fail => {
            let name = &request.as_ref().name;
            Break(walker.fail(format!("`{name}` ended with {answer}")))
        }
        Then::StopIteration => Break(walker.stop(StopScope::Iteration)),
    }
}
