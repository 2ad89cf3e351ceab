//! A user's life, played one iteration at a time.
//!
//! goose calls a transaction for each iteration; a life is one future over all of them, so that what a user holds
//! stays on its own stack and no future is built anew for each iteration. It is here that a panic is caught, and that a
//! run which is cut drops what is in flight.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use super::run::Run;

type Body = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One user's.
pub(super) struct Life {
    run: Arc<Run>,
    user: usize,
    /// None when it is over.
    body: Option<Body>,
    /// Set by the body between two iterations.
    turn: Arc<AtomicBool>,
    is_registered: bool,
}

impl Life {
    /// The life of the user of this slot; it begins when it is first played.
    pub(super) fn new(run: &Arc<Run>, user: usize) -> Self {
        let turn = Arc::new(AtomicBool::new(false));
        Self {
            run: Arc::clone(run),
            user,
            body: Some(Box::pin(body(Arc::clone(run), user, Arc::clone(&turn)))),
            turn,
            is_registered: false,
        }
    }

    /// Plays the life to the end of an iteration. Once the life is over, this never returns.
    pub(super) fn poll_iteration(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(body) = &mut self.body else {
            return Poll::Pending;
        };
        if !self.is_registered {
            // A task keeps its waker for life.
            self.run.roster.register(self.user, cx.waker());
            self.is_registered = true;
        }
        if self.run.halt.is_cut() {
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

    /// Drops what is in flight, which counts it, before the user counts as gone.
    fn end(&mut self) {
        if self.body.take().is_some() {
            self.run.left(self.user);
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits at the gate, then lives.
async fn body(run: Arc<Run>, user: usize, turn: Arc<AtomicBool>) {
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
            // Not lost: goose asks for the next iteration without being woken.
            Poll::Pending
        })
    };
    run.live(user, clock, end_turn).await;
}

/// What a panic said.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a user panicked".to_owned())
}
