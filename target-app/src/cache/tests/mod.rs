//! The caches over a source that counts its loads.

mod invalidation;
mod levels;
mod races;
mod redis;
mod stampede;
mod strategies;
mod warming;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{Cache, CacheKey, TwoLevel, Upkeep};
use crate::kv::Kv;
use crate::metrics::Metrics;
use crate::settings::{Live, Settings, Stack};

/// Maximum wait of these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One instance of the service, as far as the cache is concerned.
pub(super) struct CacheInstance {
    pub(super) cache: Arc<Cache>,
    pub(super) live: Arc<Live>,
    pub(super) metrics: Metrics,
    _upkeep: Upkeep,
}

/// Stands in for the database: a version per document, and a count of loads.
#[derive(Default)]
pub(super) struct TestDatabase {
    versions: Mutex<HashMap<i64, u64>>,
    loads: AtomicU64,
    takes: Duration,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source is away")]
pub(super) struct DatabaseDown;

impl From<rmp_serde::encode::Error> for DatabaseDown {
    fn from(_: rmp_serde::encode::Error) -> Self {
        Self
    }
}

pub(super) fn settings(assignments: &[&str]) -> Settings {
    let assignments: Vec<_> = assignments.iter().map(ToString::to_string).collect();
    Settings::layered(Stack::After, None, [], &assignments).expect("valid assignments")
}

impl CacheInstance {
    /// An instance over the store `kv`, which others may share, with these assignments over the defaults.
    pub(super) fn new(kv: &Kv, assignments: &[&str]) -> Self {
        let live = Arc::new(Live::new(settings(assignments)));
        let metrics = Metrics::new().expect("metrics");
        let (cache, upkeep) =
            Cache::open(Arc::clone(&live), kv.clone(), &metrics).expect("a cache");
        Self {
            cache,
            live,
            metrics,
            _upkeep: upkeep,
        }
    }

    pub(super) fn set(&self, assignments: &[&str]) {
        self.live.replace(settings(assignments));
    }

    pub(super) fn responses(&self) -> &TwoLevel {
        &self.cache.responses
    }

    /// The version of a document, read through the cache.
    pub(super) async fn read(&self, source: &TestDatabase, id: i64) -> u64 {
        self.read_key(source, CacheKey::Document(id), id).await
    }

    /// The version of a document, which is the whole content of `key`.
    pub(super) async fn read_key(&self, source: &TestDatabase, key: CacheKey, id: i64) -> u64 {
        let body = self.responses().get(key, || source.load(id)).await;
        version(&body.expect("a body"))
    }

    /// Whether the first level has a valid entry.
    pub(super) async fn has(&self, key: &CacheKey) -> bool {
        self.responses().l1.get(key).await.is_some()
    }

    /// The lines of the metrics that begin with `name`, with their values.
    pub(super) fn metric(&self, series: &str) -> f64 {
        let text = self.metrics.render().expect("metrics");
        let value = text.lines().find_map(|line| line.strip_prefix(series));
        let value = value.unwrap_or_else(|| panic!("no {series} in {text}"));
        value.trim().parse().expect("a number")
    }
}

impl TestDatabase {
    pub(super) fn slow(takes: Duration) -> Self {
        Self {
            takes,
            ..Self::default()
        }
    }

    pub(super) async fn load(&self, id: i64) -> Result<Bytes, DatabaseDown> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let found = self.version(id);
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        Ok(body(found))
    }

    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    pub(super) fn version(&self, id: i64) -> u64 {
        let versions = self.versions.lock().expect("not poisoned");
        versions.get(&id).copied().unwrap_or(0)
    }

    /// Writes the next version.
    pub(super) fn write(&self, id: i64) -> u64 {
        let mut versions = self.versions.lock().expect("not poisoned");
        let version = versions.entry(id).or_default();
        *version += 1;
        *version
    }

    pub(super) fn put(&self, id: i64, version: u64) {
        let mut versions = self.versions.lock().expect("not poisoned");
        versions.insert(id, version);
    }
}

pub(super) fn body(version: u64) -> Bytes {
    version.to_string().into()
}

pub(super) fn version(body: &[u8]) -> u64 {
    let text = std::str::from_utf8(body).expect("text");
    text.parse().expect("a version")
}

pub(super) fn page(page: u32) -> CacheKey {
    CacheKey::Page {
        sort: "id",
        page,
        limit: 20,
    }
}

pub(super) fn search(words: &str) -> CacheKey {
    CacheKey::Search {
        words: words.to_owned(),
        page: 1,
        limit: 20,
    }
}

/// Repeats `ask` until it returns true.
pub(super) async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ask().await {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
