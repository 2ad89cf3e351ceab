//! The values of a time window for each resource of the service: caches, pools, breakers, gates, tasks, the process.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::sample::{Latency, epoch};
use super::snapshot::{Labels, SnapshotWindow};

/// Lookups, and how many of them were hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct HitCount {
    pub(crate) lookups: f64,
    pub(crate) hits: f64,
    /// From 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hit_ratio: Option<f64>,
}

/// The cache by level and by name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CacheUse {
    /// Reads that either level answered without a query.
    pub(crate) overall: HitCount,
    pub(crate) l1: HitCount,
    pub(crate) l2: HitCount,
    /// Each named cache, both levels together.
    pub(crate) caches: BTreeMap<String, HitCount>,
}

/// A connection pool.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PoolUse {
    pub(crate) pool: String,
    pub(crate) size: f64,
    pub(crate) in_use: f64,
    pub(crate) waiting: f64,
    pub(crate) overflow: f64,
    /// Waits for a connection that timed out in the window.
    pub(crate) timeouts: f64,
    /// Connections requested in the window.
    pub(crate) asked: f64,
    /// 95th percentile of the wait for a connection in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait_p95_ms: Option<f64>,
}

/// Statements in the window.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DatabaseUse {
    pub(crate) queries: f64,
    pub(crate) queries_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slow: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<Latency>,
}

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerMode {
    /// Lets calls through.
    Closed,
    /// Lets a few probes through.
    HalfOpen,
    /// Rejects calls.
    Open,
}

/// One breaker at the end of the window.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BreakerStatus {
    pub(crate) name: String,
    pub(crate) state: BreakerMode,
}

/// Admitted and rejected requests.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AdmissionUse {
    /// Admitted in the window, by gate.
    pub(crate) accepted: BTreeMap<String, f64>,
    /// Rejected in the window, by reason.
    pub(crate) rejected: BTreeMap<String, f64>,
    pub(crate) rejected_per_second: f64,
    /// Ratio of rejected requests, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rejected_ratio: Option<f64>,
    /// In progress at the end, by gate.
    pub(crate) in_use: BTreeMap<String, f64>,
    /// Waiting at the end, by gate.
    pub(crate) waiting: BTreeMap<String, f64>,
}

/// Background work.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskUse {
    pub(crate) running: f64,
    /// At the end, by priority.
    pub(crate) queued: BTreeMap<String, f64>,
    /// In the window, by result.
    pub(crate) ended: BTreeMap<String, f64>,
    pub(crate) ended_per_second: f64,
}

/// The usage of the process and of its machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProcessUse {
    /// Ratio of the available cores that it used, 0 to 1.
    pub(crate) cpu: f64,
    pub(crate) cores: usize,
    pub(crate) resident_bytes: f64,
    pub(crate) threads: f64,
    pub(crate) open_files: f64,
    pub(crate) most_files: f64,
    pub(crate) uptime_s: f64,
}

impl HitCount {
    fn new(hits: f64, lookups: f64) -> Self {
        Self {
            lookups,
            hits,
            hit_ratio: ratio(hits, lookups),
        }
    }
}

impl CacheUse {
    pub(super) fn of(window: SnapshotWindow<'_>) -> Option<Self> {
        const LOOKUPS: &str = "folio_cache_requests_total";
        let lookups = |layer: &str, cache: Option<&str>| {
            let is_asked = |labels: Labels<'_>| {
                labels.get("layer") == layer && cache.is_none_or(|name| labels.get("cache") == name)
            };
            let all = window.growth(LOOKUPS, is_asked)?;
            let hits = window.growth(LOOKUPS, |labels| {
                is_asked(labels) && labels.get("result") == "hit"
            });
            Some(HitCount::new(hits?, all))
        };
        // A miss of the first level goes to the second: the level with more lookups saw every read.
        let both = |l1: HitCount, l2: HitCount| {
            HitCount::new(l1.hits + l2.hits, l1.lookups.max(l2.lookups))
        };
        let (l1, l2) = (lookups("l1", None)?, lookups("l2", None)?);
        let names = window.growths(LOOKUPS, "cache").into_keys();
        let caches = names.filter(|name| !name.is_empty()).filter_map(|name| {
            let both = both(lookups("l1", Some(&name))?, lookups("l2", Some(&name))?);
            Some((name, both))
        });
        Some(Self {
            overall: both(l1, l2),
            l1,
            l2,
            caches: caches.collect(),
        })
    }
}

