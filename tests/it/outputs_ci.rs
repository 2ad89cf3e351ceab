//! The outputs for CI systems at the command line: their paths, and the environment of a job of GitHub Actions.

use std::fs;

use crate::outputs::bench;
use crate::support::{Bench, Run};

const ITERATIONS: &str = "{ iterations: 4, users: 2 }";

/// A scenario with a threshold that fails, one that warns, and one that holds.
fn failing() -> Bench {
    let bench = bench(ITERATIONS);
    let scenario = fs::read_to_string(bench.path("scenario.yaml")).expect("a scenario");
    let scenario = format!(
        "{scenario}thresholds:\n  - count(requests) > 1000\n  - {{ expect: count(iterations) > 1000, severity: warn }}\n  \
         - ratio(failed) < 1%\n"
    );
    fs::write(bench.path("scenario.yaml"), scenario).expect("written");
    bench
}

/// A run in a job of GitHub Actions whose workspace is the folder of the scenario.
fn in_github(bench: &Bench, words: &[&str]) -> Run {
    let mut command = bench.command(words);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", bench.folder.path())
        .env("GITHUB_STEP_SUMMARY", bench.path("step_summary.md"));
    bench.wait(command.spawn().expect("gander runs"))
}

#[test]
fn each_output_is_written_to_its_own_path() {
    let bench = failing();
    let files = [
        ("--json", "a/summary.json", "\"schema\": \"gander.summary/"),
        ("--junit", "a/junit.xml", "<testsuites name=\"gander\""),
        (
            "--summary-markdown",
            "a/summary.md",
            "### ✗ Failed: `outputs`",
        ),
        (
            "--gitlab-metrics",
            "a/metrics.txt",
            "gander_requests_total{scenario=\"outputs\"} 4",
        ),
        (
            "--benchmark-smaller",
            "a/smaller.json",
            "outputs: response time p95",
        ),
        (
            "--benchmark-bigger",
            "a/bigger.json",
            "outputs: requests per second",
        ),
    ];
    fs::create_dir(bench.path("a")).expect("a folder");
    let words: Vec<&str> = files
        .iter()
        .flat_map(|(option, path, _)| [*option, *path])
        .collect();
    drop(bench.run(&words).expect_code(99));
    let written = || files.map(|(_, path, _)| fs::read_to_string(bench.path(path)).expect(path));
    let first = written();
    for ((option, _, part), text) in files.iter().zip(&first) {
        assert!(text.contains(part), "{option}: {text}");
    }

    let again = [&["--overwrite"], &words[..]].concat();
    let report = crate::support::gander()
        .args(["report", "out"])
        .args(&again)
        .current_dir(&bench.folder)
        .output()
        .expect("gander runs");
    assert_eq!(report.status.code(), Some(99));
    assert_eq!(written(), first, "a report from the journal is the same");
}

#[test]
fn a_bad_path_is_refused_before_the_load() {
    let bench = failing();
    fs::write(bench.path("precious"), "kept").expect("written");
    for option in [
        "--summary-markdown",
        "--gitlab-metrics",
        "--benchmark-smaller",
        "--benchmark-bigger",
    ] {
        for (path, told) in [
            ("no/such/folder", "choose another place"),
            ("precious", "--overwrite"),
            ("out/summary.json", "writes anyway"),
            ("scenario.yaml", "is an input file"),
        ] {
            let run = bench.run(&[option, path]).expect_code(104);
            assert!(run.stderr.contains(told), "{option} {path}: {}", run.stderr);
        }
        let twice = [option, "x", "--junit", "x"];
        let run = bench.run(&twice).expect_code(104);
        assert!(run.stderr.contains("name the same file"), "{}", run.stderr);
    }
    assert!(!bench.path("out").exists(), "nothing ran");
}

#[test]
fn a_job_of_github_actions_has_annotations_and_a_summary() {
    let bench = failing();
    fs::write(bench.path("step_summary.md"), "of an earlier step\n").expect("written");
    let run = in_github(&bench, &["--summary-markdown", "summary.md"]).expect_code(99);
    let annotations: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    let [error, warning] = annotations[..] else {
        panic!("{}", run.stdout);
    };
    for (line, head) in [
        (
            error,
            "::error file=scenario.yaml,line=8,title=count(requests) > 1000::observed 4, expected > 1,000",
        ),
        (
            warning,
            "::warning file=scenario.yaml,line=9,title=count(iterations) > 1000::observed 4, expected > 1,000",
        ),
    ] {
        assert!(line.starts_with(head), "{line}");
    }
    let summary = fs::read_to_string(bench.path("summary.md")).expect("a summary");
    let appended = fs::read_to_string(bench.path("step_summary.md")).expect("a summary");
    assert_eq!(appended, format!("of an earlier step\n{summary}\n"));
}

#[test]
fn annotations_leave_the_json_on_stdout_alone() {
    let bench = failing();
    let run = in_github(&bench, &["--json", "-", "--quiet"]).expect_code(99);
    serde_json::from_str::<serde_json::Value>(&run.stdout).expect("JSON and nothing else");
    let annotations = run.stderr.lines().filter(|line| line.starts_with("::"));
    assert_eq!(annotations.count(), 2, "{}", run.stderr);
}

#[test]
fn an_annotation_names_the_file_by_its_path_in_the_workspace() {
    let bench = failing();
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::create_dir(bench.path("load")).expect("a folder");
    let inside = bench.path("load/s.yaml");
    let outside = elsewhere.path().join("s.yaml");
    for (scenario, told) in [
        (&inside, "load/s.yaml".to_owned()),
        (&outside, outside.display().to_string()),
    ] {
        fs::copy(bench.path("scenario.yaml"), scenario).expect("copied");
        let output = crate::support::gander()
            .arg("run")
            .arg(scenario)
            .args(["--out", "out", "--no-color", "--overwrite"])
            .current_dir(&elsewhere)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", bench.folder.path())
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .expect("gander runs");
        let says = String::from_utf8_lossy(&output.stdout);
        assert!(
            says.contains(&format!("::error file={told},line=8,")),
            "{says}"
        );
    }
}

#[test]
fn a_summary_that_cannot_be_appended_is_a_warning() {
    let bench = failing();
    fs::create_dir(bench.path("step_summary.md")).expect("a folder");
    let run = in_github(&bench, &[]).expect_code(99);
    assert!(
        run.stderr.contains("warning: cannot append"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("GITHUB_STEP_SUMMARY"), "{}", run.stderr);
}

#[test]
fn outside_a_job_nothing_is_annotated() {
    let bench = failing();
    let mut command = bench.command(&[]);
    command.env("GITHUB_STEP_SUMMARY", bench.path("step_summary.md"));
    let run = bench
        .wait(command.spawn().expect("gander runs"))
        .expect_code(99);
    assert!(!run.stdout.contains("::"), "{}", run.stdout);
    assert!(!bench.path("step_summary.md").exists());
}
