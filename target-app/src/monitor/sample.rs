//! The values of one time window, area by area.
//!
//! The same evaluation serves the last interval and everything since the start. An area whose metrics are not
//! registered is absent; a ratio or quantile of no values is absent too. Requests for the service's own metrics are
//! excluded, so that observing a load test does not change the values.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::quantile::Distribution;
use super::snapshot::{Labels, SnapshotWindow};
use super::usage::{
    AdmissionUse, BreakerStatus, CacheUse, DatabaseUse, HitCount, PoolUse, ProcessUse, TaskUse,
    edge, ratio,
};

/// Responses by route, method and status.
pub(super) const REQUESTS: &str = "folio_http_requests_total";
/// Time to the response head by route.
pub(super) const REQUEST_SECONDS: &str = "folio_http_request_seconds";
/// Routes that show the state of the service.
const INSTRUMENTS: [&str; 7] = [
    "/",
    "/metrics",
    "/ws",
    "/events",
    "/api/v1/metrics",
    "/api/v1/performance/metrics",
    "/api/v1/admin/gc",
];

/// The values of a time window.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// End of the window, in milliseconds since the epoch; for display only.
    pub(crate) at_ms: u64,
    /// Length of the window in seconds.
    pub(crate) interval_s: f64,
    pub(crate) requests: Traffic,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<CacheUse>,
    pub(crate) pools: Vec<PoolUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<DatabaseUse>,
    pub(crate) breakers: Vec<BreakerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admission: Option<AdmissionUse>,
    /// Open sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sessions: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tasks: Option<TaskUse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) edge: Option<HitCount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<ProcessUse>,
}

/// Responses sent in the window.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Traffic {
    pub(crate) count: f64,
    pub(crate) per_second: f64,
    /// Requests in progress, at the end.
    pub(crate) in_flight: f64,
    /// Open connections, at the end.
    pub(crate) connections: f64,
    /// 5xx responses.
    pub(crate) errors: f64,
    /// Ratio of 5xx responses, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_ratio: Option<f64>,
    /// 4xx responses.
    pub(crate) refusals: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<Latency>,
}

/// Percentiles in milliseconds, at most 1 % off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// One route in a window.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RouteUse {
    pub(crate) route: String,
    pub(crate) count: f64,
    pub(crate) per_second: f64,
    /// Ratio of 5xx responses, 0 to 1.
    pub(crate) error_ratio: f64,
    pub(crate) latency_ms: Latency,
}

impl Sample {
    pub(super) fn of(window: SnapshotWindow<'_>) -> Self {
        let requests = Traffic::of(window);
        Self {
            at_ms: epoch().as_millis() as u64,
            interval_s: window.length().as_secs_f64(),
            cache: CacheUse::of(window),
            pools: PoolUse::all(window),
            database: DatabaseUse::of(window),
            breakers: BreakerStatus::all(window),
            admission: AdmissionUse::of(window, requests.count),
            sessions: window.gauge("folio_sessions_active"),
            tasks: TaskUse::of(window),
            edge: edge(window),
            process: ProcessUse::of(window),
            requests,
        }
    }
}

impl Traffic {
    fn of(window: SnapshotWindow<'_>) -> Self {
        let status = |first: char| {
            let growth = window.growth(REQUESTS, |labels| {
                is_service(labels) && labels.get("status").starts_with(first)
            });
            growth.unwrap_or_default()
        };
        let count = window.growth(REQUESTS, is_service).unwrap_or_default();
        let errors = status('5');
        let times = window.times(REQUEST_SECONDS, |route| !INSTRUMENTS.contains(&route));
        Self {
            count,
            per_second: window.per_second(count),
            in_flight: window
                .gauge("folio_http_requests_in_flight")
                .unwrap_or_default(),
            connections: window.gauge("folio_http_connections").unwrap_or_default(),
            errors,
            error_ratio: ratio(errors, count),
            refusals: status('4'),
            latency_ms: times.as_ref().and_then(Latency::of),
        }
    }
}

impl Latency {
    pub(super) fn of(times: &Distribution) -> Option<Self> {
        Some(Self {
            p50: times.milliseconds(0.5)?,
            p95: times.milliseconds(0.95)?,
            p99: times.milliseconds(0.99)?,
        })
    }
}

impl RouteUse {
    /// Every route of the service that answered in the window, busiest first.
    pub(super) fn all(window: SnapshotWindow<'_>) -> Vec<Self> {
        let counts = window.growths(REQUESTS, "route").into_iter();
        let mut routes: Vec<_> = counts
            .filter(|(route, _)| !INSTRUMENTS.contains(&route.as_str()))
            .filter_map(|(route, count)| {
                let is_it = |labels: Labels<'_>| labels.get("route") == route;
                let times = window.times(REQUEST_SECONDS, |value| value == route)?;
                let errors = window.growth(REQUESTS, |labels| {
                    is_it(labels) && labels.get("status").starts_with('5')
                });
                Some(Self {
                    count,
                    per_second: window.per_second(count),
                    error_ratio: ratio(errors.unwrap_or_default(), count)?,
                    latency_ms: Latency::of(&times)?,
                    route,
                })
            })
            .collect();
        routes.sort_by(|one, other| other.count.total_cmp(&one.count));
        routes
    }
}

fn is_service(labels: Labels<'_>) -> bool {
    !INSTRUMENTS.contains(&labels.get("route"))
}

/// Time since the epoch on the wall clock.
pub(super) fn epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
impl Sample {
    /// A window without any values.
    pub(super) fn blank() -> Self {
        Self {
            at_ms: 0,
            interval_s: 1.0,
            requests: Traffic {
                count: 0.0,
                per_second: 0.0,
                in_flight: 0.0,
                connections: 0.0,
                errors: 0.0,
                error_ratio: None,
                refusals: 0.0,
                latency_ms: None,
            },
            cache: None,
            pools: Vec::new(),
            database: None,
            breakers: Vec::new(),
            admission: None,
            sessions: None,
            tasks: None,
            edge: None,
            process: None,
        }
    }
}
