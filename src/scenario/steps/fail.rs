//! `fail`: the iteration ends as failed.

use super::{IF, StepKind, childless, none};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Entry, Node};

const FAIL: Field = Field::new(
    "fail",
    Type::TEMPLATE,
    "no stock",
    "The reason, in words, with values inserted. The report shows the first reason of each flow.",
)
.required();

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["fail"],
    read,
    captures: none,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "fail",
    what: "a failure",
    doc: "Ends the iteration as failed, with the outcome `fail`; `ratio(failed_iterations)` counts it. If `on_error` is \
        `stop_user` or `abort`, the user or the run ends too. In setup and teardown it is their failure.",
    fields: &[FAIL, IF],
    example: "fail: no stock of item 7\nif: user() > 100\n",
    rest: "fail: no stock\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    compiler.problems.fields(node, &TABLE)?;
    compiler
        .text(&head.value, "the reason, in words")
        .map(Action::Fail)
}
