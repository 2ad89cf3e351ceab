//! The effect of a write on the cache and the source, by strategy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{CacheInstance, DatabaseDown, PATIENCE, TestDatabase, body, eventually, page};
use crate::cache::{CacheKey, Entity, FlushError, QueueTimeout, Sweep, WriteBehind};
use crate::kv::Kv;

const SEVEN: Entity = Entity::Document(7);

fn cascade() -> Sweep {
    Sweep::cascade(SEVEN)
}

#[tokio::test]
async fn aside_invalidates_the_entries_that_the_write_made_stale() {
    let instance = CacheInstance::new(&Kv::memory(), &[]);
    let source = Arc::new(TestDatabase::default());
    instance.read(&source, 7).await;
    instance.read_key(&source, page(1), 7).await;
    let write = Arc::clone(&source);
    let written = instance.cache.aside(
        cascade(),
        async move { Ok::<_, DatabaseDown>(write.write(7)) },
    );
    assert_eq!(written.await.expect("a write"), 1);
    assert_eq!(instance.read(&source, 7).await, 1);
    assert_eq!(instance.read_key(&source, page(1), 7).await, 1);
}

#[tokio::test]
async fn a_failed_write_invalidates_too_because_it_may_have_been_executed() {
    let instance = CacheInstance::new(&Kv::memory(), &[]);
    for through in [false, true] {
        let source = Arc::new(TestDatabase::default());
        instance.cache.sweep(&cascade()).await;
        instance.read(&source, 7).await;
        let write = Arc::clone(&source);
        let fail = async move {
            write.write(7);
            Err::<(u64, bytes::Bytes), _>(DatabaseDown)
        };
        if through {
            let written = instance.cache.through(SEVEN, fail).await;
            assert_eq!(written.expect_err("the write's error"), DatabaseDown);
        } else {
            let written = instance.cache.aside(cascade(), fail).await;
            assert_eq!(written.expect_err("the write's error"), DatabaseDown);
        }
        assert_eq!(instance.read(&source, 7).await, 1);
    }
}

#[tokio::test]
async fn a_write_continues_when_its_client_disconnects() {
    let instance = Arc::new(CacheInstance::new(&Kv::memory(), &[]));
    let source = Arc::new(TestDatabase::default());
    instance.read(&source, 7).await;
    let request = tokio::spawn({
        let (instance, source) = (Arc::clone(&instance), Arc::clone(&source));
        async move {
            let write = async move {
                sleep(Duration::from_millis(100)).await;
                Ok::<_, DatabaseDown>(source.write(7))
            };
            instance.cache.aside(cascade(), write).await
        }
    });
    sleep(Duration::from_millis(20)).await;
    request.abort();
    eventually("the new version", async || {
        instance.read(&source, 7).await == 1
    })
    .await;
}

#[tokio::test]
async fn write_through_stores_the_new_body_in_both_levels_and_invalidates_lists() {
    let kv = Kv::memory();
    let [here, there] = [(); 2].map(|()| CacheInstance::new(&kv, &[]));
    let source = Arc::new(TestDatabase::default());
    for instance in [&here, &there] {
        instance.read(&source, 7).await;
        instance.read_key(&source, page(1), 7).await;
    }
    let write = Arc::clone(&source);
    let written = here.cache.through(SEVEN, async move {
        let version = write.write(7);
        Ok::<_, DatabaseDown>((version, body(version)))
    });
    assert_eq!(written.await.expect("a write"), 1);
    let loads = source.loads();
    assert_eq!(here.read(&source, 7).await, 1);
    eventually("the other instance hears", async || {
        there.read(&source, 7).await == 1
    })
    .await;
    assert_eq!(source.loads(), loads, "nobody had to load");
    assert!(here.has(&CacheKey::Document(7)).await);
    assert_eq!(here.read_key(&source, page(1), 7).await, 1);
}

#[tokio::test]
async fn concurrent_write_throughs_are_not_cached() {
    for mode in ["cache.mode=l1", "cache.mode=l2", "cache.mode=l1l2"] {
        let instance = CacheInstance::new(&Kv::memory(), &[mode]);
        let source = Arc::new(TestDatabase::default());
        let write = |wait: u64| {
            let source = Arc::clone(&source);
            async move {
                let version = source.write(7);
                // The later write is acknowledged first.
                sleep(Duration::from_millis(wait)).await;
                Ok::<_, DatabaseDown>((version, body(version)))
            }
        };
        let (first, second) = tokio::join!(
            instance.cache.through(SEVEN, write(100)),
            instance.cache.through(SEVEN, write(20)),
        );
        assert_eq!((first.expect("a write"), second.expect("a write")), (1, 2));
        assert_eq!(instance.read(&source, 7).await, 2, "{mode}");
    }
}

