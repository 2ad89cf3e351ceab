//! Runs and checks the examples on the pages for users of other tools. A block of Gander is a complete file
//! (`yaml NAME.yaml`), which must pass against Folio, or a `yaml fragment`, which must be valid within a complete file.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::guide::{blocks, passes};
use crate::support::{Lab, gander};

const PAGES: [(&str, &str); 5] = [
    ("k6", include_str!("../../docs/coming-from-k6.md")),
    ("Locust", include_str!("../../docs/coming-from-locust.md")),
    (
        "Artillery",
        include_str!("../../docs/coming-from-artillery.md"),
    ),
    ("Gatling", include_str!("../../docs/coming-from-gatling.md")),
    ("JMeter", include_str!("../../docs/coming-from-jmeter.md")),
];

/// The blocks of a page with a second word in their fence: that word, and the text.
fn named(page: &str) -> impl Iterator<Item = (&str, &str)> {
    blocks(page).filter_map(|(fence, text)| Some((fence.split_once(' ')?.1, text)))
}

fn has_extension(file: &str, extension: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|found| found == extension)
}

#[test]
fn every_block_says_what_it_is() {
    const OF_OTHERS: [&str; 6] = ["js", "python", "java", "sh", "text", "yaml artillery"];
    for (name, page) in PAGES {
        for (fence, text) in blocks(page) {
            let file = fence
                .split_once(' ')
                .filter(|(language, file)| has_extension(file, language));
            let is_ours = file.is_some() || fence == "yaml fragment";
            let is_complete = text.contains("\ntarget: ");
            assert!(
                is_ours || OF_OTHERS.contains(&fence),
                "{name}: `{fence}`:\n{text}"
            );
            assert_eq!(
                is_complete,
                file.is_some_and(|(language, _)| language == "yaml"),
                "{name}: `{fence}`:\n{text}"
            );
        }
    }
}

#[test]
fn every_complete_file_passes() {
    let lab = Lab::start();
    std::thread::scope(|scope| {
        for (name, page) in PAGES {
            let url = lab.url();
            scope.spawn(move || {
                let folder = tempfile::tempdir().expect("a folder");
                let files = || named(page).filter(|(file, _)| file.contains('.'));
                for (file, text) in files() {
                    fs::write(folder.path().join(file), text).expect("a file");
                }
                let scenarios = files().filter(|(file, _)| has_extension(file, "yaml"));
                let runs = scenarios.map(|(file, _)| passes(folder.path(), &url, file));
                assert!(runs.count() >= 2, "{name} has too few complete files");
            });
        }
    });
}

/// A complete file with a fragment: the steps of a flow, or some keys of a scenario.
fn completed(fragment: &str) -> String {
    let has = |key: &str| fragment.lines().any(|line| line.starts_with(key));
    let mut file = "name: fragment\ntarget: bundled\n".to_owned();
    if !has("load:") {
        file.push_str("load: { users: 2, for: 1m }\n");
    }
    if has("- ") {
        file.push_str("flows:\n- name: all\n  steps:\n");
        for line in fragment.lines() {
            writeln!(file, "  {line}").expect("text");
        }
    } else {
        file.push_str(fragment);
        if !has("flows:") {
            file.push_str("flows: [ { name: all, steps: [ { get: / } ] } ]\n");
        }
    }
    file
}

#[test]
fn every_fragment_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for feeder in ["users.csv", "queries.csv"] {
        fs::copy(fixtures.join(feeder), folder.path().join(feeder)).expect("a copy");
    }
    let mut fragments = 0;
    for (name, page) in PAGES {
        for (_, text) in named(page).filter(|(word, _)| *word == "fragment") {
            fragments += 1;
            fs::write(folder.path().join("fragment.yaml"), completed(text)).expect("a file");
            let output = gander()
                .current_dir(&folder)
                .args(["check", "fragment.yaml"])
                .output()
                .expect("gander runs");
            assert!(
                output.status.success(),
                "{name}:\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(fragments >= 12, "{fragments} fragments");
}
