//! Ensures that a value read before an invalidation is never kept after it.
//!
//! Each slot of keys and each key class has one word: the number of its invalidations (upper 48 bits) and the number of
//! those in progress (lower 16 bits). A loaded value is stamped with the words from before the load, and is valid only
//! while they are unchanged. A late fill is therefore invalid wherever it is stored, and the invalidation of a whole
//! class costs one addition.

use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{KeyClass, KeyClasses};

/// Many times the entries of a typical first level, so that an invalidation rarely affects another key; 128 KiB.
const SLOTS: usize = 16_384;
/// Adds one invalidation in progress.
const BEGUN: u64 = 1;
/// Adds one completed invalidation.
const MADE: u64 = 1 << 16;
const UNDER_WAY: u64 = MADE - 1;

/// The words of all slots and classes.
pub(super) struct Generations {
    slots: Box<[AtomicU64]>,
    classes: [AtomicU64; KeyClass::ALL.len()],
    /// Invalidations begun, of any keys.
    begun: AtomicU64,
}

/// The position of a key's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    slot: u16,
    class: KeyClass,
}

/// The words of a key at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    slot: u64,
    class: u64,
}

/// Invalidations in progress; no value read before this is dropped will be kept.
pub(super) struct InvalidationGuard<'a> {
    generations: &'a Generations,
    slots: Vec<u16>,
    classes: KeyClasses,
}

impl Place {
    /// The place of the key with this canonical text, the same in every instance (FNV-1a, folded). All keys of one
    /// course share a place.
    pub(super) fn of(text: &str, class: KeyClass) -> Self {
        let root = class.root(text).unwrap_or(text);
        let hash = root.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self {
            slot: ((hash ^ (hash >> 32)) % SLOTS as u64) as u16,
            class,
        }
    }

    /// The place of all keys that `pattern` can match, if they share one.
    pub(super) fn of_all(pattern: &str) -> Option<Self> {
        let fixed = pattern.split(['*', '?']).next().unwrap_or_default();
        let class = KeyClass::of(fixed)?;
        class.root(fixed).map(|root| Self::of(root, class))
    }

    pub(super) fn class(self) -> KeyClass {
        self.class
    }
}

impl Stamp {
    /// Whether no invalidation was in progress; only then may a value be kept.
    pub(super) fn is_settled(self) -> bool {
        (self.slot | self.class) & UNDER_WAY == 0
    }
}

impl Generations {
    pub(super) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            classes: std::array::from_fn(|_| AtomicU64::new(0)),
            begun: AtomicU64::new(0),
        }
    }

    /// Number of invalidations begun, including those of rows that have no key yet.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// The current stamp; take it before anything is read that will be kept.
    pub(super) fn seen(&self, place: Place) -> Stamp {
        Stamp {
            slot: self.slot(place.slot).load(Ordering::Acquire),
            class: self.class(place.class).load(Ordering::Acquire),
        }
    }

    /// Whether nothing was invalidated since, and nothing is being invalidated.
    pub(super) fn holds(&self, place: Place, seen: Stamp) -> bool {
        self.seen(place) == seen && seen.is_settled()
    }

    /// Begins an invalidation.
    pub(super) fn begin(
        &self,
        places: impl Iterator<Item = Place>,
        classes: KeyClasses,
    ) -> InvalidationGuard<'_> {
        self.begun.fetch_add(1, Ordering::AcqRel);
        let moving = InvalidationGuard {
            generations: self,
            slots: places.map(|place| place.slot).collect(),
            classes,
        };
        moving.add(BEGUN);
        moving
    }

    /// Invalidates at once what another instance has already invalidated in the second level.
    pub(super) fn bump(&self, places: impl Iterator<Item = Place>, classes: KeyClasses) {
        drop(self.begin(places, classes));
    }

    fn slot(&self, slot: u16) -> &AtomicU64 {
        &self.slots[usize::from(slot) % SLOTS]
    }

    fn class(&self, class: KeyClass) -> &AtomicU64 {
        &self.classes[class as usize]
    }
}

impl InvalidationGuard<'_> {
    /// Ends the invalidation of one key whose stamp was `before` when its new value was not yet written.
    ///
    /// Returns the stamp for that value if nobody else has invalidated the key since, so that the value is the newest.
    pub(super) fn end_for(&mut self, place: Place, before: Stamp) -> Option<Stamp> {
        let at = self.slots.iter().position(|slot| *slot == place.slot)?;
        let after = Stamp {
            slot: before.slot.wrapping_add(MADE),
            class: before.class,
        };
        let was_alone = before.is_settled()
            && self
                .generations
                .slot(place.slot)
                .compare_exchange(
                    before.slot.wrapping_add(BEGUN),
                    after.slot,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                )
                .is_ok();
        if was_alone {
            self.slots.swap_remove(at);
        }
        was_alone.then_some(after)
    }

    fn add(&self, step: u64) {
        for slot in &self.slots {
            self.generations
                .slot(*slot)
                .fetch_add(step, Ordering::AcqRel);
        }
        for class in self.classes.iter() {
            self.generations
                .class(class)
                .fetch_add(step, Ordering::AcqRel);
        }
    }
}

impl Drop for InvalidationGuard<'_> {
    fn drop(&mut self) {
        self.add(MADE - BEGUN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: i64) -> Place {
        Place::of(&format!("document:{id}"), KeyClass::Documents)
    }

    #[test]
    fn a_stamp_from_before_or_during_an_invalidation_is_void() {
        let generations = Generations::new();
        let before = generations.seen(document(7));
        assert!(generations.holds(document(7), before));
        let moving = generations.begin([document(7)].into_iter(), KeyClasses::default());
        let during = generations.seen(document(7));
        assert!(!generations.holds(document(7), before));
        assert!(!during.is_settled() && !generations.holds(document(7), during));
        drop(moving);
        assert!(!generations.holds(document(7), before));
        assert!(!generations.holds(document(7), during));
        let after = generations.seen(document(7));
        assert!(generations.holds(document(7), after));
    }

    #[test]
    fn a_class_invalidates_all_of_its_keys_and_no_others() {
        let generations = Generations::new();
        let page = Place::of("documents:page:id:1:20", KeyClass::Pages);
        let seen = (generations.seen(page), generations.seen(document(7)));
        generations.bump(std::iter::empty(), [KeyClass::Pages].into_iter().collect());
        assert!(!generations.holds(page, seen.0));
        assert!(generations.holds(document(7), seen.1));
    }

    #[test]
    fn only_a_writer_without_concurrent_writers_may_store_its_value() {
        let generations = Generations::new();
        let only = |id| [document(id)].into_iter();
        let before = generations.seen(document(7));
        let mut moving = generations.begin(only(7), KeyClasses::default());
        let stamp = moving.end_for(document(7), before);
        drop(moving);
        assert!(stamp.is_some_and(|seen| generations.holds(document(7), seen)));

        let (first, second) = (generations.seen(document(7)), generations.seen(document(7)));
        let mut moving = generations.begin(only(7), KeyClasses::default());
        let stamp = moving.end_for(document(7), first).expect("alone until now");
        drop(moving);
        let mut moving = generations.begin(only(7), KeyClasses::default());
        assert_eq!(moving.end_for(document(7), second), None);
        drop(moving);
        assert!(!generations.holds(document(7), stamp));
        assert!(generations.seen(document(7)).is_settled());
    }
}
