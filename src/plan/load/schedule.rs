//! The times at which iterations start: pure arithmetic on the load, without clock and I/O.
//!
//! Open model: arrival k is due when the area under the rate curve passes k ([`super::arrivals`]). Closed model: user i
//! is active while the level of the curve is above i ([`super::curve`]). Both are closed forms for each linear stage.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::curve::{Curve, Piece};
use crate::scenario::{ArrivalLaw, Load, LoadModel, Shape, Sharing, Stage};
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
    /// The name of its load, if it is that of a flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// The model of its load, if the run has several loads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Its start.
    pub start: Micros,
    /// Its end.
    pub end: Micros,
    /// Users, or starts per second: of a line at its beginning, else the lowest.
    pub from: f64,
    /// Users, or starts per second: of a line at its end, else the highest.
    pub to: f64,
    /// The way from one level to the other.
    #[serde(default, skip_serializing_if = "MarkShape::is_line")]
    pub shape: MarkShape,
}

/// How the level changes during a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkShape {
    /// A straight line.
    #[default]
    Line,
    /// A wave.
    Wave {
        /// The time from one lowest level to the next.
        period: Micros,
    },
    /// Straight lines between points of a file.
    Points,
}

impl MarkShape {
    const fn is_line(&self) -> bool {
        matches!(self, Self::Line)
    }
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
    /// The schedule of a load that begins at `from`: until then its level is zero. A stage of zero length only sets the
    /// starting level of the next one.
    pub fn of(model: &LoadModel, from: Duration) -> Self {
        match model {
            LoadModel::Users { stages } => Self::Users(curve(stages, from)),
            &LoadModel::Iterations {
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
            LoadModel::Arrivals {
                stages,
                max_users,
                law,
            } => Self::Arrivals {
                curve: curve(stages, from),
                law: *law,
                max_users: *max_users,
            },
            // The search changes its rate.
            LoadModel::Search(search) => Self::Arrivals {
                curve: curve(&[Stage::hold(search.from, search.max_duration)], from),
                law: search.law,
                max_users: search.max_users,
            },
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
            Self::Users(curve) => curve.peak_users(),
            Self::Iterations { users, .. } => *users,
            Self::Arrivals { max_users, .. } => *max_users,
        }
    }
}

impl StageMark {
    /// Its levels and its length: `20 users for 5m`, `0 → 50/s over 1m`. `unit` follows the last level.
    pub fn shown(&self, unit: &str) -> String {
        let (from, to) = (show_level(self.from), show_level(self.to));
        let lasts = show_duration(self.end.saturating_sub(self.start).as_duration());
        match self.shape {
            MarkShape::Line if from == to => format!("{to}{unit} for {lasts}"),
            MarkShape::Line => format!("{from} → {to}{unit} over {lasts}"),
            MarkShape::Wave { period } => {
                let period = show_duration(period.as_duration());
                format!("{from} to {to}{unit} in waves of {period} for {lasts}")
            }
            MarkShape::Points => format!("{from} to {to}{unit} by a file for {lasts}"),
        }
    }

