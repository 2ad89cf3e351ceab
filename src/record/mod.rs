//! Recording: from a user's sample to one second of the run, and from seconds to the journal.
//!
//! Users write into shards ([`Recorder`]). Once a second the shards are swapped and merged into an [`Interval`],
//! which is appended to the journal and passed to the sinks. Histograms are merged, percentiles never averaged. No
//! sample is kept.

mod after_load;
mod bank;
pub mod bins;
mod carried;
mod change;
mod distribution;
mod ending;
mod failures;
mod gauges;
pub mod histogram;
pub mod journal;
mod log;
mod merge;
mod monitored;
pub mod recorder;
mod search;
pub mod shard;
mod slow_request;
pub mod slowest;
mod standing;
mod standstill;
pub mod totals;
pub mod values;

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use after_load::AfterLoad;
pub use bins::Bins;
pub use carried::{Carried, Parted};
pub use change::{LoadChange, LoadChangeKind};
pub use distribution::{Bucket, Distribution};
pub use ending::{LoadStarts, LostUsers, StopReason};
pub use failures::FailureExample;
pub use journal::{Event, RunHeader};
pub use log::{Log, LogLine, LoggedBy};
pub use monitored::{KeptReading, KeptSum, Monitored, Scrapes, add_kept};
pub use recorder::Recorder;
pub use search::{Capacity, LevelResult, Purpose, SearchEnd, SearchLevel};
pub use shard::Shard;
pub use slow_request::{Phase, Phases, SlowRequest};
pub use slowest::{SlowCandidate, Slowest};
pub use standing::Standing;
pub use totals::Totals;
pub use values::{Millionths, Recorded, ValueCounts};

pub use crate::plan::Timing;
pub use crate::probe::{Health, TargetHealth, WakeUps};

use crate::outcome::Outcome;
use crate::plan::{CheckId, MetricId, SeriesId};
use crate::units::Micros;

/// The run's clock: monotonic, in microseconds since the load began.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    base: Instant,
}

impl Clock {
    /// A clock that reads zero at `base`.
    pub const fn starting_at(base: Instant) -> Self {
        Self { base }
    }

    /// The instant of zero.
    pub const fn base(self) -> Instant {
        self.base
    }

    /// Microseconds since zero; zero before it.
    pub fn now(self) -> Micros {
        self.at(Instant::now())
    }

    /// The reading at an instant; zero before the base.
    pub fn at(self, instant: Instant) -> Micros {
        instant.saturating_duration_since(self.base).into()
    }
}

/// An ended request. Times are readings of the run's [`Clock`].
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Its series.
    pub series: SeriesId,
    /// The intended start, from the schedule alone; for later requests of an iteration, equal to `started`.
    pub intended: Micros,
    /// The actual start: the first byte was written, or the connect began.
    pub started: Micros,
    /// The first byte of the response arrived.
    pub first_byte: Option<Micros>,
    /// The last byte of the body was read, or the limit was reached.
    pub finished: Micros,
    /// The outcome.
    pub outcome: Outcome,
    /// True if it was due, or started, after the end of the load.
    pub is_after_load: bool,
    /// True if any of it was written to the network; after redirects, of the last request.
    pub is_sent: bool,
    /// The status of the final response.
    pub status: Option<u16>,
    /// Statuses of followed redirects: each was a separate request to the target.
    pub redirects: &'a [u16],
    /// The number of times it was sent again because the connection had been closed.
    pub resent: u64,
    /// Bytes read from the network: heads and bodies.
    pub bytes_in: u64,
    /// Bytes written to the network: heads and bodies.
    pub bytes_out: u64,
    /// Time to connect (TCP), if a connection was opened.
    pub connect: Option<Micros>,
    /// Time of the TLS handshake, if there was one.
    pub tls: Option<Micros>,
}

impl Sample<'_> {
    /// A request of which nothing is known to have been sent.
    pub const fn unsent(series: SeriesId, at: Micros, outcome: Outcome) -> Self {
        Self {
            series,
            intended: at,
            started: at,
            first_byte: None,
            finished: at,
            outcome,
            is_after_load: false,
            is_sent: false,
            status: None,
            redirects: &[],
            resent: 0,
            bytes_in: 0,
            bytes_out: 0,
            connect: None,
            tls: None,
        }
    }
}

/// An ended group. Times are readings of the run's [`Clock`].
#[derive(Debug, Clone, Copy)]
pub struct GroupSample {
    /// Its series.
    pub series: SeriesId,
    /// Its start; the intended start of the iteration if that begins with the group.
    pub started: Micros,
    /// Its end.
    pub finished: Micros,
    /// The first failure in it; `Ok` without one.
    pub outcome: Outcome,
}

/// An ended iteration. Times are readings of the run's [`Clock`].
#[derive(Debug, Clone, Copy)]
pub struct IterationSample {
    /// The flow's series.
    pub series: SeriesId,
    /// The intended start.
    pub intended: Micros,
    /// The time since which its user had been free: `started − max(intended, free_since)` is the delay that the
    /// generator caused.
    pub free_since: Micros,
    /// The actual start.
    pub started: Micros,
    /// The end of its last step.
    pub finished: Micros,
    /// [`Outcome::Ok`], or the reason for its early end.
    pub outcome: Outcome,
}

