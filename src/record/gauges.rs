//! Requests in flight, and the delay of the event loop: gauges that users and a ticker move and the aggregator reads.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::recorder::Padded;
use crate::units::Micros;

/// The gauges of one recorder.
#[derive(Debug)]
pub(super) struct Gauges {
    /// One a shard, so that users on different cores do not share a cache line. One of them may be below zero only
    /// for as long as a user's end is seen before its beginning; the sum is what counts.
    in_flight: Box<[Padded<AtomicI64>]>,
    ticks: AtomicU64,
    in_flight_sum: AtomicU64,
    loop_delay_max: AtomicU64,
}

/// What the ticker saw in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks {
    /// Requests in flight, averaged over the ticks, in thousandths.
    pub(super) in_flight_milli: u64,
    /// The longest delay.
    pub(super) loop_delay_max: Micros,
}

impl Gauges {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            in_flight: (0..shards).map(|_| Padded(AtomicI64::new(0))).collect(),
            ticks: AtomicU64::new(0),
            in_flight_sum: AtomicU64::new(0),
            loop_delay_max: AtomicU64::new(0),
        }
    }

    pub(super) fn began(&self, shard: usize) {
        self.in_flight[shard].0.fetch_add(1, Relaxed);
    }

    pub(super) fn ended(&self, shard: usize) {
        self.in_flight[shard].0.fetch_sub(1, Relaxed);
    }

    pub(super) fn in_flight(&self) -> u32 {
        let sum: i64 = self
            .in_flight
            .iter()
            .map(|gauge| gauge.0.load(Relaxed))
            .sum();
        u32::try_from(sum.max(0)).unwrap_or(u32::MAX)
    }

    pub(super) fn tick(&self, delay: Micros) {
        self.ticks.fetch_add(1, Relaxed);
        self.in_flight_sum
            .fetch_add(self.in_flight().into(), Relaxed);
        self.loop_delay_max.fetch_max(delay.0, Relaxed);
    }

    /// What was seen since the last call; without a tick, what is in flight now.
    pub(super) fn take_ticks(&self) -> Ticks {
        let ticks = self.ticks.swap(0, Relaxed);
        let sum = self.in_flight_sum.swap(0, Relaxed);
        Ticks {
            in_flight_milli: (sum * 1000)
                .checked_div(ticks)
                .unwrap_or_else(|| u64::from(self.in_flight()) * 1000),
            loop_delay_max: Micros(self.loop_delay_max.swap(0, Relaxed)),
        }
    }
}
