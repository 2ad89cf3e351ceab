//! All switches, by group.

use serde::{Deserialize, Serialize};

use super::Span;

/// Declares an enumeration and the names of its values.
macro_rules! choices {
    ($(#[$about:meta])* $name:ident { $($(#[$means:meta])* $value:ident = $written:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$means])* #[serde(rename = $written)] $value),+ }

        impl $name {
            /// The names of all values.
            pub(super) const NAMES: &[&str] = &[$($written),+];
        }
    };
}

choices! {
    /// `cache.mode`: the levels of the cache that are used.
    CacheMode {
        /// Every read is a query.
        Off = "off",
        /// Only the level in the process.
        L1 = "l1",
        /// Only the level in the shared store.
        L2 = "l2",
        /// The level in the process, then the shared one.
        L1l2 = "l1l2",
    }
}

choices! {
    /// `cache.strategy`: the effect of a write on the cache, and the time it reaches the database.
    WriteStrategy {
        /// Writes the database, then invalidates the cache.
        Aside = "aside",
        /// Writes the database, then the cache.
        WriteThrough = "write_through",
        /// Writes the cache and a bounded queue; the database follows within `cache.flush_every`.
        WriteBehind = "write_behind",
    }
}

choices! {
    /// `cache.stampede`: the number of loads when many requests miss a key at once.
    Stampede {
        /// Every request loads.
        None = "none",
        /// One request per process loads; the others wait for it (single-flight).
        Local = "local",
        /// One request among all processes loads, by a lock in the shared store.
        RedisLock = "redis_lock",
        /// One request per process loads, with some probability shortly before the entry expires (`XFetch`).
        Early = "early",
    }
}

/// `cache.*`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Cache levels that are used.
    pub mode: CacheMode,
    /// Write strategy.
    pub strategy: WriteStrategy,
    /// Stampede protection.
    pub stampede: Stampede,
    /// Maximum entries of the first level.
    pub l1_items: u32,
    /// Time to live of single documents.
    pub ttl: Span,
    /// Time to live of lists and searches.
    pub list_ttl: Span,
    /// Time to live of data that rarely changes: courses, totals.
    pub long_ttl: Span,
    /// Random part of a time to live, 0 to 1, so that entries created together do not expire together.
    pub jitter: f64,
    /// β of `XFetch`: values above 1 favour earlier loads.
    pub early_beta: f64,
    /// Whether the most-read documents are loaded into the cache before the service is ready.
    pub warm_on_start: bool,
    /// Number of documents that warming loads.
    pub warm_items: u32,
    /// Interval of scheduled warming; 0s disables it.
    pub warm_every: Span,
    /// Maximum time that a write waits in the queue of `write_behind`, and so what SIGKILL can lose.
    pub flush_every: Span,
    /// Maximum writes in the queue of `write_behind`; when it is full, writers wait for the database.
    pub behind_queue: u32,
    /// Maximum connections to Redis.
    pub l2_connections: u32,
    /// Connections to Redis that stay open when idle.
    pub l2_connections_least: u32,
}

/// `pool.*`: connections to the database, for each pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolSettings {
    /// Connections that are kept open while they are used.
    pub size: u32,
    /// Additional connections opened under load, and closed after two seconds without use.
    pub overflow: u32,
    /// Maximum wait for a connection; then 503.
    pub timeout: Span,
    /// Maximum age of a connection; 0s is unlimited. Each connection has a random maximum between half of this age and
    /// all of it, so that connections opened together are not replaced together.
    pub recycle: Span,
    /// Time without use after which a connection is closed, except the last one; 0s is unlimited.
    pub idle_timeout: Span,
    /// Whether a connection that was idle for 5 ms is checked before use.
    pub pre_ping: bool,
    /// Number of pools that only read, in addition to the primary's, 0 to 2.
    pub replicas: u32,
    /// Whether the optimiser changes the pool sizes.
    pub auto: bool,
    /// Minimum size set by the optimiser.
    pub auto_least: u32,
    /// Maximum size set by the optimiser.
    pub auto_most: u32,
}

choices! {
    /// `db.indexes`: the secondary indexes that exist.
    Indexes {
        /// Only those that enforce constraints.
        None = "none",
        /// All indexes that the queries use.
        All = "all",
    }
}

choices! {
    /// `db.loading`: how the children of several parents are read.
    Loading {
        /// One statement per parent.
        Lazy = "lazy",
        /// One statement for all parents.
        Eager = "eager",
    }
}

/// `db.*`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbSettings {
    /// Secondary indexes that exist.
    pub indexes: Indexes,
    /// The way to read children.
    pub loading: Loading,
    /// Modelled network delay: milliseconds added to every statement.
    pub rtt_ms: u32,
    /// Modelled work: milliseconds that every lease holds its connection in addition.
    pub hold_ms: u32,
    /// Minimum milliseconds of a statement for the slow-query log.
    pub slow_ms: u32,
    /// Time limit of a statement; then 503.
    pub timeout: Span,
}

