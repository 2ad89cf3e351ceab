//! `tags:` of the file, of flows and of requests.

use std::collections::BTreeMap;

use crate::format::Problems;
use crate::source::Node;

/// Reads a mapping of tags to values.
pub(in crate::scenario) fn tags(node: &Node, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some(entries) = problems.entries(node, "a mapping of tags to values") else {
        return tags;
    };
    for entry in entries {
        // Every step already has these labels.
        if ["step", "flow", "check", "group"].contains(&entry.key.as_str()) {
            problems.report(
                entry.key_span,
                format!(
                    "`{}` cannot be a tag: thresholds already use it as a selector",
                    entry.key
                ),
            );
        }
        if let Some(value) = problems.fixed_name(&entry.value, "a tag's value") {
            tags.insert(entry.key.clone(), value.to_owned());
        }
    }
    tags
}
