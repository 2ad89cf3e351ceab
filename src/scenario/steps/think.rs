//! `think`: a pause.

use super::{IF, StepKind, childless, none};
use crate::format::tables::delay as table;
use crate::format::{Field, Mapping};
use crate::scenario::Action;
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::delay::{delay, is_none};
use crate::source::{Entry, Node};

const THINK: Field = Field::new(
    "think",
    table::TYPE,
    "1s..3s",
    "The length of the pause, drawn again each time. It replaces the default `think_time` before and after it.",
)
.required()
.home("a pause is a step: an item under `steps:` of a flow, such as `- think: 1s..3s`");

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["think"],
    read,
    captures: none,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "think",
    what: "a pause",
    doc: "The user pauses, like a person who reads.",
    fields: &[THINK, IF],
    example: "think: 500ms..2s\n",
    rest: "think: 1s\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let problems = &mut *compiler.problems;
    problems.fields(node, &TABLE)?;
    if is_none(&head.value) {
        problems.report(head.value.span, "a pause of `none` does nothing");
        return None;
    }
    delay(&head.value, &THINK, problems).map(Action::Think)
}
