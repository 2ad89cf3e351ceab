//! Who is there: a slot for each user, through which it is woken and through which it is counted.
//!
//! A user writes only to its own slot, so that counting costs no more than a store; whoever asks adds the slots up. Only
//! how many are active at once is counted in one place, since a peak cannot be added up.

use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::watch;

use crate::units::Micros;

/// A start later than this is counted as late.
const LATE: Micros = Micros(1_000);

/// All users of a run.
#[derive(Debug)]
pub(super) struct Roster {
    slots: Box<[Slot]>,
    level: Level,
    present: AtomicUsize,
    everyone_left: watch::Sender<bool>,
}

/// One user's, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot {
    waker: Mutex<Option<Waker>>,
    started: AtomicU64,
    late: AtomicU64,
    /// A [`Record`].
    presence: AtomicU64,
}

/// How many users are active, and the most since it was last asked.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Level {
    active: AtomicU32,
    peak: AtomicU32,
}

/// Whether a user counts as active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Presence {
    /// Waiting for the schedule to want it.
    Parked = 0,
    /// In an iteration, or (closed model) between two.
    Active = 1,
    /// Gone for good.
    Left = 2,
}

/// A user's presence, what it was before, and since when it is another: in one word, so that they are read as one.
#[derive(Debug, Clone, Copy)]
struct Record(u64);

impl Record {
    const fn presence(self) -> u64 {
        self.0 & 3
    }

    const fn changed(self, presence: Presence, at: Micros) -> Self {
        Self(at.0 << 4 | self.presence() << 2 | presence as u64)
    }

    /// Whether the user was active just before `at`, if it has not changed more than once since.
    const fn was_active(self, at: Micros) -> bool {
        let then = if self.0 >> 4 < at.0 {
            self.presence()
        } else {
            self.0 >> 2 & 3
        };
        then == Presence::Active as u64
    }
}

/// What the slots add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Iterations started since the run began.
    pub(super) started: u64,
    /// Of those, more than 1 ms after their intended start.
    pub(super) late: u64,
    /// Users active at the moment that was asked for.
    pub(super) active: u32,
}

impl Roster {
    pub(super) fn new(users: usize) -> Self {
        Self {
            slots: (0..users).map(|_| Slot::default()).collect(),
            level: Level::default(),
            present: AtomicUsize::new(users),
            everyone_left: watch::Sender::new(users == 0),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.slots.len()
    }

    /// Notes how to wake a user's task.
    pub(super) fn register(&self, user: usize, waker: &Waker) {
        *lock(&self.slots[user].waker) = Some(waker.clone());
    }

    /// Wakes a user's task.
    pub(super) fn wake(&self, user: usize) {
        if let Some(waker) = &*lock(&self.slots[user].waker) {
            waker.wake_by_ref();
        }
    }

    /// Wakes every user's task, so that it looks at the state of the run again.
    pub(super) fn wake_all(&self) {
        for user in 0..self.slots.len() {
            self.wake(user);
        }
    }

    /// Counts an iteration that starts now.
    pub(super) fn started(&self, user: usize, lag: Micros) {
        let slot = &self.slots[user];
        add_one(&slot.started);
        if lag > LATE {
            add_one(&slot.late);
        }
    }

    /// A user is present in this way from then on.
    pub(super) fn set(&self, user: usize, presence: Presence, at: Micros) {
        let cell = &self.slots[user].presence;
        let record = Record(cell.load(Relaxed));
        if record.presence() == presence as u64 {
            return;
        }
        cell.store(record.changed(presence, at).0, Relaxed);
        if presence == Presence::Active {
            self.level.rise();
        } else if record.presence() == Presence::Active as u64 {
            self.level.active.fetch_sub(1, Relaxed);
        }
    }

    /// A user is gone for good; to be called once for each. True for the last one.
    pub(super) fn leave(&self, user: usize, at: Micros) -> bool {
        self.set(user, Presence::Left, at);
        self.present.fetch_sub(1, AcqRel) == 1
    }

    /// Says that every user has left and everything about it is settled.
    pub(super) fn close(&self) {
        self.everyone_left.send_replace(true);
    }

    pub(super) fn is_empty(&self) -> bool {
        *self.everyone_left.borrow()
    }

    /// Returns when every user has left.
    pub(super) async fn emptied(&self) {
        let mut everyone_left = self.everyone_left.subscribe();
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = everyone_left.wait_for(|left| *left).await;
    }

    /// The counts as they are, and the users that were active just before `at`.
    pub(super) fn census(&self, at: Micros) -> Census {
        let mut census = Census::default();
        for slot in &self.slots {
            census.started += slot.started.load(Relaxed);
            census.late += slot.late.load(Relaxed);
            let record = Record(slot.presence.load(Relaxed));
            census.active += u32::from(record.was_active(at));
        }
        census
    }

    /// The most users that were active at once since the last call.
    pub(super) fn take_peak(&self) -> u32 {
        let peak = self.level.peak.swap(0, Relaxed);
        let active = self.level.active.load(Relaxed);
        self.level.peak.fetch_max(active, Relaxed);
        peak
    }
}

impl Level {
    fn rise(&self) {
        let active = self.active.fetch_add(1, Relaxed) + 1;
        if self.peak.load(Relaxed) < active {
            self.peak.fetch_max(active, Relaxed);
        }
    }
}

/// An increment by the only writer: no read-modify-write on the bus.
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
