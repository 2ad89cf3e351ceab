//! Write-behind: a write is answered when it is queued, and reaches the database within `cache.flush_every`.
//!
//! The bodies of queued writes are read before any level of the cache, so that this instance always reads its own writes;
//! other instances see them after the flush, and so do lists. A newer write of a document replaces the one that waits, and
//! batches go one after another, so a document's writes keep their order. A flush that fails is tried again until it
//! succeeds. SIGKILL can lose what was answered in the last `flush_every` and during one flush, at most
//! `cache.behind_queue` documents. Another instance's write to the same document may be overwritten by a later flush, but
//! what it deleted stays deleted: after the flush, reads ask the database.

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

/// Most writes of one flush.
const BATCH: usize = 500;
/// Writes that are worth a flush before its time.
const WORTH_A_FLUSH: usize = 200;
/// Longest wait of a writer for a place in the queue, or for the write before it.
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
    /// Wakes who waits for a place, or for a write to be done.
    freed: Notify,
    counters: BehindCounters,
}

struct WriteQueue<C> {
    order: VecDeque<i64>,
    waiting: HashMap<i64, QueuedWrite<C>>,
    /// When the oldest write of the documents that are being flushed was answered.
    in_flush: HashMap<i64, Instant>,
    next_revision: u64,
    /// How many wait for a flush before its time.
    urgent: usize,
    /// Nothing more is taken: whoever would flush it is about to go.
    is_closed: bool,
}

struct QueuedWrite<C> {
    change: C,
    revision: u64,
    since: Instant,
}

/// Writes taken from the queue for one flush.
type Batch<C> = Vec<(i64, QueuedWrite<C>)>;

/// Why a flush did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    /// It may succeed later, as when the database is away.
    #[error("the queued writes could not be flushed; the flush is retried")]
    Later(#[source] Box<dyn Error + Send + Sync>),
    /// At least one of the writes can never succeed; none of them was made.
    #[error("the database rejected a queued write")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

/// The queue stayed full, or the writes before this one were not flushed, for five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "queue timeout: the write queue stayed full, or an earlier write of the document was not flushed in time"
)]
pub(crate) struct QueueTimeout {
    /// Writes that are not in the database yet.
    pub(crate) pending_writes: usize,
}

/// The queue as operators see it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct BehindStats {
    /// Writes that are not in the database yet.
    pub(crate) queue: usize,
    /// How long the oldest of them has been answered, in milliseconds.
    pub(crate) oldest_ms: u64,
    /// Writes that the database has.
    pub(crate) flushed: u64,
    /// Writes that a newer one replaced before they were flushed.
    pub(crate) coalesced: u64,
    /// Flushes that failed and were tried again.
    pub(crate) failed: u64,
    /// Writes that the database refused for good.
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
        // In the order in which everyone locks rows, or the transactions of two instances could each wait for the other.
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

    /// Queues the new state of a document; `body` is what reads of it answer from now on.
    ///
    /// Waits at most five seconds for a place when the queue is full, and for the database alone: it is flushed at once.
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

    /// Waits until no write of the document is queued, so that one that goes to the database itself comes after them.
    pub(crate) async fn settle(&self, id: i64) -> Result<(), QueueTimeout> {
        if self.cache.write_buffer.is_empty() {
            return Ok(());
        }
        let _urgent = FlushNow::new(self);
        self.until(|queue| !queue.holds(id)).await
    }

    /// Takes no more writes and waits at most `within` until the database has those that were answered; for the shutdown.
    pub(crate) async fn drain(&self, within: Duration) -> Result<(), QueueTimeout> {
        self.queue().is_closed = true;
        let _urgent = FlushNow::new(self);
        let empty = self.until_by(Instant::now() + within, |queue| queue.len() == 0);
        empty.await
    }

    /// Flushes batches of changes for ever; there must be one such loop, and it ends only by being dropped.
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

    /// Waits for the first write, then until its time is up, enough others have come or someone waits for the flush.
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
                        // Perhaps of `flush_every`.
                        _ = changes.changed() => {}
                        () = sleep_until(due) => return,
                    }
                }
            }
        }
    }

    /// Flushes until the database has the whole batch, or has refused what it will never take.
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
            // A panic must not end the only loop that can flush: it is told by its hook, and the flush tried again.
            let flushing = AssertUnwindSafe(async { flush(changes).await }).catch_unwind();
            let panicked = |_| Err(FlushError::Later("the flush panicked".into()));
            match flushing.await.unwrap_or_else(panicked) {
                Ok(()) => {
                    self.counters.flushed.inc_by(batch.len() as u64);
                    self.finish(batch).await;
                }
                Err(FlushError::Refused(cause)) if batch.len() == 1 => {
                    // A log that cannot be written must not stop the queue.
                    let _ = writeln!(io::stderr(), "lost a queued write: {cause}");
                    self.counters.refused.inc();
                    self.finish(batch).await;
                }
                // One by one, the others do not suffer for the one that is refused.
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

    /// Drops from the batch what a newer write will bring to the database anyway.
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

    /// Hands reads over from the queued bodies to the database: first the levels forget what was before, then the bodies
    /// go. No level takes them, since the flush does not say whether their documents are still there.
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

/// Makes flushes come at once for as long as it lives.
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
