//! Documents between the cache and the tables: writes by the current strategy, the flush of queued writes, warming.

mod popularity;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::task::AbortHandle;

use popularity::Popularity;

use crate::cache::{Cache, CacheKey, Entity, FlushError, QueueTimeout, Sweep, Warmed, WriteBehind};
use crate::clock::now;
use crate::db::DbError;
use crate::error::Problem;
use crate::observe;
use crate::settings::{Live, WriteStrategy};
use crate::store::{Bulk, BulkMode, BulkOutcome, Document, Draft, PageOf, Sort, Store, StoreError};

/// The documents, behind their caches.
pub(crate) struct Catalogue {
    pub(crate) store: Arc<Store>,
    pub(crate) cache: Arc<Cache>,
    behind: Arc<WriteBehind<Document>>,
    settings: Arc<Live>,
    popularity: Arc<Popularity>,
    /// The tasks that flush queued writes, warm on schedule and add counted reads to the database.
    tasks: [AbortHandle; 3],
}

/// Interval at which counted reads are added to the database.
const COUNT_EVERY: Duration = Duration::from_mins(1);

/// The result of a warming, and the age of the read counts it used.
#[derive(Debug, Serialize)]
pub(crate) struct WarmedDocuments {
    #[serde(flatten)]
    warmed: Warmed,
    /// Seconds since reads were last counted; `None` if there are no counts and the documents that changed last were
    /// warmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reads_counted_s_ago: Option<i64>,
}

impl Catalogue {
    pub(crate) fn new(store: &Arc<Store>, cache: &Arc<Cache>, settings: &Arc<Live>) -> Self {
        let behind = Arc::new(WriteBehind::new(Arc::clone(cache), Arc::clone(settings)));
        let flushing = tokio::spawn({
            let (behind, store) = (Arc::clone(&behind), Arc::clone(store));
            async move {
                let flush = |changes| flush(Arc::clone(&store), changes);
                behind.run(flush).await;
            }
        });
        let popularity = Arc::new(Popularity::default());
        let warming = tokio::spawn({
            let (store, cache) = (Arc::clone(store), Arc::clone(cache));
            let (settings, popularity) = (Arc::clone(settings), Arc::clone(&popularity));
            Cache::keep_warm(Arc::clone(&settings), move || {
                let (store, cache) = (Arc::clone(&store), Arc::clone(&cache));
                let (settings, popularity) = (Arc::clone(&settings), Arc::clone(&popularity));
                async move {
                    let count = settings.load().cache.warm_items;
                    // A failed load is retried by the next request or warming.
                    let _ = warm(&store, &cache, &popularity, count).await;
                }
            })
        });
        let counting = tokio::spawn({
            let (store, popularity) = (Arc::clone(store), Arc::clone(&popularity));
            async move {
                loop {
                    tokio::time::sleep(COUNT_EVERY).await;
                    // If a minute of read counts cannot be stored, it is lost: they only select what is warmed.
                    let _ = store.add_reads(&popularity.take()).await;
                }
            }
        });
        Self {
            store: Arc::clone(store),
            cache: Arc::clone(cache),
            behind,
            settings: Arc::clone(settings),
            popularity,
            tasks: [flushing, warming, counting].map(|task| task.abort_handle()),
        }
    }

    /// A document as its response body.
    pub(crate) async fn document(&self, id: i64) -> Result<Bytes, Arc<StoreError>> {
        let load = async || encoded(&self.store.document(id).await?);
        let body = self
            .cache
            .responses
            .get(CacheKey::Document(id), load)
            .await?;
        self.popularity.read(id);
        Ok(body)
    }

    /// One page of the catalogue as its response body; the total is cached for all pages.
    pub(crate) async fn page(&self, sort: Sort, part: PageOf) -> Result<Bytes, Arc<StoreError>> {
        let load = async || {
            let items = self.store.documents(sort, part).await?;
            let total = async || self.store.documents_total().await;
            let total = self
                .cache
                .queries
                .value(CacheKey::Total("documents"), total);
            encoded(&part.with(items, observe::aside(total).await?))
        };
        let key = CacheKey::Page {
            sort: sort.name(),
            page: part.page,
            limit: part.limit,
        };
        self.cache.responses.get(key, load).await
    }

    pub(crate) async fn create(&self, draft: Draft) -> Result<Document, Problem> {
        let store = Arc::clone(&self.store);
        let write = async move { store.create_document(&draft).await };
        let touched = Sweep::documents(std::iter::empty());
        Ok(self.cache.aside(touched, write).await?)
    }

