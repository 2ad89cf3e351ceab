//! `kind:`: checks that the load fits the declared kind of test.

use std::time::Duration;

use super::load::duration_of;
use crate::format::Problems;
use crate::scenario::{Kind, Load, Shape as StageShape};
use crate::source::Span;
use crate::units::show_duration;

/// Reports a load that does not fit its kind, such as a `soak` test of two minutes.
pub(super) fn check(kind: Kind, load: &Load, span: Span, problems: &mut Problems) {
    let levels = levels(load);
    let lasts = duration_of(load);
    let complaint = match kind {
        Kind::Smoke if levels.iter().any(|level| level.height > SMOKE_PEAK) => {
            format!("a smoke test has little load, but this one rises above {SMOKE_PEAK}")
        }
        Kind::Smoke if lasts.is_some_and(|lasts| lasts > SMOKE_LONGEST) => format!(
            "a smoke test lasts at most {}, but this one lasts longer",
            show_duration(SMOKE_LONGEST)
        ),
        Kind::Baseline | Kind::Soak if !is_steady(&levels) => {
            "the load of this kind is steady between an optional rise and fall, but this one has several levels".to_owned()
        }
        Kind::Soak if lasts.is_none_or(|lasts| lasts < SOAK_SHORTEST) => format!(
            "a soak test lasts at least {}, to show slow effects such as leaks",
            show_duration(SOAK_SHORTEST)
        ),
        Kind::Stress | Kind::Breakpoint if !rises(&levels) => {
            "the load of this kind rises in stages, but this one stays level".to_owned()
        }
        Kind::Spike if !has_spike(&levels) => {
            "a spike test has a stage with at least twice the level before it, and a fall after it".to_owned()
        }
        Kind::Smoke
        | Kind::Baseline
        | Kind::Stress
        | Kind::Spike
        | Kind::Soak
        | Kind::Breakpoint
        | Kind::Custom => return,
    };
    problems.report_with(
        span,
        complaint,
        "change the load, or call it `kind: custom`",
    );
}

/// The maximum number of users, or of starts per second, of a smoke test.
const SMOKE_PEAK: f64 = 50.0;
const SMOKE_LONGEST: Duration = Duration::from_mins(10);
const SOAK_SHORTEST: Duration = Duration::from_mins(30);

/// A stage's level: users or starts per second.
struct LevelAt {
    height: f64,
    shape: StageShape,
}

fn levels(load: &Load) -> Vec<LevelAt> {
    match load {
        Load::Users { stages } => stages
            .iter()
            .map(|stage| LevelAt {
                height: f64::from(stage.users),
                shape: stage.shape,
            })
            .collect(),
        Load::Arrivals { stages, .. } => stages
            .iter()
            .map(|stage| LevelAt {
                height: stage.rate.as_per_second(),
                shape: stage.shape,
            })
            .collect(),
        Load::Iterations { users, .. } => vec![LevelAt {
            height: f64::from(*users),
            shape: StageShape::Hold,
        }],
    }
}

/// True for a load with one level, at most one ramp before it and at most one ramp to zero after it.
fn is_steady(levels: &[LevelAt]) -> bool {
    let body = match levels {
        [body @ .., last] if last.height == 0.0 && last.shape == StageShape::Ramp => body,
        body => body,
    };
    body.windows(2)
        .all(|pair| (pair[0].height - pair[1].height).abs() < 1e-9)
}

fn rises(levels: &[LevelAt]) -> bool {
    let starts_low = levels
        .first()
        .is_some_and(|first| first.shape == StageShape::Ramp);
    starts_low
        || levels
            .windows(2)
            .any(|pair| pair[1].height > pair[0].height)
}

fn has_spike(levels: &[LevelAt]) -> bool {
    levels.windows(2).enumerate().any(|(index, pair)| {
        let surge = pair[0].height > 0.0 && pair[1].height >= 2.0 * pair[0].height;
        surge
            && levels[index + 2..]
                .iter()
                .any(|after| after.height < pair[1].height)
    })
}
