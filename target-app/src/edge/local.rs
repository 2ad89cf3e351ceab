//! The edge cache of this process: LRU copies, fresh as long as the origin's `Cache-Control` says.
//!
//! Of concurrent requests for a missing or stale copy, one asks the origin and the others wait for its result. A purge
//! during the question wins: the result is delivered to the waiting requests but not kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::HeaderValue;
use moka::future::Cache;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use tokio::time::Instant;

use super::origin::{Asset, OriginAnswer};
use super::provider::Purge;
use crate::settings::Live;

/// A cached asset.
#[derive(Debug)]
pub(super) struct CachedAsset {
    pub(super) asset: Asset,
    /// Time when the origin last confirmed the asset.
    confirmed: Instant,
    fresh_for: Duration,
}

/// The origin of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdgeLookup {
    /// From a fresh copy, or from one that another request fetched meanwhile.
    Hit,
    /// From the origin.
    Miss,
    /// From a stale copy that the origin confirmed.
    Revalidated,
}

pub(super) struct LocalEdge {
    copies: ArcSwap<Copies>,
    settings: Arc<Live>,
    /// Number of purges so far.
    purges: AtomicU64,
}

struct Copies {
    /// The maximum number of copies.
    items: u32,
    by_name: Cache<String, Arc<CachedAsset>>,
}

impl CachedAsset {
    /// Time since the origin confirmed it.
    pub(super) fn age(&self) -> Duration {
        self.confirmed.elapsed()
    }

    /// Freshness lifetime, from its confirmation.
    pub(super) fn fresh_for(&self) -> Duration {
        self.fresh_for
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.age() < self.fresh_for
    }
}

impl Copies {
    fn new(items: u32) -> Self {
        Self {
            items,
            by_name: Cache::builder()
                .max_capacity(items.into())
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        }
    }
}

impl LocalEdge {
    pub(super) fn new(settings: &Arc<Live>) -> Self {
        let items = settings.load().edge.items;
        Self {
            copies: ArcSwap::from_pointee(Copies::new(items)),
            settings: Arc::clone(settings),
            purges: AtomicU64::new(0),
        }
    }

    /// The copies; starts empty when their maximum was changed.
    fn copies(&self) -> Arc<Copies> {
        let copies = self.copies.load_full();
        let items = self.settings.load().edge.items;
        if copies.items == items {
            return copies;
        }
        let anew = Arc::new(Copies::new(items));
        // The first writer wins; the others use its value.
        self.copies.compare_and_swap(&copies, anew);
        self.copies.load_full()
    }

    /// A fresh copy of `name`.
    pub(super) async fn fresh(&self, name: &str) -> Option<Arc<CachedAsset>> {
        let kept = self.copies().by_name.get(name).await?;
        kept.is_fresh().then_some(kept)
    }