impl PoolUse {
    pub(super) fn all(window: SnapshotWindow<'_>) -> Vec<Self> {
        let gauges = |name| window.gauges(name, "pool");
        let (size, in_use) = (gauges("folio_pool_size"), gauges("folio_pool_in_use"));
        let (waiting, overflow) = (gauges("folio_pool_waiting"), gauges("folio_pool_overflow"));
        let timeouts = window.growths("folio_pool_timeouts_total", "pool");
        let names: BTreeSet<_> = size.keys().chain(in_use.keys()).collect();
        let of = |values: &BTreeMap<String, f64>, name| values.get(name).copied();
        names
            .into_iter()
            .map(|name| {
                let waits = window.times("folio_pool_wait_seconds", |pool| pool == name);
                Self {
                    pool: name.clone(),
                    size: of(&size, name).unwrap_or_default(),
                    in_use: of(&in_use, name).unwrap_or_default(),
                    waiting: of(&waiting, name).unwrap_or_default(),
                    overflow: of(&overflow, name).unwrap_or_default(),
                    timeouts: of(&timeouts, name).unwrap_or_default(),
                    asked: waits.as_ref().map_or(0.0, |waits| waits.count() as f64),
                    wait_p95_ms: waits.and_then(|waits| waits.milliseconds(0.95)),
                }
            })
            .collect()
    }
}

impl DatabaseUse {
    pub(super) fn of(window: SnapshotWindow<'_>) -> Option<Self> {
        let times = window.times("folio_query_seconds", |_| true)?;
        let queries = times.count() as f64;
        Some(Self {
            queries,
            queries_per_second: window.per_second(queries),
            slow: window.growth("folio_slow_queries_total", |_| true),
            latency_ms: Latency::of(&times),
        })
    }
}

impl BreakerStatus {
    pub(super) fn all(window: SnapshotWindow<'_>) -> Vec<Self> {
        let states = window.gauges("folio_breaker_state", "name").into_iter();
        states
            .map(|(name, state)| Self {
                name,
                state: match state as i64 {
                    0 => BreakerMode::Closed,
                    1 => BreakerMode::HalfOpen,
                    _ => BreakerMode::Open,
                },
            })
            .collect()
    }
}

impl AdmissionUse {
    pub(super) fn of(window: SnapshotWindow<'_>, requests: f64) -> Option<Self> {
        const REJECTED: &str = "folio_admission_rejected_total";
        const ACCEPTED: &str = "folio_admission_accepted_total";
        let all = window.growth(REJECTED, |_| true);
        all.or_else(|| window.growth(ACCEPTED, |_| true))?;
        let all = all.unwrap_or_default();
        Some(Self {
            accepted: window.growths(ACCEPTED, "gate"),
            rejected: window.growths(REJECTED, "reason"),
            rejected_per_second: window.per_second(all),
            // Each rejection is counted before its response, so the two may be in different windows.
            rejected_ratio: ratio(all, requests.max(all)),
            in_use: window.gauges("folio_admission_in_use", "gate"),
            waiting: window.gauges("folio_admission_waiting", "gate"),
        })
    }
}

impl TaskUse {
    pub(super) fn of(window: SnapshotWindow<'_>) -> Option<Self> {
        let running = window.gauge("folio_tasks_running")?;
        let ended = window.growths("folio_tasks_total", "outcome");
        Some(Self {
            running,
            queued: window.gauges("folio_tasks_queued", "priority"),
            ended_per_second: window.per_second(ended.values().sum()),
            ended,
        })
    }
}

impl ProcessUse {
    pub(super) fn of(window: SnapshotWindow<'_>) -> Option<Self> {
        let cpu_seconds = window.growth("process_cpu_seconds_total", |_| true)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let gauge = |name| window.gauge(name).unwrap_or_default();
        let started = gauge("process_start_time_seconds");
        Some(Self {
            cpu: window.per_second(cpu_seconds) / cores as f64,
            cores,
            resident_bytes: gauge("process_resident_memory_bytes"),
            threads: gauge("process_threads"),
            open_files: gauge("process_open_fds"),
            most_files: gauge("process_max_fds"),
            uptime_s: (epoch().as_secs_f64() - started).max(0.0),
        })
    }
}

/// Lookups in the edge cache.
pub(super) fn edge(window: SnapshotWindow<'_>) -> Option<HitCount> {
    const REQUESTS: &str = "folio_edge_requests_total";
    let hits = window.growth(REQUESTS, |labels| labels.get("result") == "hit")?;
    let all = window.growth(REQUESTS, |_| true)?;
    Some(HitCount::new(hits, all))
}

/// `part` divided by `whole`, 0 to 1; `None` if `whole` is zero.
pub(super) fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
