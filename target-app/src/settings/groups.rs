//! Every switch, in the group it belongs to.

use serde::{Deserialize, Serialize};

use super::Span;

/// Declares an enumeration and how each of its values is written.
macro_rules! choices {
    ($(#[$about:meta])* $name:ident { $($(#[$means:meta])* $value:ident = $written:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$means])* #[serde(rename = $written)] $value),+ }

        impl $name {
            /// What may be written.
            pub(super) const NAMES: &[&str] = &[$($written),+];
        }
    };
}

choices! {
    /// `cache.mode`: which levels of the cache answer before the database.
    CacheMode {
        /// Every read is a query.
        Off = "off",
        /// Only the process's own level.
        L1 = "l1",
        /// Only the shared level.
        L2 = "l2",
        /// The process's own, then the shared one.
        L1l2 = "l1l2",
    }
}

choices! {
    /// `cache.strategy`: what a write does to the cache and when it reaches the database.
    WriteStrategy {
        /// Writes the database, then removes what the cache held.
        Aside = "aside",
        /// Writes the database, then the cache.
        WriteThrough = "write_through",
        /// Writes the cache and a bounded queue; the database follows within `cache.flush_every`.
        WriteBehind = "write_behind",
    }
}

choices! {
    /// `cache.stampede`: who loads a key that many miss at once.
    Stampede {
        /// Everyone.
        None = "none",
        /// One in this process; the others wait for it.
        Local = "local",
        /// One among all processes, by a lock in the shared store.
        RedisLock = "redis_lock",
        /// One in this process, by chance a little before the entry runs out (`XFetch`).
        Early = "early",
    }
}

/// `cache.*`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Which levels answer.
    pub mode: CacheMode,
    /// What a write does.
    pub strategy: WriteStrategy,
    /// Who loads what many miss.
    pub stampede: Stampede,
    /// Entries of the first level.
    pub l1_items: u32,
    /// Time to live of single documents.
    pub ttl: Span,
    /// Time to live of lists and searches.
    pub list_ttl: Span,
    /// Time to live of what rarely changes: courses, totals.
    pub long_ttl: Span,
    /// Part of a time to live that is drawn at random, 0 to 1, so that entries made together do not run out together.
    pub jitter: f64,
    /// β of `XFetch`: above 1 favours earlier loads.
    pub early_beta: f64,
    /// Whether the most recent documents are loaded into the cache before the service is ready.
    pub warm_on_start: bool,
    /// Documents that warming loads.
    pub warm_items: u32,
    /// Time between scheduled warmings; 0s is never.
    pub warm_every: Span,
    /// Longest time that a write waits in the queue of `write_behind`: what SIGKILL can take.
    pub flush_every: Span,
    /// Writes that may wait in the queue of `write_behind`; when it is full, writers wait for the database.
    pub behind_queue: u32,
    /// Most connections to Redis.
    pub l2_connections: u32,
    /// Connections to Redis that are kept however little they are used.
    pub l2_connections_least: u32,
}

/// `pool.*`: connections to the database, for each pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolSettings {
    /// Connections that are kept.
    pub size: u32,
    /// Connections beyond `size` that are made under load, and closed when nobody has wanted them for two seconds.
    pub overflow: u32,
    /// Longest wait for a connection; then 503.
    pub timeout: Span,
    /// Age at which a connection is replaced; 0s is never.
    pub recycle: Span,
    /// Whether a connection that was idle for 5 ms is asked for a sign of life before it is lent.
    pub pre_ping: bool,
    /// Pools that only read, beside the primary, 0 to 2.
    pub replicas: u32,
    /// Whether the optimiser changes the sizes by itself.
    pub auto: bool,
    /// Fewest connections that the optimiser leaves a pool.
    pub auto_least: u32,
    /// Most connections that the optimiser gives a pool.
    pub auto_most: u32,
}

choices! {
    /// `db.indexes`: which secondary indexes exist.
    Indexes {
        /// Only those that hold constraints.
        None = "none",
        /// All that the queries want.
        All = "all",
    }
}

choices! {
    /// `db.loading`: how the children of many parents are read.
    Loading {
        /// A statement for each parent.
        Lazy = "lazy",
        /// A statement for all of them.
        Eager = "eager",
    }
}

/// `db.*`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbSettings {
    /// Which secondary indexes exist.
    pub indexes: Indexes,
    /// How children are read.
    pub loading: Loading,
    /// Modelled network: added to every statement, in milliseconds.
    pub rtt_ms: u32,
    /// Modelled work: how long every lease holds its connection in addition, in milliseconds.
    pub hold_ms: u32,
    /// Statements that take as long as this are kept in the slow-query log.
    pub slow_ms: u32,
    /// Longest statement; then 503.
    pub timeout: Span,
}

