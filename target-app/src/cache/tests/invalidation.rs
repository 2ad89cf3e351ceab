//! The entries removed by key, pattern, entity and cascade.

use super::{CacheInstance, TestDatabase, eventually, page, search};
use crate::cache::invalidation::SweepGuard;
use crate::cache::{CacheKey, Entity, Sweep, Target};
use crate::kv::Kv;

async fn filled(kv: &Kv) -> (CacheInstance, TestDatabase) {
    let instance = CacheInstance::new(kv, &[]);
    let source = TestDatabase::default();
    for key in keys() {
        instance.read_key(&source, key, 1).await;
    }
    (instance, source)
}

fn keys() -> [CacheKey; 5] {
    [
        CacheKey::Document(7),
        CacheKey::Document(8),
        page(1),
        page(2),
        search("tide"),
    ]
}

#[tokio::test]
async fn each_target_removes_exactly_its_entries_from_both_levels() {
    let pattern = |pattern: &str| Target::Pattern(pattern.to_owned());
    // Which of the keys are removed, and how many entries were found in each level.
    for (target, gone, l1, l2) in [
        (
            Target::Key("document:7".to_owned()),
            [true, false, false, false, false],
            1,
            1,
        ),
        (
            Target::Key("documents:page:id:2:20".to_owned()),
            [false, false, false, true, false],
            1,
            1,
        ),
        (Target::Key("session:7".to_owned()), [false; 5], 0, 0),
        (
            pattern("documents:page:*"),
            [false, false, true, true, false],
            2,
            2,
        ),
        (
            pattern("document:*"),
            [true, true, false, false, false],
            2,
            2,
        ),
        (pattern("*"), [true; 5], 5, 5),
        (
            Target::Entity(Entity::Document(8)),
            [false, true, false, false, false],
            1,
            1,
        ),
        (
            Target::Cascade(Entity::Document(7)),
            [true, false, true, true, true],
            4,
            1,
        ),
    ] {
        let kv = Kv::memory();
        let (instance, source) = filled(&kv).await;
        source.write(1);
        let removed = instance.cache.invalidate(&target).await;
        assert_eq!(
            (removed.l1, removed.l2, removed.l2_pending),
            (l1, l2, false),
            "{target:?}"
        );
        // Neither here, nor where only the second level can have an entry.
        for instance in [&instance, &CacheInstance::new(&kv, &[])] {
            for (key, is_gone) in keys().into_iter().zip(gone) {
                let text = key.to_string();
                let version = instance.read_key(&source, key, 1).await;
                assert_eq!(version, u64::from(is_gone), "{target:?} {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_partial_pattern_removes_the_matching_entries() {
    let kv = Kv::memory();
    let (instance, source) = filled(&kv).await;
    source.write(1);
    let target = Target::Pattern("documents:page:id:2:*".to_owned());
    let removed = instance.cache.invalidate(&target).await;
    assert_eq!((removed.l1, removed.l2), (1, 1));
    assert_eq!(instance.read_key(&source, page(2), 1).await, 1);
    assert_eq!(instance.read_key(&source, page(1), 1).await, 0);
}

#[tokio::test]
async fn other_instances_receive_the_invalidation() {
    for target in [
        Target::Key("document:7".to_owned()),
        Target::Pattern("document:*".to_owned()),
        Target::Cascade(Entity::Document(7)),
    ] {
        let kv = Kv::memory();
        let (here, source) = filled(&kv).await;
        let there = CacheInstance::new(&kv, &[]);
        assert_eq!(there.read(&source, 7).await, 0);
        assert!(there.has(&CacheKey::Document(7)).await);
        source.write(7);
        here.cache.invalidate(&target).await;
        eventually("the other instance drops it", async || {
            !there.has(&CacheKey::Document(7)).await
        })
        .await;
        assert_eq!(there.read(&source, 7).await, 1);
        assert_eq!(there.cache.instruments.invalidations.remote.get(), 1);
        assert_eq!(
            here.cache.instruments.invalidations.remote.get(),
            0,
            "its own"
        );
    }
}

#[tokio::test]
async fn an_unreadable_message_invalidates_everything() {
    let (instance, source) = filled(&Kv::memory()).await;
    source.write(1);
    instance.cache.receive(b"?");
    for key in keys() {
        assert!(!instance.has(&key).await);
    }
}

#[tokio::test]
async fn a_dropped_invalidation_is_completed_later() {
    let kv = Kv::memory();
    let (instance, source) = filled(&kv).await;
    source.write(1);
    let sweep = Sweep::documents([8].into_iter());
    let sweeping = SweepGuard::begin(&instance.cache, &sweep);
    assert!(
        !instance.has(&CacheKey::Document(8)).await,
        "not while it is under way"
    );
    drop(sweeping);
    assert!(instance.cache.pending_invalidations.has_pending());
    assert_eq!(
        instance.read_key(&source, CacheKey::Document(8), 1).await,
        1
    );
    eventually("what is owed is paid", async || {
        !instance.cache.pending_invalidations.has_pending()
    })
    .await;
    let there = CacheInstance::new(&kv, &[]);
    assert_eq!(there.read_key(&source, CacheKey::Document(8), 1).await, 1);
}
