//! The times at which iterations start: pure arithmetic on the load, without clock and I/O.
//!
//! Open model: arrival k is due when the area under the rate curve passes k ([`super::arrivals`]). Closed model: user i
//! is active while the level of the curve is above i ([`super::curve`]). Both are closed forms for each linear stage.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::curve::{Curve, Piece};
use crate::scenario::{ArrivalLaw, Load, Shape, Sharing};
use crate::units::{Micros, show_duration};

/// The times at which users are active or iterations start.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Closed: the curve's level is the number of active users.
    Users(Curve),
    /// Closed: a number of iterations by a number of users.
    Iterations {
        /// Iterations in total, or per user.
        count: u64,
        /// Whether `count` is the total or per user.
        sharing: Sharing,
        /// Concurrent users.
        users: u32,
        /// The run ends after this time even if iterations are left.
        max_duration: Option<Duration>,
    },
    /// Open: the curve's level is the arrival rate, per second.
    Arrivals {
        /// The rate over time.
        curve: Curve,
        /// The distribution of arrivals.
        law: ArrivalLaw,
        /// The maximum number of users.
        max_users: u32,
    },
}

/// A stage, for marks on time axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageMark {
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its start.
    pub start: Micros,
    /// Its end.
    pub end: Micros,
    /// Users, or starts per second, at its beginning.
    pub from: f64,
    /// Users, or starts per second, at its end.
    pub to: f64,
}

/// The load model of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Arrivals by completion.
    Closed,
    /// Arrivals by schedule.
    Open,
}

impl Schedule {
    /// The schedule of a load. A stage of zero length only sets the starting level of the next one.
    pub fn of(load: &Load) -> Self {
        match load {
            Load::Users { stages } => {
                let stages = stages
                    .iter()
                    .map(|stage| (f64::from(stage.users), stage.duration, stage.shape));
                Self::Users(curve(stages))
            }
            &Load::Iterations {
                count,
                sharing,
                users,
                max_duration,
            } => Self::Iterations {
                count,
                sharing,
                users,
                max_duration,
            },
            Load::Arrivals {
                stages,
                max_users,
                law,
            } => {
                let stages = stages
                    .iter()
                    .map(|stage| (stage.rate.as_per_second(), stage.duration, stage.shape));
                Self::Arrivals {
                    curve: curve(stages),
                    law: *law,
                    max_users: *max_users,
                }
            }
        }
    }

    /// The names of a load's stages, in the order of [`Self::stage_marks`].
    pub fn stage_names(load: &Load) -> Vec<Option<String>> {
        match load {
            Load::Users { stages } => {
                let lasting = stages.iter().filter(|stage| !stage.duration.is_zero());
                lasting.map(|stage| stage.name.clone()).collect()
            }
            Load::Arrivals { stages, .. } => {
                let lasting = stages.iter().filter(|stage| !stage.duration.is_zero());
                lasting.map(|stage| stage.name.clone()).collect()
            }
            Load::Iterations { .. } => Vec::new(),
        }
    }

    /// Whether starts follow completions or a schedule.
    pub const fn model(&self) -> Model {
        match self {
            Self::Users(_) | Self::Iterations { .. } => Model::Closed,
            Self::Arrivals { .. } => Model::Open,
        }
    }

    /// The maximum number of users active at once.
    pub fn peak_users(&self) -> u32 {
        match self {
            Self::Users(curve) => curve.peak() as u32,
            Self::Iterations { users, .. } => *users,
            Self::Arrivals { max_users, .. } => *max_users,
        }
    }

    /// The stages on the run's clock, for marks on time axes. A load with a number of iterations has none.
    pub fn stage_marks(&self) -> Vec<StageMark> {
        let (Self::Users(curve) | Self::Arrivals { curve, .. }) = self else {
            return Vec::new();
        };
        let mut start = Duration::ZERO;
        let marks = curve.pieces.iter().map(|piece| {
            let end = start + piece.duration;
            let mark = StageMark {
                name: None,
                start: start.into(),
                end: end.into(),
                from: piece.from,
                to: piece.to,
            };
            start = end;
            mark
        });
        marks.collect()
    }

