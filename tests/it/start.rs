//! The start of a run.

use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};

use crate::support::{Bench, Lab};

fn scenario(lab: &Lab, rest: &str) -> String {
    format!(
        "name: start\ntarget: {}\nload: {{ iterations: 3, users: 1 }}\n{rest}\
         flows: [ {{ name: read, steps: [ {{ get: /health }} ] }} ]\n",
        lab.url()
    )
}

#[test]
fn a_run_began_when_its_load_did_and_not_when_its_setup_did() {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(
        &lab,
        "setup: [ { think: 1200ms }, { get: /health } ]\n",
    ));
    let asked = Utc::now();
    let run = bench.run(&["--quiet"]).expect_code(0);
    let started_at = run.summary["started_at"].as_str().expect("a time");
    let began = DateTime::parse_from_rfc3339(started_at).expect("RFC 3339");
    let waited = began.to_utc() - asked;
    assert!(waited >= TimeDelta::milliseconds(1_190), "{waited}");
    assert!(began.to_utc() <= Utc::now(), "{began}");

    let header = std::fs::read_to_string(bench.path("out/run.json")).expect("a header");
    assert!(header.contains(started_at), "{header}");
    // Seconds since 1970: what the times of the log count from.
    let log = crate::journal::export(&bench.path("out"));
    let log = std::fs::read_to_string(log).expect("a log");
    for key in ["#[StartTime: ", "#[BaseTime: "] {
        let mut found = log.lines().filter_map(|line| line.strip_prefix(key));
        let line = found.next().expect(key);
        assert_eq!(found.next(), None, "{key} twice");
        let seconds: f64 = line
            .split([' ', ']'])
            .next()
            .unwrap_or_default()
            .parse()
            .expect(line);
        let off = (seconds - began.timestamp_millis() as f64 / 1e3).abs();
        assert!(off < 0.002, "{line}, {started_at}");
    }
}

#[test]
fn too_few_descriptors_are_an_error_in_words() {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(&lab, ""));
    for limit in [6, 7, 9, 13, 20, 30] {
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "ulimit -n {limit}; exec \"$0\" run scenario.yaml --out out"
            ))
            .arg(env!("CARGO_BIN_EXE_gander"))
            .current_dir(bench.folder.path())
            .output()
            .expect("sh runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(104), "{limit}: {said}");
        assert!(said.contains(&format!("the limit is {limit}")), "{said}");
        assert!(said.contains("ulimit -n"), "{said}");
    }
}
