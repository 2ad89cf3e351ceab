//! The words in which steps tell a trial what they did.

use std::time::Duration;

use crate::engine::answer::Answer;
use crate::engine::state::Values;
use crate::engine::trial::{Note, Tone, assigned, name};
use crate::plan::PlannedRequest;
use crate::scenario::program::{Alternative, Branches, Call, Passes, Reaction};
use crate::scenario::{Condition, Step, Then};
use crate::units::show_duration;

/// A condition and its values: `false (stock = 0)`.
fn result(condition: &Condition, holds: bool, values: &dyn Values) -> String {
    match &*condition.0.shown_values(values) {
        "" => holds.to_string(),
        values => format!("{holds} ({values})"),
    }
}

/// The condition of a loop was judged.
pub(super) fn condition(
    kind: &'static str,
    condition: &Condition,
    holds: bool,
    values: &mut dyn Values,
) -> Note {
    Note::plain(kind, result(condition, holds, values))
}

/// The condition of a step does not hold.
pub(super) fn skipped<R: AsRef<PlannedRequest>>(step: &Step<R>, values: &mut dyn Values) -> Note {
    let condition = step.condition.as_ref();
    let result = condition.map(|condition| result(condition, false, values));
    let name = name(step);
    let text = format!("{}: `{name}` is skipped", result.unwrap_or_default());
    Note::new(Tone::Skipped, "if", text)
}

/// A step `if` chose a list of steps.
pub(super) fn branch<R>(branches: &Branches<R>, holds: bool, values: &mut dyn Values) -> Note {
    let result = result(&branches.condition, holds, values);
    let then = match (holds, branches.otherwise.is_empty()) {
        (true, _) => "its `steps` run",
        (false, false) => "its `else` runs",
        (false, true) => "its `steps` are skipped",
    };
    let tone = if holds || !branches.otherwise.is_empty() {
        Tone::Plain
    } else {
        Tone::Skipped
    };
    Note::new(tone, "if", format!("{result}: {then}"))
}

/// A block is called.
pub(super) fn call<R>(call: &Call<R>, values: &mut dyn Values) -> Note {
    let with = call.with.iter().map(|(slot, _)| assigned(*slot, values));
    let with: Vec<String> = with.collect();
    let text = match &*with.join(", ") {
        "" => "a block without parameters".to_owned(),
        with => format!("with {with}"),
    };
    Note::plain("call", text)
}

/// One of several lists of steps was drawn.
pub(super) fn choice<R>(alternatives: &[Alternative<R>], drawn: &[Step<R>]) -> Note {
    let total: u64 = alternatives.iter().map(|one| u64::from(one.weight)).sum();
    let mut each = alternatives.iter().zip(1..);
    let chosen = each.find(|(one, _)| std::ptr::eq(&raw const *one.steps, drawn));
    let (weight, number) = chosen.map_or((0, 0), |(one, number)| (one.weight, number));
    let of = alternatives.len();
    Note::plain(
        "choose",
        format!("number {number} of {of} was drawn, with weight {weight} of {total}"),
    )
}

/// A request has a reaction to its end.
pub(super) fn reaction<R>(name: &str, answer: Answer, reaction: &Reaction<R>) -> Note {
    let then = match reaction.then {
        Then::Continue => "the flow goes on",
        Then::Retry => "the request is sent again",
        Then::Fail => "the iteration fails",
        Then::StopIteration => "the iteration ends",
    };
    let steps = match reaction.steps.len() {
        0 => String::new(),
        1 => "1 step runs, then ".to_owned(),
        more => format!("{more} steps run, then "),
    };
    let text = format!("`{name}` ended with {answer}: {steps}{then}");
    // Without a failure before it, there is none to handle.
    let tone = if answer.outcome.is_failure() {
        Tone::Handled
    } else {
        Tone::Plain
    };
    Note::new(tone, "on", text)
}

/// The steps of a `retry` run again.
pub(super) fn attempt(number: u32, of: u32, wait: Duration) -> Note {
    let wait = show_duration(Duration::from_millis(wait.as_millis() as u64));
    Note::plain("retry", format!("attempt {number} of {of} in {wait}"))
}

/// A pass of a loop begins.
pub(super) fn pass(passes: &Passes, pass: u32, values: &mut dyn Values) -> Note {
    let number = u64::from(pass) + 1;
    let (kind, text) = match passes {
        Passes::Times(times) => ("repeat", format!("pass {number} of {times}")),
        Passes::Count(_) => ("repeat", format!("pass {number}")),
        Passes::While { condition, .. } => {
            let result = result(condition, true, values);
            ("while", format!("{result}: pass {number}"))
        }
        Passes::Until { max, .. } => ("until", format!("pass {number} of at most {max}")),
        Passes::Each(each) => {
            let item = assigned(each.item, values);
            ("foreach", format!("pass {number}, {item}"))
        }
    };
    Note::plain(kind, text)
}
