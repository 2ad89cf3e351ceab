//! `choose`: one of several lists of steps, drawn by weight.

use super::{IF, STEPS, StepKind, none, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::program::Alternative;
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::{Action, Request};
use crate::source::{Content, Entry, Node};

const CHOOSE: Field = Field::new(
    "choose",
    Type::List(&Type::Mapping(&ALTERNATIVE)),
    "[ { weight: 3, steps: [ { get: /a } ] }, { steps: [ { get: /b } ] } ]",
    "The alternatives. Each time the step runs, the seed decides which one.",
)
.required()
.home("a choice is a step: an item under `steps:` of a flow");

const WEIGHT: Field = Field::new(
    "weight",
    Type::Integer(1, 10_000),
    "3",
    "The probability of the alternative, relative to the weights of the others.",
)
.default("1");

const ALTERNATIVE: Mapping = Mapping {
    name: "alternative",
    what: "an alternative",
    doc: "One of the lists of steps of `choose`.",
    fields: &[WEIGHT, STEPS],
    example: "weight: 3\nsteps:\n  - get: /items\n",
    rest: "steps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["choose"],
    read,
    captures: none,
    children,
};

static TABLE: Mapping = Mapping {
    name: "choose",
    what: "a choice",
    doc: "Runs one of several lists of steps, drawn by weight.",
    fields: &[CHOOSE, IF],
    example: "choose:\n  - weight: 3\n    steps: [ { get: /popular } ]\n  - weight: 1\n    steps: [ { get: /rare } ]\n",
    rest: "choose: [ { steps: [ { get: /items } ] } ]\n",
    ..Mapping::EMPTY
};

fn children(step: &Node) -> Vec<&Node> {
    match step.get(CHOOSE.key).map(|node| &node.value) {
        Some(Content::List(items)) => {
            let lists = items.iter().filter_map(|item| item.get(STEPS.key));
            lists.collect()
        }
        Some(Content::Scalar(_) | Content::Map(_)) | None => Vec::new(),
    }
}

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    compiler.problems.fields(node, &TABLE)?;
    let items = compiler
        .problems
        .list(&head.value, "a list of alternatives")?;
    let alternatives: Vec<_> = items
        .iter()
        .map(|item| alternative(item, compiler))
        .collect();
    alternatives
        .into_iter()
        .collect::<Option<_>>()
        .map(Action::Choose)
}

fn alternative(node: &Node, compiler: &mut Compiler<'_>) -> Option<Alternative<Request>> {
    let fields = compiler.problems.fields(node, &ALTERNATIVE)?;
    let weight = compiler.problems.value(&fields, &WEIGHT);
    let inner = compiler.problems.require(&fields, &STEPS);
    let inner = inner.map(|node| compiler.under_condition(|compiler| steps(node, compiler)));
    Some(Alternative {
        weight: weight?,
        steps: inner?,
    })
}
