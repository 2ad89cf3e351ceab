//! The edge cache (CDN) between the router and the origin of the assets.
//!
//! It stores what the origin's `Cache-Control` allows: versioned names forever, plain names for `edge.ttl`, after which
//! it revalidates them. Copies are removed by a purge, or when `edge.items` others were used since. A request for a
//! page prefetches the assets that it links to. With `edge.enabled=false` every request is answered by the origin.

mod content;
mod local;
mod meters;
mod origin;
mod provider;

use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderValue;
use bytes::Bytes;
use reqwest::Client;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

pub(crate) use provider::{Purge, Purged};

use crate::metrics::Metrics;
use crate::settings::{EdgeProvider, Live};
use local::{CachedAsset, EdgeLookup, LocalEdge};
use meters::EdgeMetrics;
use origin::{Asset, Origin, OriginAnswer};
use provider::{HttpPurge, Provider};

/// The text before and after a link to an asset.
const LINK: (&str, char) = ("\"/assets/", '"');

/// The edge of one [`State`](crate::State). Clones share it.
#[derive(Clone)]
pub(crate) struct Edge(Arc<EdgeState>);

struct EdgeState {
    settings: Arc<Live>,
    origin: Arc<Origin>,
    local: Arc<LocalEdge>,
    remote: HttpPurge,
    meters: EdgeMetrics,
    /// Prefetches one page's assets at a time; another page's are fetched on demand.
    prefetching: Arc<Semaphore>,
}

/// An asset to be sent to a client.
#[derive(Debug)]
pub(crate) struct ServedAsset {
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) tag: HeaderValue,
    pub(crate) cache_control: HeaderValue,
    /// Seconds since the origin confirmed it.
    pub(crate) age: u64,
    /// Value of `X-Edge`.
    pub(crate) edge: &'static str,
}