/// Batches of documents and versions.
type Flushes = Vec<Vec<(i64, u64)>>;

/// A queue whose flushes go to a list, or fail while the source is down.
struct TestQueue {
    instance: CacheInstance,
    behind: Arc<WriteBehind<(i64, u64)>>,
    flushed: Arc<Mutex<Flushes>>,
    is_away: Arc<AtomicBool>,
    source: Arc<TestDatabase>,
    runner: JoinHandle<()>,
}

/// A document that the source rejects.
const REFUSED: i64 = 13;
/// A document that makes the flush panic while it is of version 0.
const PANICS: i64 = 14;

impl TestQueue {
    fn new(assignments: &[&str]) -> Self {
        let instance = CacheInstance::new(&Kv::memory(), assignments);
        let behind = WriteBehind::new(Arc::clone(&instance.cache), Arc::clone(&instance.live));
        let behind = Arc::new(behind);
        let flushed = Arc::new(Mutex::new(Vec::new()));
        let is_away = Arc::new(AtomicBool::new(false));
        let source = Arc::new(TestDatabase::default());
        let runner = tokio::spawn({
            let behind = Arc::clone(&behind);
            let (flushed, is_away) = (Arc::clone(&flushed), Arc::clone(&is_away));
            let source = Arc::clone(&source);
            async move {
                let flush = |changes: Vec<(i64, u64)>| {
                    assert!(!changes.contains(&(PANICS, 0)), "as the test wants it");
                    let outcome = if is_away.load(Ordering::SeqCst) {
                        Err(FlushError::Later(Box::new(DatabaseDown)))
                    } else if changes.iter().any(|(id, _)| *id == REFUSED) {
                        Err(FlushError::Refused(Box::new(DatabaseDown)))
                    } else {
                        for (id, version) in &changes {
                            source.put(*id, *version);
                        }
                        flushed.lock().expect("not poisoned").push(changes);
                        Ok(())
                    };
                    async move { outcome }
                };
                behind.run(flush).await;
            }
        });
        Self {
            instance,
            behind,
            flushed,
            is_away,
            source,
            runner,
        }
    }

    async fn accept(&self, id: i64, version: u64) -> Result<(), QueueTimeout> {
        self.behind.accept(id, body(version), (id, version)).await
    }

    fn flushed(&self) -> Flushes {
        self.flushed.lock().expect("not poisoned").clone()
    }
}

impl Drop for TestQueue {
    fn drop(&mut self) {
        self.runner.abort();
    }
}

#[tokio::test]
async fn a_queued_write_is_readable_at_once_in_every_mode_and_its_flush_invalidates_lists() {
    for mode in ["off", "l1", "l2", "l1l2"] {
        let mode_is = format!("cache.mode={mode}");
        let queue = TestQueue::new(&[&mode_is, "cache.flush_every=100ms"]);
        let (instance, source) = (&queue.instance, &queue.source);
        instance.read(source, 7).await;
        instance.read_key(source, page(1), 7).await;
        queue.accept(7, 5).await.expect("room");
        assert_eq!(source.version(7), 0);
        assert_eq!(instance.read(source, 7).await, 5, "{mode}");
        assert_eq!(
            instance.read_key(source, page(1), 7).await,
            0,
            "lists follow later"
        );
        assert_eq!(instance.responses().counters.read_past_queue.get(), 1);
        eventually("the queue is empty", async || {
            queue.behind.stats().queue == 0
        })
        .await;
        assert_eq!(queue.flushed(), [[(7, 5)]]);
        assert_eq!(instance.read(source, 7).await, 5, "{mode}");
        assert_eq!(instance.read_key(source, page(1), 7).await, 5, "{mode}");
    }
}

#[tokio::test]
async fn a_newer_write_replaces_the_queued_one() {
    let queue = TestQueue::new(&["cache.flush_every=100ms"]);
    for version in 1..=5 {
        queue.accept(7, version).await.expect("room");
        queue.accept(8, version).await.expect("room");
    }
    let length = queue.instance.metric("folio_cache_behind_queue");
    assert!((length - 2.0).abs() < 1e-9);
    assert!(queue.instance.metric("folio_cache_behind_oldest_seconds") > 0.0);
    queue.behind.drain(PATIENCE).await.expect("drained");
    assert_eq!(queue.flushed(), [[(7, 5), (8, 5)]]);
    let stats = queue.behind.stats();
    assert_eq!((stats.coalesced, stats.flushed), (8, 2));
}