    /// The duration of the load; `None` if it ends with its iterations.
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Users(curve) | Self::Arrivals { curve, .. } => Some(curve.duration()),
            Self::Iterations { max_duration, .. } => *max_duration,
        }
    }
}

impl fmt::Display for Schedule {
    /// A description: `20 users for 5m`, `0 → 50/s over 1m, 50/s for 2m`, `1000 iterations by 10 users`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users(curve) => show_stages(f, curve, "", " users"),
            Self::Iterations {
                count,
                sharing,
                users,
                max_duration,
            } => {
                match sharing {
                    Sharing::Shared => write!(f, "{count} iterations by {users} users")?,
                    Sharing::PerUser => write!(f, "{count} iterations by each of {users} users")?,
                }
                match max_duration {
                    Some(limit) => write!(f, " in at most {}", show_duration(*limit)),
                    None => Ok(()),
                }
            }
            Self::Arrivals {
                curve,
                law,
                max_users,
            } => {
                show_stages(f, curve, "/s", "")?;
                if *law == ArrivalLaw::Poisson {
                    f.write_str(" (Poisson)")?;
                }
                write!(f, ", at most {max_users} users")
            }
        }
    }
}

fn show_stages(f: &mut fmt::Formatter<'_>, curve: &Curve, unit: &str, noun: &str) -> fmt::Result {
    for (index, piece) in curve.pieces.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let (from, to) = (show_level(piece.from), show_level(piece.to));
        let duration = show_duration(piece.duration);
        if piece.from.total_cmp(&piece.to).is_eq() {
            write!(f, "{comma}{to}{unit}{noun} for {duration}")?;
        } else {
            write!(f, "{comma}{from} → {to}{unit}{noun} over {duration}")?;
        }
    }
    Ok(())
}

/// A level with at most two decimals.
pub(in crate::plan) fn show_level(level: f64) -> String {
    let text = format!("{level:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Stages (level at the end, length, shape) as a curve, from level zero.
fn curve(stages: impl Iterator<Item = (f64, Duration, Shape)>) -> Curve {
    let mut level = 0.0;
    let mut pieces = Vec::new();
    for (to, duration, shape) in stages {
        let from = match shape {
            Shape::Hold => to,
            Shape::Ramp => level,
        };
        level = to;
        if !duration.is_zero() {
            pieces.push(Piece { from, to, duration });
        }
    }
    Curve { pieces }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::UserStage;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn ramps_start_where_the_stage_before_ended_and_holds_at_their_own_level() {
        let stages = [
            (50, MINUTE, Shape::Ramp),
            (50, MINUTE, Shape::Hold),
            (200, Duration::ZERO, Shape::Ramp),
            (0, MINUTE, Shape::Ramp),
        ];
        let stages = stages
            .map(|(users, duration, shape)| UserStage {
                name: None,
                users,
                duration,
                shape,
            })
            .to_vec();
        let schedule = Schedule::of(&Load::Users { stages });
        let Schedule::Users(curve) = &schedule else {
            panic!("not a schedule of users: {schedule:?}")
        };
        let ends: Vec<_> = curve
            .pieces
            .iter()
            .map(|piece| (piece.from, piece.to))
            .collect();
        assert_eq!(ends, [(0.0, 50.0), (50.0, 50.0), (200.0, 0.0)]);
        let said = "0 → 50 users over 1m, 50 users for 1m, 200 → 0 users over 1m";
        assert_eq!(schedule.to_string(), said);
        let marks: Vec<_> = schedule
            .stage_marks()
            .iter()
            .map(|mark| (mark.start.0, mark.end.0))
            .collect();
        assert_eq!(
            marks,
            [
                (0, 60_000_000),
                (60_000_000, 120_000_000),
                (120_000_000, 180_000_000)
            ]
        );
        assert_eq!(
            (schedule.model(), schedule.peak_users(), schedule.duration()),
            (Model::Closed, 200, Some(3 * MINUTE))
        );
    }
}
