//! Write-behind: a write is acknowledged when it is queued, and reaches the database within `cache.flush_every`.
//!
//! Reads look at the bodies of queued writes before any cache level, so that this instance always reads its own writes;
//! other instances and lists see them after the flush. A newer write of a document replaces the queued one, and batches
//! run one after another, so the writes of a document keep their order. A failed flush is retried until it succeeds.
//! SIGKILL can lose the writes acknowledged during the last `flush_every` and during one flush, at most
//! `cache.behind_queue` documents. A later flush may overwrite another instance's write to the same document, but a
//! document that the other instance deleted stays deleted: after the flush, reads ask the database.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::io::{self, Write as _};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::instruments::BehindCounters;
use super::write_buffer::BufferedBody;
use super::{Cache, Sweep};
use crate::settings::Live;

/// Maximum writes of one flush.
const BATCH: usize = 500;
/// Number of queued writes that triggers an early flush.
const WORTH_A_FLUSH: usize = 200;
/// Maximum time a writer waits for space in the queue or for an earlier write of its document.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// The queue of writes of type `C` in front of the database.
pub(crate) struct WriteBehind<C> {
    cache: Arc<Cache>,
    settings: Arc<Live>,
    queue: Mutex<WriteQueue<C>>,
    /// Wakes the flusher.
    arrived: Notify,
    /// Wakes writers that wait for space or for a write to be flushed.
    freed: Notify,
    counters: BehindCounters,
}

struct WriteQueue<C> {
    order: VecDeque<i64>,
    waiting: HashMap<i64, QueuedWrite<C>>,
    /// For each document that is being flushed: the time of its oldest acknowledged write.
    in_flush: HashMap<i64, Instant>,
    next_revision: u64,
    /// Number of writers that wait for an immediate flush.
    urgent: usize,
    /// No more writes are accepted, because the flusher is about to stop.
    is_closed: bool,
}

struct QueuedWrite<C> {
    change: C,
    revision: u64,
    since: Instant,
}

/// Writes taken from the queue for one flush.
type Batch<C> = Vec<(i64, QueuedWrite<C>)>;

/// The reason why a flush failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    /// A retry may succeed, for example when the database is unavailable.
    #[error("the queued writes could not be flushed; the flush is retried")]
    Later(#[source] Box<dyn Error + Send + Sync>),
    /// At least one of the writes can never succeed; none of them was applied.
    #[error("the database rejected a queued write")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

/// The queue stayed full, or earlier writes of the document were not flushed, for five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "queue timeout: the write queue stayed full, or an earlier write of the document was not flushed in time"
)]
pub(crate) struct QueueTimeout {
    /// Writes that are not yet in the database.
    pub(crate) pending_writes: usize,
}

/// The state of the queue for operators.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct BehindStats {
    /// Writes that are not yet in the database.
    pub(crate) queue: usize,
    /// Milliseconds since the oldest of them was acknowledged.
    pub(crate) oldest_ms: u64,
    /// Writes applied to the database.
    pub(crate) flushed: u64,
    /// Writes that a newer one replaced before they were flushed.
    pub(crate) coalesced: u64,
    /// Failed flushes, which were retried.
    pub(crate) failed: u64,
    /// Writes that the database rejected permanently.
    pub(crate) refused: u64,
}

impl<C> WriteQueue<C> {
    fn len(&self) -> usize {
        self.waiting.len() + self.in_flush.len()
    }

    fn holds(&self, id: i64) -> bool {
        self.waiting.contains_key(&id) || self.in_flush.contains_key(&id)
    }

    fn take(&mut self) -> Batch<C> {
        let count = self.order.len().min(BATCH);
        let ids = self.order.drain(..count);
        let mut batch: Batch<C> = ids
            .filter_map(|id| Some((id, self.waiting.remove(&id)?)))
            .collect();
        // Sorted, because every writer locks rows in this order; otherwise the transactions of two instances could
        // deadlock.
        batch.sort_unstable_by_key(|(id, _)| *id);
        self.in_flush = batch
            .iter()
            .map(|(id, queued)| (*id, queued.since))
            .collect();
        batch
    }
}

