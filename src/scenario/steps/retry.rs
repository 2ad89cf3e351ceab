//! `retry`: steps run again if a request in them fails.

use std::sync::Arc;
use std::time::Duration;

use super::{IF, STEPS, StepKind, none, own_steps, steps};
use crate::format::tables::attempts as table;
use crate::format::{Field, Mapping, Problems, Type};
use crate::scenario::program::{Retry, Wait};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::delay::{delay, is_none};
use crate::scenario::validate::ends::ends;
use crate::scenario::{Action, Delay, Ends};
use crate::source::{self, Content, Entry, FileId, Node};
use crate::units::show_duration;

const RETRY: Field = Field::new(
    "retry",
    Type::OneOf(&[
        Type::Integer(2, table::MOST),
        Type::Mapping(&table::TABLE),
    ]),
    "{ times: 3, on: [ connect, timeout, 5xx ], wait: { exponential: 200ms, at_most: 5s } }",
    "The maximum number of attempts, the first one included, or a mapping of `times`, `on` and `wait`.",
)
.required()
.home("a retry is a step: an item under `steps:` of a flow, with `steps:` of its own");

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["retry"],
    read,
    captures: none,
    children: own_steps,
};

static TABLE: Mapping = Mapping {
    name: "retry",
    what: "a retry",
    doc: "Runs steps again, from the first one, if a request in them ends with one of the ends in `on`; the steps after \
        that request are skipped. Each attempt's requests are requests of their own, in the report and for thresholds: \
        also those of attempts that failed. The iteration and the group around the step fail only if the last attempt \
        fails: with the outcome `retry`, and `on_error` decides whether the iteration goes on. An inner `retry` comes \
        first; if its last attempt fails, the outer one runs its steps again. In `setup` it waits until the target is \
        ready.",
    fields: &[RETRY, STEPS, IF],
    example: "retry: { times: 3, on: [ connect, 5xx ], wait: 500ms }\nsteps:\n  - get: /health\n",
    rest: "retry: 3\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let attempts = attempts(&head.value, compiler.problems);
    let inner = compiler.problems.require(&fields, &STEPS);
    let steps = inner.map(|node| steps(node, compiler));
    let (times, on, wait) = attempts?;
    Some(Action::Retry(Box::new(Retry {
        times,
        on: Arc::new(on),
        wait,
        steps: steps?,
    })))
}

/// Reads a number of attempts, or `times`, `on` and `wait`.
fn attempts(node: &Node, problems: &mut Problems) -> Option<(u32, Ends, Wait)> {
    let (times, fields) = match &node.value {
        Content::Scalar(_) => (problems.at(node, &RETRY), None),
        Content::Map(_) => {
            let fields = problems.fields(node, &table::TABLE)?;
            (problems.value(&fields, &table::TIMES), Some(fields))
        }
        Content::List(_) => {
            let what = "a number of attempts, or a mapping of `times`, `on` and `wait`";
            problems.expected(what, node);
            return None;
        }
    };
    let part = |field: &Field| {
        let given = fields.and_then(|fields| fields.get(field)).cloned();
        given.or_else(|| source::parse(field.default_text(), FileId::default(), &mut Vec::new()))
    };
    let on = ends(&part(&table::ON)?, problems);
    let wait = wait(&part(&table::WAIT)?, problems);
    Some((times?, on?, wait?))
}

fn wait(node: &Node, problems: &mut Problems) -> Option<Wait> {
    use table::backoff::{AT_MOST, EXPONENTIAL, TABLE};

    if is_none(node) {
        return Some(Wait::Pause(Delay::Constant(Duration::ZERO)));
    }
    match &node.value {
        Content::Scalar(_) => delay(node, &table::WAIT, problems).map(Wait::Pause),
        Content::Map(_) => {
            let fields = problems.fields(node, &TABLE)?;
            let first: Option<Duration> = problems.value(&fields, &EXPONENTIAL);
            let at_most = problems.value(&fields, &AT_MOST);
            let (first, at_most) = (first?, at_most?);
            if first > at_most {
                let (first, at_most) = (show_duration(first), show_duration(at_most));
                problems.report_with(
                    node.span,
                    format!("the first bound, {first}, is above `at_most`, {at_most}"),
                    "lower `exponential`, or raise `at_most`",
                );
                return None;
            }
            Some(Wait::Backoff { first, at_most })
        }
        Content::List(_) => {
            let what = "a pause such as 1s, 100ms..300ms or { exponential: 200ms, at_most: 5s }";
            problems.expected(what, node);
            None
        }
    }
}
