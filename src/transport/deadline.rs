//! Time limits of an exchange, and one timer for all exchanges of a client.
//!
//! Registering a timer for each request would be a noticeable part of its cost. So a client's timer stays armed at the
//! earliest deadline of any wait; if it fires before the deadline of the present wait, it is armed again. With a limit of
//! 30 s that is one registration in 30 s, however many requests there were.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::coop;
use tokio::time::Sleep;

use super::failure::ExchangeFailure;
use crate::outcome::Outcome;
use crate::scenario::Timeouts;
use crate::units::show_duration;

/// Stands for "never" where a deadline is beyond the range of [`Instant`].
const FAR: Duration = Duration::from_hours(365 * 24);

/// `start + limit`, or a year after `start` if that is out of range.
pub(super) fn after(start: Instant, limit: Duration) -> Instant {
    start.checked_add(limit).unwrap_or_else(|| start + FAR)
}

/// The reused timer; created by the first wait, since it needs a runtime.
#[derive(Debug, Default)]
pub(super) struct DeadlineTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

/// A deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elapsed;

impl DeadlineTimer {
    /// Whether `deadline` has passed; if not, the task is woken at `deadline` at the latest.
    pub(super) fn has_passed(&mut self, cx: &mut Context<'_>, deadline: Instant) -> bool {
        // tokio's timer does not fire for a task without coop budget, and the task may use up its budget in each poll.
        if !coop::has_budget_remaining() && Instant::now() >= deadline {
            return true;
        }
        let deadline = tokio::time::Instant::from_std(deadline);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if tokio::time::Instant::now() >= deadline {
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        false
    }

    /// The output of `future`, unless `deadline` passes first.
    pub(super) async fn guard<F: Future>(
        &mut self,
        deadline: Instant,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if self.has_passed(cx, deadline) => Poll::Ready(Err(Elapsed)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// The deadlines of one exchange, and when its bytes arrived.
pub(super) struct Deadlines<'a> {
    timer: &'a mut DeadlineTimer,
    timeouts: &'a Timeouts,
    /// When the whole exchange must be over.
    total: Instant,
    /// When the first byte must have arrived.
    first_due: Instant,
    /// When the next byte must have arrived.
    next_due: Instant,
    /// When the first bytes were seen.
    first: Option<Instant>,
    /// When bytes were last seen.
    last: Option<Instant>,
    /// True if `last` was set in the current poll, so that the clock need not be read again.
    is_fresh: bool,
}

impl<'a> Deadlines<'a> {
    /// `sent` is when the request is given to a connection.
    pub(super) fn new(
        timer: &'a mut DeadlineTimer,
        timeouts: &'a Timeouts,
        sent: Instant,
        total: Instant,
    ) -> Self {
        let first_due = after(sent, timeouts.first_byte);
        Self {
            timer,
            timeouts,
            total,
            first_due,
            next_due: first_due,
            first: None,
            last: None,
            is_fresh: false,
        }
    }

    /// A poll of the task begins; no bytes have arrived in it yet.
    pub(super) fn begin_poll(&mut self) {
        self.is_fresh = false;
    }

    /// Bytes have arrived.
    pub(super) fn progress(&mut self) {
        let now = Instant::now();
        self.next_due = after(now, self.timeouts.idle);
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.is_fresh = true;
    }

    /// The bytes belong to an informational response (1xx): the first byte of the final one is still due.
    pub(super) fn informational(&mut self) {
        self.first = None;
        self.next_due = self.first_due;
    }

    /// The head of the final response is complete; it began with the last bytes if it did not begin before.
    pub(super) fn head_arrived(&mut self) {
        if self.first.is_none() {
            self.first = Some(self.finished());
        }
    }

    /// Whether the limit of the whole exchange has passed, for a task that yields without waiting.
    pub(super) fn is_total_over(&self, now: Instant) -> bool {
        now >= self.total
    }

    /// When bytes last arrived, or now if this poll brought none.
    pub(super) fn finished(&self) -> Instant {
        match self.last {
            Some(last) if self.is_fresh => last,
            _ => Instant::now(),
        }
    }

    /// When the first byte arrived.
    pub(super) fn first_byte(&self) -> Option<Instant> {
        self.first
    }

    /// Pending until one of the deadlines has passed.
    pub(super) fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<ExchangeFailure> {
        if !self.timer.has_passed(cx, self.next_due.min(self.total)) {
            return Poll::Pending;
        }
        Poll::Ready(self.failure())
    }

    /// The failure of the deadline that has passed.
    pub(super) fn failure(&self) -> ExchangeFailure {
        let (what, limit) = match self.first {
            Some(_) | None if self.total <= self.next_due => {
                ("the complete response", self.timeouts.total)
            }
            None => ("the first byte", self.timeouts.first_byte),
            Some(_) => ("the next bytes", self.timeouts.idle),
        };
        let detail = format!("{what} did not arrive within {}", show_duration(limit));
        ExchangeFailure::new(Outcome::Timeout, &detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timer_armed_by_an_earlier_wait_does_not_shorten_the_next_one() {
        let mut timer = DeadlineTimer::default();
        let start = Instant::now();
        let soon = after(start, Duration::from_millis(20));
        let done = timer.guard(soon, std::future::ready(7)).await;
        assert_eq!(done, Ok(7));
        // Arms the timer, drops that wait, and waits for longer.
        assert!(!poll_fn(|cx| Poll::Ready(timer.has_passed(cx, soon))).await);
        let later = after(start, Duration::from_millis(120));
        let waited = timer.guard(later, std::future::pending::<()>()).await;
        assert_eq!(waited, Err(Elapsed));
        assert!(start.elapsed() >= Duration::from_millis(120));
    }

    #[tokio::test]
    async fn a_shorter_limit_after_a_longer_one_is_kept() {
        let mut timer = DeadlineTimer::default();
        let start = Instant::now();
        let far = after(start, Duration::MAX);
        assert!(!poll_fn(|cx| Poll::Ready(timer.has_passed(cx, far))).await);
        let near = after(start, Duration::from_millis(30));
        let waited = timer.guard(near, std::future::pending::<()>()).await;
        assert_eq!(waited, Err(Elapsed));
        let took = start.elapsed();
        assert!((Duration::from_millis(30)..Duration::from_secs(5)).contains(&took));
    }
}
