//! Runs the steps of a flow or a hook in order; each kind of step has its file here.

pub(super) mod assets;
mod choose;
pub(super) mod parallel;
mod passes;
pub(super) mod request;
mod set;
pub(super) mod think;

use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::time::Duration;

use super::state::Values;
use crate::expr::Missing;
use crate::outcome::Outcome;
use crate::scenario::program::{Assets, Parallel};
use crate::scenario::{Action, SlotId, Step, StopScope, Template, Value};

/// Runs single steps, and decides when the walk ends early.
pub(super) trait Walker: Send {
    /// The request of a step.
    type Request: Sync;
    /// The reason why a walk ended before its last step.
    type Break: Send;
    /// A group that has begun.
    type Group: Send;

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

    /// The step of this kind failed by itself, without a request.
    fn failed_step(
        &mut self,
        kind: &'static str,
        outcome: Outcome,
        detail: String,
    ) -> ControlFlow<Self::Break>;

    /// The scenario ends the iteration as failed.
    fn fail(&mut self, reason: String) -> Self::Break;

    /// The scenario ends the iteration, the user or the run.
    fn stop(&mut self, scope: StopScope) -> Self::Break;

    /// The scenario writes to the log.
    fn log(&mut self, text: String);

    /// The group with this series begins.
    fn begin_group(&mut self, series: Option<u32>) -> Self::Group;

    /// The group ends with this result.
    fn end_group(&mut self, group: Self::Group, result: &ControlFlow<Self::Break>);

    /// Sends a request.
    fn send(
        &mut self,
        request: &Self::Request,
    ) -> impl Future<Output = ControlFlow<Self::Break>> + Send;

    /// Sends the requests of a block at the same time.
    fn parallel(
        &mut self,
        block: &Parallel<Self::Request>,
    ) -> impl Future<Output = ControlFlow<Self::Break>> + Send;

    /// Loads what the last page embeds.
    fn assets(
        &mut self,
        assets: &Assets<Self::Request>,
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
        if !holds(walker, step)? {
            continue;
        }
        match &step.action {
            Action::Request(request) => walker.send(request).await?,
            Action::Think(delay) => think::run(walker, delay).await?,
            Action::Set(values) => set::run(walker, step, values)?,
            Action::If(branches) => match branches.condition.holds(walker.values()) {
                Ok(true) => within(walker, &branches.steps).await?,
                Ok(false) => within(walker, &branches.otherwise).await?,
                Err(missing) => walker.missing_value(step, missing)?,
            },
            Action::Loop(repeated) => passes::run(walker, step, repeated).await?,
            Action::Choose(alternatives) => choose::run(walker, alternatives).await?,
            Action::Group(group) => {
                let begun = walker.begin_group(group.series);
                let result = within(walker, &group.steps).await;
                walker.end_group(begun, &result);
                result?;
            }
            Action::Parallel(block) => walker.parallel(block).await?,
            Action::Assets(assets) => walker.assets(assets).await?,
            Action::Call(call) => match values(walker, &call.with) {
                Ok(values) => {
                    for (slot, value) in values {
                        walker.values().keep(slot, value);
                    }
                    within(walker, &call.steps).await?;
                }
                Err(missing) => walker.missing_value(step, missing)?,
            },
            Action::Fail(reason) => match text(walker, reason) {
                Ok(reason) => return Break(walker.fail(reason)),
                Err(missing) => walker.missing_value(step, missing)?,
            },
            Action::Stop(scope) => return Break(walker.stop(*scope)),
            Action::Log(template) => match text(walker, template) {
                Ok(text) => walker.log(text),
                Err(missing) => walker.missing_value(step, missing)?,
            },
        }
    }
    Continue(())
}

/// True if the step's condition holds; a value that it needs and that is missing skips the step.
fn holds<W: Walker>(walker: &mut W, step: &Step<W::Request>) -> ControlFlow<W::Break, bool> {
    let condition = step.condition.as_ref();
    match condition.map_or(Ok(true), |condition| condition.holds(walker.values())) {
        Ok(holds) => Continue(holds),
        Err(missing) => {
            walker.missing_value(step, missing)?;
            Continue(false)
        }
    }
}

/// The values of parameters.
fn values<W: Walker>(
    walker: &mut W,
    with: &[(SlotId, Template)],
) -> Result<Vec<(SlotId, Value)>, Missing> {
    let values = with.iter().map(|(slot, template)| {
        let value = template.evaluate(walker.values())?;
        Ok((*slot, value))
    });
    values.collect()
}

fn text<W: Walker>(walker: &mut W, template: &Template) -> Result<String, Missing> {
    let value = template.evaluate(walker.values())?;
    Ok(value.into_text())
}

/// [`walk`], boxed, since a recursive future has no fixed size.
fn within<'a, W: Walker>(
    walker: &'a mut W,
    steps: &'a [Step<W::Request>],
) -> Pin<Box<dyn Future<Output = ControlFlow<W::Break>> + Send + 'a>> {
    Box::pin(walk(walker, steps))
}
