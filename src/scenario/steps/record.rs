//! `record`: records values into metrics of one's own.

use super::{IF, StepKind, childless, none};
use crate::format::{Field, Mapping, Type};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::metrics::recordings;
use crate::scenario::{Action, Recording};
use crate::source::{Entry, Node, Span};

pub(super) const RECORD: Field = Field::new(
    "record",
    Type::Map(&Type::CONDITION),
    "{ basket: total, paid: response.status == 201 }",
    "Values by the names of their [metrics](#metric): expressions, with or without `${…}` around them. A trend, a counter \
     and a gauge take numbers, and only a gauge those below 0; a rate takes `true` or `false`, or 1 or 0. A value that is \
     missing or does not fit is not recorded: the step fails, and `on_error` decides how the iteration goes on.",
);

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["record"],
    read,
    captures: none,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "record",
    what: "a step that records values",
    doc: "Records values into metrics of one's own. It is not a step of setup and teardown, which are not measured; what \
        they run through a block is not recorded. In a request, `record:` does the same after its checks and captures; an \
        attempt that `on` or `retry` answers records nothing.",
    fields: &[RECORD.required(), IF],
    example: "record: { basket: total, paid: response.status == 201 }\n",
    rest: "record: { basket: 1 }\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    compiler.problems.fields(node, &TABLE)?;
    if !is_measured(head.key_span, compiler) {
        return None;
    }
    let recordings = recordings(&head.value, &RECORD, compiler);
    Some(Action::Record(recordings))
}

/// Reads `record:` of a request.
pub(super) fn of_request(node: &Node, span: Span, compiler: &mut Compiler<'_>) -> Vec<Recording> {
    if !is_measured(span, compiler) {
        return Vec::new();
    }
    recordings(node, &RECORD, compiler)
}

/// Refuses `record` in setup and teardown.
fn is_measured(span: Span, compiler: &mut Compiler<'_>) -> bool {
    let is_in_hook = compiler.is_in_hook();
    if is_in_hook {
        compiler.problems.report_with(
            span,
            "setup and teardown are not measured, so they record nothing",
            "record the value in a flow; a flow's `start` runs once for each user",
        );
    }
    !is_in_hook
}
