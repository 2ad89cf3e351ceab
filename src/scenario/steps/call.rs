//! `call`: runs a block.

use super::{BlockCaptures, Captured, IF, StepKind, childless};
use crate::format::{Field, Mapping, Type};
use crate::scenario::program::{Call, each_block};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::{Action, Step};
use crate::source::{Content, Entry, Node, Span, brief, did_you_mean, listed, nearest};

pub(super) const CALL: Field = Field::new(
    "call",
    Type::NAME,
    "log in",
    "The name of the block, under `blocks:`.",
)
.required()
.home("a call is a step: an item under `steps:` of a flow");

pub(super) const WITH: Field = Field::new(
    "with",
    Type::Map(&Type::TEMPLATE),
    "call: log in\nwith: { email: a@example.test }",
    "A value for each parameter of the block. A single `${…}` keeps the type of its value.",
)
.secret();

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["call"],
    read,
    captures,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "call",
    what: "a call",
    doc: "Runs the steps of a [block](#block). The values that they capture are available in the steps after the call.",
    fields: &[CALL, WITH, IF],
    example: "call: log in\nwith: { email: a@example.test }\n",
    rest: "call: log in\nwith: { email: a@example.test }\n",
    ..Mapping::EMPTY
};

/// The name of the called block, and its place.
pub(super) fn called(step: &Node) -> Option<(&str, Span)> {
    let node = step.get(CALL.key)?;
    match &node.value {
        Content::Scalar(scalar) => Some((&scalar.text, node.span)),
        Content::List(_) | Content::Map(_) => None,
    }
}

/// The values that the called block sets.
pub(super) fn captures<'n>(step: &'n Node, blocks: &'n BlockCaptures) -> Vec<Captured<'n>> {
    let captures = called(step).and_then(|(name, _)| blocks.get(name));
    let captures = captures.into_iter().flatten();
    captures
        .map(|(name, span)| Captured { name, span: *span })
        .collect()
}

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    call(&head.value, fields.get(&WITH), compiler)
}

/// Reads the name of a block and the values of its parameters.
pub(super) fn call(
    node: &Node,
    with: Option<&Node>,
    compiler: &mut Compiler<'_>,
) -> Option<Action> {
    let name = compiler.problems.fixed_name(node, "the name of a block")?;
    let Some(block) = compiler.block(name) else {
        let known = compiler.block_names();
        let message = format!("there is no block called `{}`", brief(name));
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => did_you_mean(near),
            None if known.is_empty() => "define it under `blocks:` at the top level".to_owned(),
            None => format!("the blocks are {}", listed(&known)),
        };
        compiler.problems.report_with(node.span, message, hint);
        return None;
    };
    // That it calls itself is reported where it does.
    let parameters = block.parameters.as_ref()?;
    let entries = match with {
        None => &[],
        Some(node) => compiler
            .problems
            .entries(node, "a mapping of parameters to values")?,
    };
    let names: Vec<&str> = parameters.iter().map(|(name, _)| &**name).collect();
    let mut with = Vec::new();
    let mut is_sound = true;
    for entry in entries {
        let value = match &entry.value.value {
            Content::Scalar(scalar) => compiler.typed(&entry.value, scalar),
            Content::List(_) | Content::Map(_) => {
                let what = "a text, a number or an expression";
                compiler.problems.expected(what, &entry.value);
                None
            }
        };
        let parameter = parameters.iter().find(|(name, _)| *name == entry.key);
        if parameter.is_none() {
            let message = format!(
                "the block `{name}` has no parameter `{}`",
                brief(&entry.key)
            );
            let hint = match nearest(&entry.key, names.iter().copied()) {
                Some(near) => did_you_mean(near),
                None if names.is_empty() => {
                    "remove it, or name it under `with:` of the block".to_owned()
                }
                None => format!("its parameters are {}", listed(&names)),
            };
            compiler.problems.report_with(entry.key_span, message, hint);
        }
        match parameter.zip(value) {
            Some(((_, slot), value)) => with.push((*slot, value)),
            None => is_sound = false,
        }
    }
    let is_given = |name: &&str| entries.iter().any(|entry| entry.key == *name);
    let missing: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !is_given(name))
        .collect();
    if !missing.is_empty() {
        let message = format!("the block `{name}` needs {}", listed(&missing));
        let hint = format!("write `with: {{ {}: … }}`", missing.join(": …, "));
        compiler.problems.report_with(node.span, message, hint);
        is_sound = false;
    }
    let captured: Vec<String> = block
        .captures
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let mut steps = block.steps.clone();
    // A block knows no file and no flow: their tags come with the call.
    let mut add_tags = |block: &mut Vec<Step>| {
        for step in block {
            if let Some(tags) = step.action.tags_mut() {
                for (name, value) in &compiler.tags {
                    let tag = tags.entry(name.clone());
                    tag.or_insert_with(|| value.clone());
                }
            }
        }
    };
    if let Some(steps) = &mut steps {
        each_block(steps, &mut add_tags);
    }
    for name in &captured {
        compiler.capture(name);
    }
    // The mistakes of a block are reported once, where it is defined.
    let steps = steps.filter(|_| is_sound)?;
    Some(Action::Call(Box::new(Call { with, steps })))
}
