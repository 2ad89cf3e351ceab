//! Decides which values of the command line may be secret: those of variables, headers, credentials and bodies.

use super::path;
use crate::mask::{is_secret_name, labelled_values};
use crate::scenario::FORMAT;
use crate::source;
use crate::source::{Content, FileId, Node};

/// Headers whose values are not secret.
const PUBLIC_HEADERS: [&str; 8] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-type",
    "host",
    "user-agent",
];

/// True if the value that `--set` gives to `path` may be secret; it is then added to `secrets`.
pub(super) fn note(path: &str, value: &str, secrets: &mut Vec<String>) -> bool {
    let node = source::parse(value, FileId::default(), &mut Vec::new());
    let names = path::names(path);
    let last = names.last().map_or("", String::as_str);
    let is_secret = names.iter().any(|name| may_hold_secrets(name))
        || node.as_ref().is_some_and(any_key_may_hold_secrets);
    if is_secret {
        match &node {
            Some(node) => scalars(last, node, secrets),
            None => secrets.push(value.to_owned()),
        }
    }
    is_secret
}

fn may_hold_secrets(key: &str) -> bool {
    FORMAT.is_secret_key(key) || is_secret_name(key)
}

fn any_key_may_hold_secrets(node: &Node) -> bool {
    match &node.value {
        Content::Scalar(_) => false,
        Content::List(items) => items.iter().any(any_key_may_hold_secrets),
        Content::Map(entries) => entries
            .iter()
            .any(|entry| may_hold_secrets(&entry.key) || any_key_may_hold_secrets(&entry.value)),
    }
}

fn scalars(key: &str, node: &Node, secrets: &mut Vec<String>) {
    match &node.value {
        Content::Scalar(scalar) => {
            if !PUBLIC_HEADERS.contains(&key.to_ascii_lowercase().as_str()) {
                secrets.extend(labelled_values(&scalar.text));
                secrets.push(scalar.text.clone());
                // The scheme of the credentials is not secret.
                secrets.extend(scalar.text.split_once(' ').map(|(_, rest)| rest.to_owned()));
            }
        }
        Content::List(items) => items.iter().for_each(|item| scalars(key, item, secrets)),
        Content::Map(entries) => entries
            .iter()
            .for_each(|entry| scalars(&entry.key, &entry.value, secrets)),
    }
}
