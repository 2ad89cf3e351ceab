//! The slowest requests of a real run, and the traces that Folio joined.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;

use crate::support::{Bench, Lab, gander};

/// Five documents by id, each with the trace that Folio answers.
fn scenario(target: &str) -> String {
    format!(
        "name: traces\ntarget: {target}\nload: {{ iterations: 5, users: 1 }}\n\
         http: {{ trace_context: true, server_timing: true }}\n\
         trace_url: https://traces.test/trace/${{trace_id}}\n\
         flows:\n- name: read\n  steps:\n\
         \x20 - get: /api/v1/documents/${{iteration() + 1}}\n\
         \x20   name: document\n\
         \x20   capture: {{ joined: {{ header: traceparent }} }}\n\
         \x20 - log: joined ${{joined}}\n\
         thresholds: [ ratio(failed) == 0% ]\n"
    )
}

fn texts(rows: &Value, key: &str) -> Vec<String> {
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| row[key].as_str().expect("a text").to_owned())
        .collect()
}

/// The id of the trace in a `traceparent`.
fn id(traceparent: &str) -> String {
    traceparent.split('-').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn the_report_links_the_traces_that_folio_joined() {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(&lab.url()));
    let run = bench.run(&[]);
    let slowest = &run.summary["slowest"];
    let sent: HashSet<String> = texts(slowest, "traceparent")
        .iter()
        .map(|t| id(t))
        .collect();
    let joined = texts(&run.summary["log"], "text");
    let joined: HashSet<String> = joined.iter().map(|text| id(text)).collect();
    assert_eq!((sent.len(), &sent), (5, &joined), "{slowest:#}");
    for row in slowest.as_array().expect("a list") {
        assert!(
            row["server_timing"]
                .as_str()
                .is_some_and(|header| header.contains("dur=")),
            "{row:#}"
        );
        let parts = [
            "start_lag_us",
            "connect_us",
            "tls_us",
            "first_byte_us",
            "receive_us",
        ];
        let sum: u64 = parts.iter().filter_map(|part| row[part].as_u64()).sum();
        let whole = row["response_time_us"].as_u64().expect("a time");
        assert!(whole.abs_diff(sum) <= 3, "{row:#}");
    }
    let page = fs::read_to_string(bench.path("out/report.html")).expect("a page");
    for trace in &sent {
        let link = format!("<a href=\"https://traces.test/trace/{trace}\"");
        assert!(page.replace("&#x2F;", "/").contains(&link), "{trace}");
    }
    assert!(run.stdout.contains("Slowest requests"), "{}", run.stdout);
}

#[test]
fn a_run_that_was_killed_shows_its_slowest_requests() {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(&lab.url()));
    let run = bench.run(&[]);
    let journal = bench.path("out/events.jsonl");
    let events = fs::read_to_string(&journal).expect("a journal");
    let cut = events.find("{\"event\":\"end\"").expect("the end");
    fs::write(&journal, &events[..cut]).expect("written");
    let report = gander()
        .current_dir(bench.folder.path())
        .args(["report", "out", "--out", "again"])
        .output()
        .expect("gander runs");
    let summary = fs::read(bench.path("again/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(summary["is_complete"], false, "{report:?}");
    assert_eq!(summary["slowest"], run.summary["slowest"]);
    assert_eq!(
        summary["steps"][0]["slowest"],
        run.summary["steps"][0]["slowest"]
    );
}
