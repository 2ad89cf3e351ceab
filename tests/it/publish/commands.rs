//! `gander publish` on recorded runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::SystemTime;

use gander::report::site::SITE_JSON_SCHEMA;
use serde_json::Value;
use tempfile::TempDir;

use crate::compare::simulator::{Place, Simulator, Traffic};
use crate::json_schema::JsonSchema;
use crate::support::gander;

const TRAFFIC: Traffic = Traffic {
    seconds: 20,
    rate: 40,
    between_runs: 0.01,
    unrest: 0.03,
    bursts: (0.02, 0.5),
};

/// A folder with runs in `runs/1`, `runs/2` and so on, of the changes of their target.
pub(super) fn recorded(changes: &[f64]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut simulator = Simulator::seeded(4);
    for (number, change) in changes.iter().enumerate() {
        let place = Place {
            change: *change,
            ..Place::default()
        };
        let run = folder.path().join(format!("runs/{}", number + 1));
        simulator.record_with(&run, TRAFFIC, place, |header| {
            header.run_id = id(number + 1);
            "simulated".clone_into(&mut header.scenario);
            header.overrides = vec!["environment = ci".to_owned()];
            header.git_commit = Some(format!("{number:040x}"));
        });
    }
    folder
}

/// The id of run `number`.
pub(super) fn id(number: usize) -> String {
    format!("20261129T12{number:02}00Z-simulated-0001")
}

pub(super) fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = gander();
    command
        .current_dir(folder)
        .arg("publish")
        .args(words)
        .arg("--no-color");
    command
}

/// What the command says, which must end with this code.
#[track_caller]
pub(super) fn publish(folder: &Path, words: &[&str], code: i32) -> String {
    let output: Output = command(folder, words).output().expect("gander runs");
    let told = [&output.stdout[..], &output.stderr].concat();
    let told = String::from_utf8(told).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
    told
}

/// Every file of a folder with its content and the time at which it changed.
pub(super) fn content(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).expect("inside");
            let changed = path.metadata().and_then(|found| found.modified());
            files.insert(
                name.display().to_string(),
                (fs::read(&path).expect("a file"), changed.expect("a time")),
            );
        }
    }
    files
}

pub(super) fn index(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("site/index.json")).expect("an index");
    serde_json::from_str(&text).expect("JSON")
}

