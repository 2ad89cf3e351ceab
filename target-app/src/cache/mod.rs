//! Serialised answers kept in the process, so that a read that was made before costs no query and no encoding.
//!
//! Requests that miss the same key at the same time share one load. Entries leave by least recent use or after
//! their time to live.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache as Moka;
use moka::policy::EvictionPolicy;
use prometheus::IntCounter;

use crate::config::CacheMode;
use crate::error::Problem;
use crate::metrics::Metrics;
use crate::observe::{Lookup, note_lookup};
use crate::store::{PageOf, Sort, StoreError};

const TIME_TO_LIVE: Duration = Duration::from_mins(15);

/// What an entry answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// One document by its identity.
    Document(i64),
    /// One page of the catalogue.
    Page(Sort, PageOf),
    /// One page of the matches of a query.
    Search(String, PageOf),
}

/// The caches in front of the store; reads go through [`Cache::body`].
pub(crate) struct Cache {
    l1: Option<Moka<Key, Bytes>>,
    hits: IntCounter,
    misses: IntCounter,
    shared: IntCounter,
}

impl Cache {
    pub(crate) fn new(mode: CacheMode, items: u32, metrics: &Metrics) -> Self {
        let l1 = match mode {
            CacheMode::Off => None,
            CacheMode::L1 => Some(
                Moka::builder()
                    .max_capacity(items.into())
                    .eviction_policy(EvictionPolicy::lru())
                    .time_to_live(TIME_TO_LIVE)
                    .build(),
            ),
        };
        Self {
            l1,
            hits: metrics.l1_lookups("hit"),
            misses: metrics.l1_lookups("miss"),
            shared: metrics.l1_lookups("shared"),
        }
    }

    /// The body kept under `key`, else the one that `load` makes, which is then kept. A failed load is not kept.
    pub(crate) async fn body(
        &self,
        key: Key,
        load: impl Future<Output = Result<Bytes, StoreError>>,
    ) -> Result<Bytes, Problem> {
        let Some(l1) = &self.l1 else {
            return load.await.map_err(Problem::from);
        };
        if let Some(body) = l1.get(&key).await {
            self.hits.inc();
            note_lookup(Lookup::L1);
            return Ok(body);
        }
        note_lookup(Lookup::Miss);
        let mut loaded_here = false;
        let body = l1
            .try_get_with(key, async {
                loaded_here = true;
                load.await
            })
            .await;
        if loaded_here {
            &self.misses
        } else {
            &self.shared
        }
        .inc();
        body.map_err(|error: Arc<StoreError>| Problem::from(&*error))
    }
}
