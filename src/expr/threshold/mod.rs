//! The language of thresholds, such as `p95(response_time{step="login"}) < 500ms`: aggregates, metrics and selectors.
//!
//! An expression is parsed and type-checked here when the file is read; the plan resolves the series that its names
//! select.

mod measure;
mod quantity;
mod read;
mod rule;
mod synonyms;
#[cfg(test)]
mod tests;
mod unit;

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, VariantArray};

pub use super::relation::Relation;
pub use measure::{Key, Matcher, Measure};
pub use rule::{Rule, RuleLimit, SecondRule};
pub use unit::Unit;

use crate::units::{Micros, Quantile};

/// The aggregate that turns a metric into one number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// `p95`
    Percentile(Quantile),
    /// `min`
    Min,
    /// `max`
    Max,
    /// `mean`
    Mean,
    /// `sd`: standard deviation
    StandardDeviation,
    /// `count`
    Count,
    /// `rate`: per second
    Rate,
    /// `ratio`: the metric as a part of its whole
    Ratio,
    /// `last`: the last value
    Last,
    /// `apdex(T)`: (count of times ≤ T + half the count of times in (T, 4T]) / all; failures count as unsatisfied.
    /// Source: Apdex Technical Specification 1.1.
    Apdex(Micros),
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(quantile) => quantile.fmt(f),
            Self::Min => f.pad("min"),
            Self::Max => f.pad("max"),
            Self::Mean => f.pad("mean"),
            Self::StandardDeviation => f.pad("sd"),
            Self::Count => f.pad("count"),
            Self::Rate => f.pad("rate"),
            Self::Ratio => f.pad("ratio"),
            Self::Last => f.pad("last"),
            Self::Apdex(limit) => {
                let limit = crate::units::show_duration(limit.as_duration());
                write!(f, "apdex({limit})")
            }
        }
    }
}

/// The metric of a threshold.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// From the intended start to the last byte.
    ResponseTime,
    /// From the actual start to the last byte.
    ServiceTime,
    /// Actual start minus intended start, of iterations.
    StartLag,
    /// From sending the request to the first byte of the response.
    Ttfb,
    /// Time to connect, of requests that opened a connection.
    Connect,
    /// Time of the TLS handshake, of requests that opened a connection.
    Tls,
    /// A whole iteration, from its intended start, think time included.
    IterationTime,
    /// Requests attempted.
    Requests,
    /// Requests failed.
    Failed,
    /// Checks; `ratio` is the part that passed.
    Checks,
    /// Iterations ended.
    Iterations,
    /// Iterations that did not complete: a request could not be sent, a value was missing, or the run cut them off.
    FailedIterations,
    /// A group of steps as a whole, pauses included.
    GroupTime,
    /// Groups ended.
    Groups,
    /// Groups in which a request failed, or which the iteration left with a failure.
    FailedGroups,
    /// Iterations due but never started.
    Unstarted,
    /// Started iterations; `ratio` is started / due.
    Started,
    /// Bytes read from the network.
    BytesIn,
    /// Bytes written to the network.
    BytesOut,
    /// Users active.
    ActiveUsers,
    /// The generator's CPU use, as a part of all cores.
    #[serde(rename = "generator.cpu")]
    GeneratorCpu,
    /// The generator's resident memory.
    #[serde(rename = "generator.rss")]
    GeneratorRss,
    /// The CPU use of a target that Gander started, as a part of all cores.
    #[serde(rename = "target.cpu")]
    TargetCpu,
    /// The resident memory of a target that Gander started.
    #[serde(rename = "target.rss")]
    TargetRss,
    /// Requests per second of CPU time of a target that Gander started.
    #[serde(rename = "target.requests_per_cpu_s")]
    TargetWork,
    /// The durations of one name in `server-timing` headers.
    ServerTiming,
    /// A trend of the scenario's own.
    CustomTrend,
    /// A counter of the scenario's own.
    CustomCounter,
    /// A gauge of the scenario's own.
    CustomGauge,
    /// A rate of the scenario's own.
    CustomRate,
    /// A kept metric of the target: a gauge or a histogram.
    KeptValue,
    /// A kept metric of the target in seconds.
    KeptSeconds,
    /// A kept metric of the target in bytes.
    KeptBytes,
    /// A kept metric of the target: the increase of a counter per second.
    KeptRate,
    /// A kept metric of the target: one number divided by another.
    KeptQuotient,
}

/// A metric that the scenario declares: its name and its type.
pub type CustomName = (String, Metric);

impl Metric {
    /// Every metric.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS
        .first_chunk()
        .expect("there are COUNT variants");

