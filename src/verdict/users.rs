//! Detects an open load with too few users: while every user waits for the target, no iteration can start on time.

use super::warning::Warning;
use crate::record::Interval;
use crate::units::Micros;

/// Tracks the seconds at whose end every user was busy and iterations were due.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UserWatch {
    /// The user limit of an open load; a closed model has no schedule to fall behind.
    max_users: Option<u32>,
    /// The last known moment when the last free user became busy.
    reached: Option<Micros>,
    since: Option<Micros>,
    /// The time for which all were busy.
    lasted: Micros,
    /// The time for which load was sent in these seconds, and the iterations that it started.
    load_time: Micros,
    started: u64,
}

impl UserWatch {
    pub(super) fn of(max_users: Option<u32>) -> Self {
        Self {
            max_users,
            ..Self::default()
        }
    }

    /// Adds the next interval; warm-up intervals only show when users became busy.
    pub(super) fn observe(&mut self, interval: &Interval) {
        let load = &interval.load;
        self.reached = load.all_active_at.or(self.reached);
        let is_short = load.backlog > 0
            && !interval.is_warm_up
            && !interval.is_drain()
            && self
                .max_users
                .is_some_and(|max_users| load.active_users >= max_users);
        if is_short {
            self.since
                .get_or_insert(self.reached.unwrap_or(interval.start));
            // In the first of these seconds some users were still free.
            let free = self.reached.unwrap_or(interval.start);
            let free = free.saturating_sub(interval.start);
            self.lasted += interval.load_time().saturating_sub(free);
            self.load_time += interval.load_time();
            self.started += load.started;
        }
    }

    /// The warning that there were too few users, with the rate that the target handled at least: the rate at which
    /// iterations started in those seconds.
    pub(super) fn warning(&self) -> Option<Warning> {
        Some(Warning::UsersExhausted {
            max_users: self.max_users?,
            since: self.since?,
            lasted: self.lasted,
            rate: self.started as f64 / self.load_time.as_secs_f64().max(1e-6),
        })
    }
}
