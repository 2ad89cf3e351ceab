//! The stages of a load: constant levels, ramps, steps, waves and points from a file.

use std::time::Duration;

use super::level::{Level, levels};
use super::{level_rate, points};
use crate::format::tables::load::stage as table;
use crate::format::{Field, Fields, Form, Problems};
use crate::scenario::{Shape, Stage};
use crate::source::{Entry, Files, Node, one_of};
use crate::units::Rate;

/// More levels of steps are a typing error.
const MOST_STEPS: usize = 1_000;
/// More waves cost time at each change of a user's state.
const MOST_WAVES: f64 = 1_000.0;

/// Stages, and the unit of their levels.
pub(super) struct ReadStages {
    pub(super) stages: Vec<Stage>,
    pub(super) is_open: bool,
}

/// Reads a list of stages; `None` if one of them has an error.
pub(super) fn stages(list: &Node, files: &Files, problems: &mut Problems) -> Option<ReadStages> {
    let mut read = ReadStages {
        stages: Vec::new(),
        is_open: false,
    };
    let (mut units, mut is_complete) = (Vec::new(), true);
    for node in problems.list(list, "a list of stages")? {
        let before = read.stages.last().map_or(0.0, Stage::end);
        match stage(node, before, files, problems) {
            Some((stages, is_open)) => {
                units.push(is_open);
                read.stages.extend(stages);
            }
            None => is_complete = false,
        }
    }
    read.is_open = units.contains(&true);
    if read.is_open && units.contains(&false) {
        problems.report_with(
            list.span,
            "some of these stages give `users`, others a `rate`",
            "all stages of a load have `users`, or all have a `rate`",
        );
        return None;
    }
    is_complete.then_some(read)
}

/// Reads a stage after the level `before` it: the stages that it stands for, and whether its levels are rates.
fn stage(
    node: &Node,
    before: f64,
    files: &Files,
    problems: &mut Problems,
) -> Option<(Vec<Stage>, bool)> {
    let fields = problems.fields(node, &table::TABLE)?;
    let name = match fields.get(&table::NAME) {
        Some(node) => stage_name(node, problems).map(Some),
        None => Some(None),
    };
    let level = chosen_level(&fields, problems);
    let read = match level {
        None => {
            // A level is missing; the duration may have an error of its own.
            time(&fields, problems);
            None
        }
        Some(entry) if entry.key == table::STEP.key => steps(&fields, entry, before, problems),
        Some(entry) if entry.key == table::WAVE.key => wave(&fields, entry, problems),
        Some(entry) if entry.key == table::FILE.key => {
            problems.refuse_beside(&fields, &table::OF_FILE);
            let read = points::points(&entry.value, files, problems);
            read.map(|(stage, is_open)| (vec![stage], is_open))
        }
        Some(entry) => plain(&fields, entry, problems),
    };
    let (mut stages, is_open) = read?;
    let name = name?;
    for stage in &mut stages {
        stage.name.clone_from(&name);
    }
    Some((stages, is_open))
}

/// A constant level, or a ramp.
fn plain(
    fields: &Fields<'_>,
    entry: &Entry,
    problems: &mut Problems,
) -> Option<(Vec<Stage>, bool)> {
    let is_open = entry.key == table::RATE.key;
    let level = if is_open {
        level_rate(&entry.value, &table::RATE, problems).map(Rate::as_per_second)
    } else {
        let users: Option<u32> = problems.at(&entry.value, &table::USERS);
        users.map(f64::from)
    };
    let time = time(fields, problems);
    let form = match time {
        Some((_, Shape::Hold)) => &table::CONSTANT,
        _ => &table::RAMP,
    };
    let from = match fields.entry(&table::FROM) {
        Some(from) if form.has(&from.key) => Some(Level::of_unit(
            is_open,
            &from.value,
            &table::FROM,
            problems,
        )?),
        Some(from) => {
            problems.report_with(
                from.key_span,
                "`from` is the level at which a change begins, but this stage has a constant level",
                "write `over` instead of `for`, or leave `from` out",
            );
            return None;
        }
        None => None,
    };
    refuse_others(fields, form, problems)?;
    let (duration, shape) = time?;
    let shape = match shape {
        Shape::Ramp(_) => Shape::Ramp(from),
        other => other,
    };
    let stage = Stage {
        name: None,
        level: level?,
        duration,
        shape,
    };
    Some((vec![stage], is_open))
}

