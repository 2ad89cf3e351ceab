//! Recording: from a user's sample to one second of the run, and from seconds to the journal.
//!
//! Users write into shards ([`Recorder`]); once a second the shards are swapped and merged into an [`Interval`], which
//! is appended to the journal and handed on. Histograms are merged, percentiles never averaged. No sample is kept.

mod after_load;
pub mod bins;
mod carried;
mod ending;
mod failures;
mod gauges;
pub mod histogram;
pub mod journal;
mod merge;
pub mod recorder;
pub mod shard;
mod standing;
mod standstill;
pub mod totals;

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use after_load::AfterLoad;
pub use bins::Bins;
pub use carried::{Carried, Parted};
pub use ending::{LostUsers, StopReason};
pub use failures::FailureExample;
pub use journal::{Event, RunHeader};
pub use recorder::Recorder;
pub use shard::Shard;
pub use standing::Standing;
pub use totals::Totals;

pub use crate::probe::{Health, TargetHealth, WakeUps};

use crate::outcome::Outcome;
use crate::plan::{CheckId, SeriesId};
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

/// One request, ended. Times are readings of the run's [`Clock`].
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Where it is recorded.
    pub series: SeriesId,
    /// When it should have started, by the schedule alone; for later requests of an iteration, `started`.
    pub intended: Micros,
    /// When it did: first byte written, or connect begun.
    pub started: Micros,
    /// When the first byte of the response came.
    pub first_byte: Option<Micros>,
    /// When the last byte of the body was read, or the limit was reached.
    pub finished: Micros,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it was due, or begun, after the end of the load.
    pub is_after_load: bool,
    /// Whether anything of it was written to the wire; after redirects, of the last request.
    pub is_sent: bool,
    /// The final response's status.
    pub status: Option<u16>,
    /// Statuses of the redirects that were followed on the way: each was a request of its own to the target.
    pub redirects: &'a [u16],
    /// How often it was sent once more because the connection had been closed under it.
    pub resent: u64,
    /// Bytes read off the wire: heads and bodies.
    pub bytes_in: u64,
    /// Bytes written to the wire: heads and bodies.
    pub bytes_out: u64,
    /// Time to connect (TCP), if a connection was opened.
    pub connect: Option<Micros>,
    /// Time of the TLS handshake, if there was one.
    pub tls: Option<Micros>,
}

impl Sample<'_> {
    /// Of a request of which nothing is known to have been sent.
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

/// One iteration, ended. Times are readings of the run's [`Clock`].
#[derive(Debug, Clone, Copy)]
pub struct IterationSample {
    /// The flow's series.
    pub series: SeriesId,
    /// When it should have started.
    pub intended: Micros,
    /// Since when its user had been free to take it: `started − max(intended, free_since)` is the generator's own fault.
    pub free_since: Micros,
    /// When it did.
    pub started: Micros,
    /// When its last step ended.
    pub finished: Micros,
    /// [`Outcome::Ok`], or what ended it early.
    pub outcome: Outcome,
}

/// Which time a histogram holds; all in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Requests that did not fail: last byte − intended start.
    ResponseTime,
    /// Requests that did not fail: last byte − actual start.
    ServiceTime,
    /// Requests that did not fail: first byte − actual start.
    Ttfb,
    /// Connections opened: TCP connect.
    Connect,
    /// Connections opened: TLS handshake.
    Tls,
    /// Requests that failed, but not by a time limit: last byte or error − intended start.
    FailedTime,
    /// Requests that reached a time limit, or the end of the grace period: the limit, counted from the intended start; the true time is at least that.
    TimedOut,
    /// Iterations that started, interrupted ones too: actual start − intended start.
    StartLag,
    /// Iterations that started, interrupted ones too: actual start − the later of intended start and the moment their user was free. What is left of the
    /// start lag when waiting for busy users is taken out: the generator's own delay.
    SchedulingLag,
    /// Iterations that ended, failed ones too: end − intended start.
    IterationTime,
}

impl Timing {
    /// Every timing; its index is `timing as usize`.
    pub const ALL: [Self; 10] = [
        Self::ResponseTime,
        Self::ServiceTime,
        Self::Ttfb,
        Self::Connect,
        Self::Tls,
        Self::FailedTime,
        Self::TimedOut,
        Self::StartLag,
        Self::SchedulingLag,
        Self::IterationTime,
    ];

    /// The name in files: `response_time`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResponseTime => "response_time",
            Self::ServiceTime => "service_time",
            Self::Ttfb => "ttfb",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FailedTime => "failed_time",
            Self::TimedOut => "timed_out",
            Self::StartLag => "start_lag",
            Self::SchedulingLag => "scheduling_lag",
            Self::IterationTime => "iteration_time",
        }
    }
}

/// One second of the run (the last may be shorter), everything in it.
#[derive(Debug, Clone, Default)]
pub struct Interval {
    /// From 0, without a gap.
    pub number: u64,
    /// Start, on the run's clock.
    pub start: Micros,
    /// End, on the run's clock.
    pub end: Micros,
    /// Whether it lies in the warm-up; a boundary between warm-up and measured time always ends an interval.
    pub is_warm_up: bool,
    /// What was offered and started.
    pub load: LoadCounts,
    /// The series in which something ended.
    pub series: BTreeMap<SeriesId, SeriesInterval>,
    /// Checks that were judged.
    pub checks: BTreeMap<CheckId, CheckCounts>,
    /// The generator's own health.
    pub health: Health,
    /// The bundled target's health, where there is one.
    pub target: Option<TargetHealth>,
}

