//! `data:`: feeders, read completely from files below the root.

use super::names::NameTable;
use crate::format::tables::data::{FILE, PICK, TABLE, WHEN_USED_UP};
use crate::format::{Fields, Problems};
use crate::scenario::{Feed, Pick, WhenUsedUp};
use crate::source::Files;
use crate::source::Node;

/// Reads `data:`.
pub(super) fn feeds(
    node: &Node,
    files: &Files,
    table: &mut NameTable,
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
    let fields = problems.fields(node, &TABLE)?;
    let pick = problems.value(&fields, &PICK);
    let when_used_up = when_used_up(&fields, pick, problems);
    let node = problems.require(&fields, &FILE)?;
    let named = problems.name(node, "the name of a .csv, .json or .jsonl file")?;
    let path = match files.find(named, node.span) {
        Ok(path) => path,
        Err(refusal) => {
            problems.refused(node.span, refusal);
            return None;
        }
    };
    match Feed::read(name, &path, pick.unwrap_or(Pick::Sequential)) {
        Ok(feed) => Some(Feed {
            when_used_up: when_used_up.unwrap_or(WhenUsedUp::Fail),
            ..feed
        }),
        Err(error) => {
            problems.report(node.span, format!("`{named}` {}", error.fault));
            None
        }
    }
}

/// `when_used_up` is only valid with `pick: unique`, because with any other pick rows are never used up.
fn when_used_up(
    fields: &Fields<'_>,
    pick: Option<Pick>,
    problems: &mut Problems,
) -> Option<WhenUsedUp> {
    if let Some(entry) = fields.entry(&WHEN_USED_UP)
        && pick.is_some_and(|pick| pick != Pick::Unique)
    {
        problems.report_with(
            entry.key_span,
            "`when_used_up` applies only to `pick: unique`; this feeder uses its rows again",
            "set `pick: unique`, or remove `when_used_up`",
        );
        return None;
    }
    problems.value(fields, &WHEN_USED_UP)
}