/// Levels one step apart, each held for the same time.
fn steps(
    fields: &Fields<'_>,
    entry: &Entry,
    before: f64,
    problems: &mut Problems,
) -> Option<(Vec<Stage>, bool)> {
    refuse_others(fields, &table::STEPS, problems)?;
    let step = Level::read(&entry.value, &table::STEP, problems);
    let every: Option<Duration> = match fields.get(&table::EVERY) {
        Some(node) => problems.at(node, &table::EVERY),
        None => needs(fields, &table::EVERY, "every: 30s", problems),
    };
    let is_open = step.is_some_and(Level::is_rate);
    let until = match fields.get(&table::UNTIL) {
        Some(node) if step.is_some() => Level::of_unit(is_open, node, &table::UNTIL, problems),
        Some(_) => None,
        None => {
            let example = if is_open {
                "until: 200/s"
            } else {
                "until: 200"
            };
            needs(fields, &table::UNTIL, example, problems)
        }
    };
    let from = match fields.get(&table::FROM) {
        Some(node) if step.is_some() => {
            Some(Level::of_unit(is_open, node, &table::FROM, problems)?)
        }
        Some(_) | None => None,
    };
    let (step, every, until) = (step?.per_second_or_users(), every?, until?);
    if step <= 0.0 {
        problems.report(entry.value.span, "a step must be above 0");
        return None;
    }
    let rises = until >= from.unwrap_or(before);
    let step = if rises { step } else { -step };
    let first = from.unwrap_or(before + step);
    let left = if rises { until - first } else { first - until };
    // A level that rounding puts beside the last one is the last one.
    let count = (left / step.abs() - 1e-9).ceil().max(0.0) + 1.0;
    if count > MOST_STEPS as f64 {
        problems.report_with(
            entry.value.span,
            format!("these are {count} steps; at most {MOST_STEPS} are possible"),
            "choose a larger `step`, or a ramp with `over`",
        );
        return None;
    }
    let last = count as usize - 1;
    let level = |index: usize| {
        if index == last {
            until
        } else {
            step.mul_add(index as f64, first)
        }
    };
    let stages = (0..=last).map(|index| Stage::hold(level(index), every));
    Some((stages.collect(), is_open))
}

fn wave(fields: &Fields<'_>, entry: &Entry, problems: &mut Problems) -> Option<(Vec<Stage>, bool)> {
    refuse_others(fields, &table::WAVES, problems)?;
    let range = levels(&entry.value, &table::WAVE_LEVEL, problems);
    let period: Option<Duration> = match fields.get(&table::PERIOD) {
        Some(node) => problems.at(node, &table::PERIOD),
        None => needs(fields, &table::PERIOD, "period: 5m", problems),
    };
    let duration: Option<Duration> = match fields.get(&table::FOR) {
        Some(node) => problems.at(node, &table::FOR),
        None => needs(fields, &table::FOR, "for: 10m", problems),
    };
    let ((low, high, is_open), period, duration) = (range?, period?, duration?);
    let waves = duration.as_secs_f64() / period.as_secs_f64();
    if waves > MOST_WAVES {
        problems.report_with(
            entry.value.span,
            format!("these are {waves:.0} waves; at most {MOST_WAVES} are possible"),
            "choose a longer `period`, or a constant level",
        );
        return None;
    }
    let stage = Stage {
        name: None,
        level: high,
        duration,
        shape: Shape::Wave { low, period },
    };
    Some((vec![stage], is_open))
}

/// Reports that a key is missing.
fn needs<T>(
    fields: &Fields<'_>,
    field: &Field,
    example: &str,
    problems: &mut Problems,
) -> Option<T> {
    if !fields.has_slip {
        problems.report_with(
            fields.span,
            format!("this stage needs `{}`", field.key),
            format!("add `{example}`"),
        );
    }
    None
}

/// Reports keys of other forms of a stage.
fn refuse_others(fields: &Fields<'_>, form: &Form, problems: &mut Problems) -> Option<()> {
    let before = problems.count();
    problems.refuse_beside(fields, form);
    (problems.count() == before).then_some(())
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

/// The key that says which levels the stage has.
fn chosen_level<'n>(fields: &Fields<'n>, problems: &mut Problems) -> Option<&'n Entry> {
    const HINT: &str = "`users` is the number of concurrent users, `rate` the number of iterations started per second; or \
                        write levels as `step`, `wave` or `file`";
    let found = fields.chosen(&table::LEVEL);
    let message = match found.as_slice() {
        [one] => return Some(one),
        [] if fields.has_slip => return None,
        [] => format!("a stage needs {}", one_of(table::LEVEL.keys)),
        [first, second, ..] => {
            let (first, second) = (&first.key, &second.key);
            format!("a stage has either `{first}` or `{second}`, not both")
        }
    };
    problems.report_with(fields.span, message, HINT);
    None
}

/// The duration of a constant level or of a ramp.
fn time(fields: &Fields<'_>, problems: &mut Problems) -> Option<(Duration, Shape)> {
    let found = fields.chosen(&table::TIME);
    let either = one_of(table::TIME.keys);
    let message = match found.as_slice() {
        [one] if one.key == table::FOR.key => {
            return Some((problems.at(&one.value, &table::FOR)?, Shape::Hold));
        }
        [one] => return Some((problems.at(&one.value, &table::OVER)?, Shape::Ramp(None))),
        [] if fields.has_slip => return None,
        [] => format!("a stage needs {either}"),
        _ => format!("a stage has either {either}, not both"),
    };
    problems.report_with(
        fields.span,
        message,
        "`for` keeps the level constant from the start of the stage, `over` changes it linearly",
    );
    None
}