    /// Gets a fresh copy of `name`. `ask` receives the tag of a stale copy and returns the origin's answer, if it knows
    /// the name.
    pub(super) async fn fetch<E: Send + Sync + 'static>(
        &self,
        name: &str,
        ask: impl AsyncFnOnce(Option<HeaderValue>) -> Result<Option<OriginAnswer>, E>,
    ) -> Result<Option<(Arc<CachedAsset>, EdgeLookup)>, E> {
        let copies = self.copies();
        let purges = self.purges.load(Ordering::SeqCst);
        let mut given = None;
        copies
            .by_name
            .entry_by_ref(name)
            .and_try_compute_with(async |held| {
                let held = held.map(moka::Entry::into_value);
                if let Some(kept) = held.as_ref().filter(|kept| kept.is_fresh()) {
                    given = Some((Arc::clone(kept), EdgeLookup::Hit));
                    return Ok(Op::Nop);
                }
                let tag = held.as_ref().map(|kept| kept.asset.tag.clone());
                let (asset, found) = match (ask(tag).await?, held) {
                    (Some(OriginAnswer::Whole(asset)), _) => (asset, EdgeLookup::Miss),
                    (Some(OriginAnswer::Unchanged(cache_control)), Some(kept)) => {
                        let mut asset = kept.asset.clone();
                        asset.cache_control = cache_control;
                        (asset, EdgeLookup::Revalidated)
                    }
                    (Some(OriginAnswer::Unchanged(_)) | None, _) => return Ok(Op::Remove),
                };
                let fresh_for = freshness(&asset.cache_control);
                let kept = Arc::new(CachedAsset {
                    asset,
                    confirmed: Instant::now(),
                    fresh_for: fresh_for.unwrap_or_default(),
                });
                given = Some((Arc::clone(&kept), found));
                // A request that arrived after a purge must not get a result from before it, and asks the origin again.
                let is_purged = self.purges.load(Ordering::SeqCst) != purges;
                Ok(if fresh_for.is_some() && !is_purged {
                    Op::Put(kept)
                } else {
                    Op::Remove
                })
            })
            .await?;
        // A purge increments its counter before it removes copies: either it removes this copy, or the counter differs
        // here.
        if self.purges.load(Ordering::SeqCst) != purges {
            copies.by_name.invalidate(name).await;
        }
        Ok(given)
    }

    /// Removes the copies that `purge` selects; returns how many.
    pub(super) async fn remove(&self, purge: &Purge) -> usize {
        self.purges.fetch_add(1, Ordering::SeqCst);
        let copies = self.copies();
        let taken: Vec<_> = copies
            .by_name
            .iter()
            .map(|(name, _)| name)
            .filter(|name| purge.matches(name))
            .collect();
        let mut removed = 0;
        for name in taken {
            if copies.by_name.remove(name.as_str()).await.is_some() {
                removed += 1;
            }
        }
        removed
    }

    /// All copies by name, after pending evictions.
    pub(super) async fn all(&self) -> Vec<(Arc<String>, Arc<CachedAsset>)> {
        let copies = self.copies();
        copies.by_name.run_pending_tasks().await;
        let mut all: Vec<_> = copies.by_name.iter().collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }
}

