//! The level that answers a read, and the transfers between levels.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{CacheInstance, DatabaseDown, TestDatabase, eventually, page, search};
use crate::cache::{CacheKey, Sweep, l2};
use crate::kv::{Kv, Outage};

#[tokio::test]
async fn each_mode_uses_exactly_its_levels() {
    // Loads for: the first read here, the second here, the first of another instance.
    for (mode, loads, l1_hits, l2_hits) in [
        ("off", [1, 2, 3], 0, 0),
        ("l1", [1, 1, 2], 1, 0),
        ("l2", [1, 1, 1], 0, 1),
        ("l1l2", [1, 1, 1], 1, 0),
    ] {
        let kv = Kv::memory();
        let mode_is = format!("cache.mode={mode}");
        let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[&mode_is]));
        let source = TestDatabase::default();
        let mut found = Vec::new();
        for instance in [&here, &here, &there] {
            assert_eq!(instance.read(&source, 7).await, 0);
            found.push(source.loads());
        }
        assert_eq!(found, loads, "{mode}");
        let counters = &here.responses().counters;
        assert_eq!(counters.l1.hits.get(), l1_hits, "{mode}");
        assert_eq!(counters.l2.hits.get(), l2_hits, "{mode}");
    }
}

#[tokio::test]
async fn every_key_has_a_separate_entry() {
    let instance = CacheInstance::new(&Kv::memory(), &[]);
    let source = TestDatabase::default();
    for id in 1..=4 {
        source.put(id, id as u64 * 10);
    }
    for _ in 0..2 {
        assert_eq!(instance.read(&source, 1).await, 10);
        assert_eq!(instance.read(&source, 2).await, 20);
        assert_eq!(instance.read_key(&source, page(1), 3).await, 30);
        assert_eq!(instance.read_key(&source, search("a b"), 4).await, 40);
    }
    assert_eq!(source.loads(), 4);
}

#[tokio::test]
async fn an_entry_expires_in_both_levels() {
    for mode in ["cache.mode=l1", "cache.mode=l2", "cache.mode=l1l2"] {
        let instance = CacheInstance::new(&Kv::memory(), &[mode, "cache.ttl=100ms"]);
        let source = TestDatabase::default();
        instance.read(&source, 7).await;
        source.write(7);
        sleep(Duration::from_millis(150)).await;
        assert_eq!(instance.read(&source, 7).await, 1, "{mode}");
    }
}

#[tokio::test]
async fn a_promoted_entry_keeps_its_remaining_time_to_live() {
    let kv = Kv::memory();
    let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[]));
    let source = TestDatabase::default();
    here.read(&source, 7).await;
    sleep(Duration::from_millis(50)).await;
    there.read(&source, 7).await;
    let until = async |instance: &CacheInstance| {
        let entry = instance.responses().l1.get(&CacheKey::Document(7)).await;
        entry.expect("an entry").until
    };
    let [here, there] = [until(&here).await, until(&there).await];
    // The envelope counts milliseconds of the wall clock.
    let apart = here.max(there) - here.min(there);
    assert!(apart < Duration::from_millis(20), "{apart:?}");
    assert!(there < Instant::now() + Duration::from_mins(15));
}

#[tokio::test]
async fn an_evicted_entry_is_demoted_if_the_second_level_lacks_it() {
    let kv = Kv::memory();
    let [here, there] =
        [(); 2].map(|()| CacheInstance::new(&kv, &["cache.mode=l1", "cache.l1_items=10"]));
    let source = TestDatabase::default();
    for id in 0..10 {
        here.read(&source, id).await;
    }
    here.set(&["cache.mode=l1l2", "cache.l1_items=10"]);
    there.set(&["cache.mode=l1l2", "cache.l1_items=10"]);
    for id in 10..20 {
        here.read(&source, id).await;
    }
    eventually("ten demotions", async || {
        here.responses().l1.settle().await;
        here.responses().counters.demoted.get() == 10
    })
    .await;
    for id in 0..20 {
        there.read(&source, id).await;
    }
    assert_eq!(source.loads(), 20);
    assert_eq!(there.responses().counters.promotions.get(), 20);
}

#[tokio::test]
async fn an_invalidated_entry_is_not_demoted() {
    let kv = Kv::memory();
    let [here, there] =
        [(); 2].map(|()| CacheInstance::new(&kv, &["cache.mode=l1", "cache.l1_items=4"]));
    let source = TestDatabase::default();
    for id in 0..4 {
        here.read(&source, id).await;
    }
    here.set(&["cache.mode=l1l2", "cache.l1_items=4"]);
    for id in 4..8 {
        here.read(&source, id).await;
    }
    here.responses().l1.settle().await;
    source.write(0);
    there.cache.sweep(&Sweep::documents([0].into_iter())).await;
    eventually("three demotions and a refusal", async || {
        let counters = &here.responses().counters;
        counters.demoted.get() == 3 && counters.not_demoted.get() == 1
    })
    .await;
    there.set(&["cache.mode=l1l2"]);
    assert_eq!(there.read(&source, 0).await, 1);
}

