//! `log`: a text in the log of the run.

use super::{IF, StepKind, childless, none};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Entry, Node};

const LOG: Field = Field::new(
    "log",
    Type::TEMPLATE,
    "cart of user ${user()}",
    "The text, with values inserted. The report contains the first 20 texts of a run, without values that may be secret.",
)
.required();

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["log"],
    read,
    captures: none,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "log",
    what: "a log entry",
    doc: "Writes a text to the log of the run.",
    fields: &[LOG, IF],
    example: "log: 'user ${user()} in iteration ${iteration()}'\n",
    rest: "log: here\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    compiler.problems.fields(node, &TABLE)?;
    compiler.text(&head.value, "a text").map(Action::Log)
}
