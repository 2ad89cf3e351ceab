//! The threshold grammar: `p95(response_time{step="login"}) < 500ms`.

use serde::{Deserialize, Serialize};

use crate::scenario::{Comparator, Severity, Window};
use crate::units::{Micros, Quantile};

/// A rule on the run: parsed, type-checked, and resolved to series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// As written; for a built-in one, as it would be written.
    pub expression: String,
    /// How the metric is boiled down to a number.
    pub aggregate: Aggregate,
    /// Of what.
    pub metric: Metric,
    /// The series selected by tags and names; empty means every series the metric has.
    pub series: Vec<crate::plan::SeriesId>,
    /// The check selected by `check="…"`, for the metric `checks`; empty means all.
    pub checks: Vec<crate::plan::CheckId>,
    /// How the number is compared with the limit.
    pub comparator: Comparator,
    /// The limit, in the unit of [`Threshold::unit`].
    pub limit: f64,
    /// The unit of the observed number and the limit.
    pub unit: Unit,
    /// Over which part of the run.
    pub window: Window,
    /// Fewer samples than this: no verdict, which fails.
    pub min_samples: u64,
    /// Stop the run when it breaks, but not before this much of it has passed.
    pub abort_after: Option<std::time::Duration>,
    /// What a breach means.
    pub severity: Severity,
    /// The line in the scenario; none for a built-in one.
    pub line: Option<u32>,
}

/// How a metric is boiled down to one number.
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
    /// `ratio`: part of the whole the metric belongs to
    Ratio,
    /// `apdex(T)`: (satisfied ≤ T, plus half of tolerating ≤ 4T) / all, failures unsatisfied. Source: Apdex Technical Specification 1.1.
    Apdex(Micros),
}

/// What a threshold is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// From the intended start to the last byte.
    ResponseTime,
    /// From the actual start to the last byte.
    ServiceTime,
    /// Actual start minus intended start, of iterations.
    StartLag,
    /// From the request being sent to the first byte.
    Ttfb,
    /// Time to connect, of requests that opened a connection.
    Connect,
    /// Time of the TLS handshake, of requests that opened a connection.
    Tls,
    /// A whole iteration, from its intended start, think time included.
    IterationTime,
    /// Requests sent.
    Requests,
    /// Requests failed.
    Failed,
    /// Checks; `ratio` is the part that passed.
    Checks,
    /// Iterations ended.
    Iterations,
    /// Iterations due but never started.
    Unstarted,
    /// Iterations started, against those due: `ratio` is achieved / offered.
    Started,
    /// Bytes read off the wire.
    BytesIn,
    /// Bytes written to the wire.
    BytesOut,
    /// Users active.
    ActiveUsers,
    /// The generator's CPU use, as a part of all cores.
    #[serde(rename = "generator.cpu")]
    GeneratorCpu,
    /// The generator's resident memory.
    #[serde(rename = "generator.rss")]
    GeneratorRss,
}

/// The unit a threshold's numbers are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Microseconds.
    Us,
    /// A part of one: `1%` is 0.01.
    Ratio,
    /// A plain number.
    Count,
    /// Per second.
    PerSecond,
    /// Bytes.
    Bytes,
}

/// How a threshold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// There were too few samples to say, which fails.
    NoData,
}
