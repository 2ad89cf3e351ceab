//! `load:`, `think_time:` and the other lengths of time: how much is driven, and for how long.

use std::time::Duration;

use super::reader::{Fields, Problems, Shape};
use crate::scenario::{ArrivalLaw, Load, RateStage, Shape as StageShape, Sharing, UserStage};
use crate::source::Span;
use crate::source::{Entry, Node};
use crate::units::Rate;

const LOAD: Shape = Shape {
    what: "a load",
    known: &[
        "users",
        "rate",
        "stages",
        "iterations",
        "for",
        "max_users",
        "arrivals",
        "per_user",
        "max_duration",
    ],
    later: &[],
};

const STAGE: Shape = Shape {
    what: "a stage",
    known: &["users", "rate", "for", "over"],
    later: &[],
};

/// More users than this on one machine are a slip of the keyboard.
pub const MAX_USERS: u32 = 100_000;
/// More starts a second than any generator makes.
pub const MAX_RATE: f64 = 1e6;

/// Reads `load:`.
pub(super) fn load(node: &Node, problems: &mut Problems) -> Option<Load> {
    let fields = problems.fields(node, &LOAD)?;
    let forms = fields.present(&["iterations", "stages", "rate"]);
    let form =
        match forms.as_slice() {
            [] => "users",
            [one] => one.key.as_str(),
            [first, second, ..] => {
                problems.report_with(
                second.key_span,
                format!("a load has either `{}` or `{}`, not both", first.key, second.key),
                "levels that change are written as stages: `stages: [{rate: 50/s, over: 1m}, …]`",
            );
                return None;
            }
        };
    match form {
        "iterations" => iterations(&fields, problems),
        "stages" => staged(&fields, problems),
        "rate" => {
            refuse_beside(
                &fields,
                &["users", "per_user", "max_duration"],
                "a load by `rate`",
                problems,
            );
            let rate = fields
                .get("rate")
                .and_then(|node| level_rate(node, problems));
            let duration = required_for(&fields, problems);
            let max_users = required_max_users(&fields, problems);
            let law = arrivals(&fields, problems)?;
            let (rate, duration, max_users) = (rate?, duration?, max_users?);
            check_rises(rate.as_per_second(), fields.get("rate"), problems)?;
            let stage = RateStage {
                rate,
                duration,
                shape: StageShape::Hold,
            };
            Some(Load::Arrivals {
                stages: vec![stage],
                max_users,
                law,
            })
        }
        _ => constant_users(&fields, problems),
    }
}

/// Pacing is about users that start again by themselves; by a rate, the schedule alone starts iterations.
pub(super) fn check_pacing(load: &Load, node: &Node, problems: &mut Problems) {
    if let Load::Arrivals { .. } = load {
        problems.report_with(
            node.span,
            "`pacing` has no effect on a load by `rate`: the schedule alone says when iterations start",
            "leave `pacing` out and lower the `rate`, or give the load `users` in its place",
        );
    }
}

fn constant_users(fields: &Fields<'_>, problems: &mut Problems) -> Option<Load> {
    if fields.get("users").is_none() {
        if fields.has_slip {
            required_for(fields, problems);
            return None;
        }
        problems.report_with(
            fields.span,
            "this load says neither how many `users` nor which `rate`",
            "write `{ users: 20, for: 5m }`, `{ rate: 200/s, for: 5m, max_users: 300 }` or `{ iterations: 1000, users: 10 }`",
        );
        return None;
    }
    refuse_beside(
        fields,
        &["max_users", "arrivals", "per_user", "max_duration"],
        "a load of constant `users`",
        problems,
    );
    let users = fields
        .get("users")
        .and_then(|node| users(node, 1, problems));
    let duration = required_for(fields, problems);
    let stage = UserStage {
        users: users?,
        duration: duration?,
        shape: StageShape::Hold,
    };
    Some(Load::Users {
        stages: vec![stage],
    })
}

fn iterations(fields: &Fields<'_>, problems: &mut Problems) -> Option<Load> {
    refuse_beside(
        fields,
        &["for", "max_users", "arrivals"],
        "a load of `iterations`",
        problems,
    );
    let count = fields
        .get("iterations")
        .and_then(|node| problems.count(node, "`iterations`", 1..=1_000_000_000_000));
    let users = problems
        .require(fields, "users")
        .and_then(|node| users(node, 1, problems));
    let sharing = match fields.get("per_user").and_then(|node| problems.flag(node)) {
        Some(true) => Sharing::PerUser,
        Some(false) | None => Sharing::Shared,
    };
    let max_duration = match fields.get("max_duration") {
        None => None,
        Some(node) => Some(problems.positive_duration(node)?),
    };
    Some(Load::Iterations {
        count: count?,
        sharing,
        users: users?,
        max_duration,
    })
}

/// A stage's level as written.
enum Level {
    Users(u32),
    Rate(Rate),
}

