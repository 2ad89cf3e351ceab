//! `gander ab`: interleaved runs of two arms, their record, and how they end.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gander::ab::{AbRecord, Side, order};
use serde_json::Value;

use crate::support::{Bench, Lab, gander, send_signal};
use crate::target_command::{marked, server, wait_until};

/// A scenario for a target that the arms name.
fn bench(target: &str, load: &str) -> Bench {
    Bench::with(&format!(
        "name: pair\nkind: custom\ntarget: {target}\nload: {load}\nvars: {{ token: none }}\n\
         flows: [ {{ name: f, steps: [ {{ get: /health }}, {{ think: 10ms }} ] }} ]\n"
    ))
}

/// `gander ab scenario.yaml --out sat --seed 5 …`
fn command(bench: &Bench, words: &[&str]) -> Command {
    let mut command = gander();
    command
        .current_dir(bench.folder.path())
        .args([
            "ab",
            "scenario.yaml",
            "--out",
            "sat",
            "--seed",
            "5",
            "--no-color",
        ])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(bench: &Bench, words: &[&str]) -> Output {
    command(bench, words).output().expect("gander runs")
}

fn spawn(bench: &Bench, words: &[&str]) -> Child {
    command(bench, words).spawn().expect("gander runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails unless the comparison is complete; such short runs may show nothing, and the machine may be too busy for valid
/// measurements.
#[track_caller]
fn is_complete(output: &Output) {
    assert!(
        matches!(output.status.code(), Some(0 | 94..=96)),
        "{}",
        said(output)
    );
}

fn record(bench: &Bench) -> AbRecord {
    AbRecord::read(&bench.path("sat")).expect("a record")
}

fn json(bench: &Bench, path: &str) -> Value {
    let text = fs::read_to_string(bench.path("sat").join(path));
    serde_json::from_str(&text.unwrap_or_else(|_| panic!("no {path}"))).expect("JSON")
}

#[test]
fn two_targets_are_loaded_in_pairs_with_the_same_seed() {
    let (first, second) = (Lab::start(), Lab::start());
    let bench = bench("bundled", "{ iterations: 4, users: 1 }");
    let (a, b) = (
        format!("target={}", first.url()),
        format!("target={}", second.url()),
    );
    let output = run(&bench, &["--a", &a, "--b", &b, "--pairs", "3"]);
    is_complete(&output);
    let record = record(&bench);
    assert_eq!(
        (record.schema.as_str(), record.pairs, record.seed),
        ("gander.ab/1", 3, 5)
    );
    assert_eq!(record.a.settings, [format!("target = {}", first.url())]);
    assert_eq!((record.stopped.as_deref(), record.runs.len()), (None, 6));
    let arms: Vec<Side> = record.runs.iter().map(|run| run.arm).collect();
    assert_eq!(arms, order(3, 5).concat());
    for (number, run) in record.runs.iter().enumerate() {
        let pair = number as u32 / 2 + 1;
        assert_eq!((run.pair, run.slot), (pair, number as u32 % 2 + 1));
        assert_eq!(run.folder, format!("0{pair}-{}", run.arm));
        assert_eq!(run.seed, 4 + u64::from(pair));
        let summary = json(&bench, &format!("{}/summary.json", run.folder));
        assert_eq!(summary["exit_code"], run.exit_code.expect("it has ended"));
        assert_eq!(summary["seed"], run.seed);
        assert_eq!(summary["totals"]["requests"], 4);
        let target = match run.arm {
            Side::A => first.url(),
            Side::B => second.url(),
        };
        assert_eq!(summary["target"], format!("{target}/"));
        assert!(
            bench
                .path("sat")
                .join(&run.folder)
                .join("report.html")
                .exists()
        );
    }
    let says = said(&output);
    for part in [
        "6 runs",
        "arm a: target = ",
        "pair 3 of 3, arm b",
        "left",
        "4 requests, 0 failed",
    ] {
        assert!(says.contains(part), "no {part} in {says}");
    }
    let again = run(&bench, &["--a", &a, "--b", &b, "--pairs", "3"]);
    assert_eq!(again.status.code(), Some(104));
    assert!(said(&again).contains("--overwrite"), "{}", said(&again));
}

#[test]
fn both_arms_run_the_chosen_environment_and_flow() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: pair\nkind: custom\ntarget: http://127.0.0.1:1\nload: {{ iterations: 99, users: 1 }}\nvars: {{ x: 1 }}\n\
         flows: [ {{ name: f, steps: [ {{ get: '/lab/ok?x=${{x}}' }} ] }}, {{ name: g, steps: [ {{ get: /lab/g }} ] }} ]\n\
         environments: {{ ci: {{ target: '{}', load.iterations: 3 }} }}\n",
        lab.url()
    ));
    let words = [
        "--env",
        "ci",
        "--flow",
        "f",
        "--a",
        "set.vars.x=2",
        "--b",
        "set.vars.x=3",
        "--pairs",
        "1",
    ];
    is_complete(&run(&bench, &words));
    for arm in ["01-a", "01-b"] {
        let summary = json(&bench, &format!("{arm}/summary.json"));
        assert_eq!(summary["load"]["started"], 3, "{arm}");
        assert_eq!(summary["totals"]["requests"], 3, "{arm}");
        let flows = summary["flows"].as_array().expect("flows");
        assert_eq!(flows.len(), 1, "{arm}");
    }
}

