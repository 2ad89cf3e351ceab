//! Tests of the cache with the second level in Redis, which can be killed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::races::{RaceState, RaceStrategy, race};
use super::{CacheInstance, DatabaseDown, TestDatabase, body, eventually, page, settings};
use crate::cache::{CacheKey, Entity, Sweep, Target};
use crate::config::Services;
use crate::kv::Kv;
use crate::metrics::Metrics;
use crate::services::{Durability, PrivateOptions, PrivateRedis, Reach};
use crate::settings::Live;

async fn server() -> PrivateRedis {
    let options = PrivateOptions {
        durability: Durability::Fast,
        reach: Reach::Socket,
    };
    PrivateRedis::start(&options).await.expect("it starts")
}

/// One instance's connections to the server.
fn connect(redis: &PrivateRedis) -> Kv {
    let services = Services {
        database_url: redis.url(),
        replica_url: None,
        redis_url: redis.url(),
        namespace: "folio".to_owned(),
    };
    let live = Arc::new(Live::new(settings(&["breaker.open_for=100ms"])));
    let metrics = Metrics::new().expect("metrics");
    Kv::redis(&services, &live, &metrics).expect("the URL is one")
}

/// Two instances that receive each other's messages.
async fn pair(redis: &PrivateRedis, assignments: &[&str]) -> [CacheInstance; 2] {
    let pair = [(); 2].map(|()| CacheInstance::new(&connect(redis), assignments));
    for (here, there) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
        eventually("it hears the other", async || {
            here.cache.sweep(&Sweep::documents([1].into_iter())).await;
            sleep(Duration::from_millis(20)).await;
            there.cache.instruments.invalidations.remote.get() > 0
        })
        .await;
    }
    pair
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_bodies_loads_and_invalidations() {
    let redis = server().await;
    let assignments = ["cache.stampede=redis_lock"];
    let [here, there] = pair(&redis, &assignments).await;
    let source = Arc::new(TestDatabase::slow(Duration::from_millis(50)));
    let readers = [&here, &there].into_iter().cycle().take(200);
    let found = join_all(readers.map(|instance| instance.read(&source, 7))).await;
    assert_eq!(found, [0; 200]);
    assert_eq!(source.loads(), 1);
    here.read_key(&source, page(1), 7).await;
    there.read_key(&source, page(1), 7).await;
    assert_eq!(source.loads(), 2);

    let write = Arc::clone(&source);
    let written = here.cache.through(Entity::Document(7), async move {
        let version = write.write(7);
        Ok::<_, DatabaseDown>((version, body(version)))
    });
    assert_eq!(written.await.expect("a write"), 1);
    eventually("the message arrives", async || {
        !there.has(&CacheKey::Document(7)).await && !there.has(&page(1)).await
    })
    .await;
    for instance in [&here, &there] {
        assert_eq!(instance.read(&source, 7).await, 1);
    }
    assert_eq!(source.loads(), 2, "the body was written through");
    assert_eq!(there.read_key(&source, page(1), 7).await, 1);

    let everything = Target::Pattern("*".to_owned());
    let removed = here.cache.invalidate(&everything).await;
    assert_eq!((removed.l2, removed.l2_pending), (2, false));
    assert_eq!(here.cache.queries.counters.l2.errors.get(), 0);
    redis.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_arrives_during_a_fill_does_not_load_again() {
    let redis = server().await;
    let instance = CacheInstance::new(&connect(&redis), &["cache.mode=l2"]);
    let source = TestDatabase::default();
    for round in 1..=50 {
        instance
            .cache
            .sweep(&Sweep::documents([7].into_iter()))
            .await;
        let readers = (0..8).map(async |_| {
            for _ in 0..3 {
                instance.read(&source, 7).await;
            }
        });
        join_all(readers).await;
        assert_eq!(source.loads(), round);
    }
    redis.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_the_last_acknowledged_write() {
    let redis = server().await;
    for mode in ["cache.mode=l2", "cache.mode=l1l2"] {
        for strategy in [RaceStrategy::Aside, RaceStrategy::Through] {
            let assignments = [mode, "cache.l1_items=2"];
            let world = RaceState::new(&connect(&redis), 1, &assignments);
            race(&world, Some(strategy), None, Duration::from_millis(300)).await;
        }
    }
    redis.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_stale_while_redis_is_killed_and_restarts_empty() {
    let mut redis = server().await;
    let world = RaceState::new(&connect(&redis), 1, &["cache.mode=l1l2"]);
    let strategy = Some(RaceStrategy::Aside);
    let lasts = Duration::from_secs(2);
    let raced = race(&world, strategy, None, lasts);
    let killed = async {
        sleep(Duration::from_millis(300)).await;
        redis.kill().await;
        sleep(Duration::from_millis(500)).await;
        redis.start_again().await.expect("it starts again");
    };
    tokio::join!(raced, killed);
    redis.stop().await;
}
