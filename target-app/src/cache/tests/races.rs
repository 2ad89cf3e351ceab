//! Many concurrent readers and writers: no read is older than the last write acknowledged before it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use super::{CacheInstance, DatabaseDown, TestDatabase, body, eventually, version};
use crate::cache::{CacheKey, Entity, FlushError, Sweep, WriteBehind};
use crate::kv::{Kv, Outage};

const DOCUMENTS: i64 = 4;
const SHORT: Duration = Duration::from_millis(150);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RaceStrategy {
    Aside,
    Through,
}

pub(super) struct RaceState {
    instances: Vec<CacheInstance>,
    source: TestDatabase,
    /// The last acknowledged version of each document.
    answered: [AtomicU64; DOCUMENTS as usize],
    is_over: AtomicBool,
}

impl RaceState {
    pub(super) fn new(kv: &Kv, instances: usize, assignments: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            instances: (0..instances)
                .map(|_| CacheInstance::new(kv, assignments))
                .collect(),
            source: TestDatabase::default(),
            answered: Default::default(),
            is_over: AtomicBool::new(false),
        })
    }

    fn answer(&self, id: i64, version: u64) {
        self.answered[id as usize].fetch_max(version, Ordering::SeqCst);
    }

    /// Reads until the race is over; returns the number of reads.
    async fn read(self: Arc<Self>, instance: usize) -> u64 {
        let mut reads = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let id = rand::random_range(0..DOCUMENTS);
            let least = self.answered[id as usize].load(Ordering::SeqCst);
            let load = || async {
                let found = self.source.version(id);
                pause().await;
                Ok::<_, DatabaseDown>(body(found))
            };
            let responses = self.instances[instance].responses();
            let found = responses.get(CacheKey::Document(id), load).await;
            let found = version(&found.expect("a body"));
            assert!(
                found >= least,
                "document {id}: {found} after {least} was written"
            );
            reads += 1;
            if rand::random_range(0..8) == 0 {
                pause().await;
            }
        }
        reads
    }

    /// Writes until the race is over.
    async fn write(self: Arc<Self>, instance: usize, strategy: RaceStrategy) {
        while !self.is_over.load(Ordering::SeqCst) {
            let id = rand::random_range(0..DOCUMENTS);
            let cache = &self.instances[instance].cache;
            let world = Arc::clone(&self);
            let write = async move {
                pause().await;
                let version = world.source.write(id);
                pause().await;
                Ok::<_, DatabaseDown>((version, body(version)))
            };
            let entity = Entity::Document(id);
            let written = match strategy {
                RaceStrategy::Aside => {
                    let written = cache.aside(Sweep::cascade(entity), write).await;
                    written.map(|(version, _)| version)
                }
                RaceStrategy::Through => cache.through(entity, write).await,
            };
            self.answer(id, written.expect("a write"));
            pause().await;
        }
    }
}

async fn pause() {
    match rand::random_range(0..6) {
        0 => sleep(Duration::from_micros(rand::random_range(0..2_000))).await,
        1..=3 => yield_now().await,
        _ => {}
    }
}

