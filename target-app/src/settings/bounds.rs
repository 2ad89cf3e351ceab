//! What a setting may be beyond its type.

use serde_json::Value;

use super::Span;
use super::layers::Fault;

/// Path, least, most.
const COUNTS: [(&str, u64, u64); 31] = [
    ("cache.l1_items", 1, 10_000_000),
    ("cache.warm_items", 1, 1_000_000),
    ("cache.behind_queue", 1, 1_000_000),
    ("pool.size", 1, 1_000),
    ("pool.overflow", 0, 1_000),
    ("pool.replicas", 0, 2),
    ("pool.auto_least", 1, 1_000),
    ("pool.auto_most", 1, 1_000),
    ("db.rtt_ms", 0, 60_000),
    ("db.hold_ms", 0, 60_000),
    ("db.slow_ms", 0, 60_000),
    ("admission.per_second", 1, 1_000_000),
    ("admission.burst", 1, 1_000_000),
    ("admission.auth_per_second", 1, 1_000_000),
    ("admission.auth_burst", 1, 1_000_000),
    ("admission.window_limit", 1, 1_000_000),
    ("admission.http_limit", 1, 1_000_000),
    ("admission.http_waiting", 0, 1_000_000),
    ("admission.db_limit", 1, 1_000_000),
    ("admission.db_waiting", 0, 1_000_000),
    ("admission.cache_limit", 1, 1_000_000),
    ("admission.cache_waiting", 0, 1_000_000),
    ("admission.queue_workers", 1, 10_000),
    ("admission.queue_depth", 0, 1_000_000),
    ("admission.body_limit", 1, 1 << 30),
    ("breaker.least_calls", 1, 1_000_000),
    ("breaker.probes", 1, 1_000),
    ("auth.sessions", 1, 10_000),
    ("tasks.workers", 1, 1_000),
    ("tasks.queue", 1, 1_000_000),
    ("tasks.attempts", 1, 100),
];

/// Path, least, most.
const PARTS: [(&str, f64, f64); 6] = [
    ("cache.jitter", 0.0, 1.0),
    ("cache.early_beta", 0.0, 100.0),
    ("breaker.failures", 0.01, 1.0),
    ("monitor.hit_ratio", 0.0, 1.0),
    ("monitor.errors", 0.0, 1.0),
    ("monitor.cpu", 0.0, 1.0),
];

/// Path, least.
const SPANS: [(&str, Span); 15] = [
    ("cache.ttl", Span::milliseconds(1)),
    ("cache.list_ttl", Span::milliseconds(1)),
    ("cache.long_ttl", Span::milliseconds(1)),
    ("cache.flush_every", Span::milliseconds(1)),
    ("pool.timeout", Span::milliseconds(1)),
    ("db.timeout", Span::milliseconds(1)),
    ("admission.window", Span::milliseconds(10)),
    ("admission.timeout", Span::milliseconds(1)),
    ("breaker.window", Span::milliseconds(10)),
    ("breaker.open_for", Span::milliseconds(1)),
    ("auth.access_ttl", Span::seconds(1)),
    ("auth.refresh_ttl", Span::seconds(1)),
    ("tasks.backoff", Span::milliseconds(1)),
    ("edge.ttl", Span::seconds(1)),
    ("monitor.every", Span::milliseconds(10)),
];

/// The further counts, apart so that each table stays in sight.
const MORE_COUNTS: [(&str, u64, u64); 6] = [
    ("cache.l2_connections", 1, 1_000),
    ("cache.l2_connections_least", 0, 1_000),
    ("edge.items", 1, 1_000_000),
    ("monitor.latency_ms", 1, 3_600_000),
    ("monitor.looks", 1, 1_000),
    ("monitor.pool_wait_ms", 1, 3_600_000),
];

/// Why the value at `path`, which has the right type, will not do.
pub(super) fn check(path: &str, value: &Value) -> Option<String> {
    let mut counts = COUNTS.iter().chain(&MORE_COUNTS);
    if let Some((_, least, most)) = counts.find(|(name, ..)| *name == path) {
        let found = value.as_u64()?;
        return (!(*least..=*most).contains(&found))
            .then(|| format!("expected {least} to {most}, found {found}"));
    }
    if let Some((_, least, most)) = PARTS.iter().find(|(name, ..)| *name == path) {
        let found = value.as_f64()?;
        return (!(*least..=*most).contains(&found))
            .then(|| format!("expected {least} to {most}, found {found}"));
    }
    let (_, least) = SPANS.iter().find(|(name, _)| *name == path)?;
    let found: Span = value.as_str()?.parse().ok()?;
    (found < *least).then(|| format!("expected at least {least}, found {found}"))
}

/// What only holds between two settings.
pub(super) fn check_together(settings: &super::Settings) -> Vec<Fault> {
    let mut faults = Vec::new();
    if settings.pool.auto_least > settings.pool.auto_most {
        faults.push(Fault {
            setting: "pool.auto_least".to_owned(),
            message: format!(
                "expected at most pool.auto_most, which is {}, found {}",
                settings.pool.auto_most, settings.pool.auto_least
            ),
        });
    }
    if settings.cache.l2_connections_least > settings.cache.l2_connections {
        faults.push(Fault {
            setting: "cache.l2_connections_least".to_owned(),
            message: format!(
                "expected at most cache.l2_connections, which is {}, found {}",
                settings.cache.l2_connections, settings.cache.l2_connections_least
            ),
        });
    }
    for (setting, url) in [
        ("edge.purge_url", &settings.edge.purge_url),
        ("monitor.webhook", &settings.monitor.webhook),
    ] {
        if let Some(url) = url
            && !reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "http")
        {
            faults.push(Fault {
                setting: setting.to_owned(),
                message: format!("expected an http URL, found {url:?}"),
            });
        }
    }
    if settings.edge.provider == super::EdgeProvider::Http && settings.edge.purge_url.is_none() {
        faults.push(Fault {
            setting: "edge.purge_url".to_owned(),
            message: "edge.provider http needs a URL to send purges to".to_owned(),
        });
    }
    faults
}