fn staged(fields: &Fields<'_>, problems: &mut Problems) -> Option<Load> {
    refuse_beside(
        fields,
        &["users", "for", "per_user", "max_duration"],
        "a load of `stages`",
        problems,
    );
    let list = fields.get("stages")?;
    let read: Vec<Option<(Level, Duration, StageShape)>> = problems
        .list(list, "a list of stages")?
        .iter()
        .map(|node| stage(node, problems))
        .collect();
    let is_open = read
        .iter()
        .flatten()
        .any(|(level, ..)| matches!(level, Level::Rate(_)));
    let (mut user_stages, mut rate_stages) = (Vec::new(), Vec::new());
    let mut is_mixed = false;
    for (level, duration, shape) in read.iter().flatten() {
        match *level {
            Level::Users(users) if !is_open => user_stages.push(UserStage {
                users,
                duration: *duration,
                shape: *shape,
            }),
            Level::Rate(rate) => rate_stages.push(RateStage {
                rate,
                duration: *duration,
                shape: *shape,
            }),
            Level::Users(_) => is_mixed = true,
        }
    }
    if is_mixed {
        problems.report_with(
            list.span,
            "some of these stages give `users`, others a `rate`",
            "a load is either of users or of a rate, throughout",
        );
    }
    let max_users = if is_open {
        required_max_users(fields, problems)
    } else {
        refuse_beside(
            fields,
            &["max_users", "arrivals"],
            "a load of `users`",
            problems,
        );
        None
    };
    let law = arrivals(fields, problems)?;
    if is_mixed || read.iter().any(Option::is_none) {
        return None;
    }
    let peak = if is_open {
        rate_stages
            .iter()
            .map(|stage| stage.rate.as_per_second())
            .fold(0.0, f64::max)
    } else {
        user_stages
            .iter()
            .map(|stage| f64::from(stage.users))
            .fold(0.0, f64::max)
    };
    check_rises(peak, Some(list), problems)?;
    Some(if is_open {
        Load::Arrivals {
            stages: rate_stages,
            max_users: max_users?,
            law,
        }
    } else {
        Load::Users {
            stages: user_stages,
        }
    })
}

fn stage(node: &Node, problems: &mut Problems) -> Option<(Level, Duration, StageShape)> {
    let fields = problems.fields(node, &STAGE)?;
    let has_slip = fields.has_slip;
    let level = match fields.present(&["users", "rate"]).as_slice() {
        [entry] if entry.key == "users" => users(&entry.value, 0, problems).map(Level::Users),
        [entry] => level_rate(&entry.value, problems).map(Level::Rate),
        [] if has_slip => None,
        found => {
            one_of_two(node.span, found, "users", "rate", problems);
            None
        }
    };
    let time = match fields.present(&["for", "over"]).as_slice() {
        [entry] => {
            let shape = if entry.key == "for" {
                StageShape::Hold
            } else {
                StageShape::Ramp
            };
            problems
                .positive_duration(&entry.value)
                .map(|duration| (duration, shape))
        }
        [] if has_slip => None,
        found => {
            one_of_two(node.span, found, "for", "over", problems);
            None
        }
    };
    let ((duration, shape), level) = (time?, level?);
    Some((level, duration, shape))
}

fn one_of_two(span: Span, found: &[&Entry], one: &str, other: &str, problems: &mut Problems) {
    let message = if found.is_empty() {
        format!("a stage needs `{one}` or `{other}`")
    } else {
        format!("a stage has either `{one}` or `{other}`, not both")
    };
    let hint = if one == "for" {
        "`for` holds the level from the start of the stage, `over` goes there in a straight line"
    } else {
        "`users` drives that many users at once, `rate` starts that many iterations a second"
    };
    problems.report_with(span, message, hint);
}

fn users(node: &Node, least: u64, problems: &mut Problems) -> Option<u32> {
    problems
        .count(node, "`users`", least..=MAX_USERS.into())
        .map(|users| users as u32)
}

fn level_rate(node: &Node, problems: &mut Problems) -> Option<Rate> {
    let rate = problems.rate(node)?;
    if rate.as_per_second() > MAX_RATE {
        problems.report(
            node.span,
            format!("a rate may be at most {MAX_RATE}/s, found {rate}"),
        );
        return None;
    }
    Some(rate)
}

fn check_rises(peak: f64, node: Option<&Node>, problems: &mut Problems) -> Option<()> {
    if peak > 0.0 {
        return Some(());
    }
    if let Some(node) = node {
        problems.report(
            node.span,
            "this load drives nothing: its level is 0 throughout",
        );
    }
    None
}

fn required_for(fields: &Fields<'_>, problems: &mut Problems) -> Option<Duration> {
    let Some(node) = fields.get("for") else {
        if fields.has_slip {
            return None;
        }
        problems.report_with(
            fields.span,
            "this load does not say how long it lasts",
            "add `for: 5m`",
        );
        return None;
    };
    problems.positive_duration(node)
}

fn required_max_users(fields: &Fields<'_>, problems: &mut Problems) -> Option<u32> {
    let Some(node) = fields.get("max_users") else {
        if fields.has_slip {
            return None;
        }
        problems.report_with(
            fields.span,
            "a load by `rate` needs `max_users`: how many users there may be to keep the rate",
            "add `max_users: 300`; rate × the longest iteration is enough",
        );
        return None;
    };
    problems
        .count(node, "`max_users`", 1..=MAX_USERS.into())
        .map(|users| users as u32)
}

fn arrivals(fields: &Fields<'_>, problems: &mut Problems) -> Option<ArrivalLaw> {
    match fields.get("arrivals") {
        None => Some(ArrivalLaw::Constant),
        Some(node) => problems.choice(
            node,
            "a law of arrivals",
            &[
                ("constant", ArrivalLaw::Constant),
                ("poisson", ArrivalLaw::Poisson),
            ],
        ),
    }
}

fn refuse_beside(fields: &Fields<'_>, keys: &[&'static str], form: &str, problems: &mut Problems) {
    for entry in fields.present(keys) {
        problems.report(
            entry.key_span,
            format!("`{}` does not belong to {form}", entry.key),
        );
    }
}

/// How long the load lasts; `None` when that depends on the target.
pub(super) fn duration_of(load: &Load) -> Option<Duration> {
    match load {
        Load::Users { stages } => Some(stages.iter().map(|stage| stage.duration).sum()),
        Load::Arrivals { stages, .. } => Some(stages.iter().map(|stage| stage.duration).sum()),
        Load::Iterations { max_duration, .. } => *max_duration,
    }
}
