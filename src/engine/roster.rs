//! The users of a run: one slot for each, through which it is woken and counted.
//!
//! A user writes only to its own slot, so that counting costs no more than a store; readers sum the slots. Only the
//! number of active users is counted in one place, since a peak is not a sum of parts.

use std::ops::Range;
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
    active: ActiveUsers,
    present: AtomicUsize,
    everyone_left: watch::Sender<bool>,
}

/// One user's slot, on a separate cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot {
    waker: Mutex<Option<Waker>>,
    started: AtomicU64,
    late: AtomicU64,
    /// An [`ActivityRecord`].
    activity: AtomicU64,
}

/// The number of active users, its peak since the last reading, and when it was the number of all users.
#[derive(Debug)]
#[repr(align(128))]
struct ActiveUsers {
    now: AtomicU32,
    peak: AtomicU32,
    /// The first time since the last reading at which every user was active; [`NEVER`] if there was none.
    all_since: AtomicU64,
}

/// Later than any run.
const NEVER: u64 = u64::MAX;

/// The activity of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Activity {
    /// Waiting for the schedule.
    Parked = 0,
    /// In an iteration, or (closed model) between two.
    Active = 1,
    /// The user has left the load.
    Left = 2,
}

/// A user's activity, the one before, and the time of the change: packed into one word, so that they are read together.
#[derive(Debug, Clone, Copy)]
struct ActivityRecord(u64);

impl ActivityRecord {
    const fn activity(self) -> u64 {
        self.0 & 3
    }

    const fn changed(self, activity: Activity, at: Micros) -> Self {
        Self(at.0 << 4 | self.activity() << 2 | activity as u64)
    }

    /// True if the user was active just before `at`; exact if its activity changed at most once since then.
    const fn was_active(self, at: Micros) -> bool {
        let then = if self.0 >> 4 < at.0 {
            self.activity()
        } else {
            self.0 >> 2 & 3
        };
        then == Activity::Active as u64
    }
}

/// The sums over the slots of some users.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UserCounts {
    /// Iterations started since the run began.
    pub(super) started: u64,
    /// The iterations among them that began more than 1 ms after their intended start.
    pub(super) late: u64,
    /// Users active at the requested time.
    pub(super) active: u32,
}

impl Roster {
    pub(super) fn new(users: usize) -> Self {
        Self {
            slots: (0..users).map(|_| Slot::default()).collect(),
            active: ActiveUsers {
                now: AtomicU32::new(0),
                peak: AtomicU32::new(0),
                all_since: AtomicU64::new(NEVER),
            },
            present: AtomicUsize::new(users),
            everyone_left: watch::Sender::new(users == 0),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.slots.len()
    }

    /// Stores the waker of a user's task.
    pub(super) fn register(&self, user: usize, waker: &Waker) {
        *lock(&self.slots[user].waker) = Some(waker.clone());
    }

    /// Wakes a user's task.
    pub(super) fn wake(&self, user: usize) {
        if let Some(waker) = &*lock(&self.slots[user].waker) {
            waker.wake_by_ref();
        }
    }

    /// Wakes every user's task, so that it reads the state of the run again.
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

    /// Sets a user's activity from `at` on.
    pub(super) fn set(&self, user: usize, activity: Activity, at: Micros) {
        let cell = &self.slots[user].activity;
        let record = ActivityRecord(cell.load(Relaxed));
        if record.activity() == activity as u64 {
            return;
        }
        cell.store(record.changed(activity, at).0, Relaxed);
        if activity == Activity::Active {
            if self.active.rise() as usize == self.slots.len() {
                self.active.all_since.fetch_min(at.0, Relaxed);
            }
        } else if record.activity() == Activity::Active as u64 {
            self.active.now.fetch_sub(1, Relaxed);
        }
    }

    /// A user leaves; must be called once for each. True for the last one.
    pub(super) fn leave(&self, user: usize, at: Micros) -> bool {
        self.set(user, Activity::Left, at);
        self.present.fetch_sub(1, AcqRel) == 1
    }

    /// The number of users that have not left.
    pub(super) fn present(&self) -> usize {
        self.present.load(Relaxed)
    }

    /// Signals that every user has left and all its counts are final.
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

    /// The present counts of some users, and how many of them were active just before `at`.
    pub(super) fn counts(&self, users: Range<usize>, at: Micros) -> UserCounts {
        let mut counts = UserCounts::default();
        for slot in &self.slots[users] {
            counts.started += slot.started.load(Relaxed);
            counts.late += slot.late.load(Relaxed);
            let record = ActivityRecord(slot.activity.load(Relaxed));
            counts.active += u32::from(record.was_active(at));
        }
        counts
    }

    /// The first time since the last call at which every user was active; `None` if there was none.
    pub(super) fn take_all_active(&self) -> Option<Micros> {
        let at = self.active.all_since.swap(NEVER, Relaxed);
        (at != NEVER).then_some(Micros(at))
    }

    /// The peak of active users since the last call.
    pub(super) fn take_peak(&self) -> u32 {
        let peak = self.active.peak.swap(0, Relaxed);
        let active = self.active.now.load(Relaxed);
        self.active.peak.fetch_max(active, Relaxed);
        peak
    }
}

impl ActiveUsers {
    /// Adds one and returns the new number.
    fn rise(&self) -> u32 {
        let active = self.now.fetch_add(1, Relaxed) + 1;
        if self.peak.load(Relaxed) < active {
            self.peak.fetch_max(active, Relaxed);
        }
        active
    }
}

/// Increments a counter that has a single writer, so no atomic read-modify-write is needed.
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