/// Freshness lifetime for a shared cache, from `Cache-Control` (RFC 9111); `None` if it must not store the response.
fn freshness(cache_control: &HeaderValue) -> Option<Duration> {
    let mut seconds = None;
    for directive in cache_control.to_str().ok()?.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let value = value.trim().trim_matches('"').parse().ok();
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "private" => return None,
            "no-cache" => seconds = Some(0),
            // Takes precedence over `max-age` in a shared cache, wherever it stands.
            "s-maxage" => return value.map(Duration::from_secs),
            "max-age" => seconds = seconds.or(value),
            _ => {}
        }
    }
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use tokio::sync::Notify;
    use tokio::time::advance;

    use super::*;
    use crate::settings::Settings;

    fn edge() -> LocalEdge {
        LocalEdge::new(&Arc::new(Live::new(Settings::default())))
    }

    fn asset(cache_control: &'static str) -> OriginAnswer {
        OriginAnswer::Whole(Asset {
            body: Bytes::from_static(b"body"),
            content_type: "text/plain",
            tag: HeaderValue::from_static("\"tag\""),
            cache_control: HeaderValue::from_static(cache_control),
        })
    }

    async fn fetched(edge: &LocalEdge, cache_control: &'static str) -> EdgeLookup {
        let answer = async |tag: Option<HeaderValue>| {
            let unchanged = HeaderValue::from_static(cache_control);
            let answer = match tag {
                Some(_) => OriginAnswer::Unchanged(unchanged),
                None => asset(cache_control),
            };
            Ok::<_, Infallible>(Some(answer))
        };
        let fetched = edge.fetch("name", answer).await;
        let (kept, found) = fetched.expect("infallible").expect("known");
        assert_eq!(kept.asset.body, "body");
        found
    }

    #[test]
    fn freshness_is_what_the_origin_says_to_shared_caches() {
        for (text, seconds) in [
            ("public, max-age=60", Some(60)),
            ("max-age=\"60\", immutable", Some(60)),
            ("max-age=60, s-maxage=5", Some(5)),
            ("public, no-cache, max-age=60", Some(0)),
            ("no-store, max-age=60", None),
            ("Private", None),
            ("public", None),
            ("max-age=soon", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(
                freshness(&HeaderValue::from_static(text)),
                expected,
                "{text}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_copy_is_confirmed_and_lives_on() {
        let edge = edge();
        let plain = "public, max-age=60";
        assert_eq!(fetched(&edge, plain).await, EdgeLookup::Miss);
        advance(Duration::from_secs(59)).await;
        assert_eq!(fetched(&edge, plain).await, EdgeLookup::Hit);
        advance(Duration::from_secs(1)).await;
        assert!(edge.fresh("name").await.is_none());
        assert_eq!(fetched(&edge, plain).await, EdgeLookup::Revalidated);
        assert_eq!(fetched(&edge, plain).await, EdgeLookup::Hit);
        assert_eq!(edge.remove(&Purge::All).await, 1);
        assert_eq!(fetched(&edge, plain).await, EdgeLookup::Miss);
    }

    #[tokio::test]
    async fn a_response_that_must_not_be_stored_is_not_stored() {
        let edge = edge();
        for _ in 0..2 {
            assert_eq!(fetched(&edge, "no-store").await, EdgeLookup::Miss);
        }
        assert!(edge.all().await.is_empty());
    }

    #[tokio::test]
    async fn a_purge_while_the_origin_is_asked_wins() {
        let edge = edge();
        let (asked, go_on) = (Notify::new(), Notify::new());
        let answer = async |_| {
            asked.notify_one();
            go_on.notified().await;
            Ok::<_, Infallible>(Some(asset("max-age=60")))
        };
        let purge = async {
            asked.notified().await;
            edge.remove(&Purge::All).await;
            go_on.notify_one();
        };
        let (fetched, ()) = tokio::join!(edge.fetch("name", answer), purge);
        assert!(fetched.expect("infallible").is_some());
        assert!(edge.all().await.is_empty());
    }

    #[tokio::test]
    async fn a_request_after_a_purge_does_not_get_an_earlier_answer() {
        let edge = edge();
        let (asked, go_on) = (Notify::new(), Notify::new());
        let slow = async |_| {
            asked.notify_one();
            go_on.notified().await;
            Ok::<_, Infallible>(Some(asset("max-age=60")))
        };
        let late = async {
            asked.notified().await;
            edge.remove(&Purge::All).await;
            let fetched = fetched(&edge, "max-age=60");
            let mut fetched = std::pin::pin!(fetched);
            // It waits for the first request, which continues only afterwards.
            assert!(fetched.as_mut().now_or_never().is_none());
            go_on.notify_one();
            fetched.await
        };
        let (early, late) = tokio::join!(edge.fetch("name", slow), late);
        assert!(early.expect("infallible").is_some());
        assert_eq!(late, EdgeLookup::Miss);
        assert_eq!(fetched(&edge, "max-age=60").await, EdgeLookup::Hit);
    }

    #[tokio::test]
    async fn one_request_asks_and_the_others_wait_even_if_it_is_dropped() {
        let edge = Arc::new(edge());
        let asked = Arc::new(Notify::new());
        let leader = tokio::spawn({
            let (edge, asked) = (Arc::clone(&edge), Arc::clone(&asked));
            async move {
                let never = async |_| {
                    asked.notify_one();
                    std::future::pending::<Result<Option<OriginAnswer>, Infallible>>().await
                };
                edge.fetch("name", never).await.map(drop)
            }
        });
        asked.notified().await;
        let waiter = tokio::spawn({
            let edge = Arc::clone(&edge);
            async move { fetched(&edge, "max-age=60").await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished(), "it waits for the first");
        leader.abort();
        assert_eq!(waiter.await.expect("no panic"), EdgeLookup::Miss);
        assert_eq!(fetched(&edge, "max-age=60").await, EdgeLookup::Hit);
    }
}
