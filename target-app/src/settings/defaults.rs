//! The defaults of all switches: the optimised stack.

use super::Span;
use super::groups::{
    AdmissionSettings, AuthSettings, BreakerSettings, CacheMode, CacheSettings, DbSettings,
    EdgeProvider, EdgeSettings, Indexes, Loading, MonitorSettings, PoolSettings, RateLimit,
    Stampede, TaskSettings, WriteStrategy,
};

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            mode: CacheMode::L1l2,
            strategy: WriteStrategy::Aside,
            stampede: Stampede::Local,
            l1_items: 1_000,
            ttl: Span::seconds(900),
            list_ttl: Span::seconds(300),
            long_ttl: Span::seconds(3_600),
            jitter: 0.1,
            early_beta: 1.0,
            warm_on_start: false,
            warm_items: 1_000,
            warm_every: Span::seconds(0),
            flush_every: Span::milliseconds(50),
            behind_queue: 1_000,
            l2_connections: 50,
            l2_connections_least: 10,
        }
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            size: 50,
            overflow: 0,
            timeout: Span::seconds(5),
            recycle: Span::seconds(1_800),
            idle_timeout: Span::seconds(120),
            pre_ping: true,
            replicas: 1,
            auto: false,
            auto_least: 5,
            auto_most: 100,
        }
    }
}

impl Default for DbSettings {
    fn default() -> Self {
        Self {
            indexes: Indexes::All,
            loading: Loading::Eager,
            rtt_ms: 0,
            hold_ms: 0,
            slow_ms: 100,
            timeout: Span::seconds(5),
        }
    }
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self {
            rate: RateLimit::TokenBucket,
            anonymous: false,
            per_second: 50,
            burst: 100,
            auth_per_second: 5,
            auth_burst: 10,
            window_limit: 100,
            window: Span::seconds(60),
            api_keys: Vec::new(),
            http_limit: 300,
            http_waiting: 100,
            db_limit: 150,
            db_waiting: 50,
            cache_limit: 200,
            cache_waiting: 75,
            queue_workers: 10,
            queue_depth: 1_000,
            timeout: Span::seconds(10),
            // The text of a document may have 100 KiB, and JSON may need six bytes for one.
            body_limit: 655_360,
        }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 0.5,
            least_calls: 10,
            window: Span::seconds(10),
            timeouts: 3,
            open_for: Span::seconds(2),
            probes: 3,
        }
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            // A working day: no shipped load test outlasts the token that its users got at the start.
            access_ttl: Span::seconds(8 * 3_600),
            refresh_ttl: Span::seconds(30 * 24 * 3_600),
            sessions: 100,
        }
    }
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            workers: 8,
            queue: 10_000,
            attempts: 5,
            backoff: Span::milliseconds(100),
            backoff_most: Span::seconds(30),
            // As long as requests in progress; a parent process of Folio waits only a little longer.
            drain: Span::milliseconds(1_500),
        }
    }
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            provider: EdgeProvider::Local,
            purge_url: None,
            items: 1_000,
            ttl: Span::seconds(60),
            prefetch: true,
        }
    }
}

impl Default for MonitorSettings {
    fn default() -> Self {
        Self {
            every: Span::seconds(1),
            latency_ms: 500,
            hit_ratio: 0.8,
            errors: 0.01,
            cpu: 0.9,
            pool_wait_ms: 100,
            looks: 3,
            webhook: None,
        }
    }
}