/// One second of the run (the last may be shorter).
#[derive(Debug, Clone, Default)]
pub struct Interval {
    /// Index, from 0 without gaps.
    pub number: u64,
    /// Start, on the run's clock.
    pub start: Micros,
    /// End, on the run's clock.
    pub end: Micros,
    /// True if it is part of the warm-up; the boundary between warm-up and measured time always ends an interval.
    pub is_warm_up: bool,
    /// The offered and the started load.
    pub load: LoadCounts,
    /// Series with ended requests or iterations.
    pub series: BTreeMap<SeriesId, SeriesInterval>,
    /// Results of checks.
    pub checks: BTreeMap<CheckId, CheckCounts>,
    /// Recorded values, by the names of their metrics.
    pub values: BTreeMap<String, Recorded>,
    /// The generator's health.
    pub health: Health,
    /// The health of a target that Gander started.
    pub target: Option<TargetHealth>,
    /// The target's own metrics.
    pub monitored: Monitored,
}

impl Interval {
    /// True if most of it lies after the end of the load.
    pub fn is_drain(&self) -> bool {
        let length = self.end.saturating_sub(self.start);
        self.load.drain.0 > 0 && self.load.drain.0 * 2 >= length.0
    }

    /// The time in it for which load was sent.
    pub fn load_time(&self) -> Micros {
        let length = self.end.saturating_sub(self.start);
        length.saturating_sub(self.load.drain)
    }
}

impl Interval {
    /// True if it is too short for meaningful levels and rates, such as the last interval of a run or the one before
    /// a boundary. A report merges it with the previous second.
    pub fn is_tail(&self) -> bool {
        const SHORT: Micros = Micros(500_000);
        self.end.saturating_sub(self.start) < SHORT
    }
}

/// The scheduled and the started load within an interval; gauges are read at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadCounts {
    /// Iterations that became due (in a closed model: that started).
    pub offered: u64,
    /// Iterations started.
    pub started: u64,
    /// Started iterations that began more than 1 ms late.
    pub late: u64,
    /// Iterations that were due and will never start; set only in the last interval of a run.
    pub unstarted: u64,
    /// Iterations that are due but not started at the end of the interval.
    pub backlog: u64,
    /// Active users at the end of the interval, or at the end of the load if that was earlier.
    pub active_users: u32,
    /// The maximum number of active users in the interval.
    #[serde(default)]
    pub peak_users: u32,
    /// When in the interval every user became active: the first time that the last one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_active_at: Option<Micros>,
    /// Requests in flight, averaged over samples, in thousandths.
    pub in_flight_milli: u64,
    /// Requests in flight at the end of the interval.
    pub in_flight: u32,
    /// The part of the interval after the end of the load, when only requests in flight continue.
    #[serde(default, skip_serializing_if = "is_no_time")]
    pub drain: Micros,
}

impl LoadCounts {
    /// Iterations that were due before the interval and had not started by then. Iterations start in the order in
    /// which they were due, so the first starts of the interval are theirs.
    pub fn backlog_before(&self) -> u64 {
        (self.started + self.backlog + self.unstarted).saturating_sub(self.offered)
    }
}

/// A check's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
}

/// One series in one interval or, with sums of times, in a run.
#[derive(Debug, Clone)]
pub struct SeriesInterval<T = Bins> {
    /// The exact counts.
    pub counts: Counts,
    /// The times that were recorded, by metric.
    pub histograms: BTreeMap<MetricId, T>,
}

/// Exact counts of a series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Ended requests (or iterations), including failed but not interrupted ones.
    pub ended: u64,
    /// The failed ones among the ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Ended by the stop of the run: neither passed nor failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interrupted: u64,
    /// Interrupted requests of which something was written to the network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interrupted_sent: u64,
    /// Interrupted iterations without a feeder row left, if the scenario allows the load to end like that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub out_of_rows: u64,
    /// Interrupted iterations that were cut off: the grace period ended, or their user panicked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_off: u64,
    /// Attempts of `retry` steps that failed and were repeated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u64,
    /// Rendezvous from which users went on without the others, because the time for it was over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub incomplete_rendezvous: u64,
    /// Ended requests of which nothing was written to the network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsent: u64,
    /// Ended requests that started after the end of the load.
    #[serde(default, skip_serializing_if = "AfterLoad::is_none")]
    pub after_load: AfterLoad,
    /// Followed redirects: requests to the target in addition to those sent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redirects: u64,
    /// Requests sent again on a new connection: the target may have received them twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resent: u64,
    /// Connections opened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub connections: u64,
    /// Bytes read from the network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_in: u64,
    /// Bytes written to the network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_out: u64,
    /// Responses by status, including redirects.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "journal::number_keys::deserialize"
    )]
    pub statuses: BTreeMap<u16, u64>,
    /// Counts by outcome, except for [`Outcome::Ok`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Counts of [`Outcome::Status`] by status.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "journal::number_keys::deserialize"
    )]
    pub failed_statuses: BTreeMap<u16, u64>,
}

impl Counts {
    /// Requests of which something was written to the network, including interrupted ones.
    pub const fn sent(&self) -> u64 {
        self.ended.saturating_sub(self.unsent) + self.interrupted_sent
    }

    /// Iterations that did not finish: a request could not be sent, a value was missing, or they were cut off.
    /// Iterations that the stop of the run ended between two steps are not included.
    pub const fn failed_iterations(&self) -> u64 {
        self.failed + self.cut_off
    }

    /// All iterations, except for those that the stop of the run ended between two steps.
    pub const fn judged_iterations(&self) -> u64 {
        self.ended + self.cut_off
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_no_time(time: &Micros) -> bool {
    *time == Micros::ZERO
}
