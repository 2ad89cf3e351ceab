//! One load of a plan.

use std::fmt;
use std::ops::Range;

use super::arrivals::ArrivalTimes;
use super::curve::Curve;
use super::schedule::Schedule;
use crate::plan::Segment;
use crate::scenario::{ArrivalLaw, Sharing};

/// One load: when its users are active or its iterations start, and the flows that its users run.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadProfile {
    /// Its name; none for the load that flows share.
    pub name: Option<String>,
    /// When users are active, or when iterations start.
    pub schedule: Schedule,
    /// Its users among those of all loads and segments.
    pub users: Range<u32>,
    /// Its flows, as indices into [`Plan::flows`](crate::plan::Plan::flows); at least one.
    pub flows: Vec<usize>,
}

impl LoadProfile {
    /// A load whose users are the first ones; see [`Loads::new`](super::Loads::new).
    pub fn new(name: Option<String>, schedule: Schedule, flows: Vec<usize>) -> Self {
        Self {
            name,
            users: 0..schedule.peak_users(),
            schedule,
            flows,
        }
    }

    /// The same, its users numbered from `first` on.
    pub(super) fn with_users_from(self, first: u32) -> Self {
        let users = first..first.saturating_add(self.schedule.peak_users());
        Self { users, ..self }
    }

    /// Its users among those of a segment, which numbers its own from 0.
    pub fn slots(&self, segment: Segment) -> Range<usize> {
        let slot = |user: u32| segment.share(u64::from(user)) as usize;
        slot(self.users.start)..slot(self.users.end)
    }

    /// How many iterations it asks of a segment; none where users decide.
    pub fn planned_iterations(&self, seed: u64, segment: Segment) -> Option<u64> {
        match &self.schedule {
            Schedule::Users(_) => None,
            Schedule::Iterations {
                count,
                sharing: Sharing::Shared,
                ..
            } => Some(segment.share(*count)),
            Schedule::Iterations {
                count,
                sharing: Sharing::PerUser,
                ..
            } => Some(count.saturating_mul(self.slots(segment).len() as u64)),
            Schedule::Arrivals { curve, law, .. } => {
                Some(self.arrivals(curve, *law, seed, segment).remaining())
            }
        }
    }

    /// The arrivals of the load's curve that belong to a segment. Two loads of one plan arrive independently of each
    /// other; the first one by the plan's own seed.
    pub fn arrivals(
        &self,
        curve: &Curve,
        law: ArrivalLaw,
        seed: u64,
        segment: Segment,
    ) -> ArrivalTimes {
        let seed = seed.wrapping_add(u64::from(self.users.start));
        ArrivalTimes::new(curve, law, seed, segment)
    }
}

impl fmt::Display for LoadProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        self.schedule.fmt(f)
    }
}
