//! Steps: the actions of a user, one file per kind.
//!
//! A kind consists of its table, its reader, the key of its captures and the keys of its child steps. Reader, hints,
//! schema and reference know the kinds only through [`KINDS`].

mod assets;
mod branches;
mod call;
mod choose;
mod fail;
mod foreach;
mod group;
mod log;
mod parallel;
mod record;
mod rendezvous;
mod repeat;
mod request;
mod retry;
mod set;
mod stop;
mod think;
mod until;
mod while_loop;

use std::collections::BTreeMap;

pub(crate) use request::query_at;
pub(super) use request::{request_url, usual_name, written_url};

use super::validate::compiler::Compiler;
use super::{Action, Step};
use crate::format::{Field, Mapping, Type};
use crate::source::{Content, Entry, Node, Span, listed};

/// Every kind of step.
pub(super) const KINDS: [&StepKind; 19] = [
    &request::KIND,
    &think::KIND,
    &rendezvous::KIND,
    &set::KIND,
    &branches::KIND,
    &repeat::KIND,
    &while_loop::KIND,
    &until::KIND,
    &foreach::KIND,
    &retry::KIND,
    &choose::KIND,
    &group::KIND,
    &parallel::KIND,
    &assets::KIND,
    &call::KIND,
    &fail::KIND,
    &stop::KIND,
    &log::KIND,
    &record::KIND,
];

/// The tables of the kinds.
pub(super) static TABLES: [&Mapping; KINDS.len()] = {
    let mut tables = [KINDS[0].table; KINDS.len()];
    let mut index = 0;
    while index < KINDS.len() {
        tables[index] = KINDS[index].table;
        index += 1;
    }
    tables
};

/// A kind of step.
pub(super) struct StepKind {
    /// Its keys.
    table: &'static Mapping,
    /// The keys that identify the kind; a step has exactly one of them.
    heads: &'static [&'static str],
    /// Reads a step of this kind from its mapping and the entry of its identifying key.
    read: fn(&Node, &Entry, &mut Compiler<'_>) -> Option<Action>,
    /// The values that a step of this kind sets, without those of its child steps.
    captures: for<'n> fn(&'n Node, &'n BlockCaptures) -> Vec<Captured<'n>>,
    /// Its lists of child steps.
    children: for<'n> fn(&'n Node) -> Vec<&'n Node>,
}

/// The values that each block sets, by its name.
pub(super) type BlockCaptures = BTreeMap<String, Vec<(String, Span)>>;

/// A value that a step sets.
pub(super) struct Captured<'n> {
    /// The name of the value.
    pub(super) name: &'n str,
    /// The place of the name.
    pub(super) span: Span,
}

impl<'n> Captured<'n> {
    fn of(entry: &'n Entry) -> Self {
        Self {
            name: &entry.key,
            span: entry.key_span,
        }
    }
}

/// `if:`, which every kind of step accepts.
const IF: Field = Field::new(
    "if",
    Type::CONDITION,
    "user() == 0",
    "The step runs only if this is true; otherwise the step and its pause are skipped. Write an expression with or \
     without `${…}` around it: `id != null`, `${stock} > 0 and size == 'L'`. `false`, `null`, 0, the empty text and \
     the texts `false` and `0` are false, and so is a name alone that has no value: `if: id`. In a comparison or a \
     calculation, a name without a value is an error unless `??` gives a default: `if: (page ?? 1) < 5`.",
)
.home("a condition belongs in the step that it controls; `if:` with `steps:` puts several steps under one condition");

const STEPS: Field = Field::new(
    "steps",
    Type::List(&Type::Step),
    "[ { get: /items }, { think: 1s } ]",
    "The steps; at least one. Values that they capture are available in the steps after them.",
)
.required();

const A_CONDITION: &str = "a condition such as `${id}` or `${status} == \"done\"`";

/// Reads a list of steps in order, because a step can use the captures of the steps before it.
pub(super) fn steps(node: &Node, compiler: &mut Compiler<'_>) -> Vec<Step> {
    let Some(items) = compiler.problems.list(node, "a list of steps") else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| step(item, compiler))
        .collect()
}

fn step(node: &Node, compiler: &mut Compiler<'_>) -> Option<Step> {
    let entries = compiler
        .problems
        .entries(node, "a step, such as `get: /path`")?;
    let heads: Vec<(&StepKind, &Entry)> = heads(entries).collect();
    let (kind, head) = match heads.as_slice() {
        [one] => one,
        [] => {
            no_kind(node, entries, compiler);
            return None;
        }
        [(_, first), (_, second), ..] => {
            compiler.problems.report_with(
                second.key_span,
                format!(
                    "a step does one thing, but this one has `{}` and `{}`",
                    first.key, second.key
                ),
                "start another step with `- `",
            );
            return None;
        }
    };
    if compiler.is_in_parallel() && !parallel::may_contain(kind) {
        let message = format!("`{}` cannot be inside `parallel`", head.key);
        let hint = "put it before or after the block: all requests of a block are prepared before the first is sent";
        compiler.problems.report_with(head.key_span, message, hint);
        return None;
    }
    // The kind `if` reads its condition itself.
    let condition = match node.get(IF.key).filter(|_| head.key != IF.key) {
        None => Some(None),
        Some(node) => compiler.condition(node, A_CONDITION).map(Some),
    };
    let is_conditional = !matches!(condition, Some(None));
    let action = if is_conditional {
        compiler.under_condition(|compiler| (kind.read)(node, head, compiler))
    } else {
        (kind.read)(node, head, compiler)
    };
    Some(Step {
        condition: condition?,
        action: action?,
        span: head.key_span,
    })
}