    /// Its levels: `20`, `0 → 50`, `20 to 60`.
    pub fn levels(&self) -> String {
        let (from, to) = (show_level(self.from), show_level(self.to));
        match self.shape {
            MarkShape::Line if from == to => to,
            MarkShape::Line => format!("{from} → {to}"),
            MarkShape::Wave { .. } | MarkShape::Points => format!("{from} to {to}"),
        }
    }
}

/// A level with at most two decimals.
pub(in crate::plan) fn show_level(level: f64) -> String {
    let text = format!("{level:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Stages as a curve, after a level of zero until `from`.
fn curve(stages: &[Stage], from: Duration) -> Curve {
    let mut level = 0.0;
    let mut pieces = Vec::new();
    if !from.is_zero() {
        pieces.push(Piece {
            from: 0.0,
            to: 0.0,
            duration: from,
        });
    }
    for stage in stages {
        let lines = stage.lines(level).into_iter();
        pieces.extend(lines.map(|(from, to, duration)| Piece { from, to, duration }));
        level = stage.end();
    }
    Curve { pieces }
}

/// The stages of a load on the run's clock.
pub(super) fn stage_marks(load: &Load) -> Vec<StageMark> {
    let mut start = load.from;
    let mut level = 0.0;
    let mut marks = Vec::new();
    for stage in load.model.stages() {
        let lines = stage.lines(level);
        level = stage.end();
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            continue;
        };
        let end = start + stage.duration;
        let (from, to, shape) = match &stage.shape {
            Shape::Wave { low, period } => {
                let period = (*period).into();
                (*low, stage.level, MarkShape::Wave { period })
            }
            Shape::Points(points) => {
                let lowest = points.iter().map(|(_, level)| *level);
                let lowest = lowest.fold(f64::INFINITY, f64::min);
                (lowest, stage.level, MarkShape::Points)
            }
            Shape::Hold | Shape::Ramp(_) => (first.0, last.1, MarkShape::Line),
        };
        marks.push(StageMark {
            name: stage.name.clone(),
            load: None,
            model: None,
            start: start.into(),
            end: end.into(),
            from,
            to,
            shape,
        });
        start = end;
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn stage(level: f64, duration: Duration, shape: Shape) -> Stage {
        Stage {
            name: None,
            level,
            duration,
            shape,
        }
    }

    fn users(stages: Vec<Stage>, from: Duration) -> Load {
        Load {
            model: LoadModel::Users { stages },
            from,
            grace: None,
            throughput: None,
            room: None,
        }
    }

    fn curve_of(load: &Load) -> Curve {
        let schedule = Schedule::of(&load.model, load.from);
        let Schedule::Users(curve) = schedule else {
            panic!("not a schedule of users: {schedule:?}")
        };
        curve
    }

    fn shown(load: &Load) -> Vec<String> {
        let marks = stage_marks(load);
        marks.iter().map(|mark| mark.shown(" users")).collect()
    }

    #[test]
    fn ramps_start_where_the_stage_before_ended_and_holds_at_their_own_level() {
        let stages = vec![
            stage(50.0, MINUTE, Shape::Ramp(None)),
            stage(50.0, MINUTE, Shape::Hold),
            stage(200.0, Duration::ZERO, Shape::Ramp(None)),
            stage(0.0, MINUTE, Shape::Ramp(None)),
            stage(20.0, MINUTE, Shape::Ramp(Some(10.0))),
        ];
        let load = users(stages, Duration::ZERO);
        let ends: Vec<_> = curve_of(&load)
            .pieces
            .iter()
            .map(|piece| (piece.from, piece.to))
            .collect();
        assert_eq!(
            ends,
            [(0.0, 50.0), (50.0, 50.0), (200.0, 0.0), (10.0, 20.0)]
        );
        assert_eq!(
            shown(&load),
            [
                "0 → 50 users over 1m",
                "50 users for 1m",
                "200 → 0 users over 1m",
                "10 → 20 users over 1m"
            ]
        );
        let marks: Vec<_> = stage_marks(&load)
            .iter()
            .map(|mark| (mark.start.0, mark.end.0))
            .collect();
        let minute = 60_000_000;
        let starts = [0, minute, 2 * minute, 3 * minute];
        assert_eq!(marks, starts.map(|start| (start, start + minute)));
        let schedule = Schedule::of(&load.model, load.from);
        assert_eq!(
            (schedule.model(), schedule.peak_users()),
            (Model::Closed, 200)
        );
    }

    #[test]
    fn a_wave_has_the_mean_of_its_levels_and_reaches_both() {
        let shape = Shape::Wave {
            low: 20.0,
            period: MINUTE,
        };
        let load = users(vec![stage(60.0, 2 * MINUTE, shape)], Duration::ZERO);
        let curve = curve_of(&load);
        assert_eq!(shown(&load), ["20 to 60 users in waves of 1m for 2m"]);
        assert_eq!(curve.duration(), 2 * MINUTE);
        assert_eq!(curve.peak_users(), 60);
        assert!((curve.area(2 * MINUTE) - 40.0 * 120.0).abs() < 1e-6);
        let level = |seconds| curve.level_at(Duration::from_secs(seconds));
        for (seconds, expected) in [(0, 20.0), (15, 40.0), (30, 60.0), (60, 20.0), (90, 60.0)] {
            let found = level(seconds);
            assert!((found - expected).abs() < 1e-6, "{seconds} s: {found}");
        }
    }

    #[test]
    fn points_are_joined_by_lines_and_may_jump() {
        let seconds = Duration::from_secs;
        let points = vec![
            (seconds(0), 10.0),
            (seconds(10), 30.0),
            (seconds(10), 5.0),
            (seconds(20), 5.0),
        ];
        let load = users(
            vec![stage(30.0, seconds(20), Shape::Points(points))],
            MINUTE,
        );
        let curve = curve_of(&load);
        let level = |at| curve.level_at(MINUTE + seconds(at));
        let levels = [0, 5, 10, 15].map(|at| level(at) as u32);
        assert_eq!(levels, [10, 20, 5, 5]);
        assert_eq!(shown(&load), ["5 to 30 users by a file for 20s"]);
        assert_eq!(stage_marks(&load)[0].start, MINUTE.into());
        assert_eq!(curve.active_users(seconds(59)), 0);
    }
}
