//! One pass of one user through one flow.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Instant;

use super::Stop;
use super::pacer::{Start, unless_stopped};
use super::run::Run;
use super::step::{self, Done, User};
use super::walk::{Walker, walk};
use crate::expr::{Context, Missing};
use crate::outcome::Outcome;
use crate::plan::{Action, Request, SeriesId, Step};
use crate::record::journal::StopReason;
use crate::record::{Clock, IterationSample};
use crate::scenario::{Delay, OnError, WhenUsedUp};
use crate::units::Micros;

/// What the user does after an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The next one, when the pacer says so.
    Again,
    /// Nothing any more.
    Leave(Leaving),
}

/// Why a user leaves before the load is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// `on_error` is `abort`: everyone leaves.
    Aborting,
    /// `on_error` is `stop_user`.
    Stopped,
    /// The feeder of this index has no row left for it.
    OutOfRows(usize),
}

/// Goes through one iteration and records it.
pub(super) async fn iterate(
    run: &Run,
    user: &mut User<'_>,
    index: usize,
    number: u64,
    clock: Clock,
    start: Start,
) -> Then {
    user.state.begin_iteration(number);
    user.client.begin_iteration();
    let (flow_index, flow) = user.state.pick_flow();
    let under_way = UnderWay::new(run, index, flow.series, clock, start);
    let mut pass = Pass {
        run,
        user,
        index,
        clock,
        intended: Some(start.intended),
        ended: None,
        flaw: None,
    };
    let mut walked = Continue(());
    if !pass.user.state.has_begun(flow_index) {
        walked = walk(&mut pass, &flow.start).await;
        if walked.is_continue() {
            pass.user.state.begin(flow_index);
            pass.user.client.begin_iteration();
        }
    }
    if walked.is_continue() {
        walked = walk(&mut pass, &flow.steps).await;
    }
    let finished = pass
        .ended
        .map_or_else(|| clock.now(), |ended| clock.at(ended));
    let (outcome, then) = match walked {
        Continue(()) => (Outcome::Ok, Then::Again),
        Break(cut) => (cut.outcome, cut.then),
    };
    let outcome = pass.flaw.unwrap_or(outcome);
    let is_stopped = outcome == Outcome::Interrupted && then == Then::Again;
    if is_stopped && run.halt.is_grace_over() {
        // It had the time to come to its end.
        drop(under_way);
    } else {
        under_way.end(finished, outcome);
    }
    then
}

/// A user on its way through an iteration.
#[derive(Debug)]
struct Pass<'a, 'r> {
    run: &'a Run,
    user: &'a mut User<'r>,
    index: usize,
    clock: Clock,
    /// Goes to the iteration's first request.
    intended: Option<Micros>,
    /// When the last step ended, if that is known without looking at the clock.
    ended: Option<Instant>,
    /// What first went wrong with a value of the iteration, however it went on.
    flaw: Option<Outcome>,
}

/// Why an iteration ended before its last step.
#[derive(Debug, Clone, Copy)]
struct Cut {
    outcome: Outcome,
    then: Then,
}

impl Cut {
    /// The stop of the run ended the iteration: it neither passed nor failed.
    const STOPPED: Self = Self {
        outcome: Outcome::Interrupted,
        then: Then::Again,
    };

    /// A feeder has no row left for this user. It is a failure unless the scenario says `when_used_up: end`.
    const fn out_of_rows(feeder: usize, rule: WhenUsedUp) -> Self {
        Self {
            outcome: match rule {
                WhenUsedUp::Fail => Outcome::Unsendable,
                WhenUsedUp::End => Outcome::Interrupted,
            },
            then: Then::Leave(Leaving::OutOfRows(feeder)),
        }
    }
}

