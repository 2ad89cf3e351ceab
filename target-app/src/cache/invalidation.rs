//! Making entries void: by key, by pattern, by entity, in cascade; here, in the shared store and in the other instances.
//!
//! The order is what makes it right: first nothing that is being read may be kept any more, then the store is swept, then
//! this instance's entries are void, and then the others are told. Dropped at any point, the rest is owed and done later.

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

/// What an invalidation covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Canonical texts of keys.
    pub(super) texts: BTreeSet<String>,
    /// Whole classes.
    pub(super) classes: KeyClasses,
    /// Patterns of canonical texts; `*` and `?` are wild.
    pub(super) patterns: BTreeSet<String>,
}

/// What an operator wants to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One key by its canonical text: `document:7`.
    Key(String),
    /// All keys that match: `documents:page:*`.
    Pattern(String),
    /// The entry of an entity.
    Entity(Entity),
    /// The entry of an entity and of everything that may show it.
    Cascade(Entity),
}

/// How many good entries an invalidation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Removed {
    /// In this instance's first level.
    pub(crate) l1: u64,
    /// In the shared level, by key or pattern; the lists of a cascade go uncounted.
    pub(crate) l2: u64,
    /// Whether the shared level could not be reached; it is not read before it was swept.
    pub(crate) l2_pending: bool,
}

/// An invalidation as other instances are told.
#[derive(Serialize, Deserialize)]
struct InvalidationMessage {
    from: u64,
    texts: BTreeSet<String>,
    classes: u8,
    patterns: BTreeSet<String>,
}

/// A body to keep in place of an entry that a write made stale.
pub(super) struct Replacement {
    pub(super) key: CacheKey,
    pub(super) place: Place,
    /// The generations from before the write.
    pub(super) before: Stamp,
    pub(super) body: Bytes,
    /// The same for the second level, if it is on.
    pub(super) below: Option<L2Replacement>,
}

/// A sweep under way; what it did not come to when it is dropped is owed.
pub(super) struct SweepGuard<'a> {
    cache: &'a Cache,
    sweep: &'a Sweep,
    moving: Vec<InvalidationGuard<'a>>,
    is_done: bool,
}

impl Sweep {
    /// Everything that the cache keeps.
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

    /// The entity's own entry and everything that may show it.
    pub(crate) fn cascade(entity: Entity) -> Self {
        Self {
            classes: entity.shown_in(),
            patterns: entity.parts().into_iter().collect(),
            ..Self::entity(entity)
        }
    }

    /// These documents and everything that may show them; without any, what may show a new one.
    pub(crate) fn documents(ids: impl Iterator<Item = i64>) -> Self {
        Self {
            texts: ids.map(|id| CacheKey::Document(id).to_string()).collect(),
            classes: Entity::Document(0).shown_in(),
            patterns: BTreeSet::new(),
        }
    }

    /// What an operator wants.
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

    /// The places and classes of `home` that become void; of a pattern, every class that it touches.
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
    /// Does what an operator wants, and counts what it found.
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
            // Before the sweep, after which none of them is good.
            l1 += level.l1.forget_matching(|text| sweep.covers(text)).await;
        }
        let below = self.sweep(&sweep).await;
        Removed {
            l1,
            l2: below.unwrap_or(0),
            l2_pending: below.is_none(),
        }
    }

    /// Makes everything that `sweep` covers void; how many entries the store had by key or pattern, `None` when it failed.
    pub(super) async fn sweep(&self, sweep: &Sweep) -> Option<u64> {
        self.sweep_and_put(sweep, Vec::new()).await
    }

    /// The same, and keeps the `replacements` of keys that `sweep` names, but for those that another write came between.
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

    /// Makes this instance's entries void; `true` when it is told of by `message` of another one.
    pub(super) fn receive(&self, message: &[u8]) {
        let Ok(message) = rmp_serde::from_slice::<InvalidationMessage>(message) else {
            // Of a version that says it otherwise: all that is certain is that something is void.
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

    /// Makes all of this instance's entries void.
    pub(super) fn clear_l1(&self) {
        self.instruments.invalidations.clear.inc();
        for (home, level) in self.levels() {
            let generations = &level.l1.generations;
            generations.bump(std::iter::empty(), KeyClasses::of_home(home));
            level.l1.forget_all();
        }
    }

    /// Does again in the store and tells again what is owed; false when it must be tried later.
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
        // Numbers and text always encode; an empty message would still make the others drop everything.
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
            // Owed before the entries here are void, or the next read could find the old body below.
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