/// The identifying entries of a step, each with its kind. `if` identifies a step with `steps` or `else`; with any
/// other identifying key it is the condition of that step. `record` identifies a step alone; a request has it as a key.
fn heads(entries: &[Entry]) -> impl Iterator<Item = (&'static StepKind, &Entry)> {
    let kind_of = |entry: &Entry| {
        let key = entry.key.as_str();
        KINDS.into_iter().find(|kind| kind.heads.contains(&key))
    };
    let is_if = |entry: &Entry| entry.key == IF.key;
    let is_record = |entry: &Entry| entry.key == record::RECORD.key;
    let has_other = entries
        .iter()
        .any(|entry| !is_if(entry) && !is_record(entry) && kind_of(entry).is_some());
    let has_record = entries.iter().any(is_record);
    let has_steps = entries
        .iter()
        .any(|entry| branches::LISTS.contains(&&*entry.key));
    entries.iter().filter_map(move |entry| {
        if is_if(entry) && (has_other || has_record || !has_steps) || is_record(entry) && has_other
        {
            return None;
        }
        Some((kind_of(entry)?, entry))
    })
}

fn no_kind(node: &Node, entries: &[Entry], compiler: &mut Compiler<'_>) {
    let problems = &mut *compiler.problems;
    let span = entries.first().map_or(node.span, |entry| entry.key_span);
    let words: Vec<&str> = KINDS.iter().flat_map(|kind| kind.heads).copied().collect();
    // A key that any kind accepts, such as `name`, does not show which kind was meant.
    let is_key = |key: &str| KINDS.iter().any(|kind| kind.table.field(key).is_some());
    let mut odd = entries.iter().filter(|entry| !is_key(&entry.key));
    let meant = odd.find_map(|entry| {
        let hint = problems.meant(&entry.key, &words)?;
        Some((entry.key_span, hint))
    });
    let others = words
        .iter()
        .filter(|word| !request::KIND.heads.contains(word));
    let others: Vec<&str> = others.copied().collect();
    let message = format!(
        "this step does nothing: it has no method, such as `get: /path`, and none of {}",
        listed(&others)
    );
    match meant {
        Some((span, hint)) => problems.report_with(span, message, hint),
        None if node.get(STEPS.key).is_some() => problems.report_with(
            span,
            message,
            "beside `steps` write how they run, such as `if: id != null` or `repeat: 3`",
        ),
        None => problems.report(span, message),
    }
}

/// Every value that the steps set, nested steps and the blocks that they call included.
pub(super) fn captures<'n>(steps: &'n Node, blocks: &'n BlockCaptures) -> Vec<Captured<'n>> {
    let mut found = Vec::new();
    each_step(steps, &mut |kind, step| {
        found.extend((kind.captures)(step, blocks));
    });
    found
}

/// The names of the blocks that the steps call, nested steps included.
pub(super) fn calls(steps: &Node) -> Vec<(&str, Span)> {
    let mut found = Vec::new();
    each_step(steps, &mut |kind, step| {
        if std::ptr::eq(kind, &raw const call::KIND) {
            found.extend(call::called(step));
        } else if std::ptr::eq(kind, &raw const request::KIND) {
            found.extend(
                request::reactions(step)
                    .into_iter()
                    .filter_map(call::called),
            );
        }
    });
    found
}

/// Calls `see` for every step with its kind; a step comes before its child steps.
fn each_step<'n>(steps: &'n Node, see: &mut dyn FnMut(&'static StepKind, &'n Node)) {
    let Content::List(steps) = &steps.value else {
        return;
    };
    for step in steps {
        let Content::Map(entries) = &step.value else {
            continue;
        };
        let kinds: Vec<&StepKind> = heads(entries).map(|(kind, _)| kind).collect();
        // A step without a kind is reported elsewhere. Its captures still count, so that uses of them are not reported
        // too.
        for kind in KINDS {
            if !kinds.is_empty() && !kinds.iter().any(|known| std::ptr::eq(*known, kind)) {
                continue;
            }
            // An item of a loop has its value before the steps of the loop.
            see(kind, step);
            for child in (kind.children)(step) {
                each_step(child, see);
            }
        }
    }
}

/// The captures of a kind that sets no value itself.
fn none<'n>(_: &'n Node, _: &'n BlockCaptures) -> Vec<Captured<'n>> {
    Vec::new()
}

/// The children of a kind without steps.
fn childless(_: &Node) -> Vec<&Node> {
    Vec::new()
}

/// The children of a kind with `steps`.
fn own_steps(step: &Node) -> Vec<&Node> {
    step.get(STEPS.key).into_iter().collect()
}

/// The captures of a kind that has them as the keys of a mapping.
fn keys_of<'n>(step: &'n Node, field: &Field) -> Vec<Captured<'n>> {
    match step.get(field.key).map(|node| &node.value) {
        Some(Content::Map(entries)) => entries.iter().map(Captured::of).collect(),
        Some(Content::Scalar(_) | Content::List(_)) | None => Vec::new(),
    }
}
