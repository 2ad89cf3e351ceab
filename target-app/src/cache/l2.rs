//! The second cache level: entries in the shared store, as `MessagePack` envelopes, for all instances and across
//! restarts.
//!
//! A fill is rejected if its key was invalidated since the lookup. An entry carries the generation of its key class and
//! is invalid under another one, so that one write invalidates all lists. A store failure is a miss, never an error;
//! invalidations that fail then become pending, and while there are any, this level is not read.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::try_join;

use super::Sweep;
use super::envelope::{LoadedEntry, open, seal};
use super::generations::Place;
use super::instruments::{CacheCounters, timed};
use super::key::{CacheKind, KeyClass, KeyClasses};
use super::pending_invalidations::PendingInvalidations;
use crate::kv::{Kv, KvError, Version};

/// Maximum lifetime of an entry here, whatever its time to live.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// A class's generation must outlive any entry made before it, or such entries would become valid again.
const GENERATION_LIFE: Duration = Duration::from_hours(48);

/// Permission to fill a key after its lookup, unless it is invalidated first.
#[derive(Clone, Copy)]
pub(super) struct FillToken {
    seen: Version,
    generation: u64,
}

/// The result of a lookup.
pub(super) enum L2Lookup {
    Entry(LoadedEntry, FillToken),
    Nothing(FillToken),
    /// The store failed, or must not be read yet.
    Unknown,
}

/// The result of a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FillOutcome {
    Stored,
    /// Something was invalidated since the lookup.
    Refused,
    /// The store failed.
    Failed,
}

/// The body that a write stores in place of an entry, unless another write intervened.
pub(super) struct L2Replacement {
    key: String,
    seen: Version,
    made: LoadedEntry,
}

/// The second level of one cache.
pub(super) struct L2Cache {
    kv: Kv,
    home: CacheKind,
    pending_invalidations: Arc<PendingInvalidations>,
    counters: Arc<CacheCounters>,
}

impl L2Cache {
    pub(super) fn new(
        kv: Kv,
        home: CacheKind,
        pending_invalidations: Arc<PendingInvalidations>,
        counters: Arc<CacheCounters>,
    ) -> Self {
        Self {
            kv,
            home,
            pending_invalidations,
            counters,
        }
    }

    /// Looks up the entry with this canonical text.
    pub(super) async fn get(&self, text: &str, place: Place) -> L2Lookup {
        if self.pending_invalidations.has_pending() {
            self.counters.l2.errors.inc();
            return L2Lookup::Unknown;
        }
        let key = key_of(self.home, text);
        let both = timed(&self.counters.l2_get, async {
            try_join!(self.kv.get_versioned(&key), self.generation(place.class()))
        });
        let Ok((found, generation)) = both.await else {
            self.counters.l2.errors.inc();
            return L2Lookup::Unknown;
        };
        let ticket = FillToken {
            seen: found.seen,
            generation,
        };
        // An invalidation may have become pending since the question.
        if self.pending_invalidations.has_pending() {
            self.counters.l2.errors.inc();
            return L2Lookup::Unknown;
        }
        let found = found.value.and_then(|value| open(&value, generation));
        match found {
            Some(made) => L2Lookup::Entry(made, ticket),
            None => L2Lookup::Nothing(ticket),
        }
    }

    /// Looks up many entries in two round trips; failures count as misses.
    pub(super) async fn get_many(&self, keys: &[(&str, Place)]) -> Vec<Option<LoadedEntry>> {
        let nothing = || vec![None; keys.len()];
        let texts: Vec<_> = keys
            .iter()
            .map(|(text, _)| key_of(self.home, text))
            .collect();
        let classes: KeyClasses = keys.iter().map(|(_, place)| place.class()).collect();
        let generations = try_join_all(classes.iter().map(async |class| {
            let generation = self.generation(class).await?;
            Ok::<_, KvError>((class, generation))
        }));
        let found = timed(&self.counters.l2_get, async {
            try_join!(generations, self.kv.get_many(&texts))
        });
        match found.await {
            // An invalidation may have become pending since the question.
            Ok((generations, values)) if !self.pending_invalidations.has_pending() => keys
                .iter()
                .zip(values)
                .map(|((_, place), value)| {
                    let of_class = |(class, _): &&(KeyClass, u64)| *class == place.class();
                    let (_, generation) = generations.iter().find(of_class)?;
                    open(&value?, *generation)
                })
                .collect(),
            Ok(_) => nothing(),
            Err(_) => {
                self.counters.l2.errors.inc();
                nothing()
            }
        }
    }

