//! `group`: steps that are measured together.

use super::request::{TAGS, labels};
use super::{IF, STEPS, StepKind, none, own_steps, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::program::Group;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Entry, Node};

const GROUP: Field = Field::new(
    "group",
    Type::NAME,
    "checkout",
    "The name of the group in reports and threshold selectors: `p95(group_time{group=\"checkout\"}) < 2s`. A group inside \
     another is named with it: `checkout / pay`. Groups with the same name in a flow share a series.",
)
.required()
.home("a group is a step: an item under `steps:` of a flow, with `steps:` of its own");

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["group"],
    read,
    captures: none,
    children: own_steps,
};

static TABLE: Mapping = Mapping {
    name: "group",
    what: "a group",
    doc: "Runs steps and measures them together, from the start of the first to the end of the last, pauses included; \
        from its due time if the iteration begins with the group. A group fails if a request in it fails or the \
        iteration fails in it; `group_time` has the times of the others. In setup and teardown it measures nothing.",
    fields: &[GROUP, STEPS, TAGS, IF],
    example: "group: checkout\nsteps:\n  - post: /orders\n  - get: /orders/7\n",
    rest: "group: checkout\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let name = compiler.problems.fixed_name(&head.value, "a group's name");
    let inner = compiler.problems.require(&fields, &STEPS);
    let labels = labels(&fields, compiler);
    let outer = std::mem::replace(&mut compiler.tags, labels.clone());
    let inner = inner.map(|node| steps(node, compiler));
    compiler.tags = outer;
    Some(Action::Group(Box::new(Group {
        name: name?.to_owned(),
        tags: labels,
        span: head.key_span,
        series: None,
        steps: inner?,
    })))
}
