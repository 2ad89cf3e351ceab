//! A killed generator: its journal rebuilds every output, and at most the last second is lost.

use std::hash::{BuildHasher, RandomState};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Bench, Lab, alone, gander, send_signal};

const RATE: f64 = 400.0;

/// Kills an open run at a random time, rebuilds it, and compares the rebuilt counts with the target's.
fn killed_run_rebuilds(kill: u32) {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: crash\nkind: custom\ntarget: {}\nload: {{ rate: {RATE}/s, for: 30s, max_users: 50 }}\nflows:\n  \
         - name: read\n    steps:\n      - get: /lab/delay?law=constant&value=1ms\n",
        lab.url()
    ));
    let mut child = bench.spawn(&["--quiet"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while lab.counters()["answered"].as_u64() == Some(0) {
        assert!(Instant::now() < deadline, "the load never began");
        sleep(Duration::from_millis(5));
    }
    let instant = Duration::from_micros(RandomState::new().hash_one(kill) % 2_500_000);
    sleep(instant);
    send_signal(&child, "KILL");
    child.wait().expect("killed");

    let answered = lab.counters()["answered"].as_f64().expect("a count");
    let rebuilt = gander()
        .args(["report", "out", "--json", "-", "--quiet"])
        .current_dir(bench.folder.path())
        .output();
    let rebuilt = rebuilt.expect("gander runs");
    let says = String::from_utf8_lossy(&rebuilt.stderr);
    assert_eq!(
        rebuilt.status.code(),
        Some(105),
        "killed after {instant:?}: {says}"
    );
    let summary: serde_json::Value = serde_json::from_slice(&rebuilt.stdout).expect("a summary");
    assert_eq!(summary["verdict"], "interrupted");
    let kept = summary["totals"]["requests"].as_f64().expect("a count");
    // One second of arrivals, and a tenth for the moment at which the interval is written.
    let lost = answered - kept;
    assert!(
        (0.0..=RATE * 1.1).contains(&lost),
        "killed after {instant:?}: {lost} of {answered} requests lost"
    );
    for output in ["report.html", "junit.xml", "timeline.csv"] {
        assert!(
            bench
                .path("out")
                .join(output)
                .metadata()
                .is_ok_and(|file| file.len() > 0),
            "{output}"
        );
    }
}

#[test]
fn a_killed_run_rebuilds_but_for_its_last_second() {
    let _turn = alone();
    (0..6).for_each(killed_run_rebuilds);
}

#[test]
#[ignore = "full length: 50 kills, two minutes"]
fn full_a_killed_run_rebuilds_but_for_its_last_second() {
    let _turn = alone();
    (0..50).for_each(killed_run_rebuilds);
}
