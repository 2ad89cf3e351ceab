//! Runs the commands of Folio's README in their order; each must show the output that the README states.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use target_app::Settings;

use crate::support::gander;
use crate::target::{Served, clean, temporary};

const README: &str = include_str!("../../target-app/README.md");
/// The mark between a command and its expected output.
const ARROW: &str = "# →";
/// The address of Folio in the README.
const ADDRESS: &str = "127.0.0.1:8080";

/// The commands of the section `title`, without complete runs.
fn lines(title: &str) -> impl Iterator<Item = &'static str> {
    let (_, section) = README.split_once(title).expect("the section");
    let section = section
        .split_once("\n## ")
        .map_or(section, |(section, _)| section);
    section
        .split("```sh\n")
        .skip(1)
        .flat_map(|block| block.split("```").next().unwrap_or_default().lines())
        .filter(|line| !line.starts_with("gander "))
}

fn type_it(profile: &str) {
    let folder = temporary();
    let mut command = gander();
    clean(&mut command);
    command
        .args(["target", "serve", "--port=0", "--profile", profile])
        .env("FOLIO_ADMIN_TOKEN", "demo")
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let folio = Served::run(command);
    let answers = tempfile::tempdir().expect("a folder");
    let mut script = String::new();
    let mut expected = Vec::new();
    for line in lines("## See each effect\n") {
        let line = line.replace(ADDRESS, &folio.address);
        if let Some((_, answer)) = line.split_once(ARROW) {
            let file = answers.path().join(expected.len().to_string());
            writeln!(script, "{{ {line}\n}} > {} 2>&1", file.display()).expect("text");
            expected.push((line.clone(), answer.trim().to_owned(), file));
        } else {
            writeln!(script, "{line}").expect("text");
        }
    }
    assert!(expected.len() > 40, "{} commands", expected.len());
    let output = Command::new("bash").arg("-c").arg(&script).output();
    let output = output.expect("bash runs");
    assert!(output.status.success(), "{output:?}");
    let mut wrong = String::new();
    for (line, expected, file) in expected {
        let answer = std::fs::read_to_string(file).expect("an answer");
        if !answer.contains(&expected) {
            writeln!(wrong, "{line}\n    {answer}").expect("text");
        }
    }
    assert!(wrong.is_empty(), "{profile}:\n{wrong}");
    assert_eq!(folio.end("TERM").0, Some(0));
}

#[test]
fn the_readme_of_folio_shows_what_it_says_on_the_embedded_profile() {
    type_it("embedded");
}

#[test]
fn the_readme_of_folio_shows_what_it_says_on_the_full_profile() {
    type_it("full");
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_readme_of_folio_names_every_switch_and_no_other() {
    let (_, table) = README
        .split_once("| technique | switches | metrics |\n|---|---|---|\n")
        .expect("the table");
    let mut told = BTreeSet::new();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let switches = row.split('|').nth(2).expect("a second column");
        let mut group = "";
        for name in quoted(switches).filter(|name| !name.starts_with('?')) {
            match name.split_once('.') {
                Some((named, _)) => {
                    group = named;
                    told.insert(name.to_owned());
                }
                None if group.is_empty() => drop(told.insert(name.to_owned())),
                None => drop(told.insert(format!("{group}.{name}"))),
            }
        }
    }
    let settings = serde_json::to_value(Settings::default()).expect("JSON");
    let mut there = BTreeSet::new();
    for (group, value) in settings.as_object().expect("groups") {
        match value.as_object() {
            Some(members) => there.extend(members.keys().map(|name| format!("{group}.{name}"))),
            None => drop(there.insert(group.clone())),
        }
    }
    assert_eq!(told, there);
}

#[test]
fn the_readme_of_folio_names_metrics_that_there_are() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("target-app/src");
    let sources = text_below(&sources);
    let metrics: Vec<_> = quoted(README)
        .filter(|word| word.starts_with("folio_") && !word.contains(' '))
        .collect();
    assert!(metrics.len() > 15, "{metrics:?}");
    for metric in metrics {
        assert!(sources.contains(&format!("\"{metric}\"")), "{metric}");
    }
}

/// Every Rust file in the folder, one after another.
fn text_below(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| match path.extension() {
            _ if path.is_dir() => text_below(&path),
            Some(extension) if extension == "rs" => std::fs::read_to_string(path).expect("text"),
            _ => String::new(),
        })
        .collect()
}
