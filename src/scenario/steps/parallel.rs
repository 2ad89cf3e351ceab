//! `parallel`: requests at the same time.

use super::{
    IF, StepKind, branches, choose, foreach, none, own_steps, repeat, request, set, steps,
};
use crate::format::{Field, Mapping, Type};
use crate::scenario::program::{MAX_PARALLEL_STEPS, Parallel, Visit, visit};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::{Action, Request};
use crate::source::{Entry, Node};
use crate::units::show_number;

/// The maximum number of connections of a user at the same time.
pub(super) const MAX_AT_ONCE: u64 = 100;

const PARALLEL: Field = Field::new(
    "parallel",
    Type::Integer(2, MAX_AT_ONCE),
    "6",
    "The maximum number of requests at the same time. Each is sent over a connection of its own, which the user keeps \
     for later blocks.",
)
.required()
.home("a parallel block is a step: an item under `steps:` of a flow, with `steps:` of its own");

const STEPS: Field = Field::new(
    "steps",
    Type::List(&Type::Step),
    "[ { get: /items/1 }, { get: /items/2 } ]",
    "The steps that make the requests; at least one.",
)
.required();

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["parallel"],
    read,
    captures: none,
    children: own_steps,
};

static TABLE: Mapping = Mapping {
    name: "parallel",
    what: "a parallel block",
    doc: "Sends several requests at the same time, as a browser or an app does for a page. The next step begins when all \
        have ended. Every request is prepared, by at most 20000 steps, in the order written, before the first is sent: values that a request \
        captures are available after the block (of several requests that capture the same name, the last one written counts), \
        and `response` is then still that of the step before it. Inside are \
        requests, and `set`, `if`, `choose`, `repeat` and `foreach` around them; a `foreach` loads each item of a list. A \
        group around the block measures the whole. If `on_error` ends the iteration, no further request starts, and \
        those in flight still end.",
    fields: &[PARALLEL, STEPS, IF],
    example: "parallel: 6\nsteps:\n  - get: /items/1\n  - get: /items/2\n",
    rest: "parallel: 2\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

/// True if a step of this kind needs neither time nor a response to prepare its requests.
pub(super) fn may_contain(kind: &StepKind) -> bool {
    let allowed = [
        &request::KIND,
        &set::KIND,
        &branches::KIND,
        &choose::KIND,
        &repeat::KIND,
        &foreach::KIND,
    ];
    allowed.into_iter().any(|one| std::ptr::eq(one, kind))
}

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let at_once = compiler.problems.at(&head.value, &PARALLEL);
    let inner = compiler.problems.require(&fields, &STEPS);
    let inner = inner.map(|node| compiler.in_parallel(|compiler| steps(node, compiler)));
    let fixed = |visit: &Visit<'_, Request>| match visit.step.condition {
        Some(_) => 0.0,
        None => visit.times,
    };
    let run: f64 = inner
        .iter()
        .flat_map(|steps| visit(steps))
        .map(|visit| fixed(&visit))
        .sum();
    if run > MAX_PARALLEL_STEPS as f64 {
        compiler.problems.report_with(
            head.key_span,
            format!(
                "this block runs {} steps to prepare its requests; at most {} are allowed",
                show_number(run),
                show_number(MAX_PARALLEL_STEPS as f64)
            ),
            "put it into a `repeat`, and repeat less often inside",
        );
    }
    Some(Action::Parallel(Box::new(Parallel {
        at_once: at_once?,
        steps: inner?,
    })))
}
