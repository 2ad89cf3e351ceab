//! Requests in flight and the delays of the event loop: users and a ticker write these gauges, the aggregator reads
//! them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::recorder::Padded;
use super::shard::lock;
use super::standstill::Standstills;
use crate::probe::WakeUps;
use crate::units::Micros;

/// The gauges of one recorder.
#[derive(Debug)]
pub(super) struct Gauges {
    /// One counter per shard, so that users on different cores do not share a cache line. A single counter can be
    /// below zero briefly, when a user's end is seen before its start; only the sum matters.
    in_flight: Box<[Padded<AtomicI64>]>,
    ticks: AtomicU64,
    in_flight_sum: AtomicU64,
    /// Delays that are too short for a stall.
    loop_delay_max: AtomicU64,
    wake_ups: [AtomicU32; WakeUps::CLASSES],
    /// The ticker's next due time; far in the future until the ticker has set it.
    next_tick: AtomicU64,
    standstills: Mutex<Standstills>,
}

/// The ticker's readings in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks {
    /// Requests in flight, averaged over the ticks, in thousandths.
    pub(super) in_flight_milli: u64,
    /// The longest delay.
    pub(super) loop_delay_max: Micros,
    /// The total time for which the event loop stalled.
    pub(super) stood_still: Micros,
    /// Timers by their delay.
    pub(super) wake_ups: WakeUps,
}

impl Gauges {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            in_flight: (0..shards).map(|_| Padded(AtomicI64::new(0))).collect(),
            ticks: AtomicU64::new(0),
            in_flight_sum: AtomicU64::new(0),
            loop_delay_max: AtomicU64::new(0),
            wake_ups: Default::default(),
            next_tick: AtomicU64::new(u64::MAX),
            standstills: Mutex::default(),
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

    pub(super) fn tick(&self, due: Micros, at: Micros, next: Micros) {
        self.ticks.fetch_add(1, Relaxed);
        self.in_flight_sum
            .fetch_add(self.in_flight().into(), Relaxed);
        self.stood_still(due, at);
        self.expect_tick(next);
    }

    /// The next tick is due at this time.
    pub(super) fn expect_tick(&self, due: Micros) {
        self.next_tick.store(due.0, Relaxed);
    }

    /// Records that an event due at `from` happened at `to`.
    pub(super) fn stood_still(&self, from: Micros, to: Micros) {
        if !lock(&self.standstills).add(from, to) {
            let delay = to.saturating_sub(from);
            self.loop_delay_max.fetch_max(delay.0, Relaxed);
        }
    }

    pub(super) fn woke(&self, late: Micros) {
        self.wake_ups[WakeUps::class(late)].fetch_add(1, Relaxed);
    }

    /// The readings since the last call up to `end`; without a tick, the current requests in flight. A stall in
    /// progress at the end of the warm-up counts from there.
    pub(super) fn take_ticks(&self, end: Micros, is_warm_up: bool) -> Ticks {
        let due = Micros(self.next_tick.load(Relaxed));
        let still = lock(&self.standstills).take(due, end, is_warm_up);
        let delay = Micros(self.loop_delay_max.swap(0, Relaxed));
        let ticks = self.ticks.swap(0, Relaxed);
        let sum = self.in_flight_sum.swap(0, Relaxed);
        Ticks {
            in_flight_milli: (sum * 1000)
                .checked_div(ticks)
                .unwrap_or_else(|| u64::from(self.in_flight()) * 1000),
            loop_delay_max: delay.max(still.longest),
            stood_still: still.together,
            wake_ups: WakeUps::of(self.wake_ups.each_ref().map(|count| count.swap(0, Relaxed))),
        }
    }
}