    /// Replaces a document by the current write strategy.
    pub(crate) async fn replace(&self, id: i64, draft: Draft) -> Result<Document, Problem> {
        let strategy = self.settings.load().cache.strategy;
        if strategy == WriteStrategy::WriteBehind {
            return self.replace_behind(id, draft).await;
        }
        self.behind.settle(id).await?;
        let store = Arc::clone(&self.store);
        let entity = Entity::Document(id);
        let written = if strategy == WriteStrategy::WriteThrough {
            let write = async move {
                let document = store.replace_document(id, &draft).await?;
                let body = encoded(&document)?;
                Ok::<_, StoreError>((document, body))
            };
            self.cache.through(entity, write).await
        } else {
            let write = async move { store.replace_document(id, &draft).await };
            self.cache.aside(Sweep::cascade(entity), write).await
        };
        Ok(written?)
    }

    async fn replace_behind(&self, id: i64, draft: Draft) -> Result<Document, Problem> {
        // A missing document cannot be replaced, and after the flush it would be too late to report it.
        let there = self.document(id).await;
        there.map_err(|error| Problem::from(&*error))?;
        let Draft {
            title,
            body,
            author,
            tags,
            price_cents,
        } = draft;
        let document = Document {
            id,
            title,
            body,
            author,
            tags,
            price_cents,
            updated_at: now(),
        };
        let bytes = encoded(&document)?;
        self.behind.accept(id, bytes, document.clone()).await?;
        Ok(document)
    }

    pub(crate) async fn delete(&self, id: i64) -> Result<(), Problem> {
        self.behind.settle(id).await?;
        let store = Arc::clone(&self.store);
        let write = async move { store.delete_document(id).await };
        let touched = Sweep::cascade(Entity::Document(id));
        Ok(self.cache.aside(touched, write).await?)
    }

    pub(crate) async fn write_many(
        &self,
        bulk: Bulk,
        mode: BulkMode,
    ) -> Result<BulkOutcome, Problem> {
        let ids: Vec<i64> = bulk.update.iter().map(|(id, _)| *id).collect();
        for id in &ids {
            self.behind.settle(*id).await?;
        }
        let store = Arc::clone(&self.store);
        let write = async move { store.write_documents(&bulk, mode).await };
        let touched = Sweep::documents(ids.into_iter());
        Ok(self.cache.aside(touched, write).await?)
    }

    /// Brings the `count` most-read documents into the cache.
    pub(crate) async fn warm(&self, count: u32) -> Result<WarmedDocuments, StoreError> {
        warm(&self.store, &self.cache, &self.popularity, count).await
    }

    /// Adds this instance's read counts to the database, for the next start, and halves the earlier ones.
    pub(crate) async fn keep_reads(&self) -> Result<(), StoreError> {
        self.store.age_reads().await?;
        self.store.add_reads(&self.popularity.take()).await
    }

    /// Waits at most `within` until every queued write is in the database.
    pub(crate) async fn drain(&self, within: Duration) -> Result<(), QueueTimeout> {
        self.behind.drain(within).await
    }

    /// The write-behind queue.
    pub(crate) fn behind(&self) -> &WriteBehind<Document> {
        &self.behind
    }
}

impl Drop for Catalogue {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl From<QueueTimeout> for Problem {
    fn from(_: QueueTimeout) -> Self {
        Self::unavailable(
            "the write queue is full, or an earlier write of this document is still queued; \
             try again later",
            Duration::from_secs(1),
        )
    }
}

/// The JSON response body.
pub(crate) fn encoded(answer: &impl Serialize) -> Result<Bytes, StoreError> {
    Ok(serde_json::to_vec(answer)?.into())
}

async fn flush(store: Arc<Store>, changes: Vec<Document>) -> Result<(), FlushError> {
    store
        .flush_documents(&changes)
        .await
        .map_err(|error| match error {
            StoreError::Database(DbError::Statement(_) | DbError::Duplicate(_)) => {
                FlushError::Refused(error.into())
            }
            error => FlushError::Later(error.into()),
        })
}

async fn warm(
    store: &Arc<Store>,
    cache: &Cache,
    popularity: &Popularity,
    count: u32,
) -> Result<WarmedDocuments, StoreError> {
    store.add_reads(&popularity.take()).await?;
    let popular = store.popular_documents(count).await?;
    let keys = popular.documents.into_iter().map(CacheKey::Document);
    let load = |keys: Vec<CacheKey>| async move {
        let ids = keys.iter().filter_map(|key| match key {
            CacheKey::Document(id) => Some(*id),
            _ => None,
        });
        let documents = store.documents_of(ids.collect()).await?;
        let bodies = documents
            .iter()
            .map(|document| Ok((CacheKey::Document(document.id), encoded(document)?)));
        bodies.collect::<Result<Vec<_>, StoreError>>()
    };
    Ok(WarmedDocuments {
        warmed: cache.responses.warm(keys.collect(), load).await,
        reads_counted_s_ago: popular.counted_at.map(|at| (now() - at).max(0)),
    })
}
