//! A shard: the counts of some users, and a batch of their times on the way to the histograms.
//!
//! Sums of times are large (8 KiB to 180 KiB), so each interval has one set of them (a bank), not one per shard. A
//! shard collects times in a batch of fixed size and adds a full batch to the bank. Recording is an append and a few
//! additions; it does not allocate, and memory depends neither on the number of users nor of shards.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bank::{Bank, Cells, SeriesCells, Timed};
use super::{AfterLoad, CheckCounts, Counts, GroupSample, IterationSample, Sample, Timing};
use crate::outcome::{MeasuredTime, Outcome};
use crate::plan::{CheckId, SeriesId, Subject};
use crate::units::Micros;

/// The batch size of a shard: 32 KiB of times.
const BATCH: usize = 4096;

/// Locks, even if a thread panicked while it held the lock. Counts may then miss part of one sample, which is better
/// than a run without measurements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The counts of one series; [`Counts`] without maps.
#[derive(Debug, Clone, Default)]
struct SeriesTally {
    ended: u64,
    failed: u64,
    interrupted: u64,
    interrupted_sent: u64,
    out_of_rows: u64,
    cut_off: u64,
    retries: u64,
    incomplete_rendezvous: u64,
    unsent: u64,
    after_load: AfterLoad,
    redirects: u64,
    resent: u64,
    connections: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// There are few distinct statuses, so a linear search is the fastest. Clearing the counts keeps the statuses.
    statuses: Vec<(u16, u64)>,
    outcomes: [u64; Outcome::ALL.len()],
    /// Failures by status; few entries, and none without failures.
    failed_statuses: Vec<(u16, u64)>,
}

impl SeriesTally {
    fn status(&mut self, status: u16) {
        count(&mut self.statuses, status);
    }

    /// Counts an end; an interrupted request or iteration is counted separately.
    fn end(&mut self, outcome: Outcome) {
        if outcome == Outcome::Interrupted {
            self.interrupted += 1;
            return;
        }
        self.ended += 1;
        if outcome.is_failure() {
            self.failed += 1;
            self.outcomes[outcome as usize] += 1;
        }
    }

    /// True if nothing was counted: every other count comes with one of these.
    fn is_empty(&self) -> bool {
        self.ended | self.interrupted | self.redirects | self.connections == 0
            && self.retries | self.incomplete_rendezvous == 0
            && self.bytes_in | self.bytes_out == 0
    }

    fn add_to(&self, counts: &mut Counts) {
        counts.ended += self.ended;
        counts.failed += self.failed;
        counts.interrupted += self.interrupted;
        counts.interrupted_sent += self.interrupted_sent;
        counts.out_of_rows += self.out_of_rows;
        counts.cut_off += self.cut_off;
        counts.retries += self.retries;
        counts.incomplete_rendezvous += self.incomplete_rendezvous;
        counts.unsent += self.unsent;
        counts.after_load += self.after_load;
        counts.redirects += self.redirects;
        counts.resent += self.resent;
        counts.connections += self.connections;
        counts.bytes_in += self.bytes_in;
        counts.bytes_out += self.bytes_out;
        for &(status, count) in self.statuses.iter().filter(|(_, count)| *count > 0) {
            *counts.statuses.entry(status).or_default() += count;
        }
        for (outcome, &count) in Outcome::ALL.iter().zip(&self.outcomes) {
            if count > 0 {
                *counts.outcomes.entry(*outcome).or_default() += count;
            }
        }
        for &(status, count) in &self.failed_statuses {
            *counts.failed_statuses.entry(status).or_default() += count;
        }
    }

    fn clear(&mut self) {
        let mut statuses = std::mem::take(&mut self.statuses);
        for (_, count) in &mut statuses {
            *count = 0;
        }
        *self = Self {
            statuses,
            ..Self::default()
        };
    }
}

/// Counts one more of this status.
fn count(statuses: &mut Vec<(u16, u64)>, status: u16) {
    match statuses.iter_mut().find(|(seen, _)| *seen == status) {
        Some((_, count)) => *count += 1,
        None => statuses.push((status, 1)),
    }
}

/// The records of one series: the cells of its times, and its counts.
#[derive(Debug)]
struct SeriesSlot {
    cells: SeriesCells,
    tally: SeriesTally,
}

