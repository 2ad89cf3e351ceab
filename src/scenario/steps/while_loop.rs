//! `while`: steps run as long as a condition holds.

use super::{IF, STEPS, StepKind, none, own_steps, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::program::{Loop, MAX_PASSES, Passes};
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Entry, Node};

const WHILE: Field = Field::new(
    "while",
    Type::CONDITION,
    "id != null",
    "The condition, evaluated before each pass. It needs its values before the first pass: give one that a pass captures \
     a first value with `set`.",
)
.required()
.home("a loop is a step: an item under `steps:` of a flow, with `steps:` of its own");

const MAX: Field = Field::new(
    "max",
    Type::Integer(1, MAX_PASSES),
    "20",
    "The maximum number of passes. The loop ends after them even if the condition still holds, and the iteration goes \
     on. Without `max`, a loop whose condition still holds after 100000 passes fails the iteration.",
);

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["while"],
    read,
    captures: none,
    children: own_steps,
};

static TABLE: Mapping = Mapping {
    name: "while",
    what: "a `while` loop",
    doc: "Runs steps as long as a condition is true, such as all pages of a list.",
    fields: &[WHILE, STEPS, MAX, IF],
    example: "while: user() < 10\nmax: 20\nsteps:\n  - get: /items\n",
    rest: "while: user() < 10\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let condition = compiler.condition(&head.value, "a condition such as `page != null`");
    let max: Option<Option<u32>> = match fields.get(&MAX) {
        Some(node) => compiler.problems.at(node, &MAX).map(Some),
        None => Some(None),
    };
    let inner = compiler.problems.require(&fields, &STEPS);
    let inner = inner.map(|node| compiler.under_condition(|compiler| steps(node, compiler)));
    let passes = condition.zip(max);
    let passes = passes.map(|(condition, max)| Passes::While { condition, max });
    Some(Action::Loop(Box::new(Loop {
        passes: passes?,
        steps: inner?,
        pause: None,
    })))
}
