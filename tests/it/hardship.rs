//! Runs on a machine or against a target that fails.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bench, Lab, gander, send_signal};

const BUNDLED: &str = "name: bundled\nkind: custom\ntarget: bundled\nload: { users: 2, for: 60s }\nthink_time: none\n\
                       flows:\n  - name: read\n    steps:\n      - get: /health\n      - think: 20ms\n";

/// Repeats `ask` until it returns a value, for at most 30 seconds.
#[track_caller]
fn wait_for<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The host and port of Folio, once the run has sent load to it for a second.
fn address_of_folio(bench: &Bench) -> String {
    wait_for("the first interval", || {
        let events = fs::read_to_string(bench.path("out/events.jsonl")).ok()?;
        events.contains("\"interval\"").then_some(())
    });
    let header = fs::read_to_string(bench.path("out/run.json")).expect("a header");
    let target = serde_json::from_str::<Value>(&header).expect("JSON")["target"].to_string();
    target
        .trim_matches(['"', '/'])
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned()
}

fn child_of(parent: &Child) -> String {
    let path = format!("/proc/{0}/task/{0}/children", parent.id());
    wait_for("Folio", || {
        let children = fs::read_to_string(&path).ok()?;
        children.split_whitespace().next().map(str::to_owned)
    })
}

#[test]
fn folio_ends_with_a_run_that_is_killed() {
    let bench = Bench::with(BUNDLED);
    let mut run = bench.spawn(&["--quiet"]);
    let address = address_of_folio(&bench);
    assert!(
        TcpStream::connect(&address).is_ok(),
        "Folio does not listen on {address}"
    );
    send_signal(&run, "KILL");
    run.wait().expect("killed");
    wait_for("Folio's end", || {
        TcpStream::connect(&address).is_err().then_some(())
    });
}

#[test]
fn a_run_whose_bundled_target_dies_ends_early_and_says_so() {
    let bench = Bench::with(BUNDLED);
    let run = bench.spawn(&[]);
    address_of_folio(&bench);
    let killed = Command::new("kill")
        .args(["-KILL", &child_of(&run)])
        .status();
    assert!(killed.expect("kill runs").success());
    let run = bench.wait(run).expect_code(107);
    let reason = run.summary["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("bundled target"), "{reason}");
}

/// Without descriptors the generator is the bottleneck: the target is not the cause, and the run is invalid.
#[test]
fn a_generator_without_descriptors_makes_the_run_invalid() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: crowd\nkind: custom\ntarget: {}\nload: {{ users: 120, for: 3s }}\nflows:\n  - name: read\n    steps:\n      \
         - get: /lab/delay?law=constant&value=50ms\n",
        lab.url()
    ));
    let limited = format!(
        "ulimit -Sn 80 && ulimit -Hn 80 && exec {} run scenario.yaml --out out --quiet",
        gander_path()
    );
    let output = Command::new("sh")
        .args(["-c", &limited])
        .current_dir(&bench.folder)
        .stdin(Stdio::null())
        .output();
    let output = output.expect("sh runs");
    let summary = fs::read_to_string(bench.path("out/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), &summary["verdict"]),
        (Some(94), &"invalid".into()),
        "{says}\n{summary:#}"
    );
    assert!(
        summary["totals"]["errors"]["fd_limit"].as_u64() > Some(0),
        "{summary:#}"
    );
}

fn gander_path() -> String {
    gander().get_program().to_string_lossy().into_owned()
}
