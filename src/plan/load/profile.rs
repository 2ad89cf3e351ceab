//! One load of a plan.

use std::fmt;
use std::ops::Range;

use super::arrivals::ArrivalTimes;
use super::curve::Curve;
use super::schedule::{Schedule, StageMark};
use crate::plan::Segment;
use crate::scenario::{ArrivalLaw, Sharing};

/// One load: its schedule, its users and their flows.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadProfile {
    /// Its name; `None` for the load that flows share.
    pub name: Option<String>,
    /// The times at which users are active or iterations start.
    pub schedule: Schedule,
    /// Its range among the users of all loads and segments.
    pub users: Range<u32>,
    /// The names of its stages, in the order of [`Schedule::stage_marks`]; empty if no stage has a name.
    pub stage_names: Vec<Option<String>>,
    /// Its flows, as indices into [`Workload::flows`](crate::plan::Workload::flows); at least one.
    pub flows: Vec<usize>,
}

impl LoadProfile {
    /// A load whose users are the first ones; [`Loads::new`](super::Loads::new) renumbers them.
    pub fn new(name: Option<String>, schedule: Schedule, flows: Vec<usize>) -> Self {
        Self {
            name,
            users: 0..schedule.peak_users(),
            schedule,
            stage_names: Vec::new(),
            flows,
        }
    }

    /// The same load with these names of its stages.
    #[must_use]
    pub fn with_stage_names(self, stage_names: Vec<Option<String>>) -> Self {
        Self {
            stage_names,
            ..self
        }
    }

    /// Its stages on the run's clock, with their names.
    pub fn stage_marks(&self) -> Vec<StageMark> {
        let mut marks = self.schedule.stage_marks();
        for (mark, name) in marks.iter_mut().zip(&self.stage_names) {
            mark.name.clone_from(name);
        }
        marks
    }

    /// The same load with its users numbered from `first`.
    pub(super) fn with_users_from(self, first: u32) -> Self {
        let users = first..first.saturating_add(self.schedule.peak_users());
        Self { users, ..self }
    }

    /// Its range among the users of a segment, which are numbered from 0.
    pub fn slots(&self, segment: Segment) -> Range<usize> {
        let slot = |user: u32| segment.share(u64::from(user)) as usize;
        slot(self.users.start)..slot(self.users.end)
    }

    /// The number of iterations planned for a segment; `None` if it depends on the users.
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

    /// The arrivals of the load's curve that belong to a segment. Two loads of a plan have independent arrivals; the
    /// first load uses the plan's seed itself.
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
