//! `stop`: the iteration, the user or the run ends.

use super::{IF, StepKind, childless, none};
use crate::format::words::{FromWord, StopScope};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Entry, Node};

const STOP: Field = Field::new(
    "stop",
    Type::Words(&StopScope::SET),
    "user",
    "The extent of the stop. The iteration itself counts as complete, not as failed.",
)
.required();

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["stop"],
    read,
    captures: none,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "stop",
    what: "a stop",
    doc: "Ends the iteration, the user or the run. It is not a step of setup and teardown, which `fail` ends.",
    fields: &[STOP, IF],
    example: "stop: iteration\nif: user() > 100\n",
    rest: "stop: iteration\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    compiler.problems.fields(node, &TABLE)?;
    if compiler.is_in_hook() {
        compiler.problems.report_with(
            head.key_span,
            "setup and teardown have no iteration, user or run to stop",
            "write `fail:` with a reason: it ends setup or teardown, and after a failed setup no load is sent",
        );
        return None;
    }
    compiler.problems.at(&head.value, &STOP).map(Action::Stop)
}
