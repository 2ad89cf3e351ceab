//! A concurrency limit with a bounded wait queue ordered by priority.
//!
//! One atomic word holds the numbers of permits in use and of waiters. While nobody waits, acquiring and releasing a
//! permit are one compare-and-swap. While somebody waits, the word changes only under the queue's lock, and a released
//! permit is handed to the next waiter, so that no request overtakes and no wake-up is lost. The limits are read at
//! each entry and exit.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{Histogram, IntCounter};
use tokio::sync::oneshot;

use super::wait_queue::{WaitOutcome, WaitQueue, WaiterId};
use crate::metrics::Metrics;
use crate::settings::{Live, Settings};

/// The priority of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RequestPriority {
    /// Only when nothing else waits.
    Low,
    /// The default.
    Normal,
    /// Before normal requests.
    High,
    /// Before all others.
    Critical,
}

/// The limit is reached and the wait queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the concurrency limit {gate} is reached and its wait queue is full")]
pub(crate) struct GateFull {
    /// The gate's name.
    pub(crate) gate: &'static str,
    /// Time until a retry makes sense.
    pub(crate) retry_after: Duration,
}

/// A concurrency limit with a wait queue; see the module documentation.
pub(crate) struct Gate {
    name: &'static str,
    /// The number of permits and the size of the queue in the current settings.
    limits: fn(&Settings) -> (u32, u32),
    settings: Arc<Live>,
    /// Permits in use in the low half, waiters in the high half.
    word: Arc<AtomicU64>,
    room: Mutex<WaitQueue>,
    accepted: IntCounter,
    queued: [IntCounter; 4],
    full: IntCounter,
    displaced: IntCounter,
    wait_seconds: Histogram,
}

/// A permit of a gate; dropping it releases it.
#[must_use = "dropping a permit releases it"]
pub(crate) struct GatePermit<'a> {
    gate: &'a Gate,
}

/// A permit that does not borrow the gate.
#[must_use = "dropping a permit releases it"]
pub(crate) struct OwnedGatePermit {
    gate: Arc<Gate>,
}

/// A waiter. Dropping it early leaves the queue, or releases the permit that was just handed over.
struct Waiting<'a> {
    gate: &'a Gate,
    id: WaiterId,
    turn: oneshot::Receiver<WaitOutcome>,
}

