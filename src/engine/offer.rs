//! Counts the iterations that a load has planned so far.

use std::ops::Range;

use super::level::LiveLevel;
use super::roster::UserCounts;
use crate::plan::arrivals::ArrivalTimes;
use crate::plan::{LoadProfile, Plan, Schedule};
use crate::units::Micros;

/// One load's count of iterations.
#[derive(Debug)]
pub(super) struct Offer {
    /// The users of the load.
    pub(super) slots: Range<usize>,
    asked: Asked,
}

/// The number of iterations that a load asks for.
#[derive(Debug)]
enum Asked {
    /// As many as the users complete.
    Users,
    /// A fixed number.
    Count(u64),
    /// Every arrival that is due.
    Arrivals {
        /// The arrivals that are not yet counted as due.
        ahead: ArrivalTimes,
        /// The number of changes of the level that they follow.
        changes: u64,
        due: u64,
    },
}

impl Offer {
    pub(super) fn of(load: &LoadProfile, plan: &Plan) -> Self {
        let (seed, segment) = (plan.workload.seed, plan.workload.segment);
        let asked = match &load.schedule {
            Schedule::Users(_) => Asked::Users,
            Schedule::Iterations { .. } => {
                let planned = load.planned_iterations(seed, segment);
                planned.map_or(Asked::Users, Asked::Count)
            }
            Schedule::Arrivals { curve, law, .. } => Asked::Arrivals {
                ahead: load.arrivals(curve, *law, seed, segment),
                changes: 0,
                due: 0,
            },
        };
        Self {
            slots: load.slots(segment),
            asked,
        }
    }

    /// Follows the changes of the load's level.
    pub(super) fn follow(&mut self, level: &LiveLevel) {
        if let Asked::Arrivals { ahead, changes, .. } = &mut self.asked
            && *changes < level.changes()
        {
            let (curve, known) = level.current();
            ahead.follow(&curve);
            *changes = known;
        }
    }

    /// The iterations offered and started by `until`, while users are there. An arrival due after that belongs to the
    /// next call, even if it has started.
    pub(super) fn by(&mut self, until: Micros, counts: UserCounts) -> (u64, u64) {
        match &mut self.asked {
            Asked::Users | Asked::Count(_) => (counts.started, counts.started),
            Asked::Arrivals { ahead, due, .. } => {
                *due += ahead.take_until(until);
                (*due, counts.started.min(*due))
            }
        }
    }

    /// The iterations planned until `until` that will never start, after every user has left.
    pub(super) fn unstarted(&mut self, until: Micros, counts: UserCounts) -> u64 {
        let asked = match &mut self.asked {
            Asked::Users => return 0,
            Asked::Count(count) => *count,
            Asked::Arrivals { ahead, due, .. } => {
                *due += ahead.take_until(until);
                *due
            }
        };
        asked.saturating_sub(counts.started)
    }
}
