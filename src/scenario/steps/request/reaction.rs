//! `on`: reactions to the end of a request.

use super::super::call::{CALL, WITH, call};
use super::super::{STEPS, steps};
use crate::format::words::{FromWord as _, Then};
use crate::format::{Choice, Field, Mapping, Presence, Type};
use crate::scenario::program::Reaction;
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::ends::end;
use crate::scenario::{Request, Step};
use crate::source::{Content, Entry, Node};

pub(super) const ON: Field = Field::new(
    "on",
    Type::Map(&Type::OneOf(&[
        Type::Words(&Then::SET),
        Type::Mapping(&TABLE),
    ])),
    "{ 401: { call: log in, with: { email: a@example.test }, then: retry }, 404: continue }",
    "What to do if the request ends in a certain way. A key is a status, a class, a range, or an outcome, as in `on` of \
     [attempts](#attempts); the first one that fits counts. Its value is a reaction, or the word of its `then`. The \
     request keeps its outcome: a failed one is counted as failed, but its reaction alone decides what happens to the \
     iteration and the groups around it.",
);

const CALLED: Field = Field {
    presence: Presence::Optional,
    example: WITH.example,
    ..CALL
};

const OWN_STEPS: Field = Field {
    presence: Presence::Optional,
    ..STEPS
};

const THEN: Field =
    Field::new("then", Type::Words(&Then::SET), "retry", "What follows.").default("continue");

static WORK: Choice = Choice {
    keys: &["call", "steps"],
    is_required: false,
};

const TABLE: Mapping = Mapping {
    name: "reaction",
    what: "a reaction",
    doc: "Steps that run if a request ends in a certain way, and what follows them. `response` is the response to that \
        request. `then: retry` sends the request once more: at most twice in all, each time a request of its own in the \
        report.",
    fields: &[CALLED, WITH, OWN_STEPS, THEN],
    choices: &[&WORK],
    example: "steps:\n  - post: /session\n    capture: { token: { json: $.token } }\nthen: retry\n",
    ..Mapping::EMPTY
};

/// The reactions of a request.
pub(in crate::scenario::steps) fn reactions(step: &Node) -> Vec<&Node> {
    match step.get(ON.key).map(|node| &node.value) {
        Some(Content::Map(entries)) => entries.iter().map(|entry| &entry.value).collect(),
        Some(Content::Scalar(_) | Content::List(_)) | None => Vec::new(),
    }
}

/// Reads `on:`.
pub(super) fn read(on: &Entry, compiler: &mut Compiler<'_>) -> Option<Vec<Reaction<Request>>> {
    if compiler.is_in_parallel() {
        compiler.problems.report_with(
            on.key_span,
            "a request inside `parallel` cannot have `on`, because others are sent at the same time",
            "react after the block, or put the block into a `retry`",
        );
        return None;
    }
    let what = "a mapping such as `on: { 401: { call: log in, then: retry } }`";
    let entries = compiler.problems.entries(&on.value, what)?;
    let mut reactions = Vec::with_capacity(entries.len());
    for entry in entries {
        let on = end(&entry.key, entry.key_span, compiler.problems);
        let reaction = reaction(&entry.value, compiler);
        let reaction = on.zip(reaction);
        reactions.push(reaction.map(|(on, (steps, then))| Reaction { on, steps, then }));
    }
    reactions.into_iter().collect()
}

fn reaction(node: &Node, compiler: &mut Compiler<'_>) -> Option<(Vec<Step>, Then)> {
    if let Content::Scalar(_) = node.value {
        let then = then(node, compiler)?;
        return Some((Vec::new(), then));
    }
    let fields = compiler.problems.fields(node, &TABLE)?;
    let then = match fields.get(&THEN) {
        Some(node) => then(node, compiler),
        None => Some(Then::Continue),
    };
    let work = fields.chosen(&WORK);
    let with = fields.entry(&WITH);
    if let Some(with) = with
        && fields.get(&CALLED).is_none()
    {
        let message = "`with` needs `call`, the block whose parameters it sets";
        compiler.problems.report(with.key_span, message);
    }
    let steps = match work.as_slice() {
        [] if fields.get(&THEN).is_none() && with.is_none() && !fields.has_slip => {
            let message = "this reaction does nothing";
            let hint = "give it `call` or `steps`, or write `continue` to go on as if the request had not failed";
            compiler.problems.report_with(fields.span, message, hint);
            None
        }
        [] => Some(Vec::new()),
        [one] => compiler.under_condition(|compiler| match fields.get(&CALLED) {
            Some(name) => {
                let action = call(name, with.map(|entry| &entry.value), compiler);
                action.map(|action| vec![Step::always(action)])
            }
            None => Some(steps(&one.value, compiler)),
        }),
        [_, second, ..] => {
            compiler.problems.report_with(
                second.key_span,
                "a reaction has `call` or `steps`, not both",
                "write the call among the steps: `- call: log in`",
            );
            None
        }
    };
    Some((steps?, then?))
}

fn then(node: &Node, compiler: &mut Compiler<'_>) -> Option<Then> {
    let then = compiler.problems.at(node, &THEN)?;
    if then == Then::StopIteration && compiler.is_in_hook() {
        compiler.problems.report_with(
            node.span,
            "setup and teardown have no iteration to stop",
            "write `fail`: it ends setup or teardown, and after a failed setup no load is sent",
        );
        return None;
    }
    Some(then)
}