impl Pass<'_, '_> {
    /// A value that later steps may need is not there: what follows is the scenario's choice.
    fn failed(&mut self, step: &str, outcome: Outcome) -> ControlFlow<Cut> {
        let plan = &self.run.plan;
        if let Some(feeder) = self.user.state.used_up() {
            return Break(Cut::out_of_rows(feeder, plan.feeds[feeder].when_used_up));
        }
        self.flaw.get_or_insert(outcome);
        let then = match plan.on_error {
            OnError::Continue => return Continue(()),
            OnError::StopIteration => Then::Again,
            OnError::StopUser => Then::Leave(Leaving::Stopped),
            OnError::Abort => {
                let step = step.to_owned();
                self.run.halt.because(StopReason::StepFailed { step });
                self.run.stop(Stop::Graceful);
                Then::Leave(Leaving::Aborting)
            }
        };
        Break(Cut { outcome, then })
    }
}

impl Walker for Pass<'_, '_> {
    type Cut = Cut;

    fn may_go_on(&self) -> ControlFlow<Cut> {
        if self.run.halt.is_stopping() {
            return Break(Cut::STOPPED);
        }
        Continue(())
    }

    fn context(&mut self) -> &mut dyn Context {
        &mut self.user.state
    }

    fn lacks(&mut self, step: &Step, missing: Missing) -> ControlFlow<Cut> {
        if self.user.state.used_up().is_none()
            && let Some(request) = first_request(step)
        {
            let detail = format!("its condition cannot be judged: {missing}");
            step::unsendable(
                self.run, self.user, self.index, self.clock, request, &detail,
            );
        }
        self.ended = None;
        let name = format!("the condition on `{}`", missing.name);
        self.failed(&name, Outcome::Unsendable)
    }

    async fn request(&mut self, request: &Request) -> ControlFlow<Cut> {
        if let Some(pause) = self.user.backoff.take()
            && self.run.back_off(pause).await.is_none()
        {
            return Break(Cut::STOPPED);
        }
        let intended = self.intended.take();
        let done = step::measured(
            self.run, self.user, self.index, self.clock, request, intended,
        );
        match done.await {
            Done::Ended(at) => self.ended = Some(at),
            Done::Lacking(at) => {
                self.ended = Some(at);
                return self.failed(&request.name, Outcome::Capture);
            }
            Done::NotSent => {
                self.ended = None;
                return self.failed(&request.name, Outcome::Unsendable);
            }
            Done::CutOff => return Break(Cut::STOPPED),
        }
        Continue(())
    }

    async fn think(&mut self, delay: &Delay) -> ControlFlow<Cut> {
        let pause = self.user.state.pause(delay);
        self.ended = None;
        match unless_stopped(&self.run.halt, tokio::time::sleep(pause)).await {
            Some(()) => Continue(()),
            None => Break(Cut::STOPPED),
        }
    }
}

/// The request of a step, or the first of those that it repeats.
fn first_request(step: &Step) -> Option<&Request> {
    match &step.action {
        Action::Request(request) => Some(request),
        Action::Think(_) => None,
        Action::Repeat { steps, .. } => steps.iter().find_map(first_request),
    }
}

/// An iteration under way. When it is dropped, it was cut off.
#[derive(Debug)]
struct UnderWay<'r> {
    run: &'r Run,
    user: usize,
    series: SeriesId,
    clock: Clock,
    start: Start,
    is_open: bool,
}

impl<'r> UnderWay<'r> {
    const fn new(run: &'r Run, user: usize, series: SeriesId, clock: Clock, start: Start) -> Self {
        Self {
            run,
            user,
            series,
            clock,
            start,
            is_open: true,
        }
    }

    fn end(mut self, finished: Micros, outcome: Outcome) {
        self.is_open = false;
        let sample = self.sample(finished, outcome);
        let recorder = &self.run.recorder;
        recorder.record(self.user, |shard| shard.iteration(&sample));
    }

    fn sample(&self, finished: Micros, outcome: Outcome) -> IterationSample {
        IterationSample {
            series: self.series,
            intended: self.start.intended,
            free_since: self.start.free_since,
            started: self.start.started,
            finished,
            outcome,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.is_open {
            let sample = self.sample(self.clock.now(), Outcome::Interrupted);
            self.run.recorder.record(self.user, |shard| {
                shard.iteration(&sample);
                shard.cut_off(self.series);
            });
        }
    }
}
