//! Thresholds: rules on the run, such as `p95(response_time{step="login"}) < 500ms`.
//!
//! An expression comes parsed and type-checked from the scenario and is resolved against the plan into a [`Threshold`];
//! one that the plan can never judge is refused before the run. Judging is the verdict's.

mod bounds;
pub(super) mod resolve;

use serde::{Deserialize, Serialize};

use super::{Subject, Timing};
use crate::scenario::{Comparator, Severity, Window};

pub use crate::expr::threshold::{
    Aggregate, Key, Matcher, Metric, MetricKind, Relation, Rule, Unit,
};

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

impl Threshold {
    /// The times that are judged, merged; empty for a metric that is no time.
    ///
    /// A request that reached a time limit would have taken at least that long, so it counts with its limit among the
    /// response and service times: cutting off a slow tail does not improve the percentiles. (The limit is counted
    /// from the intended start, so after a late start the service time is too large by the lag.) For an apdex it is a
    /// failure like any other, whatever its limit.
    pub const fn times(&self) -> &'static [Timing] {
        let is_apdex = matches!(self.aggregate, Aggregate::Apdex(_));
        match self.metric {
            Metric::ResponseTime if is_apdex => &[Timing::ResponseTime],
            Metric::ServiceTime if is_apdex => &[Timing::ServiceTime],
            Metric::ResponseTime => &[Timing::ResponseTime, Timing::TimedOut],
            Metric::ServiceTime => &[Timing::ServiceTime, Timing::TimedOut],
            Metric::StartLag => &[Timing::StartLag],
            Metric::Ttfb => &[Timing::Ttfb],
            Metric::Connect => &[Timing::Connect],
            Metric::Tls => &[Timing::Tls],
            Metric::IterationTime => &[Timing::IterationTime],
            Metric::Requests
            | Metric::Failed
            | Metric::Checks
            | Metric::Iterations
            | Metric::FailedIterations
            | Metric::Unstarted
            | Metric::Started
            | Metric::BytesIn
            | Metric::BytesOut
            | Metric::ActiveUsers
            | Metric::GeneratorCpu
            | Metric::GeneratorRss => &[],
        }
    }
}

impl Metric {
    /// The series the metric is taken from; none for a metric of the run as a whole, or of checks.
    pub const fn subject(self) -> Option<Subject> {
        match self {
            Self::ResponseTime
            | Self::ServiceTime
            | Self::Ttfb
            | Self::Connect
            | Self::Tls
            | Self::Requests
            | Self::Failed
            | Self::BytesIn
            | Self::BytesOut => Some(Subject::Requests),
            Self::StartLag | Self::IterationTime | Self::Iterations | Self::FailedIterations => {
                Some(Subject::Iterations)
            }
            Self::Checks
            | Self::Unstarted
            | Self::Started
            | Self::ActiveUsers
            | Self::GeneratorCpu
            | Self::GeneratorRss => None,
        }
    }
}
