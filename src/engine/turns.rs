//! The flow of each iteration of a load.

use std::sync::{Mutex, PoisonError};

use crate::plan::{LoadProfile, Mix, Players, Workload};

/// The flows of a load's users.
#[derive(Debug)]
pub(super) struct Turns {
    players: Players,
    /// `None` if there is nothing to choose.
    mix: Option<Mutex<Mix>>,
}

impl Turns {
    pub(super) fn of(load: &LoadProfile, workload: &Workload) -> Self {
        let players = workload.players(load);
        let is_mixed = players.mixed.len() > 1;
        Self {
            mix: is_mixed.then(|| Mutex::new(workload.mix(load))),
            players,
        }
    }

    /// The flow that this user, numbered among all users of the run, plays alone.
    pub(super) fn flow_of(&self, user: u32) -> Option<usize> {
        self.players.flow_of(user)
    }

    /// The flow of the next iteration of the other users.
    pub(super) fn next_flow(&self) -> usize {
        let next = |mix: &Mutex<Mix>| {
            let mut mix = mix.lock().unwrap_or_else(PoisonError::into_inner);
            mix.next_flow()
        };
        self.players.mixed[self.mix.as_ref().map_or(0, next)].0
    }
}
