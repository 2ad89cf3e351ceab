//! The exported metrics. Names in Prometheus are `gander_<stem>`, with the unit and `_total` behind; in OTLP
//! `gander.<stem>`, from which its converters make the same names.

use crate::plan::{Subject, Timing};

/// An exported metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// The name without prefix, unit and suffix.
    pub stem: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// One sentence.
    pub help: &'static str,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A count since the load began.
    Counter,
    /// A level.
    Gauge,
    /// Times.
    Histogram,
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A fraction of 1.
    Ratio,
    /// A number of these; OTLP shows the word.
    Number(&'static str),
}

impl Exported {
    const fn counter(stem: &'static str, unit: Unit, help: &'static str) -> Self {
        let kind = Kind::Counter;
        Self {
            stem,
            kind,
            unit,
            help,
        }
    }

    const fn gauge(stem: &'static str, unit: Unit, help: &'static str) -> Self {
        let kind = Kind::Gauge;
        Self {
            stem,
            kind,
            unit,
            help,
        }
    }

    const fn times(stem: &'static str, help: &'static str) -> Self {
        let (kind, unit) = (Kind::Histogram, Unit::Seconds);
        Self {
            stem,
            kind,
            unit,
            help,
        }
    }

    /// The name in Prometheus, without `_total`.
    pub fn family(&self) -> String {
        let unit = match self.unit {
            Unit::Seconds => "_seconds",
            Unit::Bytes => "_bytes",
            Unit::Ratio => "_ratio",
            Unit::Number(_) => "",
        };
        format!("gander_{}{unit}", self.stem)
    }

    /// The name of its samples in Prometheus; those of a histogram have `_bucket`, `_sum` and `_count` behind.
    pub fn prometheus(&self) -> String {
        let total = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.family() + total
    }

    /// The name in OTLP.
    pub fn otlp(&self) -> String {
        format!("gander.{}", self.stem)
    }
}

const REQUEST: Unit = Unit::Number("request");
const ITERATION: Unit = Unit::Number("iteration");

pub(super) const REQUESTS: Exported = Exported::counter(
    "requests",
    REQUEST,
    "Requests that ended, also failed ones.",
);
pub(super) const FAILED_REQUESTS: Exported = Exported::counter(
    "failed_requests",
    REQUEST,
    "Requests that failed, by outcome; those that failed because of their status have its class.",
);
pub(super) const INTERRUPTED_REQUESTS: Exported = Exported::counter(
    "interrupted_requests",
    REQUEST,
    "Requests that the end of the run cut off: neither passed nor failed.",
);
pub(super) const RESPONSES: Exported = Exported::counter(
    "responses",
    Unit::Number("response"),
    "Responses by class of status, including redirects.",
);
pub(super) const RECEIVED: Exported =
    Exported::counter("received", Unit::Bytes, "Bytes read from the network.");
pub(super) const SENT: Exported =
    Exported::counter("sent", Unit::Bytes, "Bytes written to the network.");
pub(super) const ITERATIONS: Exported = Exported::counter(
    "iterations",
    ITERATION,
    "Iterations that ended, also failed ones.",
);
pub(super) const FAILED_ITERATIONS: Exported = Exported::counter(
    "failed_iterations",
    ITERATION,
    "Iterations that failed, by outcome.",
);
pub(super) const OFFERED: Exported = Exported::counter(
    "offered_iterations",
    ITERATION,
    "Iterations that became due; in a closed model those that started.",
);
pub(super) const STARTED: Exported =
    Exported::counter("started_iterations", ITERATION, "Iterations that started.");
pub(super) const UNSTARTED: Exported = Exported::counter(
    "unstarted_iterations",
    ITERATION,
    "Iterations that were due and never started; known at the end of the run.",
);
pub(super) const CHECKS: Exported = Exported::counter(
    "checks",
    Unit::Number("check"),
    "Results of checks: `passed` or `failed`.",
);
pub(super) const RESPONSE_TIME: Exported = Exported::times(
    "response_time",
    "Successful requests: last byte minus intended start.",
);
pub(super) const SERVICE_TIME: Exported = Exported::times(
    "service_time",
    "Successful requests: last byte minus actual start.",
);
pub(super) const TTFB: Exported = Exported::times(
    "ttfb",
    "Successful requests: first byte minus actual start.",
);
pub(super) const ITERATION_TIME: Exported = Exported::times(
    "iteration_time",
    "Ended iterations: end minus intended start.",
);
pub(super) const GROUP_TIME: Exported =
    Exported::times("group_time", "Groups without a failure: end minus start.");
pub(super) const ACTIVE_USERS: Exported =
    Exported::gauge("active_users", Unit::Number("user"), "Active users.");
pub(super) const IN_FLIGHT: Exported =
    Exported::gauge("in_flight_requests", REQUEST, "Requests in flight.");
pub(super) const BACKLOG: Exported = Exported::gauge(
    "backlog_iterations",
    ITERATION,
    "Iterations that are due and have not started.",
);
pub(super) const OFFERED_RATE: Exported = Exported::gauge(
    "offered_rate",
    Unit::Number("iteration/s"),
    "Iterations per second that became due in the last second.",
);
pub(super) const ACHIEVED_RATE: Exported = Exported::gauge(
    "achieved_rate",
    Unit::Number("iteration/s"),
    "Iterations per second that started in the last second.",
);
pub(super) const GENERATOR_CPU: Exported = Exported::gauge(
    "generator_cpu",
    Unit::Ratio,
    "CPU time of the load generator as a fraction of all cores.",
);
pub(super) const GENERATOR_MEMORY: Exported = Exported::gauge(
    "generator_memory",
    Unit::Bytes,
    "Resident memory of the load generator.",
);
pub(super) const RUN: Exported = Exported::gauge(
    "run_info",
    Unit::Number("run"),
    "Always 1; its labels tell the run.",
);

/// Every exported metric, in the order of output.
pub const EXPORTED: [Exported; 25] = [
    REQUESTS,
    FAILED_REQUESTS,
    INTERRUPTED_REQUESTS,
    RESPONSES,
    RECEIVED,
    SENT,
    RESPONSE_TIME,
    SERVICE_TIME,
    TTFB,
    ITERATIONS,
    FAILED_ITERATIONS,
    ITERATION_TIME,
    OFFERED,
    STARTED,
    UNSTARTED,
    GROUP_TIME,
    CHECKS,
    ACTIVE_USERS,
    IN_FLIGHT,
    BACKLOG,
    OFFERED_RATE,
    ACHIEVED_RATE,
    GENERATOR_CPU,
    GENERATOR_MEMORY,
    RUN,
];

/// The histograms of a series with this subject.
pub(super) const fn times_of(subject: Subject) -> &'static [(Timing, Exported)] {
    match subject {
        Subject::Requests => &[
            (Timing::ResponseTime, RESPONSE_TIME),
            (Timing::ServiceTime, SERVICE_TIME),
            (Timing::Ttfb, TTFB),
        ],
        Subject::Silent => &[],
        Subject::Iterations => &[(Timing::IterationTime, ITERATION_TIME)],
        Subject::Groups => &[(Timing::GroupTime, GROUP_TIME)],
    }
}
