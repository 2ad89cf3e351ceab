//! One iteration: one user runs one flow.

mod dispatch;
mod early_end;
mod guard;
mod walker;

use std::ops::ControlFlow::{Break, Continue};

use self::early_end::Failures;
use self::guard::IterationGuard;
use self::walker::IterationWalker;
use super::pacer::Start;
use super::run::RunState;
use super::state::User;
use super::walk::retry::OpenRetries;
use super::walk::{Walker as _, walk};
use crate::outcome::Outcome;
use crate::record::Clock;

/// The user's next action after an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextAction {
    /// Starts the next one when the pacer allows it.
    Iterate,
    /// Leaves the load.
    Leave(LeaveReason),
}

/// The reason why a user leaves before the load is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaveReason {
    /// `on_error` is `abort`: everyone leaves.
    Aborting,
    /// `on_error` is `stop_user`.
    Stopped,
    /// A step `stop: user`.
    Asked,
    /// The feeder of this index has no row left for it.
    OutOfRows(usize),
}

/// Runs one iteration and records it.
pub(super) async fn iterate<'r>(
    run: &'r RunState,
    user: &mut User<'r>,
    index: usize,
    number: u64,
    flow_index: usize,
    clock: Clock,
    start: Start,
) -> NextAction {
    let pace = run.pace_of(index);
    user.state.begin_iteration(number);
    user.client.begin_iteration();
    let flow = user.state.take_flow(flow_index);
    let guard = IterationGuard::new(run, index, flow.series, clock, start);
    let mut walker = IterationWalker {
        run,
        pace,
        user,
        index,
        clock,
        intended: Some(start.intended),
        ended: None,
        failures: Failures::default(),
        retries: OpenRetries::new(),
        flow,
        number,
        is_leaving: false,
    };
    let mut result = Continue(());
    if !walker.user.state.has_begun(flow_index) {
        result = walk(&mut walker, &flow.start).await;
        if result.is_continue() {
            walker.user.state.begin(flow_index);
            walker.begin_steps();
            walker.user.client.begin_iteration();
        }
    }
    if result.is_continue() {
        result = walk(&mut walker, &flow.steps).await;
    }
    let finished = walker.finished();
    let (outcome, then) = match result {
        Continue(()) => (Outcome::Ok, NextAction::Iterate),
        Break(cut) => (cut.outcome, cut.then),
    };
    let outcome = walker.failures.iteration.unwrap_or(outcome);
    if let Some(trail) = walker.trail() {
        trail.ended(outcome);
    }
    let is_stopped = outcome == Outcome::Interrupted && then == NextAction::Iterate;
    if is_stopped && pace.halt.is_grace_over() {
        // It did not end within the grace period.
        drop(guard);
    } else {
        if outcome == Outcome::Interrupted
            && matches!(then, NextAction::Leave(LeaveReason::OutOfRows(_)))
        {
            let series = flow.series;
            run.recorder
                .record(index, |shard| shard.out_of_rows(series));
        }
        guard.end(finished, outcome);
    }
    then
}

/// Runs the `stop` of each flow that the user has begun, before it leaves. It is no iteration, so it counts as none.
pub(super) async fn leave<'r>(
    run: &'r RunState,
    user: &mut User<'r>,
    index: usize,
    number: u64,
    clock: Clock,
) {
    let pace = run.pace_of(index);
    for (flow_index, flow) in run.plan.workload.flows.iter().enumerate() {
        if flow.stop.is_empty() || !user.state.has_begun(flow_index) {
            continue;
        }
        user.state.begin_iteration(number);
        user.client.begin_iteration();
        let flow = user.state.take_flow(flow_index);
        let mut walker = IterationWalker {
            run,
            pace,
            user,
            index,
            clock,
            intended: None,
            ended: None,
            failures: Failures::default(),
            retries: OpenRetries::new(),
            flow,
            number,
            is_leaving: true,
        };
        // The user leaves in any case; failures are recorded where they occur.
        let _ = walk(&mut walker, &flow.stop).await;
        if let (Some(trail), Some(outcome)) = (walker.trail(), walker.failures.iteration) {
            trail.ended(outcome);
        }
    }
}
