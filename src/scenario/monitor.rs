//! The target's own metrics that a scenario keeps.

use std::time::Duration;

use http::HeaderName;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{JsonPath, Template};
use crate::expr::selector::Query;
use crate::expr::threshold::Metric;
use crate::source::Span;

/// A source of metrics.
#[derive(Debug, Clone)]
pub struct MonitorSource {
    /// Where it is.
    pub url: SourceUrl,
    /// The time between two scrapes.
    pub every: Duration,
    /// Headers of a scrape.
    pub headers: Vec<(HeaderName, Template)>,
    /// The form of the page, with the metrics that are kept of it.
    pub format: SourceFormat,
    /// The place in the file.
    pub span: Span,
}

/// The address of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceUrl {
    /// A path on the target, with a query perhaps.
    Path(String),
    /// A complete URL.
    Absolute(Url),
}

/// The form of a page, with the metrics that are kept of it.
#[derive(Debug, Clone)]
pub enum SourceFormat {
    /// The text format of Prometheus, or `OpenMetrics`.
    Prometheus(Vec<KeptSelector<Query>>),
    /// JSON.
    Json(Vec<KeptSelector<JsonPath>>),
}

/// A metric that is kept, and its place in a page.
#[derive(Debug, Clone)]
pub struct KeptSelector<T> {
    /// The metric.
    pub metric: KeptMetric,
    /// Its place.
    pub selector: T,
}

/// A metric of the target that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMetric {
    /// Its name, without `target.`.
    pub name: String,
    /// The selector as written.
    pub selector: String,
    /// The kind of its numbers.
    pub kind: KeptKind,
}

/// The kind of a kept metric's numbers, as far as its selector tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptKind {
    /// The value of a gauge, or the distribution of a histogram: a plain number.
    Value,
    /// As [`Self::Value`], in seconds.
    Seconds,
    /// As [`Self::Value`], in bytes.
    Bytes,
    /// The increase of a counter per second.
    Rate,
    /// One number divided by another.
    Quotient,
}

impl KeptKind {
    /// The metric of a threshold on such numbers.
    pub const fn metric(self) -> Metric {
        match self {
            Self::Value => Metric::KeptValue,
            Self::Seconds => Metric::KeptSeconds,
            Self::Bytes => Metric::KeptBytes,
            Self::Rate => Metric::KeptRate,
            Self::Quotient => Metric::KeptQuotient,
        }
    }

    /// The kind of a query's numbers. Units are told by the ends of names, as Prometheus recommends.
    pub fn of(query: &Query) -> Self {
        let name = &query.value.series.name;
        match (&query.divisor, query.value.is_rate) {
            (Some(_), _) => Self::Quotient,
            (None, true) => Self::Rate,
            (None, false) if name.ends_with("_seconds") => Self::Seconds,
            (None, false) if name.ends_with("_bytes") => Self::Bytes,
            (None, false) => Self::Value,
        }
    }
}

impl SourceFormat {
    /// The metrics that are kept.
    pub fn metrics(&self) -> Vec<&KeptMetric> {
        match self {
            Self::Prometheus(kept) => kept.iter().map(|kept| &kept.metric).collect(),
            Self::Json(kept) => kept.iter().map(|kept| &kept.metric).collect(),
        }
    }
}
