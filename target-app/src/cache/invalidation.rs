//! Invalidation by key, pattern, entity and cascade: in this process, in the shared store and in the other instances.
//!
//! The order ensures correctness: first nothing that is being read may be kept, then the store is swept, then this
//! instance's entries become invalid, then the other instances are notified. If the operation is dropped at any point,
//! the rest becomes a pending invalidation and is executed later.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::generations::{InvalidationGuard, Place, Stamp};
use super::instruments::timed;
use super::key::{CacheKey, CacheKind, Entity, KeyClass, KeyClasses};
use super::l2::{self, L2Replacement};
use super::{Cache, TwoLevel};
use crate::glob;
use crate::kv::Channel;

/// The keys that an invalidation covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Canonical texts of keys.
    pub(super) texts: BTreeSet<String>,
    /// Whole classes.
    pub(super) classes: KeyClasses,
    /// Patterns of canonical texts, with the wildcards `*` and `?`.
    pub(super) patterns: BTreeSet<String>,
}

/// The target of an operator's invalidation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One key by its canonical text: `document:7`.
    Key(String),
    /// All keys that match: `documents:page:*`.
    Pattern(String),
    /// The entry of an entity.
    Entity(Entity),
    /// The entry of an entity and of everything that may contain it.
    Cascade(Entity),
}

/// Number of valid entries that an invalidation removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Removed {
    /// In this instance's first level.
    pub(crate) l1: u64,
    /// In the shared level, by key or pattern; the lists of a cascade are not counted.
    pub(crate) l2: u64,
    /// Whether the shared level was unreachable; it is swept before it is read again.
    pub(crate) l2_pending: bool,
}

/// An invalidation as sent to other instances.
#[derive(Serialize, Deserialize)]
struct InvalidationMessage {
    from: u64,
    texts: BTreeSet<String>,
    classes: u8,
    patterns: BTreeSet<String>,
}

/// A body that replaces an entry which a write made stale.
pub(super) struct Replacement {
    pub(super) key: CacheKey,
    pub(super) place: Place,
    /// The stamp from before the write.
    pub(super) before: Stamp,
    pub(super) body: Bytes,
    /// The replacement in the second level, if it is on.
    pub(super) below: Option<L2Replacement>,
}

/// A sweep in progress; if it is dropped early, the rest becomes a pending invalidation.
pub(super) struct SweepGuard<'a> {
    cache: &'a Cache,
    sweep: &'a Sweep,
    moving: Vec<InvalidationGuard<'a>>,
    is_done: bool,
}

