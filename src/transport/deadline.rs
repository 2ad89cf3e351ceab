//! Limits in time, and one timer for all of a client's.
//!
//! A timer registered for each request would cost more than its share of a request. This one is left armed at the
//! earliest instant anybody waited for; when it fires too early for the present wait it is armed anew. With a limit of
//! 30 s that is one registration in 30 s, however many requests there were.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::coop;
use tokio::time::Sleep;

use super::classify::Failure;
use crate::outcome::Outcome;
use crate::scenario::Timeouts;
use crate::units::show_duration;

/// Stands for "never" where a limit is beyond what an [`Instant`] can hold.
const FAR: Duration = Duration::from_hours(365 * 24);

/// `start + limit`, or a year later if that is beyond the clock.
pub(super) fn after(start: Instant, limit: Duration) -> Instant {
    start.checked_add(limit).unwrap_or_else(|| start + FAR)
}

/// The reused timer; it exists from the first wait on, since it needs a runtime.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

/// A limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elapsed;

impl Alarm {
    /// Whether `limit` has passed; if not, the task is woken at `limit`, or earlier without need.
    pub(super) fn has_passed(&mut self, cx: &mut Context<'_>, limit: Instant) -> bool {
        // A timer does not fire for a task that has used up its turn, and the task may do that each time.
        if !coop::has_budget_remaining() && Instant::now() >= limit {
            return true;
        }
        let limit = tokio::time::Instant::from_std(limit);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(limit)));
        if sleep.deadline() > limit {
            sleep.as_mut().reset(limit);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if tokio::time::Instant::now() >= limit {
                return true;
            }
            sleep.as_mut().reset(limit);
        }
        false
    }

    /// What `future` gives, unless `limit` comes first.
    pub(super) async fn guard<F: Future>(
        &mut self,
        limit: Instant,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if self.has_passed(cx, limit) => Poll::Ready(Err(Elapsed)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// The limits of one exchange, and when it last got on.
pub(super) struct Watch<'a> {
    alarm: &'a mut Alarm,
    timeouts: &'a Timeouts,
    /// When the whole request must be over.
    total: Instant,
    /// When the first byte must be there.
    first_due: Instant,
    /// When the next byte must be there.
    next: Instant,
    /// When bytes were first seen to have come.
    first: Option<Instant>,
    /// When bytes were last seen to have come.
    last: Option<Instant>,
    /// Whether `last` is of this very poll, so that there is no need to ask the clock again.
    is_fresh: bool,
}

impl<'a> Watch<'a> {
    /// From the moment a request is handed to a connection.
    pub(super) fn new(
        alarm: &'a mut Alarm,
        timeouts: &'a Timeouts,
        handed: Instant,
        total: Instant,
    ) -> Self {
        let first_due = after(handed, timeouts.first_byte);
        Self {
            alarm,
            timeouts,
            total,
            first_due,
            next: first_due,
            first: None,
            last: None,
            is_fresh: false,
        }
    }

    /// The task was woken and looks anew; nothing has come yet.
    pub(super) fn look(&mut self) {
        self.is_fresh = false;
    }

    /// Bytes have come.
    pub(super) fn progress(&mut self) {
        let now = Instant::now();
        self.next = after(now, self.timeouts.idle);
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.is_fresh = true;
    }

    /// The bytes that came are of an informational response: the answer is still to begin.
    pub(super) fn informed(&mut self) {
        self.first = None;
        self.next = self.first_due;
    }

    /// The head of the answer is there; it began with the bytes that came last if it did not begin before.
    pub(super) fn answered(&mut self) {
        if self.first.is_none() {
            self.first = Some(self.finished());
        }
    }

    /// Whether the whole request should be over, for a task that gives way without waiting.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        now >= self.total
    }

    /// When bytes last came, or now if the end came without any.
    pub(super) fn finished(&self) -> Instant {
        match self.last {
            Some(last) if self.is_fresh => last,
            _ => Instant::now(),
        }
    }

    /// When the first byte came.
    pub(super) fn first(&self) -> Option<Instant> {
        self.first
    }

    /// Pending until one of the limits is reached.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        if !self.alarm.has_passed(cx, self.next.min(self.total)) {
            return Poll::Pending;
        }
        self.late()
    }

    /// Which of the limits was reached.
    pub(super) fn late(&self) -> Poll<Failure> {
        let (what, limit) = match self.first {
            _ if self.total <= self.next => ("the whole response", self.timeouts.total),
            None => ("the first byte", self.timeouts.first_byte),
            Some(_) => ("the next bytes", self.timeouts.idle),
        };
        let detail = format!("{what} did not arrive within {}", show_duration(limit));
        Poll::Ready(Failure::new(Outcome::Timeout, &detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_left_early_by_a_wait_that_ended_does_not_cut_the_next_one_short() {
        let mut alarm = Alarm::default();
        let start = Instant::now();
        let soon = after(start, Duration::from_millis(20));
        let done = alarm.guard(soon, std::future::ready(7)).await;
        assert_eq!(done, Ok(7));
        // Arm it early, leave that wait, and wait for longer.
        assert!(!poll_fn(|cx| Poll::Ready(alarm.has_passed(cx, soon))).await);
        let later = after(start, Duration::from_millis(120));
        let waited = alarm.guard(later, std::future::pending::<()>()).await;
        assert_eq!(waited, Err(Elapsed));
        assert!(start.elapsed() >= Duration::from_millis(120));
    }

    #[tokio::test]
    async fn a_shorter_limit_after_a_longer_one_is_kept() {
        let mut alarm = Alarm::default();
        let start = Instant::now();
        let far = after(start, Duration::MAX);
        assert!(!poll_fn(|cx| Poll::Ready(alarm.has_passed(cx, far))).await);
        let near = after(start, Duration::from_millis(30));
        let waited = alarm.guard(near, std::future::pending::<()>()).await;
        assert_eq!(waited, Err(Elapsed));
        let took = start.elapsed();
        assert!((Duration::from_millis(30)..Duration::from_secs(5)).contains(&took));
    }
}
