//! `use`: parts of other files, merged into the scenario's tree before it is read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::format::Problems;
use crate::format::tables::scenario as table;
use crate::source::{self, Content, Diagnostic, Entry, Files, Node, Sources, Span, brief};

/// The maximum number of files between the scenario and a file that it uses, that file included.
const MAX_DEPTH: usize = 8;

/// Keys that only the scenario itself may have: what is tested, how, and by how much load.
const OWN: [&str; 10] = [
    table::NAME.key,
    table::KIND.key,
    table::DESCRIPTION.key,
    table::TARGET.key,
    table::LOAD.key,
    table::WARM_UP.key,
    table::THINK_TIME.key,
    table::PACING.key,
    table::ON_ERROR.key,
    table::TRACE_URL.key,
];

/// Merges every file that the scenario uses into its tree.
pub(super) fn merge(
    root: &mut Node,
    sources: &mut Sources,
    files: &Files,
    problems: &mut Problems,
) {
    let mut merger = Merger {
        sources,
        files,
        problems,
        open: Vec::new(),
        merged: BTreeSet::new(),
        parts: Vec::new(),
    };
    merger.uses_of(root);
    // The scenario's own parts come last, so that its setup can use what the others capture.
    let parts = std::mem::take(&mut merger.parts);
    let Content::Map(own) = &mut root.value else {
        return;
    };
    let own_entries = std::mem::take(own);
    for entry in parts.into_iter().chain(own_entries) {
        add(own, entry, Level::Parts, problems);
    }
}

struct Merger<'a> {
    sources: &'a mut Sources,
    files: &'a Files,
    problems: &'a mut Problems,
    /// The files between the scenario and the current one.
    open: Vec<PathBuf>,
    /// Files that are merged already; a file that several others use is merged once.
    merged: BTreeSet<PathBuf>,
    /// The entries of all used files, those of a file after those that it uses itself.
    parts: Vec<Entry>,
}

impl Merger<'_> {
    fn uses_of(&mut self, tree: &Node) {
        let Some(list) = tree.get(table::USE.key) else {
            return;
        };
        let names = match &list.value {
            Content::List(items) => items.iter().collect(),
            Content::Scalar(_) => vec![list],
            Content::Map(_) => Vec::new(),
        };
        if names.is_empty() {
            self.problems.expected("a list of files", list);
        }
        for name in names {
            self.file(name);
        }
    }

    fn file(&mut self, name: &Node) {
        let Some(named) = self.problems.name(name, "the name of a file") else {
            return;
        };
        let path = match self.files.find(named, name.span) {
            Ok(path) => path,
            Err(refusal) => return self.problems.refused(name.span, refusal),
        };
        if let Some(first) = self.open.iter().position(|open| *open == path) {
            let round = self.open[first..].iter().chain([&path]);
            let round: Vec<String> = round.map(|path| short(path)).collect();
            let message = format!("files use each other in a circle: {}", round.join(" → "));
            let hint = "move what both need into a third file";
            return self.problems.report_with(name.span, message, hint);
        }
        if self.open.len() == MAX_DEPTH {
            let message = format!("`use` is nested more than {MAX_DEPTH} files deep");
            let hint = "name the file in the scenario itself";
            return self.problems.report_with(name.span, message, hint);
        }
        if !self.merged.insert(path.clone()) {
            return;
        }
        let text = match source::read_scenario(&path) {
            Ok(text) => text,
            Err(refusal) => return self.problems.refused(name.span, refusal),
        };
        let shown = self.files.shown(named, name.span);
        let id = self.sources.add(shown, &*text);
        self.files.place(id, &path);
        let mut found = Vec::new();
        let tree = source::parse(&text, id, &mut found);
        self.problems.add(found);
        let Some(tree) = tree.filter(|tree| !tree.is_null()) else {
            return;
        };
        self.open.push(path);
        self.uses_of(&tree);
        self.open.pop();
        let what = "a mapping with parts of a scenario, such as `flows:`";
        let Some(entries) = self.problems.entries(&tree, what) else {
            return;
        };
        for entry in entries {
            if entry.key == table::USE.key {
                continue;
            }
            if OWN.contains(&&*entry.key) {
                let key = &entry.key;
                let message =
                    format!("`{key}` belongs in the scenario, not in a file that it uses");
                let hint = "a used file has what scenarios share, such as `flows`, `blocks`, `vars`, `data` and `http`";
                self.problems.report_with(entry.key_span, message, hint);
                continue;
            }
            self.parts.push(entry.clone());
        }
    }
}

/// What two entries with the same key mean.
#[derive(Debug, Clone, Copy)]
enum Level {
    /// Parts of a scenario: lists are joined, mappings are merged.
    Parts,
    /// Settings such as those of `http`: mappings are merged.
    Settings,
    /// Names of one part: each is defined once.
    Names,
}

impl Level {
    /// The level of the entries under a key; `None` if they are not merged.
    fn below(self, key: &str) -> Option<Self> {
        match self {
            Self::Parts if key == table::HTTP.key => Some(Self::Settings),
            Self::Parts => Some(Self::Names),
            Self::Settings => Some(Self::Settings),
            Self::Names => None,
        }
    }
}

/// Adds an entry; a name that is defined twice is an error.
fn add(entries: &mut Vec<Entry>, entry: Entry, level: Level, problems: &mut Problems) {
    let Some(known) = entries.iter_mut().find(|known| known.key == entry.key) else {
        entries.push(entry);
        return;
    };
    let (place, below) = (known.key_span, level.below(&entry.key));
    match (&mut known.value.value, entry.value.value, below) {
        (Content::List(items), Content::List(more), Some(Level::Names)) => items.extend(more),
        (Content::Map(inner), Content::Map(more), Some(below)) => {
            for entry in more {
                add(inner, entry, below, problems);
            }
        }
        _ => twice(&entry.key, entry.key_span, place, problems),
    }
}

fn twice(key: &str, span: Span, first: Span, problems: &mut Problems) {
    let message = format!("`{}` is defined twice", brief(key));
    let problem = Diagnostic::new(Some(span), message)
        .with_related(first, "it is already defined here")
        .with_hint("give one of the two another name, or remove it");
    problems.add(vec![problem]);
}

fn short(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
