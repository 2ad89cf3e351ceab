//! Users record here, and once a second their records become an interval.
//!
//! A user writes to its shard under a lock that is almost never contended. [`Recorder::rotate`] holds each lock only
//! to swap pointers; merging happens outside, while users continue to write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::bank::{Bank, Cells};
use super::failures::FailureExample;
use super::failures::Failures;
use super::gauges::Gauges;
use super::log::Log;
use super::shard::{Shard, ShardRecords, lock};
use super::slow_request::SlowRequest;
use super::slowest::{SlowCandidate, SlowestRequests};
use super::values::{Millionths, Values};
use super::{Counts, Health, Interval, LoadCounts, Monitored, SeriesInterval, TargetHealth};
use crate::mask::Mask;
use crate::outcome::Outcome;
use crate::plan::{CheckId, Metrics, Series, SeriesId};
use crate::probe::OwnHealth;
use crate::scenario::CustomMetric;
use crate::units::Micros;

/// Aligned to 128 bytes, so that different cores write to different cache lines (lines are fetched in pairs).
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// Records the samples of all users. The users and the rotating task share it.
#[derive(Debug)]
pub struct Recorder {
    shards: Box<[Padded<Mutex<Shard>>]>,
    gauges: Gauges,
    failures: Failures,
    slowest: SlowestRequests,
    log: Log,
    values: Values,
    aggregator: Mutex<Aggregator>,
}

/// State that only the rotation uses.
#[derive(Debug)]
struct Aggregator {
    number: u64,
    start: Micros,
    /// Empty records for each shard.
    records: Vec<ShardRecords>,
    /// The bank of the current interval, and the empty bank of the next.
    current: Arc<Mutex<Bank>>,
    next: Arc<Mutex<Bank>>,
    cells: Cells,
    health: OwnHealth,
}

impl Recorder {
    /// A recorder for these series with these metrics, and for this many checks; `shards` is rounded up to a power of
    /// two. Two to four shards per core are enough to avoid contention.
    pub fn new(metrics: &Metrics, series: &[Series], checks: usize, shards: usize) -> Self {
        let shards = shards.max(1).next_power_of_two();
        let cells = Cells::of(metrics, series);
        let current = Arc::new(Mutex::new(Bank::new(&cells)));
        let shard = || Shard::new(ShardRecords::new(&cells, checks), Arc::clone(&current));
        Self {
            shards: (0..shards).map(|_| Padded(Mutex::new(shard()))).collect(),
            gauges: Gauges::new(shards),
            failures: Failures::new(series.len()),
            slowest: SlowestRequests::none(series.len()),
            log: Log::default(),
            values: Values::default(),
            aggregator: Mutex::new(Aggregator {
                number: 0,
                start: Micros::ZERO,
                records: (0..shards)
                    .map(|_| ShardRecords::new(&cells, checks))
                    .collect(),
                current,
                next: Arc::new(Mutex::new(Bank::new(&cells))),
                cells,
                health: OwnHealth::new(),
            }),
        }
    }

    /// The same recorder, which also records values: of these metrics and, if `server_timing` has the names that come
    /// first, of `server-timing` headers.
    #[must_use]
    pub fn with_values(
        mut self,
        custom: &[CustomMetric],
        server_timing: Option<Vec<String>>,
    ) -> Self {
        self.values = Values::new(custom, server_timing, self.shards.len());
        self
    }

    /// The same recorder, which also keeps the slowest requests of these series that end after the warm-up.
    #[must_use]
    pub fn with_slowest(mut self, warm_up: Micros, series: &[Series]) -> Self {
        self.slowest = SlowestRequests::after(warm_up, series);
        let is_measured = self.slowest.begin_interval(Micros::ZERO);
        for shard in &self.shards {
            lock(&shard.0).begin(is_measured);
        }
        self
    }

    /// Records a value of the metric with this index; `None` counts one that was missing or did not fit.
    pub fn value(&self, user: usize, metric: usize, at: Micros, value: Option<Millionths>) {
        self.values.record(self.shard_of(user), metric, at, value);
    }

    /// Records a duration in ms of a `server-timing` header. `shown` is the name without secrets.
    pub fn server_timing(
        &self,
        user: usize,
        name: &str,
        at: Micros,
        ms: Millionths,
        shown: impl FnOnce(&str) -> String,
    ) {
        let shard = self.shard_of(user);
        self.values.time(shard, name, at, ms, shown);
    }

    /// Starts the health readings of the first interval. Call it when the run's clock is set to zero, so that the CPU
    /// time of the preparation is not counted as load. Without the call, readings start at [`Recorder::new`].
    pub fn begin(&self) {
        lock(&self.aggregator).health.restart();
        self.gauges.take_ticks(Micros::ZERO, false);
    }

    /// Locks a user's shard; keep the closure short.
    pub fn record<R>(&self, user: usize, record: impl FnOnce(&mut Shard) -> R) -> R {
        record(&mut lock(&self.shards[self.shard_of(user)].0))
    }