choices! {
    /// `admission.rate`: how requests of one client are counted.
    RateLimit {
        /// Not at all.
        Off = "off",
        /// By a token bucket in this process.
        TokenBucket = "token_bucket",
        /// By a sliding window in the shared store.
        SlidingWindow = "sliding_window",
    }
}

/// `admission.*`: what is let in, and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionSettings {
    /// How requests of one client are counted.
    pub rate: RateLimit,
    /// Whether clients on loopback that show no user and no key are limited too, by address.
    pub anonymous: bool,
    /// Tokens a second.
    pub per_second: u32,
    /// Tokens that a bucket holds.
    pub burst: u32,
    /// Tokens a second for the routes under `/api/v1/auth`.
    pub auth_per_second: u32,
    /// Tokens that such a bucket holds.
    pub auth_burst: u32,
    /// Requests in a sliding window.
    pub window_limit: u32,
    /// Length of the sliding window.
    pub window: Span,
    /// Keys that `X-Api-Key` may hold; others are refused.
    pub api_keys: Vec<String>,
    /// Requests under way at a time.
    pub http_limit: u32,
    /// Requests that may wait for that.
    pub http_waiting: u32,
    /// Database statements under way at a time.
    pub db_limit: u32,
    /// Statements that may wait for that.
    pub db_waiting: u32,
    /// Operations on the shared cache under way at a time.
    pub cache_limit: u32,
    /// Operations that may wait for that.
    pub cache_waiting: u32,
    /// Heavy requests (search, bulk) under way at a time.
    pub queue_workers: u32,
    /// Heavy requests that may wait, by priority.
    pub queue_depth: u32,
    /// Longest that a request may take; then 503.
    pub timeout: Span,
    /// Largest request body in bytes, but for bulk, which has 8 MiB.
    pub body_limit: u32,
}

/// `breaker.*`: around the database and the shared store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Whether calls are refused while a dependency fails.
    pub enabled: bool,
    /// Part of the calls in the window that must fail to open it, 0 to 1.
    pub failures: f64,
    /// Calls in the window below which it stays closed.
    pub least_calls: u32,
    /// Length of the window.
    pub window: Span,
    /// Calls to the shared store that must time out, with none between them that succeeds, to open its breaker at once.
    pub timeouts: u32,
    /// How long it stays open before it lets probes through.
    pub open_for: Span,
    /// Probes that must succeed to close it.
    pub probes: u32,
}

choices! {
    /// `compression`: how bodies are packed for clients that accept it.
    Compression {
        /// Not at all.
        Off = "off",
        /// Only gzip.
        Gzip = "gzip",
        /// Only brotli.
        Br = "br",
        /// What the client prefers, with less effort when the processor is short.
        Auto = "auto",
    }
}

/// `auth.*`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// How long an access token is good for.
    pub access_ttl: Span,
    /// How long a refresh token is good for.
    pub refresh_ttl: Span,
    /// Sessions that a user may have open; the oldest makes room.
    pub sessions: u32,
}

/// `tasks.*`: background work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskSettings {
    /// Tasks that run at a time.
    pub workers: u32,
    /// Tasks that may wait.
    pub queue: u32,
    /// Times that a task is tried before it is a dead letter.
    pub attempts: u32,
    /// Wait before the second attempt; doubles with each further one.
    pub backoff: Span,
    /// Longest wait between attempts.
    pub backoff_most: Span,
    /// How long tasks may go on after the stop; what is not finished by then is lost.
    pub drain: Span,
}

choices! {
    /// `edge.provider`: who keeps what the edge keeps.
    EdgeProvider {
        /// A cache in this process.
        Local = "local",
        /// The same, and a purge is also sent to `edge.purge_url`.
        Http = "http",
    }
}

/// `edge.*`: the edge cache in front of `/assets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeSettings {
    /// Whether assets are answered from the edge.
    pub enabled: bool,
    /// Who keeps them.
    pub provider: EdgeProvider,
    /// Where purges are sent.
    pub purge_url: Option<String>,
    /// Assets that the edge keeps.
    pub items: u32,
    /// Time to live of names without a version.
    pub ttl: Span,
    /// Whether a page's assets are fetched into the edge with it.
    pub prefetch: bool,
}

/// `monitor.*`: alerts, and where they are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorSettings {
    /// Time between two looks at the metrics.
    pub every: Span,
    /// Alert when the 95th percentile of the last interval is above this.
    pub latency_ms: u32,
    /// Alert when fewer lookups than this hit, 0 to 1.
    pub hit_ratio: f64,
    /// Alert when more responses than this are 5xx, 0 to 1.
    pub errors: f64,
    /// Alert when the process uses more of its cores than this, 0 to 1.
    pub cpu: f64,
    /// Alert when the 95th percentile of the waits for a connection is above this.
    pub pool_wait_ms: u32,
    /// Looks in a row that a rule must hold to fire, and not hold to be resolved.
    pub looks: u32,
    /// Where alerts, and order events, are posted; `null` is nowhere.
    pub webhook: Option<String>,
}
