//! Precise wake-ups for any number of users, on one timer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Instant;

use tokio::sync::Notify;

use super::roster::Roster;
use super::timer::PreciseTimer;

/// The times at which users are woken. A dropped wait leaves its time behind; its user then wakes once without need.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    times: Mutex<BinaryHeap<Reverse<(Instant, usize)>>>,
    /// Signals a time earlier than all others.
    earlier: Notify,
}

impl Alarms {
    /// Waits until `due`; returns at once if that has passed. Works only while [`Alarms::ring`] is polled.
    pub(super) async fn sleep_until(&self, user: usize, due: Instant) {
        let mut is_set = false;
        poll_fn(|_| {
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut is_set, true) {
                self.set(user, due);
            }
            // The alarm wakes the user's task through the waker in the roster.
            Poll::Pending
        })
        .await;
    }

    fn set(&self, user: usize, due: Instant) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = times.peek().is_none_or(|Reverse((first, _))| due < *first);
        times.push(Reverse((due, user)));
        drop(times);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Wakes users when they are due; never returns. Must be called within a runtime with I/O and time enabled.
    pub(super) async fn ring(&self, roster: &Roster) {
        let mut timer = PreciseTimer::new();
        loop {
            match self.wake_due(roster) {
                Some(next) => tokio::select! {
                    () = timer.sleep_until(next) => {}
                    () = self.earlier.notified() => {}
                },
                None => self.earlier.notified().await,
            }
        }
    }

    /// Wakes the users that are due; returns the next due time.
    fn wake_due(&self, roster: &Roster) -> Option<Instant> {
        let now = Instant::now();
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(&Reverse((due, user))) = times.peek() {
            if due > now {
                return Some(due);
            }
            times.pop();
            roster.wake(user);
        }
        None
    }
}
