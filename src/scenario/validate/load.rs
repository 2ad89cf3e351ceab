//! `load:`, `think_time:` and the other durations.

use std::time::Duration;

use crate::format::tables::load::{self as table, MAX_RATE, stage as stages};
use crate::format::{Choice, Field, Fields, Problems};
use crate::scenario::{Load, RateStage, Shape as StageShape, Sharing, UserStage};
use crate::source::{Entry, Node, one_of};
use crate::units::{Rate, show_rate};

/// Reads `load:`.
pub(super) fn load(node: &Node, problems: &mut Problems) -> Option<Load> {
    let fields = problems.fields(node, &table::TABLE)?;
    if let [first, second, ..] = fields.chosen(&table::SHAPE).as_slice() {
        problems.report_with(
            second.key_span,
            format!(
                "a load has either `{}` or `{}`, not both",
                first.key, second.key
            ),
            "levels that change are written as stages: `stages: [{rate: 50/s, over: 1m}, …]`",
        );
        return None;
    }
    if let Some(rate) = fields.get(&table::RATE) {
        constant_rate(&fields, rate, problems)
    } else if let Some(list) = fields.get(&table::STAGES) {
        staged(&fields, list, problems)
    } else if fields.get(&table::ITERATIONS).is_some() {
        iterations(&fields, problems)
    } else {
        constant_users(&fields, problems)
    }
}

