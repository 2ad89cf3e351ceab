//! Applies the options that change values in the tree, before it is read.

use std::fmt::Write as _;

use super::{Overrides, secrets};
use crate::format::Problems;
use crate::format::tables::target as table;
use crate::mask::Mask;
use crate::source;
use crate::source::Span;
use crate::source::{Content, Entry, Node, Notation};

/// The end of a change in [`overridden`](crate::scenario::Scenario::overridden) that is shown without its value, which
/// may be a secret.
pub const NOT_KEPT: &str = " (its value is not kept)";

/// Applies `--set` and `--target` to the tree, and returns what they changed.
pub(super) fn change_tree(
    root: &mut Node,
    overrides: &Overrides,
    problems: &mut Problems,
) -> Vec<String> {
    let mut changed = Vec::new();
    for (path, value) in &overrides.set {
        let is_secret = secrets::note(path, value, &mut problems.secrets);
        // The value is left out: if the path is misspelt, nothing shows whether the value is secret.
        let span = problems.argument(format!("--set {path}=…"));
        let Some(node) = value_node(value, span, problems) else {
            continue;
        };
        match place(root, path, span) {
            Ok(target) => {
                *target = node;
                changed.push(if is_secret {
                    format!("{path}{NOT_KEPT}")
                } else {
                    Mask::default().text(&format!("{path} = {value}"))
                });
            }
            Err(message) => problems.report(span, message),
        }
    }
    if let Some(target) = &overrides.target {
        let span = problems.argument(Mask::default().text(&format!("--target {target}")));
        if let Ok(node) = place(root, "target", span) {
            *node = Node::plain(target, span);
            changed.push(format!("target = {target}"));
        }
    }
    change_command(root, overrides, problems, &mut changed);
    changed
}

/// Changes keys of a target that Gander starts.
fn change_command(
    root: &mut Node,
    overrides: &Overrides,
    problems: &mut Problems,
    changed: &mut Vec<String>,
) {
    let keys = &overrides.target_command;
    let has_command = keys.iter().any(|(key, _)| key == &[table::COMMAND.key]);
    for (keys, value) in keys {
        let path = keys.join(".");
        let span = problems.argument(format!("{path}=…"));
        match command_key(root, keys, has_command, span) {
            Ok(place) => {
                *place = Node::plain(value, span);
                if let Content::Scalar(scalar) = &mut place.value {
                    // A text, even if it looks like nothing or like a number.
                    scalar.notation = Notation::Text;
                }
                let path = format!("target.{path}");
                let is_secret = secrets::note(&path, value, &mut problems.secrets);
                changed.push(if is_secret {
                    format!("{path}{NOT_KEPT}")
                } else {
                    Mask::default().text(&format!("{path} = {value}"))
                });
            }
            Err(message) => problems.report(span, message),
        }
    }
}

/// The value of a key under `target`. If there will be a command, a target of another kind is replaced.
fn command_key<'n>(
    root: &'n mut Node,
    keys: &[String],
    has_command: bool,
    span: Span,
) -> Result<&'n mut Node, String> {
    let mut node = place(root, "target", span)?;
    if has_command && !matches!(node.value, Content::Map(_)) {
        node.value = Content::Map(Vec::new());
    }
    for key in keys {
        node = child(node, key, "target", span)?;
    }
    Ok(node)
}

/// The value of `--set`, read as YAML; its position is the argument.
fn value_node(text: &str, span: Span, problems: &mut Problems) -> Option<Node> {
    let mut found = Vec::new();
    let node = source::parse(text, span.file, &mut found);
    if let Some(first) = found.first() {
        problems.report(span, first.message.clone());
        return None;
    }
    let mut node = node.unwrap_or_else(|| Node::plain("", span));
    put_at(&mut node, span);
    Some(node)
}

fn put_at(node: &mut Node, span: Span) {
    node.span = span;
    match &mut node.value {
        Content::Scalar(scalar) => scalar.offset = None,
        Content::List(items) => items.iter_mut().for_each(|item| put_at(item, span)),
        Content::Map(entries) => {
            for entry in entries {
                entry.key_span = span;
                put_at(&mut entry.value, span);
            }
        }
    }
}

/// The value at a path such as `flows[0].weight`. Missing keys are added, so that `--set` can set what the file leaves
/// out; the reader later rejects unknown keys.
fn place<'n>(root: &'n mut Node, path: &str, argument: Span) -> Result<&'n mut Node, String> {
    let mut node = root;
    let mut walked = String::new();
    for part in path.split('.') {
        let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        if key.is_empty() {
            return Err(format!(
                "`{path}` is not a path: keys are joined by `.`, items are `[0]`"
            ));
        }
        node = child(node, key, &walked, argument)?;
        if !walked.is_empty() {
            walked.push('.');
        }
        walked.push_str(key);
        for index in indices.split_terminator(']') {
            let number = index
                .strip_prefix('[')
                .and_then(|digits| digits.parse::<usize>().ok())
                .ok_or_else(|| format!("`{part}` is not a path: items are written `[0]`"))?;
            node = match &mut node.value {
                Content::List(items) => {
                    let count = items.len();
                    items.get_mut(number).ok_or_else(|| {
                        format!(
                            "`{walked}` has {count} items, counted from 0: there is no [{number}]"
                        )
                    })?
                }
                Content::Scalar(_) | Content::Map(_) => {
                    return Err(format!("`{walked}` is not a list"));
                }
            };
            let _ = write!(walked, "[{number}]");
        }
    }
    Ok(node)
}

fn child<'n>(
    node: &'n mut Node,
    key: &str,
    walked: &str,
    argument: Span,
) -> Result<&'n mut Node, String> {
    if node.is_null() {
        node.value = Content::Map(Vec::new());
    }
    let entries = match &mut node.value {
        Content::Map(entries) => entries,
        Content::List(items) => return item(items, key, walked),
        Content::Scalar(_) => {
            return Err(format!("`{walked}` is not a mapping and has no `{key}`"));
        }
    };
    let at = entries.iter().position(|entry| entry.key == key);
    let at = at.unwrap_or_else(|| {
        entries.push(Entry {
            key: key.to_owned(),
            key_span: argument,
            value: Node::plain("", argument),
        });
        entries.len() - 1
    });
    Ok(&mut entries[at].value)
}

/// The item of a list with this name.
fn item<'n>(items: &'n mut [Node], name: &str, walked: &str) -> Result<&'n mut Node, String> {
    let is_called = |item: &Node| {
        let own = item.get("name").map(|node| &node.value);
        matches!(own, Some(Content::Scalar(scalar)) if scalar.text == name)
    };
    items.iter_mut().find(|item| is_called(item)).ok_or_else(|| {
        format!(
            "`{walked}` is a list, and no item of it is called `{name}`: items are `{walked}[0]`, or `{walked}.NAME`"
        )
    })
}
