//! Runs the steps of a flow or a hook in order; each kind of step has its file here.

pub(super) mod assets;
mod choose;
pub(super) mod parallel;
mod passes;
mod react;
pub(super) mod record;
pub(super) mod request;
pub(super) mod retry;
mod set;
pub(super) mod think;
mod told;

use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::time::Duration;

use self::retry::{FailedAttempt, OpenRetries};
use super::answer::Answer;
use super::state::Values;
use super::trial::{Note, Tone, Trail};
use crate::expr::Missing;
use crate::outcome::Outcome;
use crate::plan::PlannedRequest;
use crate::scenario::program::{Assets, Parallel, Rendezvous};
use crate::scenario::{Action, Recording, SlotId, Step, StopScope, Template, Value};

/// Runs single steps, and decides when the walk ends early.
pub(super) trait Walker: Send {
    /// The request of a step.
    type Request: Sync + AsRef<PlannedRequest>;
    /// The reason why a walk ended before its last step.
    type Break: Send;
    /// A request that has ended.
    type Sent: Send;
    /// The failures noted so far, as far as steps that run again take them back.
    type Failures: Copy + Send;
    /// A group that has begun.
    type Group: Send;

    /// Called before each step; a break ends the walk.
    fn may_continue(&self) -> ControlFlow<Self::Break>;

    /// The user's values.
    fn values(&mut self) -> &mut dyn Values;

    /// The trail of the user; `None` unless this is a trial.
    fn trail(&self) -> Option<&Trail>;

    /// Tells what the present step does; `note` is called only in a trial.
    fn tell(&mut self, note: impl FnOnce(&mut dyn Values) -> Note);

    /// A step needs a value that is missing.
    fn missing_value(
        &mut self,
        step: &Step<Self::Request>,
        missing: Missing,
    ) -> ControlFlow<Self::Break>;

    /// The condition of a step needs a value that is missing.
    fn missing_in_condition(
        &mut self,
        step: &Step<Self::Request>,
        missing: Missing,
    ) -> ControlFlow<Self::Break> {
        self.missing_value(step, missing)
    }

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

    /// Records values.
    fn record(&mut self, recordings: &[Recording]) -> ControlFlow<Self::Break>;

    /// The group with this series begins.
    fn begin_group(&mut self, series: Option<u32>) -> Self::Group;

    /// The group ends with this result.
    fn end_group(&mut self, group: Self::Group, result: &ControlFlow<Self::Break>);

    /// Sends a request and waits for its end. A break means that the end of the run came first.
    fn send(
        &mut self,
        request: &Self::Request,
    ) -> impl Future<Output = ControlFlow<Self::Break, Self::Sent>> + Send;

    /// The answer to a request.
    fn answer(sent: &Self::Sent) -> Answer;

    /// Decides what follows from the end of a request.
    fn settle(&mut self, request: &Self::Request, sent: Self::Sent) -> ControlFlow<Self::Break>;

    /// The open `retry` steps.
    fn retries(&mut self) -> &mut OpenRetries;

    /// A request ended its attempt.
    fn end_attempt(&mut self, sent: Self::Sent) -> Self::Break;

    /// The place in a break for an attempt that failed.
    fn failed_attempt(end: &mut Self::Break) -> &mut Option<FailedAttempt>;

    /// The last one of so many attempts of a `retry` failed.
    fn gave_up(
        &mut self,
        end: Self::Break,
        attempts: u32,
        answer: Answer,
    ) -> ControlFlow<Self::Break>;

    /// The failures noted so far.
    fn failures(&self) -> Self::Failures;

    /// The steps of a `retry` run again: the failures noted since then are taken back.
    fn repeat(&mut self, failures: Self::Failures);

    /// Waits for other users.
    fn meet(
        &mut self,
        rendezvous: &Rendezvous,
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
        if let Some(trail) = walker.trail() {
            trail.enter(step.span);
        }
        if !holds(walker, step)? {
            continue;
        }
        match &step.action {
            Action::Request(request) => {
                let sent = walker.send(request).await?;
                settle(walker, request, sent)?;
            }
            Action::Reacting(reacting) => react::run(walker, reacting).await?,
            Action::Think(delay) => think::run(walker, delay).await?,
            Action::Rendezvous(rendezvous) => walker.meet(rendezvous).await?,
            Action::Set(values) => set::run(walker, step, values)?,
            Action::If(branches) => match branches.condition.holds(walker.values()) {
                Ok(true) => {
                    walker.tell(|values| told::branch(branches, true, values));
                    within(walker, &branches.steps).await?;
                }
                Ok(false) => {
                    walker.tell(|values| told::branch(branches, false, values));
                    within(walker, &branches.otherwise).await?;
                }
                Err(missing) => walker.missing_value(step, missing)?,
            },
            Action::Loop(repeated) => passes::run(walker, step, repeated).await?,
            Action::Retry(retry) => retry::run(walker, retry).await?,
            Action::Choose(alternatives) => choose::run(walker, alternatives).await?,
            Action::Group(group) => {
                let begun = walker.begin_group(group.series);
                walker.tell(|_| Note::plain("group", group.name.as_str()));
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
                    walker.tell(|values| told::call(call, values));
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
            Action::Record(recordings) => walker.record(recordings)?,
        }
    }
    Continue(())
}

/// True if the step's condition holds; a value that it needs and that is missing skips the step.
fn holds<W: Walker>(walker: &mut W, step: &Step<W::Request>) -> ControlFlow<W::Break, bool> {
    let condition = step.condition.as_ref();
    match condition.map_or(Ok(true), |condition| condition.holds(walker.values())) {
        Ok(true) => Continue(true),
        Ok(false) => {
            walker.tell(|values| told::skipped(step, values));
            Continue(false)
        }
        Err(missing) => {
            walker.missing_in_condition(step, missing)?;
            Continue(false)
        }
    }
}

/// Decides what follows from the end of a request: another attempt of the steps around it, or what the walker decides.
pub(super) fn settle<W: Walker>(
    walker: &mut W,
    request: &W::Request,
    sent: W::Sent,
) -> ControlFlow<W::Break> {
    let Some(failed) = retry::reacting(walker.retries(), W::answer(&sent)) else {
        return walker.settle(request, sent);
    };
    let answer = W::answer(&sent);
    walker.tell(|_| {
        let name = &request.as_ref().name;
        let tone = if answer.outcome.is_failure() {
            Tone::Handled
        } else {
            Tone::Plain
        };
        Note::new(tone, "retry", format!("`{name}` ended with {answer}"))
    });
    let mut end = walker.end_attempt(sent);
    *W::failed_attempt(&mut end) = Some(failed);
    Break(end)
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