impl Sweep {
    /// A sweep of the whole cache.
    pub(super) fn everything() -> Self {
        Self {
            texts: BTreeSet::new(),
            classes: KeyClass::ALL.into_iter().collect(),
            patterns: BTreeSet::from(["*".to_owned()]),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.texts.extend(other.texts.iter().cloned());
        self.classes = self.classes.and(other.classes);
        self.patterns.extend(other.patterns.iter().cloned());
    }

    /// The entity's own entry.
    pub(crate) fn entity(entity: Entity) -> Self {
        Self {
            texts: BTreeSet::from([entity.key().to_string()]),
            ..Self::default()
        }
    }

    /// The entity's own entry and everything that may contain it.
    pub(crate) fn cascade(entity: Entity) -> Self {
        Self {
            classes: entity.shown_in(),
            patterns: entity.parts().into_iter().collect(),
            ..Self::entity(entity)
        }
    }

    /// These documents and everything that may contain them; without ids, everything that may contain a new document.
    pub(crate) fn documents(ids: impl Iterator<Item = i64>) -> Self {
        Self {
            texts: ids.map(|id| CacheKey::Document(id).to_string()).collect(),
            classes: Entity::Document(0).shown_in(),
            patterns: BTreeSet::new(),
        }
    }

    /// The sweep of an operator's target.
    fn of(target: &Target) -> Self {
        match target {
            Target::Key(text) => Self {
                texts: BTreeSet::from([text.clone()]),
                ..Self::default()
            },
            Target::Pattern(pattern) => Self {
                patterns: BTreeSet::from([pattern.clone()]),
                ..Self::default()
            },
            Target::Entity(entity) => Self::entity(*entity),
            Target::Cascade(entity) => Self::cascade(*entity),
        }
    }

    fn covers(&self, text: &str) -> bool {
        self.texts.contains(text)
            || KeyClass::of(text).is_some_and(|class| self.classes.contains(class))
            || self
                .patterns
                .iter()
                .any(|pattern| glob::matches(pattern, text))
    }

    /// The places and classes of `home` that become invalid; for a pattern, every class that it may match.
    fn extent(&self, home: CacheKind) -> (impl Iterator<Item = Place>, KeyClasses) {
        let places = self.texts.iter().filter_map(|text| {
            let class = KeyClass::of(text)?;
            Some(Place::of(text, class))
        });
        let of_patterns = self.patterns.iter().filter_map(|one| Place::of_all(one));
        let places = places.chain(of_patterns);
        let touched = self
            .patterns
            .iter()
            .filter(|one| Place::of_all(one).is_none())
            .map(|one| KeyClasses::touched_by(one));
        let classes = touched.fold(self.classes, KeyClasses::and);
        let here = move |place: &Place| place.class().home() == home;
        (places.filter(here), classes.at(home))
    }
}

impl Cache {
    /// Executes an operator's invalidation and counts the entries it removed.
    pub(crate) async fn invalidate(&self, target: &Target) -> Removed {
        let by = &self.instruments.invalidations;
        match target {
            Target::Key(_) => &by.key,
            Target::Pattern(_) => &by.pattern,
            Target::Entity(_) => &by.entity,
            Target::Cascade(_) => &by.cascade,
        }
        .inc();
        let sweep = Sweep::of(target);
        let mut l1 = 0;
        for level in [&self.responses, &self.queries] {
            // Before the sweep, because afterwards none of them is valid.
            l1 += level.l1.forget_matching(|text| sweep.covers(text)).await;
        }
        let below = self.sweep(&sweep).await;
        Removed {
            l1,
            l2: below.unwrap_or(0),
            l2_pending: below.is_none(),
        }
    }

    /// Invalidates everything that `sweep` covers. Returns the number of entries that the store had by key or pattern,
    /// `None` if the store failed.
    pub(super) async fn sweep(&self, sweep: &Sweep) -> Option<u64> {
        self.sweep_and_put(sweep, Vec::new()).await
    }

    /// Like [`Cache::sweep`], but stores the `replacements` of keys that `sweep` names, except where another write
    /// intervened.
    pub(super) async fn sweep_and_put(
        &self,
        sweep: &Sweep,
        mut replacements: Vec<Replacement>,
    ) -> Option<u64> {
        let mut sweeping = SweepGuard::begin(self, sweep);
        let puts: Vec<_> = replacements
            .iter_mut()
            .filter_map(|replacement| replacement.below.take())
            .collect();
        let swept = timed(
            &self.responses.counters.l2_delete,
            l2::sweep(&self.kv, sweep, &puts),
        );
        let below = swept.await.ok();
        if below.is_none() {
            self.defer(sweep);
        }
        let mut stamped = Vec::with_capacity(replacements.len());
        for replacement in replacements {
            if let Some(seen) = sweeping.end_for(&replacement) {
                stamped.push((replacement, seen));
            }
        }
        sweeping.moving.clear();
        for (replacement, seen) in stamped {
            let Replacement {
                key, place, body, ..
            } = replacement;
            let level = self.at(place.class().home());
            level.put_l1(key, place, seen, body).await;
        }
        if below.is_some() && self.publish(sweep).await.is_err() {
            self.defer(sweep);
        }
        sweeping.is_done = true;
        below
    }

    /// Applies the invalidation in a `message` of another instance to this instance's entries.
    pub(super) fn receive(&self, message: &[u8]) {
        let Ok(message) = rmp_serde::from_slice::<InvalidationMessage>(message) else {
            // A message of another version of the program: all that is certain is that something is invalid.
            self.clear_l1();
            return;
        };
        if message.from == self.instance {
            return;
        }
        self.instruments.invalidations.remote.inc();
        let sweep = Sweep {
            texts: message.texts,
            classes: KeyClasses::from_bits(message.classes),
            patterns: message.patterns,
        };
        for (home, level) in self.levels() {
            let (places, classes) = sweep.extent(home);
            level.l1.generations.bump(places, classes);
        }
    }

