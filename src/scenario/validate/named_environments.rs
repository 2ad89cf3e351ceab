//! `environments:`: named changes of the file, of which `--env` applies one.

use super::edit::place;
use super::path::{self, PathPart};
use crate::format::Problems;
use crate::format::tables::scenario::ENVIRONMENTS;
use crate::source::{Content, Entry, Node, brief, did_you_mean, nearest, one_of};

/// Takes the environments out of the tree, so that those that do not apply are not read as values; reports those that
/// are not mappings of paths.
pub(super) fn take(root: &mut Node, problems: &mut Problems) -> Vec<Entry> {
    const WHAT: &str = "a mapping of environments, such as `ci: { load.for: 30s }`";
    let Content::Map(entries) = &mut root.value else {
        return Vec::new();
    };
    let Some(at) = entries
        .iter()
        .position(|entry| entry.key == ENVIRONMENTS.key)
    else {
        return Vec::new();
    };
    let node = entries.remove(at).value;
    let Some(environments) = problems.entries(&node, WHAT) else {
        return Vec::new();
    };
    for environment in environments {
        const WHAT: &str = "a mapping of paths to values, such as `{ load.for: 30s }`";
        let changes = problems.entries(&environment.value, WHAT);
        for change in changes.unwrap_or_default() {
            let fault = match path::parse(&change.key) {
                Err(fault) => fault,
                Ok(parts) if parts[0] == PathPart::Name(ENVIRONMENTS.key.to_owned()) => {
                    "an environment cannot change `environments`".to_owned()
                }
                Ok(_) => continue,
            };
            problems.report(change.key_span, fault);
        }
    }
    environments.to_vec()
}

/// Applies the environment with this name.
pub(super) fn apply(root: &mut Node, environments: &[Entry], name: &str, problems: &mut Problems) {
    let Some(environment) = environments.iter().find(|entry| entry.key == name) else {
        let names: Vec<&str> = environments.iter().map(|entry| &*entry.key).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => did_you_mean(near),
            None if names.is_empty() => {
                "add it under `environments:`, such as `environments: { ci: { load.for: 30s } }`"
                    .to_owned()
            }
            None => format!("it has {}", one_of(&names).replace(" or ", " and ")),
        };
        let message = format!("--env: the file has no environment `{}`", brief(name));
        problems.report_nowhere(message, Some(hint));
        return;
    };
    let Content::Map(changes) = &environment.value.value else {
        return;
    };
    for change in changes {
        // A path that cannot be read is already reported.
        if path::parse(&change.key).is_err() {
            continue;
        }
        match place(root, &change.key, change.key_span) {
            Ok(target) => *target = change.value.clone(),
            Err(message) => problems.report(change.key_span, message),
        }
    }
}