impl<C: Clone + Send + 'static> WriteBehind<C> {
    pub(crate) fn new(cache: Arc<Cache>, settings: Arc<Live>) -> Self {
        let counters = cache.instruments.behind.clone();
        Self {
            cache,
            settings,
            queue: Mutex::new(WriteQueue {
                order: VecDeque::new(),
                waiting: HashMap::new(),
                in_flush: HashMap::new(),
                next_revision: 0,
                urgent: 0,
                is_closed: false,
            }),
            arrived: Notify::new(),
            freed: Notify::new(),
            counters,
        }
    }

    /// Queues the new state of a document; reads of it return `body` from now on.
    ///
    /// If the queue is full, triggers a flush and waits at most five seconds for space.
    pub(crate) async fn accept(&self, id: i64, body: Bytes, change: C) -> Result<(), QueueTimeout> {
        let place = |queue: &mut WriteQueue<C>| {
            let room = self.settings.load().cache.behind_queue as usize;
            if queue.is_closed || !queue.waiting.contains_key(&id) && queue.len() >= room {
                return false;
            }
            queue.next_revision += 1;
            let revision = queue.next_revision;
            let mut since = Instant::now();
            match queue.waiting.get(&id) {
                Some(replaced) => {
                    since = replaced.since;
                    self.counters.coalesced.inc();
                }
                None => queue.order.push_back(id),
            }
            let queued = QueuedWrite {
                change: change.clone(),
                revision,
                since,
            };
            queue.waiting.insert(id, queued);
            let newest = BufferedBody {
                revision,
                body: body.clone(),
                since: queue.in_flush.get(&id).copied().unwrap_or(since),
            };
            self.cache.write_buffer.put(id, newest);
            true
        };
        let has_room = place(&mut self.queue());
        if !has_room {
            let _urgent = FlushNow::new(self);
            self.until(place).await?;
        }
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits until no write of the document is queued, so that a direct write to the database comes after them.
    pub(crate) async fn settle(&self, id: i64) -> Result<(), QueueTimeout> {
        if self.cache.write_buffer.is_empty() {
            return Ok(());
        }
        let _urgent = FlushNow::new(self);
        self.until(|queue| !queue.holds(id)).await
    }

    /// Accepts no more writes and waits at most `within` until the database has the acknowledged ones; for shutdown.
    pub(crate) async fn drain(&self, within: Duration) -> Result<(), QueueTimeout> {
        self.queue().is_closed = true;
        let _urgent = FlushNow::new(self);
        let empty = self.until_by(Instant::now() + within, |queue| queue.len() == 0);
        empty.await
    }

    /// Flushes batches forever. There must be exactly one such loop; it ends when it is dropped.
    pub(crate) async fn run<F>(&self, flush: impl Fn(Vec<C>) -> F + Send + Sync)
    where
        F: Future<Output = Result<(), FlushError>> + Send,
    {
        loop {
            self.time_to_flush().await;
            let batch = self.queue().take();
            self.deliver(batch, &flush).await;
        }
    }

    pub(crate) fn stats(&self) -> BehindStats {
        BehindStats {
            queue: self.queue().len(),
            oldest_ms: self.cache.write_buffer.oldest().as_millis() as u64,
            flushed: self.counters.flushed.get(),
            coalesced: self.counters.coalesced.get(),
            failed: self.counters.failed.get(),
            refused: self.counters.refused.get(),
        }
    }

    /// Waits for the first write, then until its time is up, enough writes are queued, or a writer waits for the flush.
    async fn time_to_flush(&self) {
        let mut changes = self.settings.changes();
        loop {
            let arrived = self.arrived.notified();
            let due = {
                let queue = self.queue();
                match queue.order.front().and_then(|id| queue.waiting.get(id)) {
                    None => None,
                    Some(_) if queue.urgent > 0 || queue.order.len() >= WORTH_A_FLUSH => return,
                    Some(first) => Some(first.since + self.settings.load().cache.flush_every.0),
                }
            };
            match due {
                None => arrived.await,
                Some(due) => {
                    tokio::select! {
                        () = arrived => {}
                        // The change may be to `flush_every`.
                        _ = changes.changed() => {}
                        () = sleep_until(due) => return,
                    }
                }
            }
        }
    }

    /// Retries until the database has the whole batch, or has rejected the writes that it can never accept.
    async fn deliver<F>(&self, batch: Batch<C>, flush: &(impl Fn(Vec<C>) -> F + Send + Sync))
    where
        F: Future<Output = Result<(), FlushError>> + Send,
    {
        let mut backoff = FIRST_BACKOFF;
        let mut batches = VecDeque::from([batch]);
        while let Some(mut batch) = batches.pop_front() {
            if batch.is_empty() {
                continue;
            }
            let changes = batch.iter().map(|(_, queued)| queued.change.clone());
            let changes = changes.collect();
            // A panic must not end the only loop that can flush: the panic hook reports it, and the flush is retried.
            let flushing = AssertUnwindSafe(async { flush(changes).await }).catch_unwind();
            let panicked = |_| Err(FlushError::Later("the flush panicked".into()));
            match flushing.await.unwrap_or_else(panicked) {
                Ok(()) => {
                    self.counters.flushed.inc_by(batch.len() as u64);
                    self.finish(batch).await;
                }
                Err(FlushError::Refused(cause)) if batch.len() == 1 => {
                    // A failure to write the log must not stop the queue.
                    let _ = writeln!(io::stderr(), "lost a queued write: {cause}");
                    self.counters.refused.inc();
                    self.finish(batch).await;
                }
                // Retries the writes one by one, so that a rejected write does not affect the others.
                Err(FlushError::Refused(_)) => {
                    for single in batch.into_iter().rev() {
                        batches.push_front(vec![single]);
                    }
                }
                Err(FlushError::Later(_)) => {
                    self.counters.failed.inc();
                    sleep(backoff.mul_f64(rand::random_range(0.5..1.0))).await;
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    self.drop_superseded(&mut batch);
                    batches.push_front(batch);
                }
            }
        }
    }

    /// Removes writes from the batch that a newer queued write supersedes.
    fn drop_superseded(&self, batch: &mut Batch<C>) {
        let mut queue = self.queue();
        batch.retain(|(id, old)| {
            let Some(newer) = queue.waiting.get_mut(id) else {
                return true;
            };
            newer.since = old.since;
            queue.in_flush.remove(id);
            self.counters.coalesced.inc();
            false
        });
        drop(queue);
        self.freed.notify_waiters();
    }

    /// Ends the reads from the write buffer: first invalidates the cache levels, then removes the bodies. The bodies
    /// are not cached, because the flush does not report whether their documents still exist.
    async fn finish(&self, batch: Batch<C>) {
        let sweep = Sweep::documents(batch.iter().map(|(id, _)| *id));
        self.cache.sweep(&sweep).await;
        let mut queue = self.queue();
        for (id, queued) in &batch {
            self.cache.write_buffer.remove(*id, queued.revision);
            queue.in_flush.remove(id);
        }
        drop(queue);
        self.freed.notify_waiters();
    }

    async fn until(
        &self,
        ready: impl FnMut(&mut WriteQueue<C>) -> bool,
    ) -> Result<(), QueueTimeout> {
        self.until_by(Instant::now() + PATIENCE, ready).await
    }

    async fn until_by(
        &self,
        deadline: Instant,
        mut ready: impl FnMut(&mut WriteQueue<C>) -> bool,
    ) -> Result<(), QueueTimeout> {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            let pending_writes = {
                let mut queue = self.queue();
                if ready(&mut queue) {
                    return Ok(());
                }
                queue.len()
            };
            timeout_at(deadline, freed)
                .await
                .map_err(|_| QueueTimeout { pending_writes })?;
        }
    }

    fn queue(&self) -> MutexGuard<'_, WriteQueue<C>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests immediate flushes while it lives.
struct FlushNow<'a, C>(&'a WriteBehind<C>);

impl<'a, C: Clone + Send + 'static> FlushNow<'a, C> {
    fn new(behind: &'a WriteBehind<C>) -> Self {
        behind.queue().urgent += 1;
        behind.arrived.notify_one();
        Self(behind)
    }
}

impl<C> Drop for FlushNow<'_, C> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.urgent -= 1;
    }
}