impl Interval {
    /// Whether most of it lies after the end of the load.
    pub fn is_drain(&self) -> bool {
        let length = self.end.saturating_sub(self.start);
        self.load.drain.0 > 0 && self.load.drain.0 * 2 >= length.0
    }

    /// How long load was sent in it.
    pub fn load_time(&self) -> Micros {
        let length = self.end.saturating_sub(self.start);
        length.saturating_sub(self.load.drain)
    }
}

impl Interval {
    /// Whether it is too short to stand for itself, as the last of a run is, or that before a boundary: levels and rates
    /// over some milliseconds say nothing, so that a report shows what is in it with the second before.
    pub fn is_tail(&self) -> bool {
        const SHORT: Micros = Micros(500_000);
        self.end.saturating_sub(self.start) < SHORT
    }
}

/// What the schedule asked for and what was done, within one interval; gauges are as of its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadCounts {
    /// Iterations that became due (in a closed model: that started).
    pub offered: u64,
    /// Iterations started.
    pub started: u64,
    /// Of those, started more than 1 ms after they were due.
    pub late: u64,
    /// Iterations that were due and will never start; only in the last interval of a run.
    pub unstarted: u64,
    /// Iterations due but not started yet, at the end of the interval.
    pub backlog: u64,
    /// Users active at the end of the interval, or of the load if that ended before.
    pub active_users: u32,
    /// The most users that were active at once in the interval.
    #[serde(default)]
    pub peak_users: u32,
    /// When in the interval every user became active: the first time that the last one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_active_at: Option<Micros>,
    /// Requests in flight, averaged over samples of the clock, in thousandths.
    pub in_flight_milli: u64,
    /// Requests in flight at the end of the interval.
    pub in_flight: u32,
    /// How much of the interval lies after the end of the load, when only what was in flight goes on.
    #[serde(default, skip_serializing_if = "is_no_time")]
    pub drain: Micros,
}

impl LoadCounts {
    /// Iterations that had been due before the interval and had not started by then. They start in the order in which
    /// they were due, so the interval's first starts are theirs.
    pub fn backlog_before(&self) -> u64 {
        (self.started + self.backlog + self.unstarted).saturating_sub(self.offered)
    }
}

/// A check's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Held.
    pub passed: u64,
    /// Did not hold.
    pub failed: u64,
}

/// One series in one interval, or, with sums of times, in a run.
#[derive(Debug, Clone)]
pub struct SeriesInterval<T = Bins> {
    /// The exact counts.
    pub counts: Counts,
    /// Histograms by [`Timing`]; none where nothing was recorded.
    pub histograms: [Option<T>; Timing::ALL.len()],
}

/// Exact counts of what ended in a series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests attempted (or iterations) that ended, failed ones too, interrupted ones not.
    pub ended: u64,
    /// Of those, failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Ended by the stop of the run: neither passed nor failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interrupted: u64,
    /// Of the requests interrupted, those of which something was written to the wire.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interrupted_sent: u64,
    /// Of the iterations interrupted, those that found no row left, where the scenario says that the load may end so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub out_of_rows: u64,
    /// Of the iterations interrupted, those that were cut off: the grace period was over, or their user panicked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_off: u64,
    /// Of the requests ended, those of which nothing was written to the wire.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsent: u64,
    /// Of the requests ended, those that were begun after the end of the load.
    #[serde(default, skip_serializing_if = "AfterLoad::is_none")]
    pub after_load: AfterLoad,
    /// Redirects followed: requests to the target beyond those sent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redirects: u64,
    /// Requests sent once more on a new connection: the target may have seen them twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resent: u64,
    /// Connections opened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub connections: u64,
    /// Bytes read off the wire.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_in: u64,
    /// Bytes written to the wire.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_out: u64,
    /// Responses by status, redirects included.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "journal::number_keys::deserialize"
    )]
    pub statuses: BTreeMap<u16, u64>,
    /// Ends by outcome, other than [`Outcome::Ok`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Of the ends by [`Outcome::Status`], how many by each status.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "journal::number_keys::deserialize"
    )]
    pub failed_statuses: BTreeMap<u16, u64>,
}

impl Counts {
    /// Requests of which something was written to the wire, interrupted ones too.
    pub const fn sent(&self) -> u64 {
        self.ended.saturating_sub(self.unsent) + self.interrupted_sent
    }

    /// Iterations that did not come to their end: a request of theirs could not be sent, a value was missing, or they
    /// were cut off. Those that the stop of the run ended between two steps are not among them.
    pub const fn failed_iterations(&self) -> u64 {
        self.failed + self.cut_off
    }

    /// All iterations, except those that the stop of the run ended between two steps.
    pub const fn judged_iterations(&self) -> u64 {
        self.ended + self.cut_off
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_no_time(time: &Micros) -> bool {
    *time == Micros::ZERO
}
