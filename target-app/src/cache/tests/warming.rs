//! Entries that exist before the first request.

use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::{CacheInstance, DatabaseDown, TestDatabase, body, eventually, settings};
use crate::cache::{Cache, CacheKey, Sweep};
use crate::kv::Kv;
use crate::settings::Live;

fn keys(count: i64) -> Vec<CacheKey> {
    (0..count).map(CacheKey::Document).collect()
}

/// A source that has every document except odd hundreds, in version 0.
fn loaded(
    keys: Vec<CacheKey>,
) -> impl Future<Output = Result<Vec<(CacheKey, Bytes)>, DatabaseDown>> {
    let exists = |key: &CacheKey| !matches!(key, CacheKey::Document(id) if id % 200 == 100);
    let found = keys.into_iter().filter(exists);
    let found = found.map(|key| (key, body(0))).collect();
    ready(Ok(found))
}

#[tokio::test]
async fn keys_are_loaded_in_batches_and_kept_in_both_levels() {
    let kv = Kv::memory();
    let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[]));
    let batches = Mutex::new(Vec::new());
    let load = |keys: Vec<CacheKey>| {
        batches.lock().expect("not poisoned").push(keys.len());
        loaded(keys)
    };
    let warmed = here.responses().warm(keys(250), load).await;
    assert_eq!((warmed.loaded, warmed.missed), (249, 1));
    assert_eq!((warmed.present, warmed.promoted), (0, 0));
    assert_eq!(*batches.lock().expect("not poisoned"), [100, 100, 50]);

    let again = here.responses().warm(keys(200), load).await;
    assert_eq!((again.present, again.missed), (199, 1));
    let other = there.responses().warm(keys(250), load).await;
    assert_eq!((other.promoted, other.missed), (249, 1));

    let source = TestDatabase::default();
    for instance in [&here, &there] {
        for id in 0..100 {
            instance.read(&source, id).await;
        }
    }
    assert_eq!(source.loads(), 0);
}

#[tokio::test]
async fn a_document_changed_during_warming_is_not_cached() {
    let kv = Kv::memory();
    let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[]));
    let source = TestDatabase::default();
    let load = |keys: Vec<CacheKey>| async {
        let loaded = loaded(keys).await;
        source.write(3);
        there.cache.sweep(&Sweep::documents([3].into_iter())).await;
        here.cache.sweep(&Sweep::documents([4].into_iter())).await;
        loaded
    };
    here.responses().warm(keys(10), load).await;
    let fresh = CacheInstance::new(&kv, &[]);
    assert_eq!(fresh.read(&source, 3).await, 1);
    assert_eq!(source.loads(), 1);
    for id in 0..10 {
        if id != 4 {
            fresh.read(&source, id).await;
        }
    }
    assert_eq!(source.loads(), 1, "the others were kept");
    eventually("the message arrives", async || {
        here.read(&source, 3).await == 1
    })
    .await;
}

#[tokio::test]
async fn a_failed_load_warms_nothing_and_has_no_other_effect() {
    let instance = CacheInstance::new(&Kv::memory(), &[]);
    let fail = |_| async { Err::<Vec<_>, _>(DatabaseDown) };
    let warmed = instance.responses().warm(keys(10), fail).await;
    assert_eq!((warmed.loaded, warmed.missed), (0, 10));
}

#[tokio::test]
async fn a_schedule_follows_its_setting() {
    let live = Arc::new(Live::new(settings(&[])));
    let count = Arc::new(AtomicU64::new(0));
    let warming = tokio::spawn({
        let (live, count) = (Arc::clone(&live), Arc::clone(&count));
        async move {
            let warm = async || {
                count.fetch_add(1, Ordering::SeqCst);
            };
            Cache::keep_warm(live, warm).await;
        }
    });
    sleep(Duration::from_millis(50)).await;
    assert_eq!(count.load(Ordering::SeqCst), 0, "0s is never");
    live.replace(settings(&["cache.warm_every=10ms"]));
    eventually("three warmings", async || count.load(Ordering::SeqCst) >= 3).await;
    live.replace(settings(&[]));
    sleep(Duration::from_millis(50)).await;
    let so_far = count.load(Ordering::SeqCst);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(count.load(Ordering::SeqCst), so_far);
    warming.abort();
}
