//! The rows of `summary.json`: steps, flows, groups, checks, failures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{TimesSummary, errors, rounded};
use crate::outcome::Outcome;
use crate::record::{CheckCounts, Distribution, Timing};
use crate::report::model::custom::Percentiles;
use crate::report::model::{CustomRow, FailureGroup, GroupRow, KeptRow, SlowRow};
use crate::scenario::{KeptKind, MetricType};
use crate::units::Micros;

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) slowest: Vec<SlowSummary<'a>>,
}

/// One of the slowest requests.
#[derive(Debug, Serialize)]
pub(super) struct SlowSummary<'a> {
    step: &'a str,
    flow: &'a str,
    due_us: u64,
    response_time_us: u64,
    service_time_us: u64,
    start_lag_us: u64,
    /// The other parts of the response time are null if they did not happen.
    connect_us: Option<u64>,
    tls_us: Option<u64>,
    first_byte_us: Option<u64>,
    receive_us: Option<u64>,
    outcome: Outcome,
    status: Option<u16>,
    redirects: u64,
    resent: u64,
    user: u64,
    iteration: u64,
    offered_per_s: Option<f64>,
    request: &'a str,
    values: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_timing: Option<&'a str>,
}

impl<'a> SlowSummary<'a> {
    pub(super) fn of(row: &'a SlowRow) -> Self {
        let request = &row.request;
        let phases = &request.phases;
        let us = |time: Option<Micros>| time.map(|time| time.0);
        let values = request.values.iter();
        Self {
            step: &row.step,
            flow: &row.flow,
            due_us: request.intended.0,
            response_time_us: request.response_time.0,
            service_time_us: request.service_time().0,
            start_lag_us: phases.start_lag.0,
            connect_us: us(phases.connect),
            tls_us: us(phases.tls),
            first_byte_us: us(phases.waiting),
            receive_us: us(phases.receiving),
            outcome: request.outcome,
            status: request.status,
            redirects: request.redirects,
            resent: request.resent,
            user: request.user,
            iteration: request.iteration,
            offered_per_s: row.offered.map(rounded),
            request: &request.request,
            values: values.map(|(name, value)| (&**name, &**value)).collect(),
            traceparent: request.traceparent.as_deref(),
            trace_url: row.trace_url.as_deref(),
            server_timing: request.server_timing.as_deref(),
        }
    }
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
