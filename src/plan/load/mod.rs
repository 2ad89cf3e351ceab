//! The loads of a plan. Each has a schedule, users and flows; most plans have one load.
//!
//! Users are numbered across all loads and segments: a load's first user follows the last user of the load before it.
//! [`Loads`] has the figures of the whole run.

pub mod arrivals;
pub mod curve;
mod mix;
mod profile;
pub mod schedule;

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

pub use mix::Mix;
pub use profile::LoadProfile;

use super::Segment;
use crate::units::Micros;
use schedule::{Model, Schedule, StageMark};

/// The loads of a plan, which run at the same time; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Loads(Vec<LoadProfile>);

impl Loads {
    /// Numbers the users across the loads.
    pub fn new(loads: impl IntoIterator<Item = LoadProfile>) -> Self {
        let mut next = 0;
        let each = loads.into_iter().map(|load| {
            let load = load.with_users_from(next);
            next = load.users.end;
            load
        });
        Self(each.collect())
    }

    /// Open if any load is open: then some starts are due regardless of the target.
    pub fn model(&self) -> Model {
        let is_open = |load: &LoadProfile| load.schedule.model() == Model::Open;
        if self.iter().any(is_open) {
            Model::Open
        } else {
            Model::Closed
        }
    }

    /// The users of all loads.
    pub fn peak_users(&self) -> u32 {
        self.iter().map(|load| load.users.len() as u32).sum()
    }

    /// The time until the last load ends; `None` if the end of one depends on its iterations.
    pub fn duration(&self) -> Option<Duration> {
        let ends = self.iter().map(LoadProfile::end);
        ends.reduce(|longest, length| Some(longest?.max(length?)))?
    }

    /// The number of iterations planned for a segment; `None` if it depends on the users of any load.
    pub fn planned_iterations(&self, seed: u64, segment: Segment) -> Option<u64> {
        let each = self.iter();
        each.map(|load| load.planned_iterations(seed, segment))
            .try_fold(0, |sum: u64, count| Some(sum.saturating_add(count?)))
    }

    /// True if any load plans a number of iterations, so that some may be due and not started.
    pub fn ask_for_iterations(&self) -> bool {
        let asks = |load: &LoadProfile| !matches!(load.schedule, Schedule::Users(_));
        self.iter().any(asks)
    }

    /// The times between the start and the end of the run at which a stage begins or ends, on the run's clock.
    pub fn stage_ends(&self) -> Vec<Micros> {
        let load = self.duration().map(Micros::from);
        let marks = self.iter().flat_map(|load| &load.stages);
        let ends = marks.flat_map(|mark| [mark.start, mark.end]);
        let is_within = |at: &Micros| *at > Micros::ZERO && Some(*at) != load;
        let mut ends: Vec<Micros> = ends.filter(is_within).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// The stages of all loads, for marks on time axes.
    pub fn stage_marks(&self) -> Vec<StageMark> {
        let is_alone = self.len() == 1;
        let of_load = |load: &LoadProfile| {
            let (name, model) = (load.name.clone(), load.schedule.model());
            let each = load.stages.clone().into_iter();
            each.map(move |mark| StageMark {
                load: name.clone().filter(|_| !is_alone),
                model: Some(model).filter(|_| !is_alone),
                ..mark
            })
        };
        self.iter().flat_map(of_load).collect()
    }
}

impl Deref for Loads {
    type Target = [LoadProfile];

    fn deref(&self) -> &[LoadProfile] {
        &self.0
    }
}

impl fmt::Display for Loads {
    /// `20 users for 5m`, and with a second load `20 users for 5m; nightly import: 2/s for 3m, at most 10 users`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, load) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{load}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::{ArrivalLaw, Load, LoadModel, Sharing, Stage};

    const MINUTE: Duration = Duration::from_mins(1);

    fn load(model: LoadModel) -> Load {
        Load {
            model,
            from: Duration::ZERO,
            grace: None,
            throughput: None,
            room: None,
        }
    }

    fn users(users: u32) -> Load {
        let stages = vec![Stage::hold(users.into(), MINUTE)];
        load(LoadModel::Users { stages })
    }

    fn rate(rate: f64, law: ArrivalLaw) -> Load {
        load(LoadModel::Arrivals {
            stages: vec![Stage::hold(rate, 2 * MINUTE)],
            max_users: 5,
            law,
        })
    }

    fn iterations(count: u64, sharing: Sharing) -> Load {
        load(LoadModel::Iterations {
            count,
            sharing,
            users: 10,
            max_duration: None,
        })
    }

    fn profile(load: &Load, name: Option<&str>) -> LoadProfile {
        LoadProfile::of(load, name.map(str::to_owned), vec![0])
    }

