//! Who is there: a slot for each user, through which it is woken and through which it is counted.
//!
//! A user writes only to its own slot, so that counting costs no more than a store; whoever asks adds the slots up.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
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
    presence: AtomicU8,
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

/// What the slots add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Iterations started since the run began.
    pub(super) started: u64,
    /// Of those, more than 1 ms after their intended start.
    pub(super) late: u64,
    /// Users active now.
    pub(super) active: u32,
}

impl Roster {
    pub(super) fn new(users: usize) -> Self {
        Self {
            slots: (0..users).map(|_| Slot::default()).collect(),
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

    /// Wakes every user's task, so that it looks at the state of the run again.
    pub(super) fn wake_all(&self) {
        for slot in &self.slots {
            if let Some(waker) = &*lock(&slot.waker) {
                waker.wake_by_ref();
            }
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

    pub(super) fn set(&self, user: usize, presence: Presence) {
        let cell = &self.slots[user].presence;
        if cell.load(Ordering::Relaxed) != presence as u8 {
            cell.store(presence as u8, Ordering::Relaxed);
        }
    }

    /// A user is gone for good; to be called once for each. True for the last one.
    pub(super) fn leave(&self, user: usize) -> bool {
        self.set(user, Presence::Left);
        self.present.fetch_sub(1, Ordering::AcqRel) == 1
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

    pub(super) fn census(&self) -> Census {
        let mut census = Census::default();
        for slot in &self.slots {
            census.started += slot.started.load(Ordering::Relaxed);
            census.late += slot.late.load(Ordering::Relaxed);
            let presence = slot.presence.load(Ordering::Relaxed);
            census.active += u32::from(presence == Presence::Active as u8);
        }
        census
    }
}

/// An increment by the only writer: no read-modify-write on the bus.
fn add_one(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
