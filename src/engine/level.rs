//! The level of a load over time, which may be changed while the load runs.
//!
//! A change replaces the curve from its time on and leaves what lies before, so that starts already due stay due, and the
//! position of an open schedule on the axis of area stays what it is. While a load is paused its level is zero: nothing
//! is due, so a pause delays no start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::plan::curve::{Curve, Piece};
use crate::plan::{LoadProfile, Schedule};

/// Longer than any run: the length of a load that ends with its iterations.
const EVER: Duration = Duration::from_hours(24 * 365 * 100);

/// A change of a load by hand, or by the search for a capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LevelChange {
    /// No iteration starts any more.
    Pause,
    /// The load goes on where its schedule is by now, or at the level that was set last.
    Resume,
    /// Users, or starts per second, until the end of the load.
    Set(f64),
}

/// A level that may change.
#[derive(Debug)]
pub(super) struct LiveLevel {
    /// The number of changes.
    changes: AtomicU64,
    state: Mutex<LevelState>,
}

#[derive(Debug)]
struct LevelState {
    planned: Curve,
    current: Arc<Curve>,
    /// The level that replaces the planned one.
    set: Option<f64>,
    is_paused: bool,
}

impl LiveLevel {
    /// The level of a schedule; with a number of iterations, that of its users.
    pub(super) fn of(load: &LoadProfile) -> Self {
        let planned = match &load.schedule {
            Schedule::Users(curve) | Schedule::Arrivals { curve, .. } => curve.clone(),
            Schedule::Iterations {
                users,
                max_duration,
                ..
            } => {
                let level = |level, duration| Piece {
                    from: level,
                    to: level,
                    duration,
                };
                let wait = Some(level(0.0, load.from)).filter(|piece| !piece.duration.is_zero());
                let users = level(f64::from(*users), max_duration.unwrap_or(EVER));
                Curve {
                    pieces: wait.into_iter().chain([users]).collect(),
                }
            }
        };
        Self {
            changes: AtomicU64::new(0),
            state: Mutex::new(LevelState {
                current: Arc::new(planned.clone()),
                planned,
                set: None,
                is_paused: false,
            }),
        }
    }

    /// The number of changes so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The curve with all changes so far, and their number.
    pub(super) fn current(&self) -> (Arc<Curve>, u64) {
        let state = self.state();
        (Arc::clone(&state.current), self.changes())
    }

    /// True while no iteration may start.
    pub(super) fn is_paused(&self) -> bool {
        self.state().is_paused
    }

    /// Changes the level from `at` on; the caller then wakes the users.
    pub(super) fn change(&self, change: LevelChange, at: Duration) {
        let mut state = self.state();
        match change {
            LevelChange::Pause => state.is_paused = true,
            LevelChange::Resume => state.is_paused = false,
            LevelChange::Set(level) => state.set = Some(level),
        }
        let level = if state.is_paused {
            Some(0.0)
        } else {
            state.set
        };
        let rest = match level {
            Some(level) => state.current.held_from(at, level),
            None => state.current.followed_by(at, &state.planned),
        };
        state.current = Arc::new(rest);
        drop(state);
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, LevelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