    /// A user is about to send a request.
    pub fn request_began(&self, user: usize) {
        self.gauges.began(self.shard_of(user));
    }

    /// A user's request has ended, with any outcome.
    pub fn request_ended(&self, user: usize) {
        self.gauges.ended(self.shard_of(user));
    }

    /// Requests in flight now.
    pub fn in_flight(&self) -> u32 {
        self.gauges.in_flight()
    }

    /// The ticker on the users' event loop starts; its first tick is due at this time.
    pub fn expect_tick(&self, due: Micros) {
        self.gauges.expect_tick(due);
    }

    /// The ticker on the users' event loop calls this 24 times a second with its due time, its wake-up time and its
    /// next due time. Samples the requests in flight, and keeps the longest delay of the interval.
    pub fn observe_loop(&self, due: Micros, at: Micros, next: Micros) {
        self.gauges.tick(due, at, next);
    }

    /// A thread that runs users stalled between these readings of the run's clock.
    pub fn observe_standstill(&self, from: Micros, to: Micros) {
        self.gauges.stood_still(from, to);
    }

    /// A timer on a thread that runs users fired this late, or would have.
    pub fn observe_wake_up(&self, late: Micros) {
        self.gauges.woke(late);
    }

    /// Keeps an example of a failure if it is the first of its series and outcome (or status) in this run. The
    /// example is built only then.
    pub fn failure(
        &self,
        series: Option<SeriesId>,
        outcome: Outcome,
        status: Option<u16>,
        example: impl FnOnce() -> FailureExample,
    ) {
        self.failures.offer(series, outcome, status, example);
    }

    /// The examples kept since the last call.
    pub fn take_failures(&self) -> Vec<FailureExample> {
        self.failures.take()
    }

    /// True if a request of this response time may be among the slowest.
    pub fn may_be_slow(&self, series: SeriesId, response_time: Micros) -> bool {
        self.slowest.may_keep(series, response_time)
    }

    /// Keeps a request if it is among the slowest. Its interval must be measured: see [`Shard::is_measured`].
    pub fn slow(&self, candidate: SlowCandidate) {
        self.slowest.offer(candidate);
    }

    /// The slowest requests to write at this time, without secrets: those that were not taken before and are still among
    /// the slowest. At the end of the load these are all of them; before it, some may wait for a later time.
    pub fn take_slowest(&self, at: Micros, is_last: bool, mask: &Mask) -> Vec<SlowRequest> {
        self.slowest.take(at, is_last, mask)
    }

    /// The log of the load.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Ends the interval at `end` and starts the next. This fills in the requests in flight and the generator's
    /// health; the caller provides the rest of `load`, and the target's own metrics.
    pub fn rotate(
        &self,
        end: Micros,
        is_warm_up: bool,
        load: LoadCounts,
        target: Option<TargetHealth>,
    ) -> Interval {
        let mut aggregator = lock(&self.aggregator);
        let aggregator = &mut *aggregator;
        let is_measured = self.slowest.begin_interval(end);
        for (shard, records) in self.shards.iter().zip(&mut aggregator.records) {
            lock(&shard.0).turn(records, Arc::clone(&aggregator.next), is_measured);
        }
        // From here on, no shard writes to the old bank or its records.
        std::mem::swap(&mut aggregator.current, &mut aggregator.next);
        let mut bank = lock(&aggregator.next);

        let mut counts: BTreeMap<usize, Counts> = BTreeMap::new();
        let mut checks = BTreeMap::new();
        for records in &mut aggregator.records {
            records.drain_into(
                &mut bank,
                |series, add_to| add_to(counts.entry(series).or_default()),
                |check, counts| *checks.entry(CheckId(check as u32)).or_default() += counts,
            );
        }
        let mut series = BTreeMap::new();
        for number in 0..aggregator.cells.series().len() {
            let histograms = bank.take(aggregator.cells.of_series(number));
            let counts = counts.remove(&number);
            if counts.is_some() || !histograms.is_empty() {
                let counts = counts.unwrap_or_default();
                series.insert(
                    SeriesId(number as u32),
                    SeriesInterval { counts, histograms },
                );
            }
        }

        let ticks = self.gauges.take_ticks(end, is_warm_up);
        let interval = Interval {
            number: aggregator.number,
            start: aggregator.start,
            end,
            is_warm_up,
            load: LoadCounts {
                in_flight_milli: ticks.in_flight_milli,
                in_flight: self.gauges.in_flight(),
                ..load
            },
            series,
            checks,
            values: self.values.take(),
            health: Health {
                loop_delay_max: ticks.loop_delay_max,
                stood_still: ticks.stood_still,
                wake_ups: ticks.wake_ups,
                ..aggregator.health.sample()
            },
            target,
            monitored: Monitored::default(),
        };
        aggregator.number += 1;
        aggregator.start = end;
        interval
    }

    const fn shard_of(&self, user: usize) -> usize {
        user & (self.shards.len() - 1)
    }
}
