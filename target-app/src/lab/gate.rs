//! Stalls with a start and an end, and a pause without an end, in front of the lab's measured routes.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::timer::Timer;

/// Delays requests while there is a stall or a pause.
pub(super) struct StallGate {
    stalls: Mutex<Vec<Stall>>,
    paused: watch::Sender<bool>,
}

/// A period in which no request passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stall {
    pub(super) start: Instant,
    pub(super) end: Instant,
}

impl StallGate {
    pub(super) fn new() -> Self {
        Self {
            stalls: Mutex::default(),
            paused: watch::Sender::new(false),
        }
    }

    /// Returns when there is neither a stall nor a pause.
    pub(super) async fn pass(&self, timer: &Timer) {
        loop {
            if *self.paused.borrow() {
                // The sender is a field of `self`, so it is still there.
                let _ = self.paused.subscribe().wait_for(|paused| !paused).await;
            }
            match self.end_of_stall(Instant::now()) {
                Some(end) => timer.until(end).await,
                None if !*self.paused.borrow() => return,
                None => {}
            }
        }
    }

    pub(super) fn schedule(&self, stall: Stall) {
        self.stalls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stall);
    }

    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.send_replace(paused);
    }

    pub(super) fn is_paused(&self) -> bool {
        *self.paused.borrow()
    }

    /// The latest end of the stalls active at `now`; removes those that are over.
    fn end_of_stall(&self, now: Instant) -> Option<Instant> {
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        stalls.retain(|stall| stall.end > now);
        stalls
            .iter()
            .filter(|stall| stall.start <= now)
            .map(|stall| stall.end)
            .max()
    }
}
