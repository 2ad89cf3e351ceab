//! The cost of a site: a thousand runs are published within seconds, and one more run costs no look at the others.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Bench, Lab, alone, gander};

/// Makes copies of a run with ids and starts of their own.
fn copies(run: &Path, into: &Path, numbers: std::ops::Range<usize>) {
    let read = |name: &str| fs::read_to_string(run.join(name)).expect("a file");
    let header: serde_json::Value = serde_json::from_str(&read("run.json")).expect("JSON");
    let id = header["run_id"].as_str().expect("an id");
    let texts = ["run.json", "summary.json", "report.html"].map(|name| (name, read(name)));
    for number in numbers {
        let folder = into.join(number.to_string());
        fs::create_dir_all(&folder).expect("a folder");
        let (day, minute) = (1 + number / 1_440, number % 1_440);
        let (hour, minute) = (minute / 60, minute % 60);
        let own = format!("202601{day:02}T{hour:02}{minute:02}00Z-copy-{number:04}");
        let start = format!("2026-01-{day:02}T{hour:02}:{minute:02}:00.000Z");
        for (name, text) in &texts {
            let text = text.replace(id, &own);
            let text = text.replace(header["started_at"].as_str().expect("a start"), &start);
            fs::write(folder.join(name), text).expect("written");
        }
        for name in ["journal.bins.gz", "events.jsonl"] {
            fs::hard_link(run.join(name), folder.join(name)).expect("a link");
        }
    }
}

fn publish(folder: &Path, runs: &str) -> Duration {
    let begun = Instant::now();
    let output = gander()
        .current_dir(folder)
        .args(["publish", runs, "--site", "site"])
        .output()
        .expect("gander runs");
    let took = begun.elapsed();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    took
}

fn changed(path: &Path) -> SystemTime {
    path.metadata()
        .and_then(|found| found.modified())
        .expect("a time")
}

fn a_site_of(count: usize, limit: Duration) {
    let _alone = alone();
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: copy\ntarget: {}\nload: {{ rate: 100/s, for: 12s, max_users: 20 }}\n\
         flows: [ {{ name: read, steps: [ {{ get: /health }}, {{ get: /api/v1/documents }} ] }} ]\n",
        lab.url()
    ));
    bench.run(&["--quiet"]);
    copies(&bench.path("out"), &bench.path("runs"), 0..count);
    copies(&bench.path("out"), &bench.path("more"), count..count + 1);
    let all = publish(bench.folder.path(), "runs");
    let report = bench.path("site/runs/20260101T000000Z-copy-0000/report.html");
    let before = changed(&report);
    let one = publish(bench.folder.path(), &format!("more/{count}"));
    assert_eq!(changed(&report), before, "a report was written again");
    let index = fs::read_to_string(bench.path("site/index.json")).expect("an index");
    assert_eq!(index.matches("\"run_id\"").count(), count + 1);
    // A debug build takes some ten times as long, and a busy machine longer.
    let slower = if cfg!(debug_assertions) { 40 } else { 1 };
    assert!(all < limit * slower, "{count} runs: {all:?}");
    assert!(one < Duration::from_secs(1) * slower, "one more: {one:?}");
}

#[test]
fn one_more_run_costs_no_look_at_a_hundred_others() {
    a_site_of(100, Duration::from_secs(1));
}

#[test]
#[ignore = "writes a gigabyte"]
fn a_thousand_runs_are_published_in_ten_seconds() {
    a_site_of(1_000, Duration::from_secs(10));
}
