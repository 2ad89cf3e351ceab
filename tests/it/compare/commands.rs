//! `gander compare` and `gander baseline` on recorded runs.

use std::path::Path;
use std::process::Output;

use gander::report::compare::COMPARE_JSON_SCHEMA;
use serde_json::Value;
use tempfile::TempDir;

use super::simulator::{Place, Simulator, Traffic};
use crate::json_schema::JsonSchema;
use crate::support::gander;

const TRAFFIC: Traffic = Traffic {
    seconds: 30,
    rate: 60,
    between_runs: 0.01,
    unrest: 0.05,
    bursts: (0.02, 0.5),
};

/// A folder with four runs in `old`, and four that are `change` slower in `new`.
fn recorded(change: f64) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut simulator = Simulator::seeded(21);
    for (side, change) in [("old", 0.0), ("new", change)] {
        for number in 1..=4 {
            let place = Place {
                change,
                ..Place::default()
            };
            let run = folder.path().join(side).join(number.to_string());
            simulator.record(&run, TRAFFIC, place);
        }
    }
    folder
}

fn run(folder: &Path, words: &[&str]) -> Output {
    gander()
        .current_dir(folder)
        .args(words)
        .arg("--no-color")
        .output()
        .expect("gander runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn expect_code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        out(output),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_slower_side_is_found_in_every_form() {
    let folder = recorded(0.2);
    let output = run(
        folder.path(),
        &["compare", "old", "--against", "new", "--out", "compared"],
    );
    expect_code(&output, 96);
    let text = out(&output);
    assert!(text.contains("▲ Regressed: baseline"), "{text}");
    assert!(text.contains("p95(response_time)"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    let read = |name: &str| {
        let path = folder.path().join("compared").join(name);
        std::fs::read_to_string(path).expect("a file")
    };
    let json: Value = serde_json::from_str(&read("compare.json")).expect("JSON");
    let schema = JsonSchema::parse(COMPARE_JSON_SCHEMA).strict();
    assert_eq!(schema.fault(&json), None);
    assert_eq!(json["answer"], "regressed");
    assert_eq!(json["gates"][0]["verdict"], "regressed");
    let change = json["gates"][0]["change"].as_f64().expect("a change");
    assert!((0.15..0.25).contains(&change), "{change}");
    let page = read("compare.html");
    for id in ["forest", "shift", "distributions", "timelines"] {
        assert!(page.contains(&format!("id=\"{id}")), "the page has no {id}");
    }
    for outside in ["<script", "src=\"http", "href=\"http", "url("] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
    assert!(read("compare.md").starts_with("### ▲ Regressed"));
    // The other way round it is an improvement.
    let output = run(folder.path(), &["compare", "new", "--against", "old"]);
    expect_code(&output, 0);
    assert!(out(&output).contains("improved"), "{}", out(&output));
}

#[test]
fn json_on_stdout_is_alone_there() {
    let folder = recorded(0.0);
    let output = run(
        folder.path(),
        &[
            "compare",
            "old",
            "--against",
            "new",
            "--json",
            "-",
            "--inconclusive",
            "pass",
        ],
    );
    expect_code(&output, 0);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["schema"], "gander.compare/1");
}

#[test]
fn faulty_arguments_say_what_to_do() {
    let folder = recorded(0.0);
    for (words, told) in [
        (&["compare", "old"][..], "gander compare A B"),
        (
            &["compare", "old", "--against", "nowhere"],
            "cannot read nowhere",
        ),
        (&["compare", "old", "--against", "old/1"], "on both sides"),
        (
            &[
                "compare",
                "old",
                "--against",
                "new",
                "--gate",
                "p95(response_tim)",
            ],
            "did you mean p95(response_time)?",
        ),
        (
            &["compare", "old", "--against", "new", "--tolerance", "5"],
            "such as 5%",
        ),
        (
            &["baseline", "show", "--name", "none"],
            "gander baseline add",
        ),
        (&["baseline", "add", "nowhere"], "cannot read nowhere"),
        (
            &["baseline", "add", "old", "--name", "../evil"],
            "--file takes a path",
        ),
        (
            &["compare", "old/1", "old/1", "--against", "new"],
            "is given more than once",
        ),
        (
            &[
                "compare",
                "old",
                "--against",
                "new",
                "--json",
                "old/1/run.json",
                "--overwrite",
            ],
            "is an input file",
        ),
    ] {
        let output = run(folder.path(), words);
        expect_code(&output, 104);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains(told), "{words:?}: {errors}");
    }
}

#[test]
fn a_gate_may_be_written_as_in_a_threshold() {
    let folder = recorded(0.2);
    let words = [
        "compare",
        "old",
        "--against",
        "new",
        "--gate",
        "p50( response_time )",
    ];
    let output = run(folder.path(), &words);
    expect_code(&output, 96);
}

#[test]
fn every_command_has_help() {
    for command in ["compare", "baseline", "calibrate", "ab", "doctor"] {
        let output = run(Path::new("."), &[command, "--help"]);
        expect_code(&output, 0);
    }
}

#[test]
fn a_baseline_is_kept_shown_and_pruned() {
    let folder = recorded(0.0);
    let output = run(folder.path(), &["baseline", "add", "old"]);
    expect_code(&output, 0);
    assert_eq!(out(&output), "baselines/main.json: 4 added; 4 runs\n");
    let again = run(folder.path(), &["baseline", "add", "old/1", "new/1"]);
    assert_eq!(
        out(&again),
        "baselines/main.json: 1 added, 1 were there already; 5 runs\n"
    );
    let listed = out(&run(folder.path(), &["baseline", "list"]));
    assert!(listed.contains("5 runs of baseline"), "{listed}");
    let shown = out(&run(folder.path(), &["baseline", "show"]));
    assert_eq!(shown.matches("-simulated-0001").count(), 5, "{shown}");
    let output = run(folder.path(), &["baseline", "prune", "--keep", "2"]);
    assert_eq!(out(&output), "baselines/main.json: 3 removed, 2 kept\n");
    let shown = out(&run(folder.path(), &["baseline", "show"]));
    // The newest stay.
    assert!(
        shown.contains("T120500Z") && !shown.contains("T120100Z"),
        "{shown}"
    );
}
