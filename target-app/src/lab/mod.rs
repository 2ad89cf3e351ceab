//! Routes with exactly defined behaviour, for proofs of measurement: delays by distribution, stalls, sizes, failures,
//! exact counts.
//!
//! The lab is separate from the service: it shares only the router and the request middleware. It must be enabled
//! explicitly, because it lets any client make the service wait.

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

/// State shared by the lab's routes.
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

    /// The number of the next draw: the order of arrival decides which request gets it, but not its result.
    fn next_draw(&self) -> u64 {
        self.draws.fetch_add(1, Ordering::Relaxed)
    }
}