#[tokio::test]
async fn a_level_switched_on_again_is_empty() {
    for (before, between) in [("l1", "off"), ("l2", "off"), ("l1l2", "off"), ("l1", "l2")] {
        let mode = |mode| format!("cache.mode={mode}");
        let instance = CacheInstance::new(&Kv::memory(), &[&mode(before)]);
        let source = TestDatabase::default();
        instance.read(&source, 7).await;
        // Bypasses the write path: something changed, and no invalidation was sent.
        source.write(7);
        instance.set(&[&mode(between)]);
        let clear = &instance.cache.instruments.invalidations.clear;
        eventually("a level is cleared", async || clear.get() > 0).await;
        eventually("the new version", async || {
            instance.set(&[&mode(before)]);
            instance.read(&source, 7).await == 1
        })
        .await;
    }
}

#[tokio::test]
async fn the_first_level_keeps_its_entries_when_resized() {
    let instance = CacheInstance::new(&Kv::memory(), &["cache.mode=l1", "cache.l1_items=4"]);
    let source = TestDatabase::default();
    for id in 0..4 {
        instance.read(&source, id).await;
    }
    instance.set(&["cache.mode=l1", "cache.l1_items=100"]);
    eventually("the level is larger", async || {
        instance.responses().l1.capacity() == 100
    })
    .await;
    for id in 0..50 {
        instance.read(&source, id).await;
    }
    for id in 4..50 {
        instance.read(&source, id).await;
    }
    assert_eq!(source.loads(), 50);
}

#[tokio::test]
async fn an_unavailable_store_is_a_miss_and_never_an_error_or_a_stale_answer() {
    let (kv, outage) = (Kv::memory(), Outage::default());
    let here = CacheInstance::new(&kv.with_outage(&outage), &[]);
    let source = TestDatabase::default();
    assert_eq!(here.read(&source, 7).await, 0);

    outage.store(true, Ordering::SeqCst);
    assert_eq!(here.read(&source, 8).await, 0);
    assert_eq!(here.read(&source, 8).await, 0);
    assert_eq!(source.loads(), 2, "the first level is still there");
    assert!(here.responses().counters.l2.errors.get() > 0);

    // The store keeps the old version until it is reachable again.
    source.write(7);
    here.cache.sweep(&Sweep::documents([7].into_iter())).await;
    assert_eq!(here.read(&source, 7).await, 1);
    outage.store(false, Ordering::SeqCst);
    here.cache.clear_l1();
    assert_eq!(here.read(&source, 7).await, 1);
    eventually("the pending invalidations are done", async || {
        !here.cache.pending_invalidations.has_pending()
    })
    .await;
    let there = CacheInstance::new(&kv, &[]);
    assert_eq!(there.read(&source, 7).await, 1);
}

#[tokio::test]
async fn without_messages_an_entry_is_valid_for_one_second() {
    let kv = Kv::memory();
    let here = CacheInstance::new(&kv, &[]);
    let source = TestDatabase::default();
    assert_eq!(here.read(&source, 7).await, 0);
    kv.set_connected(false);
    eventually("the loss is heard", async || {
        here.responses().l1.is_unlinked()
    })
    .await;
    // Another instance writes, and its message is missed.
    source.write(7);
    let keys = ["responses:document:7".to_owned()];
    assert_eq!(kv.invalidate(&keys).await.expect("invalidates"), 1);
    let began = Instant::now();
    eventually("the new version", async || here.read(&source, 7).await == 1).await;
    // A poll comes every five milliseconds; the rest is for a slow machine.
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(here.responses().counters.read_unlinked.get() > 0);

    // After the reconnection all earlier entries are invalid.
    source.write(7);
    kv.invalidate(&keys).await.expect("invalidates");
    kv.set_connected(true);
    eventually("all is heard again", async || {
        !here.responses().l1.is_unlinked()
    })
    .await;
    assert_eq!(here.read(&source, 7).await, 2);
    let loads = source.loads();
    assert_eq!(here.read(&source, 7).await, 2);
    assert_eq!(source.loads(), loads);
}

#[tokio::test]
async fn values_in_another_format_are_loaded_again() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct SlowCourse {
        title: String,
        seats: u32,
    }
    let kv = Kv::memory();
    let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[]));
    let loads = std::cell::Cell::new(0);
    let load = || async {
        loads.set(loads.get() + 1);
        let title = "Tides".to_owned();
        Ok::<_, super::DatabaseDown>(SlowCourse { title, seats: 3 })
    };
    for instance in [&here, &here, &there] {
        let course = instance
            .cache
            .queries
            .value(CacheKey::Course(3), load)
            .await;
        assert_eq!(course.expect("a course").seats, 3);
    }
    assert_eq!(loads.get(), 1);
    let seats: u32 = here
        .cache
        .queries
        .value(CacheKey::Course(3), || async {
            Ok::<_, super::DatabaseDown>(5)
        })
        .await
        .expect("seats");
    assert_eq!(seats, 5);
}