/// The records of a shard in an interval; the aggregator swaps it for an empty one.
#[derive(Debug)]
pub(super) struct ShardRecords {
    batch: Vec<Timed>,
    series: Vec<SeriesSlot>,
    checks: Vec<CheckCounts>,
}

impl ShardRecords {
    pub(super) fn new(cells: &Cells, checks: usize) -> Self {
        let entry = |&cells: &SeriesCells| SeriesSlot {
            cells,
            tally: SeriesTally::default(),
        };
        Self {
            batch: Vec::with_capacity(BATCH),
            series: cells.series().iter().map(entry).collect(),
            checks: vec![CheckCounts::default(); checks],
        }
    }

    /// Moves everything to the bank, the series and the checks.
    pub(super) fn drain_into(
        &mut self,
        bank: &mut Bank,
        mut series: impl FnMut(usize, &mut dyn FnMut(&mut Counts)),
        mut check: impl FnMut(usize, CheckCounts),
    ) {
        bank.fill(&self.batch);
        self.batch.clear();
        for (number, SeriesSlot { tally, .. }) in self.series.iter_mut().enumerate() {
            if !tally.is_empty() {
                series(number, &mut |counts| tally.add_to(counts));
                tally.clear();
            }
        }
        for (number, counts) in self.checks.iter_mut().enumerate() {
            if counts.passed + counts.failed > 0 {
                check(number, std::mem::take(counts));
            }
        }
    }
}

/// The shard of some users.
#[derive(Debug)]
pub struct Shard {
    records: ShardRecords,
    /// The bank of the interval that `records` belong to.
    bank: Arc<Mutex<Bank>>,
    /// False in the warm-up.
    is_measured: bool,
}

impl Shard {
    pub(super) const fn new(records: ShardRecords, bank: Arc<Mutex<Bank>>) -> Self {
        Self {
            records,
            bank,
            is_measured: false,
        }
    }

    /// Begins the first interval.
    pub(super) const fn begin(&mut self, is_measured: bool) {
        self.is_measured = is_measured;
    }

    /// Switches to the next interval: moves its records to `records`, which must be empty.
    pub(super) fn turn(
        &mut self,
        records: &mut ShardRecords,
        bank: Arc<Mutex<Bank>>,
        is_measured: bool,
    ) {
        std::mem::swap(&mut self.records, records);
        self.bank = bank;
        self.is_measured = is_measured;
    }

    /// True if the current interval's requests may be among the slowest of the run.
    pub const fn is_measured(&self) -> bool {
        self.is_measured
    }

    /// Records a request. Bytes, statuses and connections count for every outcome, because the target saw them; the
    /// outcome decides the histogram of its times.
    ///
    /// # Panics
    /// If the series is not in the recorder.
    pub fn request(&mut self, sample: &Sample<'_>) {
        let SeriesSlot { cells, tally } = &mut self.records.series[sample.series.0 as usize];
        let cells = *cells;
        debug_assert_ne!(cells.subject, Subject::Iterations);
        tally.end(sample.outcome);
        if sample.outcome == Outcome::Interrupted {
            tally.interrupted_sent += u64::from(sample.is_sent);
        } else {
            tally.unsent += u64::from(!sample.is_sent);
        }
        if sample.is_after_load && sample.outcome != Outcome::Interrupted {
            tally.after_load += AfterLoad {
                ended: 1,
                failed: u64::from(sample.outcome.is_failure()),
                bytes_in: sample.bytes_in,
                bytes_out: sample.bytes_out,
            };
        }
        tally.redirects += sample.redirects.len() as u64;
        tally.resent += sample.resent;
        tally.connections += u64::from(sample.connect.is_some());
        tally.bytes_in += sample.bytes_in;
        tally.bytes_out += sample.bytes_out;
        for &status in sample.redirects {
            tally.status(status);
        }
        if let Some(status) = sample.status {
            tally.status(status);
            if sample.outcome == Outcome::Status {
                count(&mut tally.failed_statuses, status);
            }
        }

        if cells.subject == Subject::Silent {
            return;
        }
        if let Some(connect) = sample.connect {
            self.time(cells.of(Timing::Connect), connect);
        }
        if let Some(tls) = sample.tls {
            self.time(cells.of(Timing::Tls), tls);
        }
        let response_time = sample.finished.saturating_sub(sample.intended);
        match sample.outcome.measured_time() {
            MeasuredTime::Complete => {
                let service_time = sample.finished.saturating_sub(sample.started);
                self.time(cells.of(Timing::ResponseTime), response_time);
                self.time(cells.of(Timing::ServiceTime), service_time);
                if let Some(first_byte) = sample.first_byte {
                    let ttfb = first_byte.saturating_sub(sample.started);
                    self.time(cells.of(Timing::Ttfb), ttfb);
                }
            }
            MeasuredTime::UntilFailure => {
                self.time(cells.of(Timing::FailedTime), response_time);
            }
            MeasuredTime::AtLeast => self.time(cells.of(Timing::TimedOut), response_time),
            MeasuredTime::Untimed => {}
        }
    }