    /// The built-in metrics.
    pub(crate) fn built_in() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|metric| !metric.is_custom())
    }

    /// True if a built-in metric has this name.
    pub(crate) fn is_built_in(name: &str) -> bool {
        Self::named(name).is_some()
    }

    /// The built-in metric with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::built_in().find(|metric| metric.name() == name)
    }

    /// True for a metric of the scenario's own: one that it declares, or keeps of the target.
    pub const fn is_custom(self) -> bool {
        self.is_kept()
            || matches!(
                self,
                Self::CustomTrend | Self::CustomCounter | Self::CustomGauge | Self::CustomRate
            )
    }

    /// True for a metric that the scenario keeps of the target.
    pub const fn is_kept(self) -> bool {
        matches!(
            self,
            Self::KeptValue
                | Self::KeptSeconds
                | Self::KeptBytes
                | Self::KeptRate
                | Self::KeptQuotient
        )
    }

    /// The metric with this name, in Gander's or another tool's words.
    pub(super) fn called(name: &str) -> Option<Self> {
        Self::named(name).or_else(|| synonyms::metric(name))
    }

    /// The name in an expression: `response_time`. A metric of the scenario's own has its type here.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResponseTime => "response_time",
            Self::ServiceTime => "service_time",
            Self::StartLag => "start_lag",
            Self::Ttfb => "ttfb",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::IterationTime => "iteration_time",
            Self::Requests => "requests",
            Self::Failed => "failed",
            Self::Checks => "checks",
            Self::Iterations => "iterations",
            Self::FailedIterations => "failed_iterations",
            Self::GroupTime => "group_time",
            Self::Groups => "groups",
            Self::FailedGroups => "failed_groups",
            Self::Unstarted => "unstarted",
            Self::Started => "started",
            Self::BytesIn => "bytes_in",
            Self::BytesOut => "bytes_out",
            Self::ActiveUsers => "active_users",
            Self::GeneratorCpu => "generator.cpu",
            Self::GeneratorRss => "generator.rss",
            Self::TargetCpu => "target.cpu",
            Self::TargetRss => "target.rss",
            Self::TargetWork => "target.requests_per_cpu_s",
            Self::ServerTiming => "server_timing",
            Self::CustomTrend => "trend",
            Self::CustomCounter => "counter",
            Self::CustomGauge => "gauge",
            Self::CustomRate => "rate",
            Self::KeptValue => "kept value",
            Self::KeptSeconds => "kept time",
            Self::KeptBytes => "kept size",
            Self::KeptRate => "kept rate",
            Self::KeptQuotient => "kept quotient",
        }
    }

    /// The description for the reference.
    pub(crate) const fn doc(self) -> &'static str {
        match self {
            Self::ResponseTime => {
                "From the time a request was due to the last byte of its response, including redirects. In an open \
                 model a late start counts; in a closed model it equals the service time. A request that timed out \
                 counts with its limit."
            }
            Self::ServiceTime => "From the start of a request to the last byte of its response.",
            Self::StartLag => {
                "The delay of iteration starts. For loads by `rate`, and for closed loads with `pacing`."
            }
            Self::Ttfb => "From sending a request to the first byte of its response.",
            Self::Connect => "The time to connect, of requests that opened a connection.",
            Self::Tls => "The time of the TLS handshake, of requests that opened a connection.",
            Self::IterationTime => {
                "A complete iteration, from the time it was due, including think time."
            }
            Self::Requests => "Requests attempted.",
            Self::Failed => {
                "Requests that failed: no complete response, a status of 400 or above that no check accepts, a failed \
                 check, or a capture that found nothing."
            }
            Self::Checks => "Checks; `ratio` is the share that passed.",
            Self::Iterations => "Iterations that ended.",
            Self::FailedIterations => {
                "Iterations that did not complete: a request could not be built, a value was missing, or the run cut \
                 them off. A failed request or check alone does not fail an iteration."
            }
            Self::GroupTime => {
                "A complete [group](#group) without a failure, from its start to its end, pauses included."
            }
            Self::Groups => "Groups that ended.",
            Self::FailedGroups => {
                "Groups in which a request failed, or which the iteration left with a failure."
            }
            Self::Unstarted => {
                "Iterations that were due but never started. For loads by `rate` and `iterations`."
            }
            Self::Started => {
                "Started iterations; `ratio` is their share of those due. For loads by `rate` and `iterations`."
            }
            Self::BytesIn => "Bytes read from the network.",
            Self::BytesOut => "Bytes written to the network.",
            Self::ActiveUsers => "Active users.",
            Self::GeneratorCpu => "Gander's own CPU usage, as a fraction of all cores.",
            Self::GeneratorRss => "Gander's own resident memory.",
            Self::TargetCpu => {
                "The CPU usage of a target that Gander starts (`bundled`, or a command), as a fraction of all cores."
            }
            Self::TargetRss => {
                "The resident memory of a target that Gander starts (`bundled`, or a command)."
            }
            Self::TargetWork => {
                "The requests sent for each second of CPU time that a target that Gander starts (`bundled`, or a command) \
                 used; `mean` divides all requests by all CPU time."
            }
            Self::ServerTiming => {
                "The durations of one name in `server-timing` headers, with `http: { server_timing: true }`. It needs \
                 the name: `server_timing{name=\"db\"}`."
            }
            Self::CustomTrend => "A trend under `metrics`.",
            Self::CustomCounter => "A counter under `metrics`; `count` is its sum.",
            Self::CustomGauge => "A gauge under `metrics`.",
            Self::CustomRate => {
                "A rate under `metrics`; `ratio` is the share of values that are true, `count` the number of values."
            }
            Self::KeptValue => {
                "A gauge or a histogram under `monitor`, named `target.NAME`. `ratio` is the mean of a gauge from 0 to 1; \
                 percentiles, `count` and `rate` are of the observations of a histogram."
            }
            Self::KeptSeconds => {
                "The same, of a metric whose name ends with `_seconds`: its limits are durations."
            }
            Self::KeptBytes => {
                "The same, of a metric whose name ends with `_bytes`: its limits are sizes."
            }
            Self::KeptRate => {
                "A `rate(…)` under `monitor`, named `target.NAME`; `mean` and `rate` are the same."
            }
            Self::KeptQuotient => {
                "A quotient under `monitor`, named `target.NAME`; its `mean` divides the sums of both sides. `ratio` is \
                 the same for a quotient from 0 to 1."
            }
        }
    }

    /// The kind of the metric, which decides the valid aggregates.
    pub const fn kind(self) -> MetricKind {
        match self {
            Self::ResponseTime
            | Self::ServiceTime
            | Self::StartLag
            | Self::Ttfb
            | Self::Connect
            | Self::Tls
            | Self::IterationTime
            | Self::GroupTime
            | Self::ServerTiming => MetricKind::Time,
            Self::CustomTrend => MetricKind::Trend,
            Self::CustomGauge => MetricKind::Value,
            Self::Requests | Self::Iterations | Self::Groups | Self::CustomCounter => {
                MetricKind::Counter
            }
            Self::Failed
            | Self::FailedIterations
            | Self::FailedGroups
            | Self::Started
            | Self::Unstarted => MetricKind::Part,
            Self::Checks | Self::CustomRate => MetricKind::Checks,
            Self::KeptValue | Self::KeptSeconds | Self::KeptBytes => MetricKind::KeptValue,
            Self::KeptRate => MetricKind::KeptRate,
            Self::KeptQuotient => MetricKind::KeptQuotient,
            Self::BytesIn | Self::BytesOut => MetricKind::Bytes,
            Self::ActiveUsers
            | Self::GeneratorCpu
            | Self::GeneratorRss
            | Self::TargetCpu
            | Self::TargetRss
            | Self::TargetWork => MetricKind::Gauge,
        }
    }
}

