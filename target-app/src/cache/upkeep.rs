//! Background tasks of the caches: receive messages of other instances, follow the settings, demote evicted entries,
//! retry pending invalidations.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::invalidation::Sweep;
use super::l1::EvictedEntry;
use super::l2;
use super::{Cache, CacheKind};
use crate::kv::{Channel, Notice, Subscription};
use crate::settings::{CacheMode, Settings};

/// Interval between retries of pending invalidations.
const PAYMENT_EVERY: Duration = Duration::from_millis(100);

/// The tasks of a [`Cache`]; dropping this aborts them.
pub(crate) struct Upkeep(
    #[expect(dead_code, reason = "aborts its tasks when dropped")] JoinSet<()>,
);

impl Upkeep {
    pub(super) fn start(cache: &Arc<Cache>, evicted: [mpsc::Receiver<EvictedEntry>; 2]) -> Self {
        let mut tasks = JoinSet::new();
        for (home, evicted) in [CacheKind::Responses, CacheKind::Queries]
            .into_iter()
            .zip(evicted)
        {
            let cache = Arc::clone(cache);
            tasks.spawn(async move { cache.at(home).demote(evicted).await });
        }
        let messages = cache.kv.subscribe(Channel::Invalidations);
        tasks.spawn(Arc::clone(cache).listen(messages));
        // Captured now, not when the task first runs.
        let (changes, mode) = (cache.settings.changes(), cache.settings.load().cache.mode);
        tasks.spawn(Arc::clone(cache).follow(changes, mode));
        tasks.spawn(Arc::clone(cache).retry_pending_invalidations());
        Self(tasks)
    }
}

impl Cache {
    async fn listen(self: Arc<Self>, mut messages: Subscription) {
        while let Some(notice) = messages.next().await {
            match notice {
                Notice::Message(message) => self.receive(&message),
                Notice::Lost => self.set_unlinked(true),
                Notice::Back => {
                    // Any number of messages may have been missed.
                    self.clear_l1();
                    self.set_unlinked(false);
                }
            }
        }
    }

    /// Clears a level that is switched off, so that it does not return with old entries, and resizes the first level.
    async fn follow(
        self: Arc<Self>,
        mut changes: watch::Receiver<Arc<Settings>>,
        mut before: CacheMode,
    ) {
        while changes.changed().await.is_ok() {
            let (mode, items) = {
                let settings = changes.borrow_and_update();
                (settings.cache.mode, settings.cache.l1_items)
            };
            if before.has_l1() && !mode.has_l1() {
                self.clear_l1();
            }
            if before.has_l2() && !mode.has_l2() {
                self.instruments.invalidations.clear.inc();
                let everything = Sweep::everything();
                if l2::sweep(&self.kv, &everything, &[]).await.is_err() {
                    self.defer(&everything);
                }
            }
            before = mode;
            for (_, level) in self.levels() {
                level.l1.resize(items).await;
            }
        }
    }

    async fn retry_pending_invalidations(self: Arc<Self>) {
        loop {
            self.retry_needed.notified().await;
            while !self.retry_pending().await {
                sleep(PAYMENT_EVERY).await;
            }
        }
    }

    fn set_unlinked(&self, is_unlinked: bool) {
        for (_, level) in self.levels() {
            level.l1.set_unlinked(is_unlinked);
        }
    }
}