#[test]
fn two_commands_are_started_anew_for_each_run_and_ended() {
    let mark = "ab-in-order";
    let bench = bench("http://127.0.0.1:1", "{ users: 1, for: 1s }");
    let a = format!("command={}", server());
    let b = format!("command={} --stack before", server());
    let words = [
        "--a",
        &a,
        "--b",
        &b,
        "--a",
        "ready=/health",
        "--b",
        "ready=/health",
        "--pairs",
        "1",
    ];
    let refused = run(&bench, &words);
    assert_eq!(refused.status.code(), Some(104));
    assert!(
        said(&refused).contains("--allow-command"),
        "{}",
        said(&refused)
    );
    assert!(!bench.path("sat").exists());

    let mut allowed = command(&bench, &words);
    allowed.arg("--allow-command").env("GANDER_TEST_MARK", mark);
    is_complete(&allowed.output().expect("gander runs"));
    assert_eq!(marked(mark), Vec::<String>::new());
    let (a, b) = (
        json(&bench, "01-a/summary.json"),
        json(&bench, "01-b/summary.json"),
    );
    assert_eq!(a["target_command"], server());
    assert_eq!(b["target_command"], format!("{} --stack before", server()));
    assert_ne!(a["target"], b["target"]);
    assert!(
        a["target_usage"]["peak_rss_bytes"].as_u64() > Some(0),
        "{a:#}"
    );
    for folder in ["01-a", "01-b"] {
        let log = fs::read_to_string(bench.path("sat").join(folder).join("target.log"));
        assert!(log.expect("a log").contains("folio listening"), "{folder}");
    }
    let settings = record(&bench).b.settings;
    assert!(
        settings
            .iter()
            .any(|setting| setting.ends_with("--stack before")),
        "{settings:?}"
    );
    assert!(
        record(&bench)
            .common
            .contains(&"target.ready = /health".to_owned())
    );
}

#[test]
fn the_bundled_target_is_started_with_the_settings_of_each_arm() {
    let bench = bench("bundled", "{ iterations: 2, users: 1 }");
    let words = [
        "--a",
        "target_set.cache.mode=off",
        "--b",
        "target_set.cache.mode=l1",
        "--b",
        "set.http.timeout=7s",
    ];
    is_complete(&run(
        &bench,
        &[&words[..], &["--pairs", "1", "--target-set", "pool.size=7"]].concat(),
    ));
    let record = record(&bench);
    assert_eq!(record.common, ["target pool.size = 7"]);
    assert_eq!(record.a.settings, ["target cache.mode = off"]);
    assert_eq!(
        record.b.settings,
        ["http.timeout = 7s", "target cache.mode = l1"]
    );
    let header = json(&bench, "01-a/run.json");
    let overrides = header["overrides"].to_string();
    assert!(
        overrides.contains("cache.mode = off") && overrides.contains("pool.size = 7"),
        "{overrides}"
    );
}

