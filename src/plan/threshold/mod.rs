//! Thresholds: rules on the run, such as `p95(response_time{step="login"}) < 500ms`.
//!
//! The scenario contains a parsed and type-checked expression. The plan resolves it to a [`Threshold`] and refuses one
//! that it can never judge. The verdict judges it.

mod bounds;
pub(super) mod resolve;
mod stages;
pub(crate) mod values;

use serde::{Deserialize, Serialize};

use super::{Subject, Timing};
use crate::scenario::{Comparator, Severity, Window};
use crate::units::Micros;

pub use crate::expr::threshold::{
    Aggregate, Key, Matcher, Measure, Metric, MetricKind, Relation, Rule, RuleLimit, SecondRule,
    Unit,
};

/// The name of the durations of a name in `server-timing` headers, as a threshold selects them.
pub fn server_timing(name: &str) -> String {
    format!("server_timing{{name=\"{name}\"}}")
}

/// The name in [`server_timing`]; `None` for other values.
pub fn timing_name(values: &str) -> Option<&str> {
    let name = values.strip_prefix("server_timing{name=\"")?;
    name.strip_suffix("\"}")
}

/// A rule on the run: parsed, type-checked, and resolved to series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The expression as written; for a built-in one, as it would be written.
    pub expression: String,
    /// The aggregate.
    pub aggregate: Aggregate,
    /// The metric.
    pub metric: Metric,
    /// The name of its values in intervals, for [`Metric::ServerTiming`] and metrics of the scenario's own; that of a
    /// metric kept of the target begins with `target.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<String>,
    /// The series selected by tags and names; empty means every series the metric has.
    pub series: Vec<crate::plan::SeriesId>,
    /// The check selected by `check="…"`, for the metric `checks`; empty means all.
    pub checks: Vec<crate::plan::CheckId>,
    /// The statuses selected by `status="…"`, as ranges with both ends; empty means every one, and requests without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<(u16, u16)>,
    /// The parts of the run selected by `stage="…"`, in order; empty means the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<Period>,
    /// The rule for a second; then the share of such seconds is compared with the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_seconds: Option<SecondRule>,
    /// The comparison with the limit.
    pub comparator: Comparator,
    /// The limit, in the unit of [`Threshold::unit`].
    pub limit: Limit,
    /// The unit of the limit, and of the number compared with it. With a unit of slopes, the slope of the number is
    /// compared.
    pub unit: Unit,
    /// The part of the run that it covers.
    pub window: Window,
    /// With fewer samples the verdict is `NoData`, which fails the run.
    pub min_samples: u64,
    /// Stops the run when the threshold fails, but not before this time has passed.
    pub abort_after: Option<std::time::Duration>,
    /// The effect of a failure.
    pub severity: Severity,
    /// The line in the scenario; `None` for a built-in one.
    pub line: Option<u32>,
}

/// The right side of a threshold. In files a fixed number is a plain number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    /// A fixed number.
    Value(f64),
    /// A multiple of another number of the run.
    Times {
        /// Above 0.
        factor: f64,
        /// The other number.
        of: Selection,
    },
    /// The change against stored runs, which the run alone cannot judge.
    Baseline {
        /// The change as a part of the baseline's number: `+10%` is 0.1.
        change: f64,
    },
}

impl Limit {
    /// The number compared with; `None` if it depends on the run.
    pub const fn fixed(&self) -> Option<f64> {
        match self {
            Self::Value(number) | Self::Baseline { change: number } => Some(*number),
            Self::Times { .. } => None,
        }
    }
}

/// A number of the run: an aggregate of a metric over the selected samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The aggregate.
    pub aggregate: Aggregate,
    /// The metric.
    pub metric: Metric,
    /// The name of its values in intervals, for [`Metric::ServerTiming`] and metrics of the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<String>,
    /// The series selected by tags and names; empty means every series the metric has.
    pub series: Vec<crate::plan::SeriesId>,
    /// The checks selected; empty means all.
    pub checks: Vec<crate::plan::CheckId>,
    /// The statuses selected by `status="…"`, as ranges with both ends; empty means every one, and requests without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<(u16, u16)>,
    /// The parts of the run selected by `stage="…"`, in order; empty means the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<Period>,
}