pub(super) fn ids(folder: &Path) -> Vec<String> {
    let index = index(folder);
    let runs = index["runs"].as_array().expect("runs").iter();
    runs.map(|run| run["run_id"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn a_site_has_every_run_once_however_often_it_is_published() {
    let folder = recorded(&[0.0; 3]);
    let folder = folder.path();
    let told = publish(
        folder,
        &["runs/1", "runs/2", "--site", "site", "--label", "main"],
        0,
    );
    assert!(
        told.contains("site/index.html: 2 runs added; 2 runs of 1 scenario"),
        "{told}"
    );
    let first = content(&folder.join("site"));
    for file in [
        "index.html",
        "feed.xml",
        "scenarios/simulated.html",
        "badges/simulated.svg",
        "badges/simulated.ci.main-p95.svg",
    ] {
        assert!(first.contains_key(file), "{file}: {:?}", first.keys());
    }
    let told = publish(
        folder,
        &[
            "runs/1", "runs/2", "runs/2", "--site", "site", "--label", "main",
        ],
        0,
    );
    assert!(
        told.contains("0 runs added, 2 there already; 2 runs"),
        "{told}"
    );
    assert_eq!(
        content(&folder.join("site")),
        first,
        "publishing again changes nothing"
    );

    publish(folder, &["runs", "--site", "site", "--label", "main"], 0);
    assert_eq!(ids(folder), [id(1), id(2), id(3)]);
    let third = content(&folder.join("site"));
    let kept = first.iter().filter(|(name, _)| name.starts_with("runs/"));
    for (name, old) in kept {
        assert_eq!(&third[name], old, "{name} was written again");
    }
    let schema = JsonSchema::parse(SITE_JSON_SCHEMA).strict();
    assert_eq!(schema.fault(&index(folder)), None);
}

#[test]
fn the_index_has_the_figures_of_the_report_and_its_labels() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    publish(
        folder,
        &["runs/1", "--site", "site", "--link", "https://ci.test/7"],
        0,
    );
    let run = index(folder)["runs"][0].clone();
    let summary =
        fs::read(folder.join(format!("site/runs/{}/summary.json", id(1)))).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(run["requests"], summary["totals"]["requests"]);
    assert_eq!(run["verdict"], summary["verdict"]);
    let reading = &run["figures"]["p95(response_time)"];
    let number = |value: &Value| value.as_f64().expect("a number");
    let p95 = number(&summary["totals"]["response_time"]["p95"]);
    assert!(
        (number(&reading["value"]) / p95 - 1.0).abs() < 0.01,
        "{reading} {p95}"
    );
    assert!(
        number(&reading["low"]) < number(&reading["value"])
            && number(&reading["value"]) < number(&reading["high"])
    );
    assert_eq!(run["environment"], "ci");
    assert_eq!(run["link"], "https://ci.test/7");
    assert_eq!(run["commit"], format!("{:040x}", 0), "that of the header");
    assert_eq!(run["conditions"]["changes"], "");

    let told = publish(folder, &["runs/1", "--site", "other", "--commit", "abc"], 0);
    let other = fs::read_to_string(folder.join("other/index.json")).expect("an index");
    assert!(other.contains("\"commit\":\"abc\""), "{told}{other}");
}

#[test]
fn a_step_is_told_when_its_runs_are_published() {
    let changes = [[0.0; 9], [0.2; 9]].concat();
    let folder = recorded(&changes[..14]);
    let told = publish(folder.path(), &["runs", "--site", "site"], 0);
    let expected = "  simulated: p50(response_time) +";
    assert!(
        told.contains(expected) && told.contains(&format!("run {}", id(10))),
        "{told}"
    );
}

#[test]
fn the_report_of_the_run_itself_is_published_and_none_of_an_earlier_run() {
    let folder = recorded(&[0.0]);
    let folder = folder.path();
    let report = gander()
        .current_dir(folder)
        .args(["report", "runs/1", "--quiet"])
        .output();
    assert!(report.expect("gander runs").status.code().is_some());
    let own = fs::read_to_string(folder.join("runs/1/report.html")).expect("a report");
    let marked = own.replace("</main>", "<!-- as the run wrote it --></main>");
    fs::write(folder.join("runs/1/report.html"), &marked).expect("written");
    publish(folder, &["runs/1", "--site", "copied"], 0);
    let path = format!("runs/{}/report.html", id(1));
    assert_eq!(
        fs::read_to_string(folder.join("copied").join(&path)).expect("a report"),
        marked
    );

    // A run that was killed in the folder of an earlier one: its files are still there.
    fs::write(
        folder.join("runs/1/report.html"),
        marked.replace(&id(1), &id(9)),
    )
    .expect("written");
    publish(folder, &["runs/1", "--site", "rendered"], 0);
    assert_eq!(
        fs::read_to_string(folder.join("rendered").join(&path)).expect("a report"),
        own
    );
}

#[test]
fn a_killed_run_is_published_as_interrupted() {
    let folder = recorded(&[0.0, 0.0]);
    let folder = folder.path();
    let events = folder.join("runs/2/events.jsonl");
    let text = fs::read_to_string(&events).expect("events");
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&events, lines[..lines.len() - 1].join("\n") + "\n").expect("written");
    publish(folder, &["runs", "--site", "site"], 0);
    assert_eq!(index(folder)["runs"][1]["verdict"], "interrupted");
    let page = fs::read_to_string(folder.join("site/scenarios/simulated.html")).expect("a page");
    assert!(page.contains("in no trend: it did not end as planned"));
}

#[test]
fn old_runs_are_removed_only_when_asked_and_named_when_they_are() {
    let folder = recorded(&[0.0; 4]);
    let folder = folder.path();
    publish(folder, &["runs", "--site", "site"], 0);
    let told = publish(folder, &["--site", "site", "--keep", "3"], 0);
    assert!(told.contains(&format!("removed {}", id(1))), "{told}");
    assert_eq!(ids(folder), [id(2), id(3), id(4)]);
    assert!(!folder.join("site/runs").join(id(1)).exists());

    let note = folder.join("site/runs").join(id(2)).join("note.txt");
    fs::write(&note, "mine").expect("written");
    publish(folder, &["--site", "site", "--remove", &id(2)], 0);
    assert_eq!(ids(folder), [id(3), id(4)]);
    assert!(note.exists(), "a file of someone else was removed");

    publish(
        folder,
        &["--site", "site", "--remove", &id(3), "--remove", &id(4)],
        0,
    );
    assert!(ids(folder).is_empty());
    let left = content(&folder.join("site"));
    let gone = left
        .keys()
        .filter(|name| name.starts_with("scenarios") || name.starts_with("badges"));
    assert_eq!(gone.count(), 0, "{:?}", left.keys());
    let home = fs::read_to_string(folder.join("site/index.html")).expect("a page");
    assert!(home.contains("No run is published."));
}

#[test]
fn two_publishers_at_once_lose_no_run() {
    let folder = recorded(&[0.0; 8]);
    let folder = folder.path();
    let publishers: Vec<_> = (1..=8)
        .map(|number| {
            let run = format!("runs/{number}");
            let mut command = command(folder, &[&run, "--site", "site", "--quiet"]);
            command.spawn().expect("gander runs")
        })
        .collect();
    for mut publisher in publishers {
        assert!(publisher.wait().expect("it ends").success());
    }
    let mut ids = ids(folder);
    ids.sort();
    assert_eq!(ids, (1..=8).map(id).collect::<Vec<_>>());
    let home = fs::read_to_string(folder.join("site/index.html")).expect("a page");
    assert!(
        home.contains("8 runs of 1 scenario"),
        "the page is older than the index"
    );
}
