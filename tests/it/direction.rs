//! Dependencies point one way, and only one module names each major external crate.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of the pipeline: each may name those before it. `engine` and `transport` stand beside it.
const ALLOWED: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("outcome", &[]),
    ("exit", &[]),
    ("stats", &[]),
    ("mask", &[]),
    ("source", &["units", "mask"]),
    ("expr", &["units", "source"]),
    ("script", &["source", "expr"]),
    ("format", &["units", "mask", "source", "expr"]),
    (
        "scenario",
        &[
            "units", "outcome", "mask", "source", "expr", "script", "format",
        ],
    ),
    (
        "plan",
        &[
            "units", "outcome", "mask", "source", "expr", "script", "scenario",
        ],
    ),
    ("transport", &["units", "outcome", "scenario", "plan"]),
    ("probe", &["units"]),
    (
        "record",
        &["units", "outcome", "mask", "scenario", "plan", "probe"],
    ),
    (
        "engine",
        &[
            "units",
            "outcome",
            "mask",
            "expr",
            "script",
            "scenario",
            "plan",
            "transport",
            "record",
            "probe",
        ],
    ),
    (
        "verdict",
        &[
            "units", "outcome", "exit", "stats", "scenario", "plan", "record",
        ],
    ),
    (
        "compare",
        &[
            "units", "exit", "stats", "plan", "probe", "record", "verdict",
        ],
    ),
    (
        "report",
        &[
            "units", "outcome", "exit", "stats", "scenario", "plan", "record", "verdict", "compare",
        ],
    ),
    (
        "monitor",
        &[
            "units",
            "outcome",
            "expr",
            "source",
            "scenario",
            "plan",
            "transport",
            "record",
        ],
    ),
    ("control", &["units"]),
    ("ab", &["source", "scenario"]),
    ("managed", &["units", "scenario", "probe"]),
    ("bundled", &["units", "cli", "managed"]),
    (
        "doctor",
        &[
            "units",
            "scenario",
            "plan",
            "transport",
            "record",
            "probe",
            "verdict",
            "report",
            "run",
        ],
    ),
    ("starter", &["outcome", "scenario", "transport"]),
    (
        "trial",
        &[
            "units",
            "outcome",
            "mask",
            "scenario",
            "transport",
            "engine",
            "report",
        ],
    ),
    (
        "run",
        &[
            "units",
            "plan",
            "transport",
            "record",
            "engine",
            "monitor",
            "probe",
            "verdict",
            "report",
            "scenario",
            "managed",
            "bundled",
            "control",
        ],
    ),
    (
        "export",
        &[
            "units", "outcome", "mask", "plan", "record", "report", "run",
        ],
    ),
];

/// Folio's modules from the bottom up: each may name those before it and none of those after it.
const FOLIO: [&str; 27] = [
    "clock",
    "glob",
    "settings",
    "config",
    "error",
    "metrics",
    "observe",
    "breaker",
    "bulkhead",
    "services",
    "kv",
    "auth",
    "admission",
    "cache",
    "compression",
    "edge",
    "db",
    "store",
    "input",
    "lab",
    "catalogue",
    "tasks",
    "webhook",
    "events",
    "monitor",
    "state",
    "routes",
];

/// An outside crate, and the only places whose code may name it.
const OWNED: [(&str, &[&str]); 11] = [
    ("annotate_snippets", &["source"]),
    ("goose", &["engine"]),
    ("rquickjs", &["script"]),
    ("tera", &["report"]),
    ("scraper", &["scenario"]),
    ("boon", &["scenario"]),
    ("plotters", &["report"]),
    ("serde_yaml", &["source/yaml"]),
    ("special", &["stats"]),
    ("hyper", &["transport", "export/scrape"]),
    ("reqwest", &["export/push"]),
];

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let module = top_module(&path);
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
            continue;
        };
        for used in modules_named(&text) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} names crate::{used}", path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the direction of ARCHITECTURE.md:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn dependencies_of_folio_point_one_way() {
    let height = |module: &str| FOLIO.iter().position(|known| *known == module);
    let mut wrong = Vec::new();
    for (path, text) in sources("target-app/src") {
        let module = top_module(&path);
        if ["lib", "serve"].contains(&module.as_str()) {
            continue;
        }
        let Some(own) = height(&module) else {
            wrong.push(format!("{} has no place in the order", path.display()));
            continue;
        };
        for used in modules_named(&text) {
            if height(&used).is_some_and(|height| height > own) {
                wrong.push(format!("{} names crate::{used}", path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the direction of ARCHITECTURE.md:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn each_outside_engine_has_one_owner() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let place = path.with_extension("");
        for (name, owners) in OWNED {
            let names_it = code_lines(&text).any(|line| line.contains(&format!("{name}::")));
            if names_it && !owners.iter().any(|owner| place.starts_with(owner)) {
                wrong.push(format!(
                    "{} names {name}, which belongs to {}",
                    path.display(),
                    owners.join(" and ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every source file below a folder of the project, by its path from that folder.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is readable") {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.push((path.strip_prefix(&root).expect("below it").to_owned(), text));
            }
        }
    }
    assert!(
        found.len() > 20,
        "the sources were not found: {}",
        found.len()
    );
    found
}

fn top_module(path: &Path) -> String {
    path.with_extension("")
        .iter()
        .next()
        .expect("not empty")
        .to_string_lossy()
        .into_owned()
}

/// Lines of code, without comments, which may name other modules.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The top-level modules that a file names through `crate::`, also inside `use crate::{…}`.
fn modules_named(text: &str) -> Vec<String> {
    let code = code_lines(text).collect::<Vec<_>>().join("\n");
    let mut named = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let is_whole_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &code[at + found.len()..];
        if !is_whole_word {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(group) => named.extend(first_words_of_group(group)),
            None => named.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            ),
        }
    }
    named
}

/// The first path segment of each item of a `use` group, up to its closing brace.
fn first_words_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut word, mut words, mut at_start) = (0, String::new(), Vec::new(), true);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if depth == 0 && at_start && (c.is_alphanumeric() || c == '_') => word.push(c),
            c if c.is_whitespace() => {}
            _ => at_start = false,
        }
        if !word.is_empty() && (!at_start || c == ',') {
            words.push(std::mem::take(&mut word));
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
