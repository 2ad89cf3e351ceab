//! A user's task, polled one iteration at a time.
//!
//! goose calls a transaction for each iteration. The task is one future over all iterations, so that a user's state stays
//! on one stack and no future is built per iteration. The task catches panics, and drops requests in flight when the run
//! is cut off.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use super::backoff::Backoff;
use super::iteration::{LeaveReason, NextAction, iterate, leave};
use super::pacer::Pacer;
use super::run::RunState;
use super::state::{User, UserState};
use crate::record::Clock;
use crate::transport::Client;

type TaskBody = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One user's task.
pub(super) struct UserTask {
    run: Arc<RunState>,
    user: usize,
    /// `None` when the task has ended.
    body: Option<TaskBody>,
    /// Set by the body between two iterations.
    turn: Arc<AtomicBool>,
    is_registered: bool,
}

impl UserTask {
    /// The task of the user of this slot; it begins when it is first polled.
    pub(super) fn new(run: &Arc<RunState>, user: usize) -> Self {
        let turn = Arc::new(AtomicBool::new(false));
        Self {
            run: Arc::clone(run),
            user,
            body: Some(Box::pin(body(Arc::clone(run), user, Arc::clone(&turn)))),
            turn,
            is_registered: false,
        }
    }

    /// Polls the task to the end of an iteration. Pending for ever once the task has ended.
    pub(super) fn poll_iteration(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(body) = &mut self.body else {
            return Poll::Pending;
        };
        if !self.is_registered {
            // The waker of a task never changes.
            self.run.roster.register(self.user, cx.waker());
            self.is_registered = true;
        }
        if self.run.pace_of(self.user).halt.is_cut() {
            self.end();
            return Poll::Pending;
        }
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx))) {
            Ok(Poll::Pending) if self.turn.swap(false, Ordering::Relaxed) => Poll::Ready(()),
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                self.end();
                Poll::Pending
            }
            Err(panic) => {
                self.run.panicked(message(&*panic));
                self.end();
                Poll::Pending
            }
        }
    }

    /// Drops and so counts the requests in flight, before the user counts as gone.
    fn end(&mut self) {
        if self.body.take().is_some() {
            self.run.left(self.user);
        }
    }
}

impl Drop for UserTask {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits at the gate, then runs the user.
async fn body(run: Arc<RunState>, user: usize, turn: Arc<AtomicBool>) {
    let gate = poll_fn(|_| {
        run.clock
            .get()
            .map_or(Poll::Pending, |clock| Poll::Ready(*clock))
    });
    let clock = gate.await;
    let end_turn = || {
        let mut is_over = false;
        let turn = &turn;
        poll_fn(move |_| {
            if std::mem::replace(&mut is_over, true) {
                return Poll::Ready(());
            }
            turn.store(true, Ordering::Relaxed);
            // No wake-up is needed, because goose itself starts the next iteration.
            Poll::Pending
        })
    };
    run_user(&run, user, clock, end_turn).await;
}

/// Runs one user from the open gate to its last iteration. After each iteration `turn` is awaited.
async fn run_user<F: Future<Output = ()>>(
    run: &RunState,
    index: usize,
    clock: Clock,
    turn: impl Fn() -> F,
) {
    let number = run.plan.workload.segment.global(index as u64);
    let mut user = User {
        client: Client::new(Arc::clone(&run.transport)),
        lanes: Vec::new(),
        state: UserState::new(&run.plan, &run.values, &run.draws, number).with_clock(clock),
        backoff: Backoff::default(),
        trail: None,
    };
    let turns = &run.turns[run.load_of(index)];
    let alone = turns.flow_of(number as u32);
    let mut pacer = Pacer::new(run.pace_of(index), &run.roster, clock, index, number as u32);
    let mut iteration = 0;
    let mut reason = None;
    while let Some(start) = pacer.next().await {
        let flow = alone.unwrap_or_else(|| turns.next_flow());
        let next = iterate(run, &mut user, index, iteration, flow, clock, start).await;
        iteration += 1;
        if let Some(pacing) = user.state.pacing() {
            pacer.pace(&start, pacing);
        }
        if let NextAction::Leave(because) = next {
            reason = Some(because);
            break;
        }
        if let Some(pause) = user.state.rest() {
            pacer.rest(pause);
        }
        if let Some(pause) = user.backoff.take() {
            run.back_off(index, pause).await;
        }
        turn().await;
        // An iteration without I/O must still give the other users of this thread their turn.
        tokio::task::coop::consume_budget().await;
    }
    leave(run, &mut user, index, iteration, clock).await;
    match reason {
        None | Some(LeaveReason::Aborting) => {}
        Some(LeaveReason::Asked) => run.early_exits.left(),
        Some(LeaveReason::Stopped) => run.early_exits.stopped(),
        Some(LeaveReason::OutOfRows(feed)) => run.early_exits.out_of_rows(feed),
    }
}

/// The message of a panic.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a user panicked".to_owned())
}
