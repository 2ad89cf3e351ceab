//! `load:`, of the scenario or of a flow.

mod level;
mod points;
mod search;
mod stages;

use std::time::Duration;

use super::names::NameTable;
use crate::format::tables::load::{self as table, MAX_RATE};
use crate::format::{Field, Fields, Problems};
use crate::scenario::{Load, LoadModel, Sharing, Stage};
use crate::source::{Files, Node};
use crate::units::{Rate, show_rate};

/// Reads `load:`.
pub(super) fn load(
    node: &Node,
    files: &Files,
    names: &NameTable,
    problems: &mut Problems,
) -> Option<Load> {
    let fields = problems.fields(node, &table::TABLE)?;
    let model = model(&fields, files, names, problems);
    let from = problems.value(&fields, &table::FROM);
    let grace = match fields.get(&table::GRACE) {
        Some(node) => problems.at(node, &table::GRACE).map(Some),
        None => Some(None),
    };
    let throughput = match fields.get(&table::THROUGHPUT) {
        Some(node) => positive_rate(node, problems).map(Some),
        None => Some(None),
    };
    if let (
        Some(LoadModel::Iterations {
            max_duration: None, ..
        }),
        Some(entry),
    ) = (&model, fields.entry(&table::GRACE))
    {
        problems.report_with(
            entry.key_span,
            "`grace` needs the end of the load, but a load of `iterations` ends with its last one",
            "add `max_duration`, or leave `grace` out",
        );
    }
    let room = room(&fields, model.as_ref(), problems);
    Some(Load {
        model: model?,
        from: from?,
        grace: grace?,
        throughput: throughput?,
        room,
    })
}

/// The users that a closed load may have at most, if it says so.
fn room(fields: &Fields<'_>, model: Option<&LoadModel>, problems: &mut Problems) -> Option<u32> {
    let (Some(LoadModel::Users { .. }), Some(node)) = (model, fields.get(&table::MAX_USERS_KEY))
    else {
        return None;
    };
    let most: u32 = problems.at(node, &table::MAX_USERS_KEY)?;
    let peak = model.map_or(0.0, LoadModel::peak);
    if f64::from(most) < peak {
        problems.report(
            node.span,
            format!("`max_users` is {most}, but the load has {peak} users by itself"),
        );
        return None;
    }
    Some(most)
}

fn model(
    fields: &Fields<'_>,
    files: &Files,
    names: &NameTable,
    problems: &mut Problems,
) -> Option<LoadModel> {
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
    if fields.get(&table::STEP).is_some() {
        let search = search::search(fields, names, problems);
        search.map(|search| LoadModel::Search(Box::new(search)))
    } else if let Some(rate) = fields.get(&table::RATE) {
        constant_rate(fields, rate, problems)
    } else if let Some(list) = fields.get(&table::STAGES) {
        staged(fields, list, files, problems)
    } else if fields.get(&table::ITERATIONS).is_some() {
        iterations(fields, problems)
    } else {
        constant_users(fields, problems)
    }
}

fn constant_rate(fields: &Fields<'_>, node: &Node, problems: &mut Problems) -> Option<LoadModel> {
    problems.refuse_beside(fields, &table::OF_RATE);
    let text = &problems.scalar(node, "a rate such as 200/s")?.text;
    if text.contains("..") {
        problems.report_with(
            node.span,
            format!("`{text}` are several rates, for a search for the capacity"),
            "add `step: 50/s`, `every: 30s` and `until: [ p95(response_time) < 500ms ]`, or write one rate",
        );
        return None;
    }
    let rate = level_rate(node, &table::RATE, problems);
    let duration = required_for(fields, problems);
    let max_users = required_max_users(fields, problems);
    let law = problems.value(fields, &table::ARRIVALS)?;
    let (rate, duration, max_users) = (rate?, duration?, max_users?);
    check_rises(rate.as_per_second(), node, problems)?;
    Some(LoadModel::Arrivals {
        stages: vec![Stage::hold(rate.as_per_second(), duration)],
        max_users,
        law,
    })
}

/// Reports `pacing` with a load by rate: pacing limits users that start iterations themselves, but with a rate only the
/// schedule starts iterations.
pub(super) fn check_pacing(load: &Load, node: &Node, problems: &mut Problems) {
    if let LoadModel::Arrivals { .. } | LoadModel::Search(_) = load.model {
        problems.report_with(
            node.span,
            "`pacing` has no effect on a load by `rate`: only the schedule starts iterations",
            "leave `pacing` out and lower the `rate`, or use `users` instead",
        );
    }
}

fn constant_users(fields: &Fields<'_>, problems: &mut Problems) -> Option<LoadModel> {
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
    let users: u32 = users?;
    Some(LoadModel::Users {
        stages: vec![Stage::hold(f64::from(users), duration?)],
    })
}

fn iterations(fields: &Fields<'_>, problems: &mut Problems) -> Option<LoadModel> {
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
    Some(LoadModel::Iterations {
        count: count?,
        sharing,
        users: users?,
        max_duration,
    })
}

fn staged(
    fields: &Fields<'_>,
    list: &Node,
    files: &Files,
    problems: &mut Problems,
) -> Option<LoadModel> {
    problems.refuse_beside(fields, &table::OF_STAGES);
    let read = stages::stages(list, files, problems);
    let is_open = match &read {
        Some(read) => read.is_open,
        // As far as can be told.
        None => fields.get(&table::MAX_USERS_KEY).is_some(),
    };
    let max_users = if is_open {
        problems.refuse_beside(fields, &table::OF_RATE_STAGES);
        required_max_users(fields, problems)
    } else if read.is_some() {
        problems.refuse_beside(fields, &table::OF_USER_STAGES);
        None
    } else {
        None
    };
    let law = problems.value(fields, &table::ARRIVALS)?;
    let stages = read?.stages;
    let model = if is_open {
        LoadModel::Arrivals {
            stages,
            max_users: max_users?,
            law,
        }
    } else {
        LoadModel::Users { stages }
    };
    check_rises(model.peak(), list, problems)?;
    Some(model)
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

/// A rate above zero.
fn positive_rate(node: &Node, problems: &mut Problems) -> Option<Rate> {
    let rate = level_rate(node, &table::THROUGHPUT, problems)?;
    if rate.as_per_second() <= 0.0 {
        problems.report(node.span, "`throughput` must be above 0");
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