/// The origin could not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the origin of the assets failed")]
pub(crate) struct OriginError(#[source] Arc<JoinError>);

/// The state of the edge for administrators.
#[derive(Serialize)]
pub(crate) struct EdgeStats {
    enabled: bool,
    provider: &'static str,
    /// Copies kept.
    items: usize,
    /// Bytes of the cached bodies.
    bytes: usize,
    hits: u64,
    misses: u64,
    revalidated: u64,
    /// Requests answered by the origin because the edge was off.
    off: u64,
    /// Hits divided by requests to the edge, 0 to 1.
    hit_ratio: f64,
    /// Copies removed by purges.
    purged: u64,
    prefetched: u64,
    copies: Vec<CopyStats>,
}

#[derive(Serialize)]
struct CopyStats {
    name: Arc<String>,
    bytes: usize,
    age_seconds: u64,
    fresh_for_seconds: u64,
}

impl Edge {
    /// An empty edge in front of the assets of `seed`; `client` sends purges and has a time limit.
    pub(crate) fn new(
        seed: u64,
        client: Client,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let local = Arc::new(LocalEdge::new(settings));
        Ok(Self(Arc::new(EdgeState {
            settings: Arc::clone(settings),
            origin: Arc::new(Origin::new(seed)),
            remote: HttpPurge::new(&local, client, settings),
            local,
            meters: EdgeMetrics::new(metrics)?,
            prefetching: Arc::new(Semaphore::new(1)),
        })))
    }

    /// The asset of this name, if it exists.
    pub(crate) async fn asset(&self, name: &str) -> Result<Option<ServedAsset>, OriginError> {
        let inner = &self.0;
        if !inner.settings.load().edge.enabled {
            inner.meters.off.inc();
            let answer = inner.ask(name, None).await?;
            return Ok(match answer {
                Some(OriginAnswer::Whole(asset)) => Some(ServedAsset::new(asset, 0, "off")),
                Some(OriginAnswer::Unchanged(_)) | None => None,
            });
        }
        let Some((kept, found)) = inner.fetch(name).await? else {
            return Ok(None);
        };
        inner.meters.count(found);
        let edge = match found {
            EdgeLookup::Hit => "hit",
            EdgeLookup::Miss => "miss",
            EdgeLookup::Revalidated => "revalidated",
        };
        if found != EdgeLookup::Hit {
            inner.weigh().await;
            self.prefetch(&kept);
        }
        let age = kept.age().as_secs();
        Ok(Some(ServedAsset::new(kept.asset.clone(), age, edge)))
    }

    /// Removes copies here, and at the configured provider.
    pub(crate) async fn purge(&self, purge: &Purge) -> Purged {
        let inner = &self.0;
        let purged = inner.provider().purge(purge).await;
        let meters = &inner.meters;
        match &purged.remote {
            None => meters.purges.local.inc(),
            Some(Ok(_)) => meters.purges.remote.inc(),
            Some(Err(_)) => meters.purges.remote_failed.inc(),
        }
        meters.purged.inc_by(purged.copies as u64);
        inner.weigh().await;
        purged
    }

    pub(crate) async fn stats(&self) -> EdgeStats {
        let inner = &self.0;
        let (meters, all) = (&inner.meters, inner.local.all().await);
        EdgeStats {
            enabled: inner.settings.load().edge.enabled,
            provider: inner.provider().name(),
            items: all.len(),
            bytes: all.iter().map(|(_, kept)| kept.asset.body.len()).sum(),
            hits: meters.hits.get(),
            misses: meters.misses.get(),
            revalidated: meters.revalidated.get(),
            off: meters.off.get(),
            hit_ratio: meters.hit_ratio(),
            purged: meters.purged.get(),
            prefetched: meters.prefetched.get(),
            copies: all
                .into_iter()
                .map(|(name, kept)| CopyStats {
                    name,
                    bytes: kept.asset.body.len(),
                    age_seconds: kept.age().as_secs(),
                    fresh_for_seconds: kept.fresh_for().as_secs(),
                })
                .collect(),
        }
    }

    /// Prefetches the assets that a page links to, in the background.
    fn prefetch(&self, page: &CachedAsset) {
        let inner = Arc::clone(&self.0);
        if !inner.settings.load().edge.prefetch || !page.asset.content_type.starts_with("text/html")
        {
            return;
        }
        let Ok(turn) = Arc::clone(&inner.prefetching).try_acquire_owned() else {
            return;
        };
        let linked: Vec<String> = links(&page.asset.body).map(str::to_owned).collect();
        tokio::spawn(async move {
            for name in linked {
                // A link that cannot be fetched now is fetched on demand.
                if let Ok(Some((_, EdgeLookup::Miss | EdgeLookup::Revalidated))) =
                    inner.fetch(&name).await
                {
                    inner.meters.prefetched.inc();
                }
            }
            inner.weigh().await;
            drop(turn);
        });
    }
}

impl EdgeState {
    fn provider(&self) -> &dyn Provider {
        match self.settings.load().edge.provider {
            EdgeProvider::Local => self.local.as_ref(),
            EdgeProvider::Http => &self.remote,
        }
    }

    async fn fetch(
        &self,
        name: &str,
    ) -> Result<Option<(Arc<CachedAsset>, EdgeLookup)>, OriginError> {
        if let Some(kept) = self.local.fresh(name).await {
            return Ok(Some((kept, EdgeLookup::Hit)));
        }
        self.local
            .fetch(name, async |tag| self.ask(name, tag).await)
            .await
    }

    /// Asks the origin outside the threads that answer requests, because generating a body is CPU work.
    async fn ask(
        &self,
        name: &str,
        tag: Option<HeaderValue>,
    ) -> Result<Option<OriginAnswer>, OriginError> {
        let origin = Arc::clone(&self.origin);
        let plain_ttl = self.settings.load().edge.ttl.0;
        let name = name.to_owned();
        let began = Instant::now();
        let made = spawn_blocking(move || origin.ask(&name, tag.as_ref(), plain_ttl)).await;
        let answer = made.map_err(|error| OriginError(Arc::new(error)))?;
        let seconds = began.elapsed().as_secs_f64();
        match &answer {
            Some(OriginAnswer::Whole(_)) => self.meters.made.observe(seconds),
            Some(OriginAnswer::Unchanged(_)) => self.meters.unchanged.observe(seconds),
            None => {}
        }
        Ok(answer)
    }

    async fn weigh(&self) {
        let all = self.local.all().await;
        let bytes: usize = all.iter().map(|(_, kept)| kept.asset.body.len()).sum();
        self.meters.bytes.set(bytes as i64);
    }
}

impl ServedAsset {
    fn new(asset: Asset, age: u64, edge: &'static str) -> Self {
        let Asset {
            body,
            content_type,
            tag,
            cache_control,
        } = asset;
        Self {
            body,
            content_type,
            tag,
            cache_control,
            age,
            edge,
        }
    }
}

/// The names of the assets that a page links to.
fn links(page: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(page).unwrap_or_default();
    let after = text.split(LINK.0).skip(1);
    after.filter_map(|rest| rest.split_once(LINK.1).map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_at_any_position() {
        let page =
            br#"<link href="/assets/a.css"><script src="/assets/b.js"></script><a href="/else">"#;
        assert_eq!(links(page).collect::<Vec<_>>(), ["a.css", "b.js"]);
        assert_eq!(links(b"\xff").count(), 0);
    }
}