    /// Invalidates all entries of this instance.
    pub(super) fn clear_l1(&self) {
        self.instruments.invalidations.clear.inc();
        for (home, level) in self.levels() {
            let generations = &level.l1.generations;
            generations.bump(std::iter::empty(), KeyClasses::of_home(home));
            level.l1.forget_all();
        }
    }

    /// Repeats the pending invalidations in the store and their messages; false if they must be retried later.
    pub(super) async fn retry_pending(&self) -> bool {
        let Some((sweep, receipt)) = self.pending_invalidations.snapshot() else {
            return true;
        };
        let is_complete =
            l2::sweep(&self.kv, &sweep, &[]).await.is_ok() && self.publish(&sweep).await.is_ok();
        if is_complete {
            self.pending_invalidations.complete(receipt);
        }
        is_complete && !self.pending_invalidations.has_pending()
    }

    pub(super) fn defer(&self, sweep: &Sweep) {
        self.pending_invalidations.add(sweep);
        self.retry_needed.notify_one();
    }

    pub(super) fn levels(&self) -> [(CacheKind, &Arc<TwoLevel>); 2] {
        [CacheKind::Responses, CacheKind::Queries].map(|home| (home, self.at(home)))
    }

    async fn publish(&self, sweep: &Sweep) -> Result<(), crate::kv::KvError> {
        let message = InvalidationMessage {
            from: self.instance,
            texts: sweep.texts.clone(),
            classes: sweep.classes.bits(),
            patterns: sweep.patterns.clone(),
        };
        // Numbers and text always encode; an empty message would make the other instances drop everything.
        let message = rmp_serde::to_vec_named(&message).unwrap_or_default();
        self.kv
            .publish(Channel::Invalidations, message.into())
            .await
    }
}

impl<'a> SweepGuard<'a> {
    pub(super) fn begin(cache: &'a Cache, sweep: &'a Sweep) -> Self {
        let moving = cache.levels().map(|(home, level)| {
            let (places, classes) = sweep.extent(home);
            level.l1.generations.begin(places, classes)
        });
        Self {
            cache,
            sweep,
            moving: moving.into(),
            is_done: false,
        }
    }

    fn end_for(&mut self, replacement: &Replacement) -> Option<Stamp> {
        let home = replacement.place.class().home();
        self.moving
            .get_mut(home as usize)?
            .end_for(replacement.place, replacement.before)
    }
}

impl Drop for SweepGuard<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            // Deferred before the entries here become invalid; otherwise the next read could find the old body in the
            // second level.
            self.cache.defer(self.sweep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cascade_covers_the_entity_and_all_lists_but_no_other_entity() {
        let sweep = Sweep::cascade(Entity::Document(7));
        for text in [
            "document:7",
            "documents:page:id:1:20",
            "search:a:1:20",
            "total:documents",
        ] {
            assert!(sweep.covers(text), "{text}");
        }
        assert!(!sweep.covers("document:8") && !sweep.covers("course:7"));
    }

    #[test]
    fn a_cascade_of_a_course_covers_its_students_and_no_other_course() {
        let sweep = Sweep::cascade(Entity::Course(1));
        for text in ["course:1", "course:1:students:1:20", "total:courses"] {
            assert!(sweep.covers(text), "{text}");
        }
        let (places, classes) = sweep.extent(CacheKind::Queries);
        let places: Vec<_> = places.collect();
        let place = |text| Place::of(text, KeyClass::Courses);
        assert!(places.contains(&place("course:1:students:3:50")));
        for other in [
            "course:2",
            "course:2:students:1:20",
            "course:11",
            "course:11:students:1:20",
        ] {
            assert!(!sweep.covers(other), "{other}");
            assert!(!places.contains(&place(other)), "{other}");
        }
        assert!(!classes.contains(KeyClass::Courses));
    }
}