/// Reads, and writes by `strategy`, on all instances for a while, then waits until they agree with the source.
pub(super) async fn race(
    world: &Arc<RaceState>,
    strategy: Option<RaceStrategy>,
    outage: Option<&Outage>,
    lasts: Duration,
) {
    let mut readers = JoinSet::new();
    let mut writers = JoinSet::new();
    for instance in 0..world.instances.len() {
        for _ in 0..6 {
            readers.spawn(Arc::clone(world).read(instance));
        }
        for strategy in strategy.into_iter().cycle().take(2) {
            writers.spawn(Arc::clone(world).write(instance, strategy));
        }
    }
    let end = tokio::time::Instant::now() + lasts;
    while tokio::time::Instant::now() < end {
        sleep(Duration::from_millis(7)).await;
        if let Some(outage) = outage {
            outage.fetch_xor(true, Ordering::SeqCst);
        }
    }
    if let Some(outage) = outage {
        outage.store(false, Ordering::SeqCst);
    }
    world.is_over.store(true, Ordering::SeqCst);
    while let Some(wrote) = writers.join_next().await {
        wrote.expect("a writer ends well");
    }
    let mut reads = 0;
    while let Some(read) = readers.join_next().await {
        reads += read.expect("a reader ends well");
    }
    assert!(reads > 100, "{reads} reads prove nothing");
    for instance in &world.instances {
        for id in 0..DOCUMENTS {
            eventually("all agree with the source", async || {
                instance.read(&world.source, id).await == world.source.version(id)
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_the_last_acknowledged_write() {
    for mode in ["off", "l1", "l2", "l1l2"] {
        for stampede in ["none", "local", "redis_lock", "early"] {
            for strategy in [RaceStrategy::Aside, RaceStrategy::Through] {
                let mode = format!("cache.mode={mode}");
                let stampede = format!("cache.stampede={stampede}");
                // Two entries for four documents: evictions all the time.
                let assignments = [
                    &*mode,
                    &*stampede,
                    "cache.l1_items=2",
                    "cache.early_beta=100",
                ];
                let world = RaceState::new(&Kv::memory(), 1, &assignments);
                race(&world, Some(strategy), None, SHORT).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_of_the_shared_level_is_stale_whichever_instance_wrote() {
    for strategy in [RaceStrategy::Aside, RaceStrategy::Through] {
        // A reader that waits for a load on another instance may get the value from before the message.
        let assignments = ["cache.mode=l2", "cache.stampede=none"];
        let world = RaceState::new(&Kv::memory(), 3, &assignments);
        race(&world, Some(strategy), None, SHORT).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_stale_while_the_store_comes_and_goes() {
    for mode in ["cache.mode=l2", "cache.mode=l1l2"] {
        for strategy in [RaceStrategy::Aside, RaceStrategy::Through] {
            let outage = Outage::default();
            let kv = Kv::memory().with_outage(&outage);
            let world = RaceState::new(&kv, 1, &[mode]);
            race(&world, Some(strategy), Some(&outage), SHORT).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_on_the_writing_instance_is_stale_while_writes_are_queued() {
    for mode in [
        "cache.mode=off",
        "cache.mode=l1",
        "cache.mode=l2",
        "cache.mode=l1l2",
    ] {
        let assignments = [mode, "cache.flush_every=3ms", "cache.l1_items=2"];
        let world = RaceState::new(&Kv::memory(), 1, &assignments);
        let instance = &world.instances[0];
        let behind = WriteBehind::new(Arc::clone(&instance.cache), Arc::clone(&instance.live));
        let behind = Arc::new(behind);
        let flusher = tokio::spawn({
            let (behind, world) = (Arc::clone(&behind), Arc::clone(&world));
            async move {
                let flush = |changes: Vec<(i64, u64)>| {
                    let world = Arc::clone(&world);
                    async move {
                        pause().await;
                        if rand::random_range(0..10) == 0 {
                            return Err(FlushError::Later(Box::new(DatabaseDown)));
                        }
                        for (id, version) in changes {
                            assert!(version > world.source.version(id), "out of order");
                            world.source.put(id, version);
                        }
                        pause().await;
                        Ok(())
                    }
                };
                behind.run(flush).await;
            }
        });
        // One writer per document generates the versions, like a client that waits for its answer.
        let mut writers = JoinSet::new();
        for id in 0..DOCUMENTS {
            let (behind, world) = (Arc::clone(&behind), Arc::clone(&world));
            writers.spawn(async move {
                let mut version = 0;
                while !world.is_over.load(Ordering::SeqCst) {
                    version += 1;
                    let accepted = behind.accept(id, body(version), (id, version)).await;
                    accepted.expect("room");
                    world.answer(id, version);
                    pause().await;
                }
            });
        }
        race(&world, None, None, SHORT).await;
        assert!(!flusher.is_finished(), "the flusher fell over");
        while let Some(wrote) = writers.join_next().await {
            wrote.expect("a writer ends well");
        }
        flusher.abort();
    }
}
