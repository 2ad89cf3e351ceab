//! The first cache level: entries of this process, with LRU eviction.
//!
//! An entry is valid until it expires or something about it is invalidated after it was read (see
//! [`super::generations`]). Invalid entries stay until they are replaced or evicted. While messages of other instances
//! may be missing, entries are valid for only a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use moka::Expiry;
use moka::future::Cache as Moka;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use tokio::sync::mpsc;

use super::generations::{Generations, Place, Stamp};
use super::instruments::{CacheCounters, observe};
use super::key::CacheKey;

/// Body bytes per unit of capacity: a larger body takes several units, so that the capacity also limits memory, to 64
/// MB for a thousand units.
const PLACE: usize = 64 << 10;
/// Maximum age of an entry while invalidations by other instances cannot be received.
pub(super) const UNHEARD_AGE: Duration = Duration::from_secs(1);

/// A cached body.
#[derive(Clone, Debug)]
pub(super) struct L1Entry {
    pub(super) body: Bytes,
    /// Expiry.
    pub(super) until: Instant,
    /// Time of insertion into this level.
    pub(super) entered: Instant,
    /// Duration of the load.
    pub(super) cost: Duration,
    pub(super) place: Place,
    /// The generations before the body was read.
    pub(super) seen: Stamp,
    /// Whether the second level has the entry, as far as is known.
    pub(super) is_below: bool,
}

/// An evicted entry.
pub(super) type EvictedEntry = (Arc<CacheKey>, L1Entry);

pub(super) struct L1Cache {
    entries: ArcSwap<Moka<CacheKey, L1Entry>>,
    pub(super) generations: Generations,
    is_unlinked: AtomicBool,
    evicted: mpsc::Sender<EvictedEntry>,
    counters: Arc<CacheCounters>,
}

struct UntilOver;

impl Expiry<CacheKey, L1Entry> for UntilOver {
    fn expire_after_create(&self, _: &CacheKey, entry: &L1Entry, now: Instant) -> Option<Duration> {
        Some(entry.until.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        entry: &L1Entry,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.until.saturating_duration_since(now))
    }
}

impl L1Cache {
    /// A level of `items` units. Evicted entries that are valid and not known to be in the second level are sent to
    /// `evicted`.
    pub(super) fn new(
        items: u32,
        evicted: mpsc::Sender<EvictedEntry>,
        counters: Arc<CacheCounters>,
    ) -> Self {
        Self {
            entries: ArcSwap::from_pointee(entries(items, &evicted, &counters)),
            generations: Generations::new(),
            is_unlinked: AtomicBool::new(false),
            evicted,
            counters,
        }
    }

    /// The entry of `key`, if it is valid.
    pub(super) async fn get(&self, key: &CacheKey) -> Option<L1Entry> {
        let entry = self.entries.load().get(key).await?;
        if !self.generations.holds(entry.place, entry.seen) {
            return None;
        }
        if self.is_unlinked.load(Ordering::Relaxed) {
            if entry.entered.elapsed() >= UNHEARD_AGE {
                return None;
            }
            self.counters.read_unlinked.inc();
        }
        Some(entry)
    }

    /// Stores `entry` unless something about it was invalidated since it was read; returns whether it was stored.
    pub(super) async fn put(&self, key: CacheKey, entry: L1Entry) -> bool {
        if !self.generations.holds(entry.place, entry.seen) {
            self.counters.stale_l1_fills.inc();
            return false;
        }
        // From here on an invalidation makes the entry invalid without having to find it.
        let began = Instant::now();
        self.entries.load().insert(key, entry).await;
        observe(&self.counters.l1_set, began.elapsed());
        true
    }

    /// Removes the entries whose canonical text `matches`; returns how many of them were valid.
    ///
    /// Iterates over the whole level: for operators, not for requests.
    pub(super) async fn forget_matching(&self, matches: impl Fn(&str) -> bool) -> u64 {
        let entries = self.entries.load_full();
        let found: Vec<_> = entries
            .iter()
            .filter(|(key, _)| matches(&key.to_string()))
            .collect();
        let now = Instant::now();
        let mut count = 0;
        for (key, entry) in found {
            let began = Instant::now();
            entries.invalidate(&*key).await;
            observe(&self.counters.l1_delete, began.elapsed());
            count +=
                u64::from(entry.until > now && self.generations.holds(entry.place, entry.seen));
        }
        count
    }

    /// Removes all entries.
    pub(super) fn forget_all(&self) {
        self.entries.load().invalidate_all();
    }

    /// Whether invalidations by other instances may be missing.
    pub(super) fn set_unlinked(&self, is_unlinked: bool) {
        self.is_unlinked.store(is_unlinked, Ordering::Release);
    }

    pub(super) fn is_unlinked(&self) -> bool {
        self.is_unlinked.load(Ordering::Acquire)
    }

    /// Changes the capacity to `items` units and keeps as many entries as fit.
    pub(super) async fn resize(&self, items: u32) {
        if self.capacity() == u64::from(items) {
            return;
        }
        let larger = entries(items, &self.evicted, &self.counters);
        let old = self.entries.swap(Arc::new(larger));
        let entries = self.entries.load_full();
        for (key, entry) in old.iter().take(items as usize) {
            entries.insert((*key).clone(), entry).await;
        }
    }

    /// Number of entries, including invalid ones that are not yet replaced.
    pub(super) fn len(&self) -> u64 {
        self.entries.load().entry_count()
    }

    /// Capacity in units.
    pub(super) fn capacity(&self) -> u64 {
        self.entries.load().policy().max_capacity().unwrap_or(0)
    }

    /// Brings [`L1Cache::len`] and evictions up to date.
    pub(super) async fn settle(&self) {
        self.entries.load_full().run_pending_tasks().await;
    }
}

fn entries(
    items: u32,
    evicted: &mpsc::Sender<EvictedEntry>,
    counters: &Arc<CacheCounters>,
) -> Moka<CacheKey, L1Entry> {
    let (evicted, counters) = (evicted.clone(), Arc::clone(counters));
    Moka::builder()
        .max_capacity(items.into())
        .eviction_policy(EvictionPolicy::lru())
        .weigher(|_, entry: &L1Entry| entry.body.len().div_ceil(PLACE).max(1) as u32)
        .expire_after(UntilOver)
        .eviction_listener(move |key, entry: L1Entry, cause| {
            if cause == RemovalCause::Size
                && !entry.is_below
                && entry.until > Instant::now()
                && evicted.try_send((key, entry)).is_err()
            {
                counters.not_demoted.inc();
            }
        })
        .build()
}