#[test]
fn every_error_of_both_arms_is_told_and_nothing_is_started() {
    let bench = bench("bundled", "{ iterations: 2, users: 1 }");
    for (words, parts) in [
        (
            &["--a", "tarfet=canary", "--b", "http.timeout=canary"][..],
            &[
                "--a tarfet=…",
                "did you mean `target`?",
                "--b http.timeout=…",
                "set.http.timeout",
            ][..],
        ),
        (
            &[
                "--a",
                "set.http.timeout=soon",
                "--b",
                "target_set.cache.mod=canary",
            ],
            &[
                "arm a:",
                "--set http.timeout=…",
                "arm b:",
                "did you mean cache.mode?",
            ],
        ),
        (
            &["--a", "env.KEY=canary"],
            &["arm a:", "`target` is not a mapping"],
        ),
        (
            &["--a", "target_profile=canaries"],
            &["arm a: target_profile: expected `embedded` or `full`"],
        ),
        (
            &["--b", "target=http://192.0.2.1", "--b", "command=x"],
            &["--b: `target` names what runs already"],
        ),
        (
            &["--b", "target=http://203.0.113.7"],
            &["arm b", "--allow-host"],
        ),
        (&["--pairs", "0"], &["--pairs"]),
    ] {
        let output = run(&bench, words);
        let says = said(&output);
        assert_eq!(output.status.code(), Some(104), "{words:?}: {says}");
        for part in parts {
            assert!(says.contains(part), "{words:?}: no {part} in {says}");
        }
        assert!(!says.contains("canary"), "{says}");
        assert!(!bench.path("sat").exists(), "{words:?}");
    }
    // An error of the file is in both arms and is told once.
    fs::write(bench.path("scenario.yaml"), "name: n\nlaod: 1\n").expect("a file");
    let says = said(&run(&bench, &[]));
    assert_eq!(says.matches("`laod` is not a key").count(), 1, "{says}");
}

#[test]
fn equal_arms_are_told_to_be_equal() {
    let lab = Lab::start();
    let bench = bench(&lab.url(), "{ iterations: 2, users: 1 }");
    let output = run(&bench, &["--pairs", "1"]);
    is_complete(&output);
    assert!(
        said(&output).contains("both arms are equal (A/A)"),
        "{}",
        said(&output)
    );
    assert!(
        said(&output).contains("fewer than 5 pairs"),
        "{}",
        said(&output)
    );
    assert_eq!(record(&bench).a, record(&bench).b);
    // Values that are not shown may differ.
    let hidden = [
        "--a",
        "set.vars.token=one",
        "--b",
        "set.vars.token=two",
        "--pairs",
        "1",
        "--overwrite",
    ];
    let output = run(&bench, &hidden);
    is_complete(&output);
    assert!(!said(&output).contains("A/A"), "{}", said(&output));
    assert_eq!(
        record(&bench).a.settings,
        ["vars.token (its value is not kept)"]
    );
    let quiet = run(&bench, &["--pairs", "1", "--quiet", "--overwrite"]);
    is_complete(&quiet);
    assert_eq!(said(&quiet), "");
    assert!(quiet.stdout.is_empty());
}

#[test]
fn an_arm_that_cannot_be_reached_ends_the_comparison_before_its_first_run() {
    let lab = Lab::start();
    let bench = bench(&lab.url(), "{ iterations: 2, users: 1 }");
    for target in ["target=http://127.0.0.1:1", "command=./no-such-server"] {
        let output = run(&bench, &["--b", target, "--allow-command"]);
        assert_eq!(output.status.code(), Some(107), "{}", said(&output));
        assert!(said(&output).contains("arm b"), "{}", said(&output));
        assert!(!bench.path("sat").exists());
    }
}

