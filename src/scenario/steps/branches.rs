//! `if` with `steps`: steps under a condition, and others if it does not hold.

use super::{A_CONDITION, STEPS, StepKind, none, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::program::Branches;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Entry, Node};

const CONDITION: Field = Field::new(
    "if",
    Type::CONDITION,
    "minimum > 0",
    "The condition, as in `if:` of any step; evaluated once.",
)
.required();

const ELSE: Field = Field::new(
    "else",
    Type::List(&Type::Step),
    "[ { get: /waiting-list } ]",
    "The steps if the condition is false. An `if` among them continues the chain.",
);

/// The keys of its child steps.
pub(super) const LISTS: [&str; 2] = [STEPS.key, ELSE.key];

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["if"],
    read,
    captures: none,
    children: |step| {
        let lists = LISTS.map(|key| step.get(key));
        lists.into_iter().flatten().collect()
    },
};

static TABLE: Mapping = Mapping {
    name: "if",
    what: "a condition with steps",
    doc: "Runs steps if a condition is true, and others if it is false.",
    fields: &[CONDITION, STEPS, ELSE],
    example: "if: user() < 10\nsteps:\n  - post: /orders\nelse:\n  - get: /waiting-list\n",
    rest: "if: user() == 0\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let condition = compiler.condition(&head.value, A_CONDITION);
    let inner = compiler.problems.require(&fields, &STEPS);
    let [inner, otherwise] = compiler.under_condition(|compiler| {
        [inner, fields.get(&ELSE)].map(|node| node.map(|node| steps(node, compiler)))
    });
    Some(Action::If(Box::new(Branches {
        condition: condition?,
        steps: inner?,
        otherwise: otherwise.unwrap_or_default(),
    })))
}
