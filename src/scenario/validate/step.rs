//! Steps: requests, pauses and repetitions, and the conditions they stand under.

use super::compiler::Compiler;
use super::delay::{delay, is_none};
use super::reader::{Fields, Shape};
use super::request;
use super::synonyms;
use crate::scenario::{Action, Step, Timeouts};
use crate::source::{Entry, Node};
use crate::units::show_count;

const THINK: Shape = Shape {
    what: "a pause",
    known: &["think", "if"],
    later: &[],
};

const REPEAT: Shape = Shape {
    what: "a repetition",
    known: &["repeat", "steps", "if"],
    later: &[],
};

/// Kinds of step that the format will have.
const LATER: [&str; 11] = [
    "until",
    "group",
    "include",
    "websocket",
    "ws",
    "sse",
    "graphql",
    "grpc",
    "while",
    "for_each",
    "parallel",
];

const A_CONDITION: &str = "a condition such as `${id}` or `${status} == \"done\"`";

/// The most passes of a repetition.
const MAX_REPEAT: u64 = 100_000;
/// The most passes that nested repetitions may make of one step in an iteration: weeks of work.
const MAX_PASSES: f64 = 1e9;

/// Reads a list of steps, each compiled after those before it.
pub(super) fn steps(node: &Node, timeouts: Timeouts, compiler: &mut Compiler<'_>) -> Vec<Step> {
    let Some(items) = compiler.problems.list(node, "a list of steps") else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| step(item, timeouts, compiler))
        .collect()
}

fn step(node: &Node, timeouts: Timeouts, compiler: &mut Compiler<'_>) -> Option<Step> {
    let entries = compiler
        .problems
        .entries(node, "a step, such as `get: /path`")?;
    let kinds: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            let key = entry.key.as_str();
            key == "think" || key == "repeat" || request::method(key).is_some()
        })
        .collect();
    let kind = match kinds.as_slice() {
        [one] => one,
        [] => {
            no_kind(node, entries, compiler);
            return None;
        }
        [first, second, ..] => {
            compiler.problems.report_with(
                second.key_span,
                format!(
                    "a step does one thing, but this one has `{}` and `{}`",
                    first.key, second.key
                ),
                "start another step with `- `",
            );
            return None;
        }
    };
    let condition = match node.get("if") {
        None => Some(None),
        Some(node) => compiler.condition(node, A_CONDITION).map(Some),
    };
    let is_conditional = !matches!(condition, Some(None));
    let read = |compiler: &mut Compiler<'_>| match kind.key.as_str() {
        "think" => pause(node, kind, compiler),
        "repeat" => repeat(node, kind, timeouts, compiler),
        _ => request::request(node, kind, timeouts, compiler)
            .map(|request| Action::Request(Box::new(request))),
    };
    let action = if is_conditional {
        compiler.under_condition(read)
    } else {
        read(compiler)
    };
    Some(Step {
        condition: condition?,
        action: action?,
        span: kind.key_span,
    })
}

fn no_kind(node: &Node, entries: &[Entry], compiler: &mut Compiler<'_>) {
    let problems = &mut *compiler.problems;
    if let Some(later) = entries
        .iter()
        .find(|entry| LATER.contains(&entry.key.as_str()))
    {
        problems.report_with(
            later.key_span,
            format!("`{}` is not supported yet", later.key),
            "it belongs to a later version of the scenario format; remove it for now",
        );
        return;
    }
    let span = entries.first().map_or(node.span, |entry| entry.key_span);
    let words: Vec<&str> = request::METHODS
        .into_iter()
        .chain(["think", "repeat"])
        .collect();
    // What a request may have beside its method says nothing of what was meant to be one.
    let mut odd = entries.iter().filter(|entry| !request::is_key(&entry.key));
    let meant = odd.find_map(|entry| {
        let hint = synonyms::hint(&entry.key, &words)?;
        Some((entry.key_span, hint))
    });
    let message = "this step does nothing: it has no method, such as `get: /path`, no `think` and no `repeat`";
    match meant {
        Some((span, hint)) => problems.report_with(span, message, hint),
        None => problems.report(span, message),
    }
}

fn pause(node: &Node, kind: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let problems = &mut *compiler.problems;
    problems.fields(node, &THINK)?;
    if is_none(&kind.value) {
        problems.report(kind.value.span, "a pause of `none` does nothing");
        return None;
    }
    delay(&kind.value, problems).map(Action::Think)
}

/// Whether a repetition is among the steps: then it is the one to blame for too many passes.
fn repeats(steps: &[Step]) -> bool {
    steps
        .iter()
        .any(|step| matches!(step.action, Action::Repeat { .. }))
}

fn repeat(
    node: &Node,
    kind: &Entry,
    timeouts: Timeouts,
    compiler: &mut Compiler<'_>,
) -> Option<Action> {
    let fields: Fields<'_> = compiler.problems.fields(node, &REPEAT)?;
    let times = compiler
        .problems
        .count(&kind.value, "`repeat`", 1..=MAX_REPEAT);
    let inner = compiler.problems.require(&fields, "steps");
    let factor = times.unwrap_or(1) as f64;
    let passes = compiler.passes * factor;
    let outer = std::mem::replace(&mut compiler.passes, passes);
    let steps = inner.map(|node| steps(node, timeouts, compiler));
    compiler.passes = outer;
    if passes > MAX_PASSES && !steps.as_deref().is_some_and(repeats) {
        compiler.problems.report_with(
            kind.value.span,
            format!(
                "with the repetitions around it, this makes {} passes in one iteration; at most {} are allowed",
                show_count(passes),
                show_count(MAX_PASSES)
            ),
            "repeat less often, or let the load start more iterations",
        );
    }
    Some(Action::Repeat {
        times: times? as u32,
        steps: steps?,
    })
}
