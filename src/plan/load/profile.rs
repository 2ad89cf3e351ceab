//! One load of a plan.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::arrivals::ArrivalTimes;
use super::curve::Curve;
use super::schedule::{Schedule, StageMark, stage_marks};
use crate::plan::Segment;
use crate::scenario::{ArrivalLaw, Load, LoadModel, Sharing};
use crate::units::{Rate, show_counted, show_duration, show_number};

/// One load: its schedule, its users and their flows.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadProfile {
    /// Its name; `None` for the load that flows share.
    pub name: Option<String>,
    /// The times at which users are active or iterations start.
    pub schedule: Schedule,
    /// Its range among the users of all loads and segments.
    pub users: Range<u32>,
    /// When it begins, since the start of the run.
    pub from: Duration,
    /// The time for its iterations to end after its end, if not that of the run.
    pub grace: Option<Duration>,
    /// The maximum number of requests per second of its users.
    pub throughput: Option<Rate>,
    /// True if a search for the capacity changes its rate and ends it.
    pub is_searched: bool,
    /// Its stages on the run's clock. A load with a number of iterations has none.
    pub stages: Vec<StageMark>,
    /// Its flows, as indices into [`Workload::flows`](crate::plan::Workload::flows); at least one.
    pub flows: Vec<usize>,
}

impl LoadProfile {
    /// A load whose users are the first ones; [`Loads::new`](super::Loads::new) renumbers them.
    pub fn of(load: &Load, name: Option<String>, flows: Vec<usize>) -> Self {
        let schedule = Schedule::of(&load.model, load.from);
        Self {
            name,
            users: 0..schedule.peak_users().max(load.room.unwrap_or(0)),
            schedule,
            from: load.from,
            grace: load.grace,
            throughput: load.throughput,
            is_searched: matches!(load.model, LoadModel::Search(_)),
            stages: stage_marks(load),
            flows,
        }
    }

    /// When it ends, since the start of the run; `None` if it ends with its iterations.
    pub fn end(&self) -> Option<Duration> {
        if self.is_searched {
            return None;
        }
        match &self.schedule {
            Schedule::Users(curve) | Schedule::Arrivals { curve, .. } => Some(curve.duration()),
            Schedule::Iterations { max_duration, .. } => Some(self.from + (*max_duration)?),
        }
    }

    /// The same load with its users numbered from `first`.
    pub(super) fn with_users_from(self, first: u32) -> Self {
        let users = first..first.saturating_add(self.users.len() as u32);
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
            Schedule::Arrivals { .. } if self.is_searched => None,
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
    /// A description: `20 users for 5m`, `0 → 50/s over 1m, 50/s for 2m`, `1,000 iterations by 10 users`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        let unit = match &self.schedule {
            Schedule::Users(_) => " users",
            Schedule::Iterations { .. } | Schedule::Arrivals { .. } => "/s",
        };
        let stages: Vec<String> = self.stages.iter().map(|mark| mark.shown(unit)).collect();
        f.write_str(&stages.join(", "))?;
        if self.is_searched {
            f.write_str("the capacity is searched")?;
        }
        match &self.schedule {
            Schedule::Users(_) => {}
            Schedule::Iterations {
                count,
                sharing,
                users,
                max_duration,
            } => {
                match sharing {
                    Sharing::Shared => write!(
                        f,
                        "{} by {}",
                        show_counted(*count, "iteration"),
                        show_counted(*users, "user")
                    )?,
                    Sharing::PerUser => write!(
                        f,
                        "{} by each of {}",
                        show_counted(*count, "iteration"),
                        show_counted(*users, "user")
                    )?,
                }
                if let Some(limit) = max_duration {
                    write!(f, " in at most {}", show_duration(*limit))?;
                }
            }
            Schedule::Arrivals { law, max_users, .. } => {
                if *law == ArrivalLaw::Poisson {
                    f.write_str(" (Poisson)")?;
                }
                write!(f, ", at most {}", show_counted(*max_users, "user"))?;
            }
        }
        if !self.from.is_zero() {
            write!(f, " from {}", show_duration(self.from))?;
        }
        if let Some(throughput) = self.throughput {
            write!(
                f,
                ", at most {} requests/s",
                show_number(throughput.as_per_second())
            )?;
        }
        Ok(())
    }
}
