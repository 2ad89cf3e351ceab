//! `foreach`: steps run once for each item of a list.

use super::{BlockCaptures, Captured, IF, STEPS, StepKind, own_steps, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::program::{Each, Items, Loop, Passes};
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Content, Entry, Node};

/// The variable of an item without `as`.
const ITEM: &str = "item";

const FOREACH: Field = Field::new(
    "foreach",
    Type::OneOf(&[Type::VALUE, Type::List(&Type::TEMPLATE)]),
    "[ small, large ]",
    "The list: an expression such as `${ids}`, evaluated once before the first pass, or the items themselves. An empty \
     list has no pass; a value that is not a list is an error of the iteration.",
)
.required()
.home("a loop is a step: an item under `steps:` of a flow, with `steps:` of its own");

const AS: Field = Field::new(
    "as",
    Type::NAME,
    "size",
    "The name of the item in the steps.",
)
.default(ITEM);

const INDEX: Field = Field::new(
    "index",
    Type::NAME,
    "n",
    "A name for the number of the pass, from 0.",
);

const SHUFFLE: Field = Field::new(
    "shuffle",
    Type::Flag,
    "true",
    "Takes the items in a random order, which the seed decides.",
)
.default("false");

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["foreach"],
    read,
    captures,
    children: own_steps,
};

static TABLE: Mapping = Mapping {
    name: "foreach",
    what: "a `foreach` loop",
    doc: "Runs steps once for each item of a list.",
    fields: &[FOREACH, STEPS, AS, INDEX, SHUFFLE, IF],
    example: "foreach: [ small, large ]\nas: size\nindex: n\nsteps:\n  - get: /items/${size}?n=${n}\n",
    rest: "foreach: [ a, b ]\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

/// The item, and the number of the pass.
fn captures<'n>(step: &'n Node, _: &'n BlockCaptures) -> Vec<Captured<'n>> {
    let item = named(step, &AS).unwrap_or(Captured {
        name: ITEM,
        span: step.span,
    });
    std::iter::once(item).chain(named(step, &INDEX)).collect()
}

fn named<'n>(step: &'n Node, field: &Field) -> Option<Captured<'n>> {
    let node = step.get(field.key)?;
    match &node.value {
        Content::Scalar(scalar) => Some(Captured {
            name: &scalar.text,
            span: node.span,
        }),
        Content::List(_) | Content::Map(_) => None,
    }
}

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let items = items(&head.value, compiler);
    let as_node = fields.get(&AS);
    let name = as_node.map_or(Some(ITEM), |node| {
        compiler.problems.fixed_name(node, "the name of an item")
    });
    let item = name.and_then(|name| compiler.capture(name));
    let index = fields.get(&INDEX).map(|node| {
        let name = compiler.problems.fixed_name(node, "the name of a number")?;
        if Some(name) == as_node.map_or(Some(ITEM), text) {
            let message = format!("`{name}` is already the name of the item");
            compiler
                .problems
                .report_with(node.span, message, "choose another name for `index`");
        }
        compiler.capture(name)
    });
    let is_shuffled = compiler.problems.value(&fields, &SHUFFLE);
    let inner = compiler.problems.require(&fields, &STEPS);
    let inner = inner.map(|node| steps(node, compiler));
    let index = match index {
        None => None,
        Some(slot) => Some(slot?),
    };
    Some(Action::Loop(Box::new(Loop {
        passes: Passes::Each(Each {
            items: items?,
            item: item?,
            index,
            is_shuffled: is_shuffled?,
        }),
        steps: inner?,
        pause: None,
    })))
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Content::Scalar(scalar) => Some(&scalar.text),
        Content::List(_) | Content::Map(_) => None,
    }
}

fn items(node: &Node, compiler: &mut Compiler<'_>) -> Option<Items> {
    let Content::List(_) = &node.value else {
        return compiler.value_of(node, &FOREACH).map(Items::Value);
    };
    let nodes = compiler.problems.list(node, "a list of items")?;
    let mut items = Vec::with_capacity(nodes.len());
    for item in nodes {
        match &item.value {
            Content::Scalar(scalar) => items.push(compiler.typed(item, scalar)),
            Content::List(_) | Content::Map(_) => {
                compiler
                    .problems
                    .expected("a text, a number or an expression", item);
                items.push(None);
            }
        }
    }
    items.into_iter().collect::<Option<_>>().map(Items::Written)
}
