//! Resolves `stage="…"` to parts of the run.

use super::{Key, Matcher, Measure, Period};
use crate::expr::ExprError;
use crate::plan::Workload;
use crate::plan::schedule::StageMark;
use crate::source::{did_you_mean, nearest};
use crate::units::Micros;

/// The parts of the run that a measure selects; empty if it does not select by stage.
pub(super) fn periods(measure: &Measure, workload: &Workload) -> Result<Vec<Period>, ExprError> {
    let is_of_stage = |matcher: &&Matcher| matcher.key == Key::Stage;
    let matchers: Vec<&Matcher> = measure.matchers.iter().filter(is_of_stage).collect();
    let Some(first) = matchers.first() else {
        return Ok(Vec::new());
    };
    let marks = workload.loads.stage_marks();
    let end = workload.loads.duration().map(Micros::from);
    if marks.is_empty() {
        let (offset, length) = first.key_at;
        return Err(ExprError {
            offset,
            length,
            message: "this load has no stages".to_owned(),
            hint: Some("give the load `stages`, or a level with `for`".to_owned()),
        });
    }
    for matcher in &matchers {
        if !(0..marks.len()).any(|index| accepts(matcher, &marks, index)) {
            return Err(unknown(matcher, &marks));
        }
    }
    let is_selected = |index: &usize| {
        matchers
            .iter()
            .all(|matcher| accepts(matcher, &marks, *index))
    };
    let selected = (0..marks.len())
        .filter(is_selected)
        .map(|index| &marks[index]);
    let warm_up = Micros::from(workload.warm_up);
    let mut periods: Vec<Period> = selected
        .filter(|mark| mark.end > warm_up)
        .map(|mark| Period {
            from: mark.start,
            to: Some(mark.end).filter(|to| Some(*to) != end),
        })
        .collect();
    periods.sort_by_key(|period| period.from);
    if periods.is_empty() {
        let (offset, length) = first.value_at;
        return Err(ExprError {
            offset,
            length: length.max(1),
            message: "no measured time belongs to these stages: the warm-up covers them, or no stage matches all selectors"
                .to_owned(),
            hint: Some("shorten the warm-up, or select another stage".to_owned()),
        });
    }
    Ok(periods)
}

/// True if the name of a stage, or its number, satisfies the matcher; with `!=` and `!~` both must.
fn accepts(matcher: &Matcher, marks: &[StageMark], index: usize) -> bool {
    let number = number(marks, index);
    let mut words = number
        .as_deref()
        .into_iter()
        .chain(marks[index].name.as_deref());
    if matcher.is_negative() {
        words.all(|word| matcher.accepts(word))
    } else {
        words.any(|word| matcher.accepts(word))
    }
}

/// The number of a stage, from 1; `None` for a stage of the load of a flow, beside other loads.
fn number(marks: &[StageMark], index: usize) -> Option<String> {
    if marks[index].load.is_some() {
        return None;
    }
    let before = marks[..index].iter().filter(|mark| mark.load.is_none());
    Some((before.count() + 1).to_string())
}

fn unknown(matcher: &Matcher, marks: &[StageMark]) -> ExprError {
    let names = || marks.iter().filter_map(|mark| mark.name.as_deref());
    let hint = nearest(&matcher.value, names()).map(did_you_mean);
    let known: Vec<String> = marks
        .iter()
        .enumerate()
        .filter_map(|(index, mark)| mark.name.clone().or_else(|| number(marks, index)))
        .map(|word| format!("`{word}`"))
        .collect();
    ExprError {
        offset: matcher.value_at.0,
        length: matcher.value_at.1.max(1),
        message: format!("no stage matches `{}`", matcher.value),
        hint: hint.or_else(|| {
            (known.len() <= 12).then(|| format!("the stages are {}", known.join(", ")))
        }),
    }
}
