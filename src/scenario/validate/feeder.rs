//! `data:`: feeders, read whole from files under the root.

use super::files::Files;
use super::names::Table;
use super::reader::{Problems, Shape};
use crate::scenario::tree::Node;
use crate::scenario::{Feed, Pick};

const FEED: Shape = Shape {
    what: "a feeder",
    known: &["file", "pick"],
    later: &["delimiter", "columns", "share"],
};

/// Reads `data:`.
pub(super) fn feeds(
    node: &Node,
    files: &Files,
    table: &mut Table,
    problems: &mut Problems,
) -> Vec<Feed> {
    let Some(entries) = problems.entries(node, "a mapping of feeders") else {
        return Vec::new();
    };
    let mut feeds = Vec::new();
    for entry in entries {
        let feed = feed(&entry.key, &entry.value, files, problems);
        table.add_feed(entry, feed.as_ref(), problems);
        feeds.extend(feed);
    }
    feeds
}

fn feed(name: &str, node: &Node, files: &Files, problems: &mut Problems) -> Option<Feed> {
    let fields = problems.fields(node, &FEED)?;
    let pick = match fields.get("pick") {
        None => Some(Pick::Sequential),
        Some(node) => problems.choice(
            node,
            "a pick",
            &[
                ("sequential", Pick::Sequential),
                ("shuffled", Pick::Shuffled),
                ("random", Pick::Random),
                ("unique", Pick::Unique),
            ],
        ),
    };
    let node = problems.require(&fields, "file")?;
    let named = problems.name(node, "the name of a .csv, .json or .jsonl file")?;
    let path = match files.find(named) {
        Ok(path) => path,
        Err(refusal) => {
            problems.refused(node.span, refusal);
            return None;
        }
    };
    match Feed::read(name, &path, pick.unwrap_or_default()) {
        Ok(feed) => Some(feed),
        Err(error) => {
            problems.report(node.span, format!("`{named}` {}", error.fault));
            None
        }
    }
}
