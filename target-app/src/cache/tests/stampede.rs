//! The loads when many readers miss a key at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{CacheInstance, DatabaseDown, PATIENCE, TestDatabase, eventually, version};
use crate::cache::{CacheKey, Sweep};
use crate::kv::Kv;

#[tokio::test]
async fn two_hundred_readers_of_an_expired_key_load_as_often_as_the_mode_allows() {
    for (stampede, mode, instances, loads) in [
        ("none", "l1l2", 1, 200),
        ("local", "l1l2", 1, 1),
        ("local", "l1", 1, 1),
        ("local", "l2", 1, 1),
        ("early", "l1l2", 1, 1),
        ("redis_lock", "l1l2", 1, 1),
        ("local", "l1l2", 2, 2),
        ("redis_lock", "l1l2", 2, 1),
        ("redis_lock", "l2", 2, 1),
    ] {
        let kv = Kv::memory();
        let assignments = [
            &*format!("cache.stampede={stampede}"),
            &*format!("cache.mode={mode}"),
            "cache.ttl=200ms",
            "cache.early_beta=0",
        ];
        let instances: Vec<_> = (0..instances)
            .map(|_| CacheInstance::new(&kv, &assignments))
            .collect();
        let source = TestDatabase::slow(Duration::from_millis(50));
        for instance in &instances {
            instance.read(&source, 7).await;
        }
        sleep(Duration::from_millis(250)).await;
        source.write(7);
        let before = source.loads();
        let each = 200 / instances.len();
        let readers = instances
            .iter()
            .flat_map(|instance| (0..each).map(|_| instance.read(&source, 7)));
        let found = join_all(readers).await;
        assert!(found.iter().all(|version| *version == 1), "{stampede}");
        let case = format!("{stampede} in {mode} on {} instances", instances.len());
        assert_eq!(source.loads() - before, loads, "{case}");
        if stampede != "none" && mode != "l2" {
            let shared = instances
                .iter()
                .map(|one| one.responses().counters.l1.shared.get());
            assert_eq!(shared.sum::<u64>(), 200 - instances.len() as u64, "{case}");
        }
    }
}

#[tokio::test]
async fn when_a_leader_is_dropped_a_waiter_becomes_the_leader() {
    for stampede in ["cache.stampede=local", "cache.stampede=redis_lock"] {
        let instance = Arc::new(CacheInstance::new(&Kv::memory(), &[stampede]));
        let stuck = tokio::spawn({
            let instance = Arc::clone(&instance);
            async move {
                let forever = || std::future::pending::<Result<Bytes, DatabaseDown>>();
                instance
                    .responses()
                    .get(CacheKey::Document(7), forever)
                    .await
            }
        });
        eventually("the leader loads", async || {
            instance.responses().counters.loads.get() == 1
        })
        .await;
        let source = Arc::new(TestDatabase::default());
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let (instance, source) = (Arc::clone(&instance), Arc::clone(&source));
                tokio::spawn(async move { instance.read(&source, 7).await })
            })
            .collect();
        sleep(Duration::from_millis(20)).await;
        assert_eq!(source.loads(), 0);
        stuck.abort();
        for reader in waiting {
            let read = timeout(PATIENCE, reader).await.expect("no reader hangs");
            assert_eq!(read.expect("no reader fails"), 0);
        }
        assert_eq!(source.loads(), 1);
        assert_eq!(instance.responses().single_flight.len(), 0);
    }
}

