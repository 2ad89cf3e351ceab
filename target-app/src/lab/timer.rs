//! A timer with a precision of tens of microseconds; Tokio's own timer rounds up to whole milliseconds.
//!
//! One thread sleeps until the earliest deadline and wakes the task that waits for it. It uses no CPU while it waits,
//! so that it does not disturb measurements on the same machine.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

/// A clock with its own thread, which ends when the clock is dropped.
pub(super) struct Timer {
    shared: Arc<TimerState>,
}

#[derive(Default)]
struct TimerState {
    agenda: Mutex<Agenda>,
    changed: Condvar,
}

#[derive(Default)]
struct Agenda {
    alarms: BinaryHeap<Alarm>,
    is_over: bool,
}

struct Alarm {
    due: Instant,
    wake: oneshot::Sender<()>,
}

impl Timer {
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::<TimerState>::default();
        let own = Arc::clone(&shared);
        thread::Builder::new()
            .name("lab-timer".to_owned())
            .spawn(move || own.run())?;
        Ok(Self { shared })
    }

    /// Waits until `due`, or not at all if that has passed. Never completes early.
    pub(super) async fn until(&self, due: Instant) {
        if due <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        let is_earliest = {
            let mut agenda = self
                .shared
                .agenda
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let is_earliest = agenda
                .alarms
                .peek()
                .is_none_or(|earliest| due < earliest.due);
            agenda.alarms.push(Alarm { due, wake });
            is_earliest
        };
        if is_earliest {
            self.shared.changed.notify_one();
        }
        // The thread drops a sender unused only when this timer is dropped, and then nobody waits here.
        let _ = woken.await;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared
            .agenda
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_over = true;
        self.shared.changed.notify_one();
    }
}

impl TimerState {
    fn run(&self) {
        let mut due = Vec::new();
        let mut agenda = self.agenda.lock().unwrap_or_else(PoisonError::into_inner);
        while !agenda.is_over {
            let now = Instant::now();
            while agenda.alarms.peek().is_some_and(|alarm| alarm.due <= now) {
                due.extend(agenda.alarms.pop());
            }
            if !due.is_empty() {
                // Waking a task runs the scheduler; tasks that set alarms meanwhile must not wait for it.
                drop(agenda);
                for alarm in due.drain(..) {
                    // The client may have dropped the request.
                    let _ = alarm.wake.send(());
                }
                agenda = self.agenda.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let earliest = agenda.alarms.peek().map(|alarm| alarm.due);
            agenda = match earliest {
                None => self
                    .changed
                    .wait(agenda)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(earliest) => {
                    let left = earliest.saturating_duration_since(now);
                    self.changed
                        .wait_timeout(agenda, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

/// The heap returns the greatest item first, so the earliest alarm is the greatest.
impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Alarm {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn alarms_complete_in_the_order_of_their_deadlines_and_not_early() {
        let timer = Timer::start().expect("a thread");
        let start = Instant::now();
        let order = Mutex::new(Vec::new());
        let wait = async |milliseconds: u64| {
            let due = start + Duration::from_millis(milliseconds);
            timer.until(due).await;
            assert!(Instant::now() >= due);
            order
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(milliseconds);
        };
        tokio::join!(wait(60), wait(2), wait(30), wait(0));
        assert_eq!(
            order.into_inner().unwrap_or_else(PoisonError::into_inner),
            [0, 2, 30, 60]
        );
    }
}
