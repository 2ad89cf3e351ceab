//! Routes that behave exactly as told, for proofs of measurement: delays by law, stalls, sizes, failures, exact counts.
//!
//! The lab is apart from the service: it shares the router and the request's frame, and nothing else. It is not found
//! unless it was opened, because it lets any client make the service wait.

mod bodies;
mod counters;
mod gate;
mod law;
mod routes;
mod timer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use counters::count;
pub(crate) use routes::routes;

use counters::LabCounters;
use gate::StallGate;
use timer::Timer;

/// What the lab's routes share.
pub(crate) struct Lab {
    timer: Timer,
    gate: StallGate,
    counters: Arc<LabCounters>,
    seed: u64,
    draws: AtomicU64,
}

impl Lab {
    pub(crate) fn new(seed: u64) -> io::Result<Self> {
        Ok(Self {
            timer: Timer::start()?,
            gate: StallGate::new(),
            counters: Arc::default(),
            seed,
            draws: AtomicU64::new(0),
        })
    }

    /// The number of the next draw: which request gets it depends on arrival, what it yields does not.
    fn next_draw(&self) -> u64 {
        self.draws.fetch_add(1, Ordering::Relaxed)
    }
}