fn constant_rate(fields: &Fields<'_>, node: &Node, problems: &mut Problems) -> Option<Load> {
    problems.refuse_beside(fields, &table::OF_RATE);
    let rate = level_rate(node, &table::RATE, problems);
    let duration = required_for(fields, problems);
    let max_users = required_max_users(fields, problems);
    let law = problems.value(fields, &table::ARRIVALS)?;
    let (rate, duration, max_users) = (rate?, duration?, max_users?);
    check_rises(rate.as_per_second(), node, problems)?;
    let stage = RateStage {
        name: None,
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

/// Reports `pacing` with a load by rate: pacing limits users that start iterations themselves, but with a rate only the
/// schedule starts iterations.
pub(super) fn check_pacing(load: &Load, node: &Node, problems: &mut Problems) {
    if let Load::Arrivals { .. } = load {
        problems.report_with(
            node.span,
            "`pacing` has no effect on a load by `rate`: only the schedule starts iterations",
            "leave `pacing` out and lower the `rate`, or use `users` instead",
        );
    }
}

fn constant_users(fields: &Fields<'_>, problems: &mut Problems) -> Option<Load> {
    if fields.get(&table::USERS).is_none() {
        if fields.has_slip {
            required_for(fields, problems);
            return None;
        }
        problems.report_with(
            fields.span,
            "this load has neither `users` nor a `rate`",
            "write `{ users: 20, for: 5m }`, `{ rate: 200/s, for: 5m, max_users: 300 }` or `{ iterations: 1000, users: \
             10 }`",
        );
        return None;
    }
    problems.refuse_beside(fields, &table::OF_USERS);
    let users = problems.value(fields, &table::USERS);
    let duration = required_for(fields, problems);
    let stage = UserStage {
        name: None,
        users: users?,
        duration: duration?,
        shape: StageShape::Hold,
    };
    Some(Load::Users {
        stages: vec![stage],
    })
}

fn iterations(fields: &Fields<'_>, problems: &mut Problems) -> Option<Load> {
    problems.refuse_beside(fields, &table::OF_ITERATIONS);
    let count = problems.value(fields, &table::ITERATIONS);
    let users = problems
        .require(fields, &table::USERS)
        .and_then(|node| problems.at(node, &table::USERS));
    let sharing = match problems.value(fields, &table::PER_USER) {
        Some(true) => Sharing::PerUser,
        Some(false) | None => Sharing::Shared,
    };
    let max_duration = match fields.get(&table::MAX_DURATION) {
        None => None,
        Some(node) => Some(problems.at(node, &table::MAX_DURATION)?),
    };
    Some(Load::Iterations {
        count: count?,
        sharing,
        users: users?,
        max_duration,
    })
}

/// A stage as written.
struct ReadStage {
    name: Option<String>,
    level: Level,
    duration: Duration,
    shape: StageShape,
}

/// A stage's level as written.
enum Level {
    Users(u32),
    Rate(Rate),
}

fn staged(fields: &Fields<'_>, list: &Node, problems: &mut Problems) -> Option<Load> {
    problems.refuse_beside(fields, &table::OF_STAGES);
    let read: Vec<Option<ReadStage>> = problems
        .list(list, "a list of stages")?
        .iter()
        .map(|node| stage(node, problems))
        .collect();
    let is_open = read
        .iter()
        .flatten()
        .any(|stage| matches!(stage.level, Level::Rate(_)));
    let (mut user_stages, mut rate_stages) = (Vec::new(), Vec::new());
    let mut is_mixed = false;
    for stage in read.iter().flatten() {
        let (name, duration, shape) = (stage.name.clone(), stage.duration, stage.shape);
        match stage.level {
            Level::Users(users) if !is_open => user_stages.push(UserStage {
                name,
                users,
                duration,
                shape,
            }),
            Level::Rate(rate) => rate_stages.push(RateStage {
                name,
                rate,
                duration,
                shape,
            }),
            Level::Users(_) => is_mixed = true,
        }
    }
    if is_mixed {
        problems.report_with(
            list.span,
            "some of these stages give `users`, others a `rate`",
            "all stages of a load have `users`, or all have a `rate`",
        );
    }
    let max_users = if is_open {
        required_max_users(fields, problems)
    } else {
        problems.refuse_beside(fields, &table::OF_USER_STAGES);
        None
    };
    let law = problems.value(fields, &table::ARRIVALS)?;
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
    check_rises(peak, list, problems)?;
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

fn stage(node: &Node, problems: &mut Problems) -> Option<ReadStage> {
    let fields = problems.fields(node, &stages::TABLE)?;
    let name = match fields.get(&stages::NAME) {
        Some(node) => stage_name(node, problems).map(Some),
        None => Some(None),
    };
    let level = match chosen(&fields, &stages::LEVEL, LEVELS, problems) {
        Some(entry) if entry.key == stages::USERS.key => {
            let users = problems.at(&entry.value, &stages::USERS);
            users.map(Level::Users)
        }
        Some(entry) => level_rate(&entry.value, &stages::RATE, problems).map(Level::Rate),
        None => None,
    };
    let time = chosen(&fields, &stages::TIME, TIMES, problems).and_then(|entry| {
        if entry.key == stages::FOR.key {
            let duration = problems.at(&entry.value, &stages::FOR)?;
            Some((duration, StageShape::Hold))
        } else {
            let duration = problems.at(&entry.value, &stages::OVER)?;
            Some((duration, StageShape::Ramp))
        }
    });
    let (duration, shape) = time?;
    Some(ReadStage {
        name: name?,
        level: level?,
        duration,
        shape,
    })
}

/// A stage's name, which is no number: numbers select stages by their place.
fn stage_name(node: &Node, problems: &mut Problems) -> Option<String> {
    let name = problems.fixed_name(node, "a stage's name")?;
    if name.chars().all(|c| c.is_ascii_digit()) {
        problems.report_with(
            node.span,
            format!("found `{name}`, expected a name: a number selects a stage by its place"),
            "leave the name out, or choose a word such as `before`",
        );
        return None;
    }
    Some(name.to_owned())
}

const LEVELS: &str =
    "`users` is the number of concurrent users, `rate` the number of iterations started per second";
const TIMES: &str =
    "`for` keeps the level constant from the start of the stage, `over` changes it linearly";

/// The key that a stage has, of the two of a choice.
fn chosen<'n>(
    fields: &Fields<'n>,
    choice: &Choice,
    hint: &str,
    problems: &mut Problems,
) -> Option<&'n Entry> {
    let found = fields.chosen(choice);
    let either = one_of(choice.keys);
    let message = match found.as_slice() {
        [one] => return Some(one),
        [] if fields.has_slip => return None,
        [] => format!("a stage needs {either}"),
        _ => format!("a stage has either {either}, not both"),
    };
    problems.report_with(fields.span, message, hint);
    None
}

fn level_rate(node: &Node, field: &Field, problems: &mut Problems) -> Option<Rate> {
    let rate: Rate = problems.at(node, field)?;
    if rate.as_per_second() > MAX_RATE {
        problems.report(
            node.span,
            format!(
                "a rate may be at most {}, found {rate}",
                show_rate(MAX_RATE)
            ),
        );
        return None;
    }
    Some(rate)
}

fn check_rises(peak: f64, node: &Node, problems: &mut Problems) -> Option<()> {
    if peak > 0.0 {
        return Some(());
    }
    problems.report(node.span, "this load starts nothing: its level is always 0");
    None
}

fn required_for(fields: &Fields<'_>, problems: &mut Problems) -> Option<Duration> {
    if fields.get(&table::FOR).is_none() && !fields.has_slip {
        problems.report_with(fields.span, "this load has no duration", "add `for: 5m`");
    }
    problems.value(fields, &table::FOR)
}

fn required_max_users(fields: &Fields<'_>, problems: &mut Problems) -> Option<u32> {
    if fields.get(&table::MAX_USERS_KEY).is_none() && !fields.has_slip {
        problems.report_with(
            fields.span,
            "a load by `rate` needs `max_users`: the maximum number of users",
            "add `max_users: 300`; rate × the longest iteration time is enough",
        );
    }
    problems.value(fields, &table::MAX_USERS_KEY)
}

/// The duration of the load; `None` if it depends on the target.
pub(super) fn duration_of(load: &Load) -> Option<Duration> {
    match load {
        Load::Users { stages } => Some(stages.iter().map(|stage| stage.duration).sum()),
        Load::Arrivals { stages, .. } => Some(stages.iter().map(|stage| stage.duration).sum()),
        Load::Iterations { max_duration, .. } => *max_duration,
    }
}