/// A part of the run, on its clock. A sample belongs to it if it ended in one of its intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its start.
    pub from: Micros,
    /// Its end; `None` for the last stage, which the requests in flight at the end of the load belong to.
    pub to: Option<Micros>,
}

impl Period {
    /// True if the interval that starts here belongs to the period: none contains the start or the end of one.
    pub fn contains(&self, start: Micros) -> bool {
        start >= self.from && self.to.is_none_or(|to| start < to)
    }
}

impl Threshold {
    /// True if it compares the run with a baseline.
    pub const fn is_against_baseline(&self) -> bool {
        matches!(self.limit, Limit::Baseline { .. })
    }

    /// The names in `server-timing` headers that it judges.
    pub(super) fn server_timing(&self) -> impl Iterator<Item = &str> {
        let of_limit = match &self.limit {
            Limit::Times { of, .. } => of.values.as_deref(),
            Limit::Value(_) | Limit::Baseline { .. } => None,
        };
        let both = [self.values.as_deref(), of_limit].into_iter().flatten();
        both.filter_map(timing_name)
    }

    /// The left side of a comparison with a baseline, which names the figure there; `None` for another threshold.
    pub fn baseline_figure(&self) -> Option<String> {
        let (figure, _) = self
            .is_against_baseline()
            .then(|| self.expression.rsplit_once(" vs "))??;
        Some(figure_name(figure))
    }

    /// The left side.
    pub fn selection(&self) -> Selection {
        Selection {
            aggregate: self.aggregate,
            metric: self.metric,
            values: self.values.clone(),
            series: self.series.clone(),
            checks: self.checks.clone(),
            during: self.during.clone(),
            statuses: self.statuses.clone(),
        }
    }
}

/// The left side of an expression as the name of a figure: without spaces outside quotes.
pub fn figure_name(expression: &str) -> String {
    let mut is_quoted = false;
    let name = expression.chars().filter(|c| {
        is_quoted ^= *c == '"';
        is_quoted || !c.is_whitespace()
    });
    name.collect()
}

impl Selection {
    /// True if the interval that starts here is selected.
    pub fn is_during(&self, start: Micros) -> bool {
        self.during.is_empty() || self.during.iter().any(|period| period.contains(start))
    }

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
            Metric::GroupTime => &[Timing::GroupTime],
            Metric::Requests
            | Metric::Failed
            | Metric::Checks
            | Metric::Iterations
            | Metric::FailedIterations
            | Metric::Groups
            | Metric::FailedGroups
            | Metric::Unstarted
            | Metric::Started
            | Metric::BytesIn
            | Metric::BytesOut
            | Metric::ActiveUsers
            | Metric::GeneratorCpu
            | Metric::GeneratorRss
            | Metric::TargetCpu
            | Metric::TargetRss
            | Metric::TargetWork
            | Metric::ServerTiming
            | Metric::CustomTrend
            | Metric::CustomCounter
            | Metric::CustomGauge
            | Metric::CustomRate
            | Metric::KeptValue
            | Metric::KeptSeconds
            | Metric::KeptBytes
            | Metric::KeptRate
            | Metric::KeptQuotient => &[],
        }
    }
}

impl Metric {
    /// The kind of series that has the metric; `None` for a metric of the whole run, or of checks.
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
            Self::GroupTime | Self::Groups | Self::FailedGroups => Some(Subject::Groups),
            Self::Checks
            | Self::Unstarted
            | Self::Started
            | Self::ActiveUsers
            | Self::GeneratorCpu
            | Self::GeneratorRss
            | Self::TargetCpu
            | Self::TargetRss
            | Self::TargetWork
            | Self::ServerTiming
            | Self::CustomTrend
            | Self::CustomCounter
            | Self::CustomGauge
            | Self::CustomRate
            | Self::KeptValue
            | Self::KeptSeconds
            | Self::KeptBytes
            | Self::KeptRate
            | Self::KeptQuotient => None,
        }
    }
}