#[test]
fn a_signal_ends_the_run_and_the_comparison_and_keeps_both() {
    let lab = Lab::start();
    let bench = bench(&lab.url(), "{ users: 1, for: 60s }");
    let child = spawn(&bench, &[]);
    let first = order(6, 5)[0][0];
    let events = bench.path("sat").join(format!("01-{first}/events.jsonl"));
    wait_until("the first interval is recorded", || {
        fs::read_to_string(&events)
            .unwrap_or_default()
            .contains("\"interval\"")
    });
    send_signal(&child, "INT");
    let began = Instant::now();
    let output = child.wait_with_output().expect("gander ends");
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "it did not end in order"
    );
    let says = said(&output);
    assert_eq!(output.status.code(), Some(105), "{says}");
    assert!(says.contains("after 0 of 12 runs"), "{says}");
    let record = record(&bench);
    assert_eq!(record.runs[0].exit_code, Some(105));
    assert_eq!(record.runs[1].exit_code, None);
    assert!(record.stopped.is_some());
    let summary = json(&bench, &format!("01-{first}/summary.json"));
    assert_eq!(summary["verdict"], "interrupted");
    assert!(
        !bench
            .path("sat")
            .join(format!("01-{}", first.other()))
            .exists()
    );
}

#[test]
fn a_target_that_goes_away_ends_the_comparison() {
    let target = format!("{{ command: '{}', ready: /health }}", server());
    let bench = bench(&target, "{ users: 1, for: 2s }");
    // The second arm ends before it is ready.
    let words = [
        "--b",
        "command=sh -c 'echo broken; exit 4'",
        "--allow-command",
        "--pairs",
        "2",
    ];
    let output = run(&bench, &words);
    let says = said(&output);
    assert_eq!(output.status.code(), Some(107), "{says}");
    assert!(
        says.contains("exit status: 4") && says.contains("  | broken"),
        "{says}"
    );
    let record = record(&bench);
    assert!(
        record
            .stopped
            .is_some_and(|reason| reason.contains("arm b"))
    );
    let ended = record
        .runs
        .iter()
        .filter(|run| run.exit_code.is_some())
        .count();
    assert!(ended <= 1, "{:?}", record.runs);
}

#[test]
fn nothing_outlives_a_comparison_that_is_killed() {
    let mark = "ab-killed";
    let bench = bench("bundled", "{ users: 1, for: 60s }");
    let a = format!("command={}", server());
    let mut command = command(
        &bench,
        &["--a", &a, "--b", &a, "--allow-command", "--quiet"],
    );
    let mut child = command
        .env("GANDER_TEST_MARK", mark)
        .spawn()
        .expect("gander runs");
    let first = order(6, 5)[0][0];
    let events = bench.path("sat").join(format!("01-{first}/events.jsonl"));
    wait_until("the first interval is recorded", || {
        fs::read_to_string(&events)
            .unwrap_or_default()
            .contains("\"interval\"")
    });
    assert!(marked(mark).len() >= 3, "{:?}", marked(mark));
    send_signal(&child, "KILL");
    child.wait().expect("it has ended");
    wait_until("everything has ended", || marked(mark).is_empty());
    // What is planned is known all the same.
    assert_eq!(record(&bench).runs.len(), 12);
}

#[test]
fn secrets_of_an_arm_are_in_no_file_and_in_no_line() {
    let lab = Lab::start();
    let bench = bench(&lab.url(), "{ iterations: 2, users: 1 }");
    let target = format!("command={}", server());
    let words = [
        "--a",
        "set.vars.token=canary-of-vars",
        "--b",
        &target,
        "--b",
        "env.API_TOKEN=canary-of-env",
        "--b",
        "ready=/health",
        "--allow-command",
        "--pairs",
        "1",
    ];
    let output = run(&bench, &words);
    is_complete(&output);
    assert!(!said(&output).contains("canary"), "{}", said(&output));
    let mut folders = vec![bench.path("sat")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let text = fs::read(entry.path()).expect("a file");
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(
                !text.contains("canary"),
                "{} shows a secret",
                entry.path().display()
            );
        }
    }
    let record = record(&bench);
    assert!(
        record
            .b
            .settings
            .contains(&"target.env.API_TOKEN (its value is not kept)".to_owned()),
        "{record:?}"
    );
}

#[test]
fn an_unknown_gate_is_refused_before_anything_starts() {
    let bench = bench("bundled", "{ iterations: 2, users: 1 }");
    let output = run(&bench, &["--pairs", "1", "--gate", "p95(respons_time)"]);
    assert_eq!(output.status.code(), Some(104), "{}", said(&output));
    assert!(
        said(&output).contains("did you mean p95(response_time)?"),
        "{}",
        said(&output)
    );
    assert!(!bench.path("sat").exists());
}