#[tokio::test]
async fn all_waiters_get_the_error_of_a_failed_load_and_it_is_not_cached() {
    let instance = CacheInstance::new(&Kv::memory(), &[]);
    let source = TestDatabase::default();
    let fail = || async {
        source.load(7).await?;
        sleep(Duration::from_millis(20)).await;
        Err(DatabaseDown)
    };
    let readers = (0..10).map(|_| instance.responses().get(CacheKey::Document(7), fail));
    for found in join_all(readers).await {
        assert_eq!(*found.expect_err("the load's error"), DatabaseDown);
    }
    assert_eq!(source.loads(), 1);
    assert_eq!(instance.read(&source, 7).await, 0);
    assert_eq!(source.loads(), 2);
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_load_from_before_an_invalidation() {
    let kv = Kv::memory();
    let instance = CacheInstance::new(&kv, &[]);
    let source = TestDatabase::default();
    let gate = Notify::new();
    let early = async {
        let load = || async {
            let loaded = source.load(7).await;
            gate.notified().await;
            loaded
        };
        let body = instance.responses().get(CacheKey::Document(7), load).await;
        version(&body.expect("a body"))
    };
    let late = async {
        source.write(7);
        let sweep = Sweep::documents([7].into_iter());
        instance.cache.sweep(&sweep).await;
        let found = instance.read(&source, 7).await;
        gate.notify_one();
        found
    };
    assert_eq!(tokio::join!(early, late), (0, 1));
    assert_eq!(instance.read(&source, 7).await, 1);
    assert_eq!(source.loads(), 2, "what was loaded last is kept");
    let stale = &instance.responses().counters;
    assert_eq!(
        (stale.stale_l1_fills.get(), stale.stale_l2_fills.get()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_lost_owner_delays_others_at_most_for_their_maximum_wait() {
    let kv = Kv::memory();
    let key = "lock:responses:document:7";
    let life = Duration::from_mins(1);
    assert!(kv.set_if_absent(key, "x".into(), life).await.expect("sets"));
    let instance = CacheInstance::new(&kv, &["cache.stampede=redis_lock"]);
    let source = TestDatabase::default();
    let began = Instant::now();
    let read = timeout(PATIENCE, instance.read(&source, 7));
    assert_eq!(read.await.expect("an answer"), 0);
    assert!(began.elapsed() > Duration::from_secs(1), "it waited");
    assert_eq!(instance.responses().counters.lock_overdue.get(), 1);
    assert_eq!(
        kv.get(key).await.expect("gets"),
        Some("x".into()),
        "not its own"
    );
}

#[tokio::test]
async fn only_the_owner_releases_a_lock() {
    let kv = Kv::memory();
    let instance = CacheInstance::new(&kv, &["cache.stampede=redis_lock"]);
    instance.read(&TestDatabase::default(), 7).await;
    let lock = kv.get("lock:responses:document:7").await;
    assert_eq!(lock.expect("gets"), None);
}

#[tokio::test]
async fn one_reader_renews_an_entry_early_while_the_others_get_the_old_one() {
    let assignments = [
        "cache.stampede=early",
        "cache.ttl=10s",
        "cache.early_beta=100",
    ];
    let instance = CacheInstance::new(&Kv::memory(), &assignments);
    // At a cost of 200 ms and β = 100, −cost · β · ln(draw) ≥ 10 s for 61 of 100 draws.
    let source = TestDatabase::slow(Duration::from_millis(200));
    instance.read(&source, 7).await;
    source.write(7);
    let began = Instant::now();
    let found = join_all((0..100).map(async |_| {
        let version = instance.read(&source, 7).await;
        (version, began.elapsed())
    }));
    let found = found.await;
    assert_eq!(source.loads(), 2);
    let of = |wanted| found.iter().filter(move |(version, _)| *version == wanted);
    assert_eq!((of(0).count(), of(1).count()), (99, 1));
    let slowest = |wanted| of(wanted).map(|(_, took)| *took).max();
    assert!(slowest(0) < slowest(1), "the old is there at once");
    assert_eq!(instance.responses().counters.early_loads.get(), 1);
}

#[tokio::test]
async fn a_failed_early_load_keeps_the_old_entry() {
    let assignments = [
        "cache.stampede=early",
        "cache.ttl=10s",
        "cache.early_beta=100",
    ];
    let kv = Kv::memory();
    let here = CacheInstance::new(&kv, &assignments);
    let source = TestDatabase::slow(Duration::from_millis(200));
    here.read(&source, 7).await;
    // From the first level, and from the second.
    for instance in [&here, &CacheInstance::new(&kv, &assignments)] {
        for _ in 0..20 {
            let fail = || async { Err::<Bytes, _>(DatabaseDown) };
            let body = instance.responses().get(CacheKey::Document(7), fail).await;
            assert_eq!(body.expect("the old body"), "0");
        }
    }
    let tried = here.responses().counters.early_loads.get();
    assert!(tried > 0, "20 draws of 61 in 100");
}

#[tokio::test]
async fn a_read_after_a_create_does_not_get_an_earlier_not_found() {
    let instance = CacheInstance::new(&Kv::memory(), &[]);
    let source = TestDatabase::default();
    let gate = Notify::new();
    let responses = instance.responses();
    let early = async {
        let load = || async {
            gate.notified().await;
            Err::<Bytes, _>(DatabaseDown)
        };
        responses.get(CacheKey::Document(7), load).await
    };
    let late = async {
        // A new row has no key before.
        let created = instance
            .cache
            .aside(Sweep::documents(std::iter::empty()), async {
                Ok::<_, DatabaseDown>(())
            });
        created.await.expect("a write");
        // It waits for the other load before that one continues.
        let read = instance.read(&source, 7);
        let told = async { gate.notify_one() };
        tokio::join!(read, told).0
    };
    let (early, late) = tokio::join!(early, late);
    assert_eq!(*early.expect_err("it was not there"), DatabaseDown);
    assert_eq!((late, source.loads()), (0, 1));
}