#[tokio::test]
async fn metrics_count_the_operations_of_the_levels() {
    let kv = Kv::memory();
    let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[]));
    let source = TestDatabase::default();
    here.read(&source, 7).await;
    for _ in 0..3 {
        there.read(&source, 7).await;
    }
    for (series, value) in [
        (
            r#"folio_cache_requests_total{cache="responses",layer="l1",result="hit"}"#,
            2.0,
        ),
        (
            r#"folio_cache_requests_total{cache="responses",layer="l1",result="miss"}"#,
            1.0,
        ),
        (
            r#"folio_cache_requests_total{cache="responses",layer="l2",result="hit"}"#,
            1.0,
        ),
        (
            r#"folio_cache_hit_ratio{cache="responses",layer="l2"}"#,
            1.0,
        ),
        (r#"folio_cache_hit_ratio{cache="queries",layer="l1"}"#, 0.0),
        (r#"folio_cache_promotions_total{cache="responses"}"#, 1.0),
        (
            r#"folio_cache_loads_total{cache="responses",cause="miss"}"#,
            0.0,
        ),
        (r#"folio_cache_op_seconds_count{layer="l2",op="get"}"#, 1.0),
        (r"folio_cache_behind_queue", 0.0),
    ] {
        assert!((there.metric(series) - value).abs() < 1e-9, "{series}");
    }
    let ratio = there.metric(r#"folio_cache_hit_ratio{cache="responses",layer="l1"}"#);
    assert!((ratio - 2.0 / 3.0).abs() < 1e-9);
    let stats = serde_json::to_value(there.cache.stats().await).expect("JSON");
    assert_eq!(stats["responses"]["l1"]["hits"], 2);
    assert_eq!(stats["responses"]["entries"], 1);
    let entries = there.metric(r#"folio_cache_entries{cache="responses",layer="l1"}"#);
    assert!((entries - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn a_cached_list_never_contains_a_total_from_before_an_invalidation() {
    for stampede in ["cache.stampede=none", "cache.stampede=local"] {
        let kv = Kv::memory();
        let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[stampede]));
        let source = TestDatabase::default();
        let total = async |instance: &CacheInstance| {
            let load = || source.load(1);
            let total = instance
                .cache
                .queries
                .get(CacheKey::Total("documents"), load);
            total.await.map_err(|_| DatabaseDown)
        };
        let list = async |instance: &CacheInstance| {
            let list = instance.responses().get(page(1), || total(instance));
            super::version(&list.await.expect("a list"))
        };
        for _ in 0..2 {
            total(&there).await.expect("a total");
        }
        source.write(1);
        // The sweep of a write that the store has executed and the other instances have not yet received.
        let sweep = Sweep::documents(std::iter::empty());
        l2::sweep(&kv, &sweep, &[]).await.expect("a sweep");
        list(&there).await;
        assert_eq!(list(&here).await, 1, "{stampede}");
    }
}

#[tokio::test]
async fn an_evicted_generation_makes_no_entry_valid_again() {
    let kv = Kv::memory();
    let instance = CacheInstance::new(&kv, &["cache.mode=l2"]);
    let source = TestDatabase::default();
    assert_eq!(instance.read_key(&source, page(1), 1).await, 0);
    source.write(1);
    let sweep = Sweep::documents(std::iter::empty());
    instance.cache.sweep(&sweep).await;
    let generation = ["generation:documents:page:".to_owned()];
    assert_eq!(kv.delete(&generation).await.expect("deletes"), 1);
    for _ in 0..2 {
        assert_eq!(instance.read_key(&source, page(1), 1).await, 1);
    }
    assert_eq!(source.loads(), 2, "it is kept under another one");
}

#[tokio::test]
async fn a_large_body_takes_several_units() {
    let instance = CacheInstance::new(&Kv::memory(), &["cache.mode=l1", "cache.l1_items=10"]);
    let first = &instance.responses().l1;
    for id in 0..6 {
        let load = || async { Ok::<_, DatabaseDown>(vec![b'x'; 200_000].into()) };
        let body = instance.responses().get(CacheKey::Document(id), load).await;
        assert_eq!(body.expect("a body").len(), 200_000);
        first.settle().await;
        assert!(first.len() <= 2, "four places each, of ten");
    }
    assert!(
        instance.has(&CacheKey::Document(5)).await,
        "the newest is kept"
    );
}

#[tokio::test]
async fn a_rejected_promotion_is_not_counted() {
    let kv = Kv::memory();
    let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[]));
    here.read(&TestDatabase::default(), 7).await;
    let wanted = [there.responses().wanted(CacheKey::Document(7))];
    there.cache.clear_l1();
    assert_eq!(there.responses().promote_many(&wanted).await, [true]);
    assert_eq!(there.responses().counters.promotions.get(), 0);
}
