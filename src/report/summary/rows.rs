//! The rows of `summary.json`: steps, flows, groups, checks, failures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{TimesSummary, errors, rounded};
use crate::outcome::Outcome;
use crate::record::{CheckCounts, Distribution, Timing};
use crate::report::model::custom::Percentiles;
use crate::report::model::{CustomRow, FailureGroup, GroupRow, KeptRow};
use crate::scenario::{KeptKind, MetricType};

#[derive(Debug, Serialize)]
pub(super) struct StepSummary<'a> {
    pub(super) name: &'a str,
    pub(super) flow: &'a str,
    pub(super) tags: &'a BTreeMap<String, String>,
    pub(super) requests: u64,
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) redirects: u64,
    pub(super) resent: u64,
    pub(super) status: &'a BTreeMap<u16, u64>,
    pub(super) errors: BTreeMap<Outcome, u64>,
    pub(super) response_time: TimesSummary,
    pub(super) service_time: TimesSummary,
    pub(super) ttfb: TimesSummary,
}

#[derive(Debug, Serialize)]
pub(super) struct FlowSummary<'a> {
    pub(super) name: &'a str,
    pub(super) iterations: u64,
    pub(super) failed: u64,
    pub(super) interrupted: u64,
    pub(super) iteration_time: TimesSummary,
    pub(super) start_lag: TimesSummary,
}

#[derive(Debug, Serialize)]
pub(super) struct GroupSummary<'a> {
    pub(super) name: &'a str,
    pub(super) flow: &'a str,
    pub(super) groups: u64,
    pub(super) failed: u64,
    pub(super) interrupted: u64,
    pub(super) errors: BTreeMap<Outcome, u64>,
    pub(super) group_time: TimesSummary,
}

impl<'a> GroupSummary<'a> {
    pub(super) fn of(group: &'a GroupRow) -> Self {
        Self {
            name: &group.name,
            flow: &group.flow,
            groups: group.counts.ended,
            failed: group.counts.failed,
            interrupted: group.counts.interrupted,
            errors: errors(&group.counts.outcomes),
            group_time: group.times.of_metric(Timing::GroupTime).into(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct CheckSummary<'a> {
    pub(super) name: &'a str,
    pub(super) step: &'a str,
    pub(super) flow: &'a str,
    #[serde(flatten)]
    pub(super) counts: CheckCounts,
}

#[derive(Debug, Serialize)]
pub(super) struct FailureSummary<'a> {
    pub(super) step: &'a str,
    pub(super) flow: &'a str,
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) requests: u64,
    pub(super) in_warm_up: u64,
    pub(super) first_seen_us: u64,
    pub(super) last_seen_us: u64,
    pub(super) request: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
}

impl<'a> FailureSummary<'a> {
    pub(super) fn of(group: &'a FailureGroup) -> Self {
        let example = group.example.as_ref();
        Self {
            step: &group.step,
            flow: &group.flow,
            outcome: group.outcome,
            status: group.status,
            requests: group.count,
            in_warm_up: group.in_warm_up,
            first_seen_us: group.first_seen.0,
            last_seen_us: group.last_seen.0,
            request: example.map(|example| example.request.as_str()),
            detail: example.map(|example| example.detail.as_str()),
        }
    }
}

/// Iterations that a step other than a request made fail.
#[derive(Debug, Serialize)]
pub(super) struct IterationFailureSummary<'a> {
    pub(super) flow: &'a str,
    pub(super) outcome: Outcome,
    pub(super) iterations: u64,
    pub(super) in_warm_up: u64,
    pub(super) detail: &'a str,
}

impl<'a> IterationFailureSummary<'a> {
    pub(super) fn of(group: &'a FailureGroup) -> Self {
        Self {
            flow: &group.flow,
            outcome: group.outcome,
            iterations: group.count,
            in_warm_up: group.in_warm_up,
            detail: group.reason(),
        }
    }
}

/// A metric of the scenario's own, or a name in `server-timing` headers.
#[derive(Debug, Serialize)]
pub(super) struct CustomSummary<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: MetricType,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'a str,
    count: u64,
    refused: u64,
    /// The other fields are null if they do not apply.
    sum: Option<f64>,
    per_s: Option<f64>,
    share: Option<f64>,
    last: Option<f64>,
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
    p50: Option<f64>,
    p90: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

impl<'a> CustomSummary<'a> {
    pub(super) fn of(row: &'a CustomRow) -> Self {
        let counts = &row.counts;
        let has = |kinds: &[MetricType]| counts.count > 0 && kinds.contains(&row.kind);
        let is_trend = has(&[MetricType::Trend]);
        let has_range = has(&[MetricType::Trend, MetricType::Gauge]);
        let at = |of: fn(&Percentiles) -> f64| row.percentiles.as_ref().map(of);
        Self {
            name: &row.name,
            kind: row.kind,
            unit: &row.unit,
            count: counts.count,
            refused: counts.refused,
            sum: matches!(row.kind, MetricType::Trend | MetricType::Counter)
                .then(|| counts.total()),
            per_s: row.per_second.map(rounded),
            share: row.share().map(rounded),
            last: has(&[MetricType::Gauge]).then(|| counts.last.1.number()),
            min: has_range.then(|| counts.min.number()),
            mean: counts.mean().filter(|_| is_trend).map(rounded),
            max: has_range.then(|| counts.max.number()),
            p50: at(|at| at.p50),
            p90: at(|at| at.p90),
            p95: at(|at| at.p95),
            p99: at(|at| at.p99),
        }
    }
}

/// A metric that is kept of the target. Numbers have the unit that the target gives them.
#[derive(Debug, Serialize)]
pub(super) struct KeptSummary<'a> {
    name: &'a str,
    selector: &'a str,
    kind: KeptKind,
    readings: u64,
    gaps: u64,
    /// The other fields are null if they do not apply.
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
    last: Option<f64>,
    observed: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

impl<'a> KeptSummary<'a> {
    pub(super) fn of(row: &'a KeptRow) -> Self {
        let sum = &row.sum;
        let at = |quantile| {
            sum.observed()
                .and_then(|observed| observed.at_quantile(quantile))
        };
        Self {
            name: &row.metric.name,
            selector: &row.metric.selector,
            kind: row.metric.kind,
            readings: sum.readings,
            gaps: sum.gaps,
            min: sum.min(),
            mean: sum.mean(),
            max: sum.max(),
            last: sum.last(),
            observed: sum.observed().map(Distribution::count),
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}
