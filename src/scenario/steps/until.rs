//! `until`: steps run until a condition holds.

use super::{IF, STEPS, StepKind, none, own_steps, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::program::{Loop, MAX_PASSES, Passes};
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Entry, Node};

const UNTIL: Field = Field::new(
    "until",
    Type::CONDITION,
    "user() == 0",
    "The condition, evaluated after each pass; it may use values that the pass captures.",
)
.required()
.home("a loop is a step: an item under `steps:` of a flow, with `steps:` of its own");

const MAX: Field = Field::new(
    "max",
    Type::Integer(1, MAX_PASSES),
    "10",
    "The maximum number of passes. If the condition is still false after them, the iteration fails with the outcome \
     `until`; `on_error` decides whether it goes on.",
)
.default("100");

const EVERY: Field = Field::new(
    "every",
    Type::Positive,
    "1s",
    "The minimum time between the starts of two passes. It replaces the default `think_time` between passes.",
);

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["until"],
    read,
    captures: none,
    children: own_steps,
};

static TABLE: Mapping = Mapping {
    name: "until",
    what: "an `until` loop",
    doc: "Runs steps until a condition is true, such as polling until a job is done. The steps run at least once.",
    fields: &[UNTIL, STEPS, MAX, EVERY, IF],
    example: "until: status == 'done'\nmax: 10\nevery: 1s\nsteps:\n  - get: /jobs/7\n    capture: { status: { json: $.status } }\n",
    rest: "until: user() == 0\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let inner = compiler.problems.require(&fields, &STEPS);
    let inner = inner.map(|node| steps(node, compiler));
    // After the steps, whose captures it may use.
    let condition = compiler.condition(&head.value, "a condition such as `status == \"done\"`");
    let max = compiler.problems.value(&fields, &MAX);
    let every = compiler.problems.value(&fields, &EVERY);
    Some(Action::Loop(Box::new(Loop {
        passes: Passes::Until {
            condition: condition?,
            max: max?,
            every,
        },
        steps: inner?,
        pause: None,
    })))
}