    /// Records an iteration. An interrupted one did start, so its lag counts, but it has no duration.
    ///
    /// # Panics
    /// If the series is not in the recorder.
    pub fn iteration(&mut self, sample: &IterationSample) {
        let SeriesSlot { cells, tally } = &mut self.records.series[sample.series.0 as usize];
        let cells = *cells;
        debug_assert_eq!(cells.subject, Subject::Iterations);
        tally.end(sample.outcome);
        let start_lag = sample.started.saturating_sub(sample.intended);
        let could_start = sample.intended.max(sample.free_since);
        let scheduling_lag = sample.started.saturating_sub(could_start);
        self.time(cells.of(Timing::StartLag), start_lag);
        self.time(cells.of(Timing::SchedulingLag), scheduling_lag);
        if sample.outcome != Outcome::Interrupted {
            let length = sample.finished.saturating_sub(sample.intended);
            self.time(cells.of(Timing::IterationTime), length);
        }
    }

    /// Records a group. One that was interrupted or failed has no duration.
    ///
    /// # Panics
    /// If the series is not in the recorder.
    pub fn group(&mut self, sample: &GroupSample) {
        let SeriesSlot { cells, tally } = &mut self.records.series[sample.series.0 as usize];
        let cells = *cells;
        debug_assert_eq!(cells.subject, Subject::Groups);
        tally.end(sample.outcome);
        if sample.outcome == Outcome::Ok {
            let length = sample.finished.saturating_sub(sample.started);
            self.time(cells.of(Timing::GroupTime), length);
        }
    }

    /// Records that an iteration of the series was cut off, besides [`Shard::iteration`].
    ///
    /// # Panics
    /// If the series is not in the recorder.
    pub fn cut_off(&mut self, series: SeriesId) {
        self.records.series[series.0 as usize].tally.cut_off += 1;
    }

    /// Records that an iteration of the series found no row left, besides [`Shard::iteration`].
    ///
    /// # Panics
    /// If the series is not in the recorder.
    pub fn out_of_rows(&mut self, series: SeriesId) {
        self.records.series[series.0 as usize].tally.out_of_rows += 1;
    }

    /// Records that an iteration of the series runs the steps of a `retry` again.
    ///
    /// # Panics
    /// If the series is not in the recorder.
    pub fn retried(&mut self, series: SeriesId) {
        self.records.series[series.0 as usize].tally.retries += 1;
    }

    /// Records that users of the series went on from a rendezvous without the others.
    ///
    /// # Panics
    /// If the series is not in the recorder.
    pub fn incomplete_rendezvous(&mut self, series: SeriesId) {
        let tally = &mut self.records.series[series.0 as usize].tally;
        tally.incomplete_rendezvous += 1;
    }

    /// Records whether a check held.
    ///
    /// # Panics
    /// If the check is not in the recorder.
    pub fn check(&mut self, check: CheckId, held: bool) {
        let counts = &mut self.records.checks[check.0 as usize];
        counts.passed += u64::from(held);
        counts.failed += u64::from(!held);
    }

    fn time(&mut self, cell: u32, time: Micros) {
        if self.records.batch.len() == BATCH {
            lock(&self.bank).fill(&self.records.batch);
            self.records.batch.clear();
        }
        self.records.batch.push(Timed::new(cell, time));
    }
}
