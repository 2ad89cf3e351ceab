//! Steps: the actions of a user, one file per kind.
//!
//! A kind consists of its table, its reader, the key of its captures and the keys of its child steps. Reader, hints,
//! schema and reference know the kinds only through [`KINDS`].

mod repeat;
mod request;
mod set;
mod think;

use super::validate::compiler::Compiler;
use super::{Action, Step};
use crate::format::{Field, Mapping, Type};
use crate::source::{Content, Entry, Node};

/// Every kind of step.
pub(super) const KINDS: [&StepKind; 4] = [&request::KIND, &think::KIND, &set::KIND, &repeat::KIND];

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
    /// Names the missing key in the message about a step without a kind: `` no `think` ``.
    lack: &'static str,
    /// Reads a step of this kind from its mapping and the entry of its identifying key.
    read: fn(&Node, &Entry, &mut Compiler<'_>) -> Option<Action>,
    /// The key of its captured values; `None` if it captures nothing.
    captures: Option<&'static Field>,
    /// The keys of its child steps.
    children: &'static [Field],
    /// The hint for child steps without an identifying key.
    headless: &'static str,
}

/// `if:`, which every kind of step accepts.
const IF: Field = Field::new(
    "if",
    Type::CONDITION,
    "user() == 0",
    "The step runs only if this is true; otherwise the step and its pause are skipped. Write an expression with or \
     without `${…}` around it: `id != null`, `${stock} > 0 and size == 'L'`. `false`, `null`, 0, the empty text and \
     the texts `false` and `0` are false. A name without a value is an error unless `??` gives a default: `if: id ?? \
     false`.",
)
.home("a condition belongs in the step that it controls; `repeat: 1` with `steps:` puts several steps under one \
    condition");

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
    let condition = match node.get(IF.key) {
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
    })
}

/// The identifying entries of a step, each with its kind.
fn heads(entries: &[Entry]) -> impl Iterator<Item = (&'static StepKind, &Entry)> {
    entries.iter().filter_map(|entry| {
        let kind = KINDS
            .into_iter()
            .find(|kind| kind.heads.contains(&entry.key.as_str()))?;
        Some((kind, entry))
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
    let (last, rest) = KINDS.split_last().expect("there are kinds");
    let rest: Vec<&str> = rest.iter().map(|kind| kind.lack).collect();
    let message = format!(
        "this step does nothing: it has {} and {}",
        rest.join(", "),
        last.lack
    );
    // Child steps without an identifying key, for example under `if` alone.
    let headless = KINDS.into_iter().find(|kind| {
        let has_children = kind.children.iter().any(|key| node.get(key.key).is_some());
        let is_known = |entry: &Entry| kind.table.field(&entry.key).is_some();
        has_children && entries.iter().all(is_known)
    });
    match (headless, meant) {
        (Some(kind), _) => problems.report_with(span, message, kind.headless),
        (None, Some((span, hint))) => problems.report_with(span, message, hint),
        (None, None) => problems.report(span, message),
    }
}

/// Every capture entry of the steps, nested steps included.
pub(super) fn captures(steps: &Node) -> Vec<&Entry> {
    let mut found = Vec::new();
    collect(steps, &mut found);
    found
}

fn collect<'n>(steps: &'n Node, found: &mut Vec<&'n Entry>) {
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
            for child in kind.children {
                if let Some(steps) = step.get(child.key) {
                    collect(steps, found);
                }
            }
            let captures = kind.captures.and_then(|field| step.get(field.key));
            if let Some(Content::Map(captures)) = captures.map(|node| &node.value) {
                found.extend(captures);
            }
        }
    }
}
