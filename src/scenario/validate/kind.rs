//! `kind:`: checks that the load fits the declared kind of test.

use std::time::Duration;

use crate::format::Problems;
use crate::scenario::{Kind, Load, LoadModel, Shape, Stage};
use crate::source::Span;
use crate::units::show_duration;

/// Reports a load that does not fit its kind, such as a `soak` test of two minutes.
pub(super) fn check(kind: Kind, load: &Load, span: Span, problems: &mut Problems) {
    let stages = load.model.stages();
    let lasts = load.model.duration();
    let is_search = matches!(load.model, LoadModel::Search(_));
    let complaint = match kind {
        Kind::Smoke if peak(&load.model) > SMOKE_PEAK => {
            format!("a smoke test has little load, but this one rises above {SMOKE_PEAK}")
        }
        Kind::Smoke if lasts.is_some_and(|lasts| lasts > SMOKE_LONGEST) => format!(
            "a smoke test lasts at most {}, but this one lasts longer",
            show_duration(SMOKE_LONGEST)
        ),
        Kind::Baseline | Kind::Soak if !is_steady(stages) => {
            "the load of this kind is steady between an optional rise and fall, but this one has several levels".to_owned()
        }
        Kind::Soak if lasts.is_none_or(|lasts| lasts < SOAK_SHORTEST) => format!(
            "a soak test lasts at least {}, to show slow effects such as leaks",
            show_duration(SOAK_SHORTEST)
        ),
        Kind::Stress | Kind::Breakpoint if !rises(stages) && !is_search => {
            "the load of this kind rises in stages, but this one stays level".to_owned()
        }
        Kind::Spike if !has_spike(stages) => {
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

/// The highest level: users or starts per second.
fn peak(model: &LoadModel) -> f64 {
    match model {
        LoadModel::Iterations { users, .. } => f64::from(*users),
        LoadModel::Search(_) => f64::INFINITY,
        LoadModel::Users { .. } | LoadModel::Arrivals { .. } => model.peak(),
    }
}

/// True for a load with one level, at most one ramp before it and at most one ramp to zero after it.
fn is_steady(stages: &[Stage]) -> bool {
    let is_fall = |stage: &Stage| stage.level == 0.0 && stage.shape == Shape::Ramp(None);
    let body = match stages {
        [body @ .., last] if is_fall(last) => body,
        body => body,
    };
    let is_plain = |stage: &Stage| match stage.shape {
        Shape::Hold | Shape::Ramp(_) => true,
        Shape::Wave { .. } | Shape::Points(_) => false,
    };
    body.iter().all(is_plain)
        && body
            .windows(2)
            .all(|pair| (pair[0].level - pair[1].level).abs() < 1e-9)
}

fn rises(stages: &[Stage]) -> bool {
    let rises_itself = |stage: &Stage| match &stage.shape {
        Shape::Hold | Shape::Ramp(None) => false,
        Shape::Ramp(Some(from)) => *from < stage.level,
        Shape::Wave { .. } | Shape::Points(_) => true,
    };
    let starts_low = stages
        .first()
        .is_some_and(|first| first.shape == Shape::Ramp(None));
    starts_low
        || stages.iter().any(rises_itself)
        || stages.windows(2).any(|pair| pair[1].level > pair[0].end())
}

fn has_spike(stages: &[Stage]) -> bool {
    // The levels in order, of all straight lines.
    let mut levels = Vec::new();
    let mut before = 0.0;
    for stage in stages {
        let lines = stage.lines(before);
        levels.extend(lines.iter().map(|(_, to, _)| *to));
        before = stage.end();
    }
    let mut low = f64::INFINITY;
    let mut surge = None;
    for level in levels {
        if surge.is_some_and(|surge| level < surge) {
            return true;
        }
        if level >= 2.0 * low {
            surge = Some(surge.map_or(level, |surge: f64| surge.max(level)));
        }
        if level > 0.0 {
            low = low.min(level);
        }
    }
    false
}