#[tokio::test]
async fn a_flush_waits_for_its_interval_unless_it_is_needed_earlier() {
    let queue = TestQueue::new(&["cache.flush_every=1h"]);
    queue.accept(7, 1).await.expect("room");
    sleep(Duration::from_millis(50)).await;
    assert_eq!(queue.flushed().len(), 0);
    // A direct write to the source must come after the queued one.
    queue.behind.settle(7).await.expect("settled");
    assert_eq!(queue.flushed(), [[(7, 1)]]);
    queue.behind.settle(7).await.expect("nothing to settle");

    for id in 0..300 {
        queue.accept(id + 100, 1).await.expect("room");
    }
    eventually("enough for a flush of its own", async || {
        queue.flushed().len() > 1
    })
    .await;

    queue.accept(7, 2).await.expect("room");
    queue.behind.drain(PATIENCE).await.expect("drained");
    assert_eq!(queue.source.version(7), 2);
}

#[tokio::test]
async fn an_unavailable_database_loses_no_write() {
    let queue = TestQueue::new(&["cache.flush_every=1ms"]);
    queue.is_away.store(true, Ordering::SeqCst);
    queue.accept(7, 1).await.expect("room");
    queue.accept(8, 1).await.expect("room");
    eventually("some attempts", async || queue.behind.stats().failed >= 2).await;
    queue.accept(7, 2).await.expect("room");
    assert_eq!(queue.instance.read(&queue.source, 7).await, 2);
    assert_eq!(queue.instance.read(&queue.source, 8).await, 1);
    let early = queue.behind.drain(Duration::from_millis(50)).await;
    assert_eq!(early.expect_err("not drained").pending_writes, 2);
    queue.is_away.store(false, Ordering::SeqCst);
    queue.behind.drain(PATIENCE).await.expect("drained");
    assert_eq!((queue.source.version(7), queue.source.version(8)), (2, 1));
    assert!(
        queue
            .flushed()
            .iter()
            .flatten()
            .all(|change| *change != (7, 1))
    );
}

#[tokio::test]
async fn a_rejected_write_does_not_block_the_others() {
    let queue = TestQueue::new(&["cache.flush_every=20ms"]);
    queue.accept(12, 1).await.expect("room");
    queue.accept(REFUSED, 1).await.expect("room");
    queue.accept(15, 1).await.expect("room");
    queue.behind.drain(PATIENCE).await.expect("drained");
    assert_eq!(queue.flushed(), [[(12, 1)], [(15, 1)]]);
    assert_eq!(queue.behind.stats().refused, 1);
    assert_eq!(
        queue.instance.read(&queue.source, REFUSED).await,
        0,
        "the source's own"
    );
}

#[tokio::test]
async fn a_writer_waits_while_the_queue_is_full() {
    let queue = TestQueue::new(&["cache.flush_every=1ms", "cache.behind_queue=2"]);
    queue.is_away.store(true, Ordering::SeqCst);
    queue.accept(1, 1).await.expect("room");
    queue.accept(2, 1).await.expect("room");
    let third = queue.accept(3, 1);
    assert!(timeout(Duration::from_millis(100), third).await.is_err());
    assert_eq!(
        queue.behind.stats().queue,
        2,
        "who went away takes no place"
    );
    let (third, ()) = tokio::join!(queue.accept(3, 1), async {
        sleep(Duration::from_millis(20)).await;
        queue.is_away.store(false, Ordering::SeqCst);
    });
    third.expect("room at last");
    queue.behind.drain(PATIENCE).await.expect("drained");
    assert_eq!(queue.source.version(3), 1);
}

#[tokio::test]
async fn documents_are_flushed_in_lock_order() {
    let queue = TestQueue::new(&["cache.flush_every=1h"]);
    for id in [9, 7, 8] {
        queue.accept(id, 1).await.expect("room");
    }
    queue.behind.drain(PATIENCE).await.expect("drained");
    assert_eq!(queue.flushed(), [[(7, 1), (8, 1), (9, 1)]]);
}

#[tokio::test]
async fn a_panicking_flush_is_retried() {
    let queue = TestQueue::new(&["cache.flush_every=1ms"]);
    queue.accept(PANICS, 0).await.expect("room");
    eventually("it failed", async || queue.behind.stats().failed > 0).await;
    queue.accept(PANICS, 1).await.expect("room");
    queue.behind.drain(PATIENCE).await.expect("drained");
    assert_eq!(queue.flushed(), [[(PANICS, 1)]]);
}

#[tokio::test(start_paused = true)]
async fn a_drained_queue_accepts_no_writes() {
    let queue = TestQueue::new(&["cache.flush_every=1h"]);
    queue.accept(7, 1).await.expect("room");
    queue.behind.drain(PATIENCE).await.expect("drained");
    for id in [7, 8] {
        queue.accept(id, 2).await.expect_err("it is closed");
        assert_eq!(
            queue.instance.read(&queue.source, id).await,
            u64::from(id == 7)
        );
    }
}