    #[test]
    fn the_figures_of_a_run_are_of_all_its_loads() {
        let import = Load {
            from: Duration::from_secs(30),
            ..rate(2.0, ArrivalLaw::Constant)
        };
        let parts = [
            profile(&users(20), None),
            profile(&import, Some("nightly import")),
        ];
        let loads = Loads::new(parts);
        assert_eq!(
            loads.to_string(),
            "20 users for 1m; nightly import: 2/s for 2m, at most 5 users from 30s"
        );
        let whole = Duration::from_secs(150);
        assert_eq!(
            (loads.model(), loads.peak_users(), loads.duration()),
            (Model::Open, 25, Some(whole))
        );
        assert_eq!(loads.planned_iterations(1, Segment::WHOLE), None);
        let ends = [30, 60].map(|seconds| Duration::from_secs(seconds).into());
        assert_eq!(loads.stage_ends(), ends);

        let counted = profile(&iterations(100, Sharing::Shared), Some("counted"));
        let loads = Loads::new([profile(&import, None), counted]);
        assert_eq!(loads.duration(), None);
        assert_eq!(loads.planned_iterations(1, Segment::WHOLE), Some(340));
    }

    #[test]
    fn planned_iterations_are_shared_out_to_the_segments_without_loss() {
        let arrivals = |law| rate(33.4, law);
        let expected = [
            (iterations(1_001, Sharing::Shared), Some(1_001)),
            (iterations(1_001, Sharing::PerUser), Some(10_010)),
            (arrivals(ArrivalLaw::Constant), Some(4_008)),
            (arrivals(ArrivalLaw::Poisson), None),
        ];
        for (load, count) in expected {
            // Seven users precede it, so that its own users do not start at a segment's first.
            let behind = Loads::new([profile(&users(7), None), profile(&load, None)]);
            for load in [&profile(&load, None), &behind[1]] {
                let whole = load.planned_iterations(1, Segment::WHOLE);
                assert!(count.is_none() || whole == count, "{load:?}: {whole:?}");
                let parts =
                    (0..3).map(|index| load.planned_iterations(1, Segment { index, count: 3 }));
                assert_eq!(parts.sum::<Option<u64>>(), whole, "{load:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_load_beside_others_starts_what_it_starts_alone(
            parts in prop::collection::vec((1_u32..40, 0_u64..90, 1_u64..60, prop::bool::ANY), 1..5),
            seed: u64,
        ) {
            let parts: Vec<Load> = parts
                .into_iter()
                .map(|(level, from, lasts, is_open)| {
                    let stages = vec![Stage::hold(level.into(), Duration::from_secs(lasts))];
                    let model = if is_open {
                        let law = ArrivalLaw::Constant;
                        LoadModel::Arrivals { stages, max_users: 5, law }
                    } else {
                        LoadModel::Users { stages }
                    };
                    Load { from: Duration::from_secs(from), ..load(model) }
                })
                .collect();
            let together = Loads::new(parts.iter().map(|part| profile(part, None)));
            let ends = parts.iter().map(|part| part.from + part.model.duration().expect("an end"));
            prop_assert_eq!(together.duration(), ends.max());
            for (part, beside) in parts.iter().zip(together.iter()) {
                let alone = &Loads::new([profile(part, None)])[0];
                prop_assert_eq!(&beside.schedule, &alone.schedule);
                prop_assert_eq!(beside.users.len(), alone.users.len());
                let whole = Segment::WHOLE;
                let planned = |load: &LoadProfile| load.planned_iterations(seed, whole);
                prop_assert_eq!(planned(beside), planned(alone));
                if let (Schedule::Arrivals { curve, law, .. }, Some(count)) =
                    (&beside.schedule, planned(beside))
                {
                    let due = beside.arrivals(curve, *law, seed, whole);
                    let starts: Vec<Micros> = due.collect();
                    prop_assert_eq!(starts.len() as u64, count);
                    let begin = Micros::from(part.from);
                    prop_assert!(starts.iter().all(|start| *start >= begin));
                    let same: Vec<Micros> = alone.arrivals(curve, *law, seed, whole).collect();
                    prop_assert_eq!(starts, same);
                }
            }
        }
    }

    #[test]
    fn every_user_of_a_segment_has_one_load() {
        let loads = Loads::new([profile(&users(7), None), profile(&users(6), None)]);
        for count in 1..5 {
            let mut seen = Vec::new();
            for index in 0..count {
                let segment = Segment { index, count };
                let slots: Vec<_> = loads.iter().map(|load| load.slots(segment)).collect();
                assert_eq!((slots[0].start, slots[0].end), (0, slots[1].start));
                assert_eq!(slots[1].end as u64, segment.share(13));
                for (load, slots) in loads.iter().zip(slots) {
                    for slot in slots {
                        let user = segment.global(slot as u64) as u32;
                        assert!(load.users.contains(&user), "user {user} of {load}");
                        seen.push(user);
                    }
                }
            }
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..13));
        }
    }
}