/// One waiter in the word.
const WAITER: u64 = 1 << 32;
/// A full gate frees permits within this time; an earlier retry would find it full again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl RequestPriority {
    /// From the lowest to the highest.
    pub(crate) const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// The spelling in headers and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Gate {
    /// The limit of concurrent requests.
    pub(crate) fn http(settings: Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let limits = |all: &Settings| (all.admission.http_limit, all.admission.http_waiting);
        Self::new("http", limits, settings, metrics)
    }

    /// The limit of concurrent heavy requests, with the long queue.
    pub(crate) fn queue(settings: Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let limits = |all: &Settings| (all.admission.queue_workers, all.admission.queue_depth);
        Self::new("queue", limits, settings, metrics)
    }

    /// The limit of concurrent operations on the shared store.
    pub(crate) fn cache(settings: Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let limits = |all: &Settings| (all.admission.cache_limit, all.admission.cache_waiting);
        Self::new("cache", limits, settings, metrics)
    }

    /// An unused gate. `name` is its metric label; `limits` selects its permits and its queue size from the settings.
    pub(crate) fn new(
        name: &'static str,
        limits: fn(&Settings) -> (u32, u32),
        settings: Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let word = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&word);
        metrics.observe(
            "folio_admission_in_use",
            "Permits in use.",
            ("gate", name),
            move || i64::from(inside(seen.load(Ordering::Relaxed))),
        )?;
        let seen = Arc::clone(&word);
        metrics.observe(
            "folio_admission_waiting",
            "Requests that wait for a permit.",
            ("gate", name),
            move || i64::from(waiting(seen.load(Ordering::Relaxed))),
        )?;
        let accepted = metrics.counters(
            "folio_admission_accepted_total",
            "Requests admitted, at once or after a wait.",
            &["gate"],
        )?;
        let queued = metrics.counters(
            "folio_admission_queued_total",
            "Requests that waited for a permit.",
            &["gate", "priority"],
        )?;
        let rejected = rejections(metrics)?;
        let wait_seconds = metrics.seconds(
            "folio_admission_wait_seconds",
            "Wait for a permit, of requests that waited and were admitted.",
            &["gate"],
        )?;
        Ok(Self {
            name,
            limits,
            settings,
            word,
            room: Mutex::default(),
            accepted: accepted.with_label_values(&[name]),
            queued: RequestPriority::ALL
                .map(|priority| queued.with_label_values(&[name, priority.as_str()])),
            full: rejected.with_label_values(&[&format!("{name}_full")]),
            displaced: rejected.with_label_values(&[&format!("{name}_displaced")]),
            wait_seconds: wait_seconds.with_label_values(&[name]),
        })
    }

    /// Waits for a permit behind waiters of the same or a higher priority.
    ///
    /// Cancel-safe: a dropped future leaves the queue.
    pub(crate) async fn enter(
        &self,
        priority: RequestPriority,
    ) -> Result<GatePermit<'_>, GateFull> {
        if self.try_enter(self.places()) {
            self.accepted.inc();
            return Ok(GatePermit { gate: self });
        }
        let Some(waiting) = self.join_queue(priority)? else {
            self.accepted.inc();
            return Ok(GatePermit { gate: self });
        };
        let began = Instant::now();
        match waiting.turn().await {
            WaitOutcome::Entered => {
                self.wait_seconds.observe(began.elapsed().as_secs_f64());
                self.accepted.inc();
                Ok(GatePermit { gate: self })
            }
            WaitOutcome::Displaced => {
                self.displaced.inc();
                Err(self.queue_full())
            }
        }
    }

    /// [`Gate::enter`] for a permit that outlives the borrow.
    pub(crate) async fn enter_owned(
        self: &Arc<Self>,
        priority: RequestPriority,
    ) -> Result<OwnedGatePermit, GateFull> {
        let pass = self.enter(priority).await?;
        // The owned permit takes over.
        std::mem::forget(pass);
        Ok(OwnedGatePermit {
            gate: Arc::clone(self),
        })
    }

    /// Takes a permit if one is free and nobody waits.
    fn try_enter(&self, places: u32) -> bool {
        let enter = |word| (word < u64::from(places)).then_some(word + 1);
        // A word with waiters is larger than any number of permits.
        self.word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
            .is_ok()
    }

    /// Joins the wait queue; `None` if a permit became free in the meantime.
    fn join_queue(&self, priority: RequestPriority) -> Result<Option<Waiting<'_>>, GateFull> {
        let (places, size) = (self.limits)(&self.settings.load());
        let mut room = self.room();
        loop {
            let word = self.word.load(Ordering::Acquire);
            if word < u64::from(places) {
                if self.try_enter(places) {
                    return Ok(None);
                }
            } else if waiting(word) >= size {
                if !room.displace_below(priority) {
                    self.full.inc();
                    return Err(self.queue_full());
                }
                // The newcomer replaces the displaced waiter: the number of waiters stays the same.
                break;
            } else if self
                .word
                .compare_exchange(word, word + WAITER, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
            {
                break;
            }
        }
        self.queued[priority as usize].inc();
        let (sender, turn) = oneshot::channel();
        let id = room.push(priority, sender);
        // If the limit was raised, some waiters can enter now.
        self.admit_waiters(&mut room, places);
        drop(room);
        Ok(Some(Waiting {
            gate: self,
            id,
            turn,
        }))
    }

    /// Releases a permit, or hands it to the next waiter.
    fn leave(&self) {
        let leave = |word| (word < WAITER).then(|| word - 1);
        let left = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, leave);
        if left.is_err() {
            let places = self.places();
            let mut room = self.room();
            self.word.fetch_sub(1, Ordering::AcqRel);
            self.admit_waiters(&mut room, places);
        }
    }

    /// Admits waiters while there are permits.
    fn admit_waiters(&self, room: &mut WaitQueue, places: u32) {
        while inside(self.word.load(Ordering::Acquire)) < places
            && let Some(next) = room.pop()
        {
            self.word.fetch_sub(WAITER - 1, Ordering::AcqRel);
            // The receiver lives until its waiter has taken the queue's lock and has not found itself there.
            let _ = next.send(WaitOutcome::Entered);
        }
    }

    fn places(&self) -> u32 {
        (self.limits)(&self.settings.load()).0
    }

    fn room(&self) -> MutexGuard<'_, WaitQueue> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue_full(&self) -> GateFull {
        GateFull {
            gate: self.name,
            retry_after: RETRY_AFTER,
        }
    }
}

impl Waiting<'_> {
    async fn turn(mut self) -> WaitOutcome {
        // The queue uses every sender before it drops it, so a closed channel cannot occur.
        (&mut self.turn).await.unwrap_or(WaitOutcome::Displaced)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.turn.is_terminated() {
            return;
        }
        let mut room = self.gate.room();
        if room.remove(self.id) {
            self.gate.word.fetch_sub(WAITER, Ordering::AcqRel);
        } else if self.turn.try_recv() == Ok(WaitOutcome::Entered) {
            drop(room);
            self.gate.leave();
        }
    }
}

impl Drop for GatePermit<'_> {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

impl Drop for OwnedGatePermit {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

impl fmt::Debug for GatePermit<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pass")
            .field("gate", &self.gate.name)
            .finish()
    }
}

/// The metric family of rejected requests, by reason.
pub(crate) fn rejections(
    metrics: &Metrics,
) -> Result<prometheus::IntCounterVec, prometheus::Error> {
    metrics.counters(
        "folio_admission_rejected_total",
        "Requests rejected.",
        &["reason"],
    )
}

fn inside(word: u64) -> u32 {
    word as u32
}

fn waiting(word: u64) -> u32 {
    (word >> 32) as u32
}

#[cfg(test)]
mod tests;