choices! {
    /// `admission.rate`: the rate limiter of clients.
    RateLimit {
        /// None.
        Off = "off",
        /// A token bucket in this process.
        TokenBucket = "token_bucket",
        /// A sliding window in the shared store.
        SlidingWindow = "sliding_window",
    }
}

/// `admission.*`: rate limits, concurrency limits, body limits and time limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionSettings {
    /// Rate limiter of clients.
    pub rate: RateLimit,
    /// Whether loopback clients without token and API key are limited too, by address.
    pub anonymous: bool,
    /// Tokens per second.
    pub per_second: u32,
    /// Capacity of a bucket.
    pub burst: u32,
    /// Tokens per second for the routes under `/api/v1/auth`.
    pub auth_per_second: u32,
    /// Capacity of a bucket for those routes.
    pub auth_burst: u32,
    /// Maximum requests in a sliding window.
    pub window_limit: u32,
    /// Length of the sliding window.
    pub window: Span,
    /// Valid values of `X-Api-Key`; others are rejected.
    pub api_keys: Vec<String>,
    /// Maximum concurrent requests.
    pub http_limit: u32,
    /// Maximum requests that wait for it.
    pub http_waiting: u32,
    /// Maximum concurrent leases of database connections.
    pub db_limit: u32,
    /// Maximum leases that wait for it.
    pub db_waiting: u32,
    /// Maximum concurrent operations on the shared store.
    pub cache_limit: u32,
    /// Maximum operations that wait for it.
    pub cache_waiting: u32,
    /// Maximum concurrent heavy requests (search, bulk).
    pub queue_workers: u32,
    /// Maximum heavy requests that wait, by priority.
    pub queue_depth: u32,
    /// Time limit of a request; then 503.
    pub timeout: Span,
    /// Maximum request body in bytes; bulk requests may have 8 MiB.
    pub body_limit: u32,
}

/// `breaker.*`: circuit breakers of the database and the shared store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Whether calls are rejected while a dependency fails.
    pub enabled: bool,
    /// Ratio of failed calls in the window that opens it, 0 to 1.
    pub failures: f64,
    /// Minimum calls in the window before it can open.
    pub least_calls: u32,
    /// Length of the window.
    pub window: Span,
    /// Consecutive timeouts of the shared store that open its breaker at once.
    pub timeouts: u32,
    /// Time that it stays open before it admits probes.
    pub open_for: Span,
    /// Successful probes that close it.
    pub probes: u32,
}

choices! {
    /// `compression`: encodings of response bodies for clients that accept them.
    Compression {
        /// None.
        Off = "off",
        /// Only gzip.
        Gzip = "gzip",
        /// Only brotli.
        Br = "br",
        /// The encoding that the client prefers, with less effort under CPU load.
        Auto = "auto",
    }
}

/// `auth.*`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Lifetime of an access token.
    pub access_ttl: Span,
    /// Lifetime of a refresh token.
    pub refresh_ttl: Span,
    /// Maximum open sessions of a user; a further login closes the oldest.
    pub sessions: u32,
}

/// `tasks.*`: background work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskSettings {
    /// Maximum concurrent tasks.
    pub workers: u32,
    /// Maximum waiting tasks.
    pub queue: u32,
    /// Attempts before a task becomes a dead letter.
    pub attempts: u32,
    /// Wait before the second attempt; doubles with each attempt.
    pub backoff: Span,
    /// Maximum wait between attempts.
    pub backoff_most: Span,
    /// Time limit for tasks at shutdown; unfinished tasks are lost.
    pub drain: Span,
}

choices! {
    /// `edge.provider`: the provider of the edge's copies.
    EdgeProvider {
        /// A cache in this process.
        Local = "local",
        /// Also an external edge: a purge is sent to `edge.purge_url`.
        Http = "http",
    }
}

/// `edge.*`: the edge cache in front of `/assets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeSettings {
    /// Whether assets are answered from the edge.
    pub enabled: bool,
    /// Provider of the copies.
    pub provider: EdgeProvider,
    /// URL for purges.
    pub purge_url: Option<String>,
    /// Maximum assets in the edge.
    pub items: u32,
    /// Time to live of names without a version.
    pub ttl: Span,
    /// Whether a page's assets are prefetched into the edge with it.
    pub prefetch: bool,
}

/// `monitor.*`: alerts and their receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorSettings {
    /// Interval of samples.
    pub every: Span,
    /// Alerts if the 95th percentile of the last interval, in milliseconds, is above this.
    pub latency_ms: u32,
    /// Alerts if the hit ratio is below this, 0 to 1.
    pub hit_ratio: f64,
    /// Alerts if the ratio of 5xx responses is above this, 0 to 1.
    pub errors: f64,
    /// Alerts if the ratio of used cores is above this, 0 to 1.
    pub cpu: f64,
    /// Alerts if the 95th percentile of the wait for a connection, in milliseconds, is above this.
    pub pool_wait_ms: u32,
    /// Consecutive samples after which a violated rule fires, or a firing one is resolved.
    pub looks: u32,
    /// URL for alerts and order events; `null` disables them.
    pub webhook: Option<String>,
}