    /// Stores the result of a load that began after the lookup of `ticket`.
    pub(super) async fn fill(
        &self,
        text: &str,
        made: &LoadedEntry,
        ticket: FillToken,
    ) -> FillOutcome {
        let ttl = made.until.saturating_duration_since(Instant::now());
        let ttl = ttl.min(LONGEST_LIFE);
        if ttl < Duration::from_millis(1) || self.pending_invalidations.has_pending() {
            return FillOutcome::Refused;
        }
        let Some(envelope) = seal(made, ttl, ticket.generation) else {
            return FillOutcome::Failed;
        };
        let key = key_of(self.home, text);
        let filled = timed(
            &self.counters.l2_set,
            self.kv.fill(&key, envelope, ttl, ticket.seen),
        );
        match filled.await {
            Ok(true) => FillOutcome::Stored,
            Ok(false) => {
                self.counters.stale_l2_fills.inc();
                FillOutcome::Refused
            }
            Err(_) => {
                self.counters.l2.errors.inc();
                FillOutcome::Failed
            }
        }
    }

    pub(super) fn kv(&self) -> &Kv {
        &self.kv
    }

    /// The generation of a class of lists; other classes are invalidated only by key.
    async fn generation(&self, class: KeyClass) -> Result<u64, KvError> {
        if !class.is_swept() {
            return Ok(0);
        }
        let key = generation_key(class);
        let mut found = self.kv.get(&key).await?;
        if found.is_none() {
            // The class has no generation yet, or a full store has evicted it: entries made before must not be valid.
            let fresh = fresh_generation();
            self.kv.set_if_absent(&key, fresh, GENERATION_LIFE).await?;
            found = self.kv.get(&key).await?;
        }
        let found =
            found.and_then(|found| Some(u64::from_le_bytes(found.as_ref().try_into().ok()?)));
        // Under a generation that nobody else has, no entry is valid.
        Ok(found.unwrap_or_else(rand::random))
    }
}

impl L2Replacement {
    /// The replacement for a key whose `ticket` was taken before the write began.
    pub(super) fn new(home: CacheKind, text: &str, ticket: FillToken, made: LoadedEntry) -> Self {
        Self {
            key: key_of(home, text),
            seen: ticket.seen,
            made,
        }
    }

    async fn make(&self, kv: &Kv) -> Result<bool, KvError> {
        let ttl = self.made.until.saturating_duration_since(Instant::now());
        let ttl = ttl.clamp(Duration::from_millis(1), LONGEST_LIFE);
        match seal(&self.made, ttl, 0) {
            Some(envelope) => kv.replace(&self.key, envelope, ttl, self.seen).await,
            None => kv
                .invalidate(std::slice::from_ref(&self.key))
                .await
                .map(|_| false),
        }
    }
}

/// Invalidates in the store what `sweep` covers and stores the replacements; returns how many entries existed under its
/// keys and patterns.
pub(super) async fn sweep(kv: &Kv, sweep: &Sweep, puts: &[L2Replacement]) -> Result<u64, KvError> {
    let replaced: HashSet<&str> = puts.iter().map(|put| put.key.as_str()).collect();
    let keys: Vec<_> = sweep
        .texts
        .iter()
        .filter_map(|text| Some(key_of(KeyClass::of(text)?.home(), text)))
        .filter(|key| !replaced.contains(key.as_str()))
        .collect();
    let mut classes: Vec<_> = sweep
        .classes
        .iter()
        .filter(|class| class.is_swept())
        .collect();
    // A reader that sees the new generation of a list must not find its parts under their old generation.
    classes.sort_by_key(|class| !class.is_part());
    let generations: Vec<_> = classes
        .into_iter()
        .map(|class| (generation_key(class), fresh_generation()))
        .collect();
    let (mut removed, (), _) = try_join!(
        kv.invalidate(&keys),
        kv.set_many(&generations, GENERATION_LIFE),
        try_join_all(puts.iter().map(|put| put.make(kv))),
    )?;
    for pattern in &sweep.patterns {
        for home in [CacheKind::Responses, CacheKind::Queries] {
            removed += kv.invalidate_matching(&key_of(home, pattern)).await?;
        }
    }
    Ok(removed)
}

/// The store's key for a canonical text or pattern.
pub(super) fn key_of(home: CacheKind, text: &str) -> String {
    format!("{}:{text}", home.name())
}

/// A generation that never existed before; 0 is reserved for classes without one.
fn fresh_generation() -> Bytes {
    Bytes::copy_from_slice(&rand::random_range(1..=u64::MAX).to_le_bytes())
}

/// Outside the texts that any pattern of entries matches.
fn generation_key(class: KeyClass) -> String {
    format!("generation:{}", class.prefix())
}
