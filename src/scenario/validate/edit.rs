//! Applies the options that change values in the tree, before it is read.

use std::fmt::Write as _;

use super::path::{self, PathPart};
use super::{Overrides, secrets};
use crate::format::Problems;
use crate::format::tables::scenario::ENVIRONMENTS;
use crate::format::tables::target as table;
use crate::mask::Mask;
use crate::scenario::steps;
use crate::source;
use crate::source::{Content, Entry, Node, Notation, Span, did_you_mean, nearest};

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
        let place = if path::names(path)
            .first()
            .is_some_and(|name| name == ENVIRONMENTS.key)
        {
            Err(format!(
                "`{}` cannot be changed: choose one with --env, and change what it leaves with --set",
                ENVIRONMENTS.key
            ))
        } else {
            place(root, path, span)
        };
        match place {
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
pub(super) fn place<'n>(
    root: &'n mut Node,
    path: &str,
    argument: Span,
) -> Result<&'n mut Node, String> {
    let mut node = root;
    let mut walked = String::new();
    for part in path::parse(path)? {
        match part {
            PathPart::Name(name) => {
                node = child(node, &name, &walked, argument)?;
                if !walked.is_empty() {
                    walked.push('.');
                }
                walked.push_str(&name);
            }
            PathPart::Index(number) => {
                let Content::List(items) = &mut node.value else {
                    return Err(format!("`{walked}` is not a list"));
                };
                let count = items.len();
                node = items.get_mut(number).ok_or_else(|| {
                    format!("`{walked}` has {count} items, counted from 0: there is no [{number}]")
                })?;
                let _ = write!(walked, "[{number}]");
            }
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

/// The item of a list with this name, or else the only one in the lists of its items: steps are also in the lists of
/// other steps.
fn item<'n>(items: &'n mut [Node], name: &str, walked: &str) -> Result<&'n mut Node, String> {
    let mut names = Vec::new();
    let mut level: Vec<&mut Node> = items.iter_mut().collect();
    while !level.is_empty() {
        let (found, others): (Vec<_>, Vec<_>) = level
            .into_iter()
            .partition(|item| own_names(item).iter().any(|own| own == name));
        let count = found.len();
        match found.into_iter().next() {
            Some(item) if count == 1 => return Ok(item),
            Some(_) => {
                return Err(format!(
                    "{count} items of `{walked}` are called `{name}`: name one by its number, as `{walked}[0]`"
                ));
            }
            None => {}
        }
        names.extend(others.iter().flat_map(|item| own_names(item)));
        level = others.into_iter().flat_map(items_within).collect();
    }
    let hint = nearest(name, names.iter().map(String::as_str)).map_or_else(
        || format!("items are `{walked}[0]`, or `{walked}.NAME`"),
        did_you_mean,
    );
    Err(format!(
        "`{walked}` is a list, and no item of it is called `{name}`: {hint}"
    ))
}

/// The name of an item, given or, of a request, the one that it has without a given one.
fn own_names(item: &Node) -> Vec<String> {
    let text = |node: &Node| match &node.value {
        Content::Scalar(scalar) => Some(scalar.text.clone()),
        Content::List(_) | Content::Map(_) => None,
    };
    match item.get("name") {
        Some(name) => text(name).into_iter().collect(),
        None => steps::usual_name(item).into_iter().collect(),
    }
}

/// The items of every list in an item.
fn items_within(item: &mut Node) -> Vec<&mut Node> {
    let Content::Map(entries) = &mut item.value else {
        return Vec::new();
    };
    let lists = entries
        .iter_mut()
        .filter_map(|entry| match &mut entry.value.value {
            Content::List(items) => Some(items),
            Content::Scalar(_) | Content::Map(_) => None,
        });
    lists.flatten().collect()
}
