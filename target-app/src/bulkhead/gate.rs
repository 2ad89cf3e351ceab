//! Gate: a limit of what is under way at a time, and a bounded room for those that wait, by priority.
//!
//! One word holds how many are inside and how many wait. While nobody waits, entering and leaving are a compare-and-swap
//! on it. While somebody waits the word changes only under the room's lock, and a place that gets free is handed to who
//! is next, so nobody overtakes and no wake-up is lost. Limits are read at each entry and exit.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{Histogram, IntCounter};
use tokio::sync::oneshot;

use super::wait_queue::{WaitOutcome, WaitQueue, WaiterId};
use crate::metrics::Metrics;
use crate::settings::{Live, Settings};

/// How urgent a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RequestPriority {
    /// When there is nothing else to do.
    Low,
    /// What says nothing of itself.
    Normal,
    /// Before normal requests.
    High,
    /// Before all others.
    Critical,
}

/// There is neither a place nor room to wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the concurrency limit {gate} is reached and its wait queue is full")]
pub(crate) struct GateFull {
    /// The gate's name.
    pub(crate) gate: &'static str,
    /// When to try again.
    pub(crate) retry_after: Duration,
}

/// A concurrency limit with a waiting room; see the module.
pub(crate) struct Gate {
    name: &'static str,
    /// Places, and the room's size, by the settings of now.
    limits: fn(&Settings) -> (u32, u32),
    settings: Arc<Live>,
    /// Those inside in the low half, those that wait in the high one.
    word: Arc<AtomicU64>,
    room: Mutex<WaitQueue>,
    accepted: IntCounter,
    queued: [IntCounter; 4],
    full: IntCounter,
    displaced: IntCounter,
    wait_seconds: Histogram,
}

/// A place inside a gate, until it is dropped.
#[must_use = "dropping a permit releases it"]
pub(crate) struct GatePermit<'a> {
    gate: &'a Gate,
}

/// The same for who outlives a borrow of the gate.
#[must_use = "dropping a permit releases it"]
pub(crate) struct OwnedGatePermit {
    gate: Arc<Gate>,
}

/// A place in the waiting room; dropping it early leaves the room, or gives back the place that was just handed over.
struct Waiting<'a> {
    gate: &'a Gate,
    id: WaiterId,
    turn: oneshot::Receiver<WaitOutcome>,
}

/// One that waits, in the word.
const WAITER: u64 = 1 << 32;
/// A full gate turns over within this: a client that comes back sooner only finds it full again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl RequestPriority {
    /// From the lowest.
    pub(crate) const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// As headers and metrics spell it.
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
    /// The limit of requests under way.
    pub(crate) fn http(settings: Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let limits = |all: &Settings| (all.admission.http_limit, all.admission.http_waiting);
        Self::new("http", limits, settings, metrics)
    }

    /// The limit of heavy requests under way, with the long queue before it.
    pub(crate) fn queue(settings: Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let limits = |all: &Settings| (all.admission.queue_workers, all.admission.queue_depth);
        Self::new("queue", limits, settings, metrics)
    }

    /// The limit of operations on the shared store under way.
    pub(crate) fn cache(settings: Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let limits = |all: &Settings| (all.admission.cache_limit, all.admission.cache_waiting);
        Self::new("cache", limits, settings, metrics)
    }

    /// An empty gate; `name` is the label of its metrics, `limits` picks its places and its room from the settings.
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

    /// A place, now or after those that wait with the same or a higher priority.
    ///
    /// Cancel-safe: who stops waiting leaves the room.
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

    /// [`Gate::enter`] for who keeps the place beyond a borrow.
    pub(crate) async fn enter_owned(
        self: &Arc<Self>,
        priority: RequestPriority,
    ) -> Result<OwnedGatePermit, GateFull> {
        let pass = self.enter(priority).await?;
        // The place goes over to the owned pass.
        std::mem::forget(pass);
        Ok(OwnedGatePermit {
            gate: Arc::clone(self),
        })
    }

    /// Takes a place when one is free and nobody waits.
    fn try_enter(&self, places: u32) -> bool {
        let enter = |word| (word < u64::from(places)).then_some(word + 1);
        // A word with waiters is larger than any number of places.
        self.word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
            .is_ok()
    }

    /// A place in the waiting room; none is needed when one inside got free meanwhile.
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
                // The newcomer takes the place of the displaced one: as many wait as before.
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
        // With more places than before there may be some for those that wait.
        self.admit_waiters(&mut room, places);
        drop(room);
        Ok(Some(Waiting {
            gate: self,
            id,
            turn,
        }))
    }

    /// Gives one place back, to who is next if somebody waits.
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

    /// Lets in who is next while there are places.
    fn admit_waiters(&self, room: &mut WaitQueue, places: u32) {
        while inside(self.word.load(Ordering::Acquire)) < places
            && let Some(next) = room.pop()
        {
            self.word.fetch_sub(WAITER - 1, Ordering::AcqRel);
            // The receiver lives until its waiter has taken the room's lock and not found itself there.
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
        // The room drops no sender without having used it, so a closed channel cannot be seen.
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

/// The family of what was turned away, by reason.
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
