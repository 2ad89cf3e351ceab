//! `set`: computes values that later steps insert.

use super::{IF, StepKind, childless, keys_of};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Content, Entry, Node};

const SET: Field = Field::new(
    "set",
    Type::Map(&Type::TEMPLATE),
    "{ ts: '${timestamp_ms()}', size: \"${choice('S', 'M')}\" }",
    "Values by name, in the order written; each can use those before it. A single `${…}` keeps the type of its value, \
     an unquoted number or `true` keeps its type, and everything else is a text. A value lasts as long as a captured \
     one: until the iteration ends; in a flow's `start`, as long as the user; in `setup`, for the whole run.",
)
.required();

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["set"],
    read,
    captures: |step, _| keys_of(step, &SET),
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "set",
    what: "a step that sets values",
    doc: "Computes values once, for use in later steps. `vars` are drawn once a run, and an expression in a request is \
        evaluated each time.",
    fields: &[SET, IF],
    example: "set: { ts: '${timestamp_ms()}', size: \"${choice('S', 'M')}\" }\n",
    rest: "set: { n: 1 }\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    compiler.problems.fields(node, &TABLE)?;
    let what = "a mapping of names to values, such as `set: { n: '${random(1, 9)}' }`";
    let entries = compiler.problems.entries(&head.value, what)?;
    let mut values = Vec::new();
    for entry in entries {
        let value = match &entry.value.value {
            Content::Scalar(scalar) => compiler.typed(&entry.value, scalar),
            Content::List(_) | Content::Map(_) => {
                compiler
                    .problems
                    .expected("a text, a number or an expression", &entry.value);
                None
            }
        };
        // Registered even after an error, so that uses of the name are not reported too.
        let slot = compiler.capture(&entry.key);
        values.extend(slot.zip(value));
    }
    Some(Action::Set(values))
}
