//! `blocks:`: steps that several places call.
//!
//! A block is read once, after the blocks that it calls; a call copies its steps.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::compiler::{Compiler, Defaults};
use super::names::{BlockNames, NameTable, Section};
use crate::format::tables::block as table;
use crate::format::{Fields, Problems};
use crate::scenario::program::visit;
use crate::scenario::{SlotId, steps};
use crate::source::{Content, Node, Span, brief};

/// The maximum number of steps of a block, with those of the blocks that it calls.
const MAX_STEPS: usize = 10_000;

/// The blocks of a scenario, each after those that it calls.
pub(super) struct Blocks<'n> {
    ordered: Vec<Defined<'n>>,
}

/// A block as written.
struct Defined<'n> {
    name: &'n str,
    fields: Fields<'n>,
    captures: Vec<(String, Span)>,
}

impl<'n> Blocks<'n> {
    /// Orders the blocks, and registers what they capture: before any section's captures are counted.
    pub(super) fn of(node: &'n Node, names: &mut NameTable, problems: &mut Problems) -> Self {
        let mut blocks = BTreeMap::new();
        for entry in problems
            .entries(node, "a mapping of blocks")
            .unwrap_or_default()
        {
            check_name(&entry.key, entry.key_span, problems);
            if let Some(fields) = problems.fields(&entry.value, &table::TABLE) {
                blocks.insert(entry.key.as_str(), fields);
            }
        }
        let mut order = Order {
            blocks: &blocks,
            open: Vec::new(),
            done: Vec::new(),
            problems,
        };
        for name in blocks.keys() {
            order.visit(name);
        }
        let done = order.done;
        let mut ordered = Vec::new();
        for name in done {
            let Some(fields) = blocks.remove(name) else {
                continue;
            };
            let list = fields.get(&table::STEPS);
            let captures = list.map_or_else(Vec::new, |list| {
                let found = steps::captures(list, &names.block_captures).into_iter();
                found.map(|one| (one.name.to_owned(), one.span)).collect()
            });
            names
                .block_captures
                .insert(name.to_owned(), captures.clone());
            ordered.push(Defined {
                name,
                fields,
                captures,
            });
        }
        Self { ordered }
    }

    /// Reads the steps of the blocks, once every capture of the file is registered.
    pub(super) fn read(
        self,
        defaults: Defaults<'_>,
        names: &mut NameTable,
        problems: &mut Problems,
    ) {
        for block in &self.ordered {
            let unread = BlockNames {
                parameters: None,
                captures: block.captures.clone(),
                steps: None,
            };
            names.blocks.insert(block.name.to_owned(), Rc::new(unread));
        }
        for block in self.ordered {
            names.add_uncalled(&block.captures, problems);
            let parameters = parameters(&block.fields, names, problems);
            let place = format!("the block `{}`", brief(block.name));
            let node = problems.require(&block.fields, &table::STEPS);
            let before = problems.count();
            let steps = node.map(|node| {
                let (section, list) = (Section::Block, Some(node));
                let compiler =
                    Compiler::for_section(problems, names, defaults, section, place, list, None);
                steps::steps(node, &mut compiler.with_parameters(&parameters))
            });
            let steps = steps.filter(|_| problems.count() == before);
            let size = steps.as_deref().map_or(0, |steps| visit(steps).len());
            if let Some(node) = node
                && size > MAX_STEPS
            {
                let message = format!(
                    "the block `{}` has {size} steps with those of the blocks that it calls; at most {MAX_STEPS} are allowed",
                    brief(block.name)
                );
                problems.report_with(
                    node.span,
                    message,
                    "call blocks in a `repeat` instead of several times",
                );
            }
            let known = BlockNames {
                parameters: Some(parameters),
                captures: block.captures,
                steps: steps.filter(|_| size <= MAX_STEPS),
            };
            names.blocks.insert(block.name.to_owned(), Rc::new(known));
        }
    }
}

/// Visits blocks depth first.
struct Order<'a, 'n> {
    blocks: &'a BTreeMap<&'n str, Fields<'n>>,
    /// The blocks from the first to the current one.
    open: Vec<&'n str>,
    done: Vec<&'n str>,
    problems: &'a mut Problems,
}

impl<'n> Order<'_, 'n> {
    fn visit(&mut self, name: &'n str) {
        if self.done.contains(&name) {
            return;
        }
        self.open.push(name);
        let list = self
            .blocks
            .get(name)
            .and_then(|fields| fields.get(&table::STEPS));
        for (called, span) in list.map_or_else(Vec::new, steps::calls) {
            // A call of an unknown block is reported where the step is read.
            let Some((&called, _)) = self.blocks.get_key_value(called) else {
                continue;
            };
            if let Some(first) = self.open.iter().position(|open| *open == called) {
                let round: Vec<&str> = self.open[first..].iter().copied().chain([called]).collect();
                let message = format!(
                    "the block `{}` calls itself: {}",
                    brief(called),
                    round.join(" → ")
                );
                let hint = "repeat steps with `repeat`, `while` or `until`";
                self.problems.report_with(span, message, hint);
                continue;
            }
            self.visit(called);
        }
        self.open.pop();
        self.done.push(name);
    }
}

fn check_name(name: &str, span: Span, problems: &mut Problems) {
    if name.trim().is_empty() || name.contains("${") {
        problems.report(
            span,
            "a block needs a name without `${…}`, such as `log in`",
        );
    }
}

fn parameters(
    fields: &Fields<'_>,
    names: &mut NameTable,
    problems: &mut Problems,
) -> Vec<(String, SlotId)> {
    let mut found: Vec<(String, SlotId)> = Vec::new();
    let Some(node) = fields.get(&table::WITH) else {
        return found;
    };
    let Content::List(items) = &node.value else {
        problems.expected("a list of names", node);
        return found;
    };
    for item in items {
        let Some(name) = problems.name(item, "the name of a parameter") else {
            continue;
        };
        if found.iter().any(|(known, _)| known == name) {
            problems.report(
                item.span,
                format!("there is already a parameter called `{}`", brief(name)),
            );
            continue;
        }
        if let Some(slot) = names.add_parameter(name, item.span, problems) {
            found.push((name.to_owned(), slot));
        }
    }
    found
}