impl MetricKind {
    /// Its name in the reference, and its aggregates.
    pub(crate) const fn doc(self) -> (&'static str, &'static str) {
        match self {
            Self::Time => ("time", "`p…` `min` `max` `mean` `sd` `count`"),
            Self::Counter => ("count", "`count` `rate`"),
            Self::Part => ("part", "`ratio` `count` `rate`"),
            Self::Checks => ("checks", "`ratio` `count`"),
            Self::Bytes => ("bytes", "`count` `rate`"),
            Self::Gauge => ("level", "`mean` `min` `max`"),
            Self::Trend => ("trend", "`p…` `min` `max` `mean` `sd` `count`"),
            Self::Value => ("gauge", "`last` `min` `max`"),
            Self::KeptValue => (
                "kept",
                "`p…` `mean` `min` `max` `last` `ratio` `count` `rate`",
            ),
            Self::KeptRate => ("kept rate", "`mean` `min` `max` `last` `rate`"),
            Self::KeptQuotient => ("kept quotient", "`mean` `min` `max` `last` `ratio`"),
        }
    }
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// A distribution of times.
    Time,
    /// A count.
    Counter,
    /// A count that is a part of a whole.
    Part,
    /// Checks that passed or failed.
    Checks,
    /// A sum of bytes.
    Bytes,
    /// A level, read once per interval.
    Gauge,
    /// A distribution of numbers without a unit.
    Trend,
    /// A value that is set now and then.
    Value,
    /// A gauge or a histogram of the target; which of them is known when it was scraped.
    KeptValue,
    /// The increase of a counter of the target per second.
    KeptRate,
    /// A number of the target divided by another.
    KeptQuotient,
}
