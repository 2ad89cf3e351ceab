//! `gander plan`: what a run would do fits a terminal and says what it assumes.

use gander::plan::outline::{Charset, Outline};

use crate::plan::plan;

const FLOWS: &str = "flows:
- name: browse
  weight: 3
  steps:
  - get: /list
    name: list documents
  - get: /read
    name: read document
    if: ${user()}
- name: buy
  weight: 1
  start:
  - post: /login
  steps:
  - repeat: 3
    steps: [ { post: /orders, name: order } ]
thresholds:
  - p95(response_time) < 500ms
  - { expect: ratio(failed) < 1%, window: { sustained: 10s }, severity: warn }
";

/// The outline's text; every line fits, and none ends in space.
fn shown(load: &str, open_files: Option<u64>, charset: Charset) -> String {
    let plan = plan(load, FLOWS);
    let text = Outline::of(&plan, open_files, Some(28_232))
        .drawn_with(charset)
        .to_string();
    for line in text.lines() {
        assert!(
            line.chars().count() <= 100,
            "{} columns: {line}",
            line.chars().count()
        );
    }
    text
}

fn assert_says(text: &str, parts: &[&str]) {
    // Wrapping may fall between any two words.
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(flat.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn an_open_load_is_counted_exactly() {
    let load =
        "{ stages: [ { rate: 100/s, over: 10s }, { rate: 100/s, for: 50s } ], max_users: 20 }";
    let text = shown(load, Some(1_024), Charset::Unicode);
    assert_says(
        &text,
        &[
            "5,500 iterations, about 12,400 requests",
            "if flows are picked exactly by weight, and every `if` holds",
            "browse 75 % 4,125 8,250",
            "buy 25 % 1,375 4,145",
            "order 4,125",
            "POST /login 20",
            "0 → 100/s",
            "at its peak about 23 users are busy if every response takes 100ms; max_users is 20, too few",
            "about 84 of 1,024",
            "ratio(failed) < 1% (broken for 10s, only warns)",
            "ratio(started) >= 99% (built in)",
        ],
    );
}

#[test]
fn a_closed_load_is_estimated_and_says_how() {
    let text = shown("{ users: 20, for: 5m }", Some(64), Charset::Unicode);
    assert_says(
        &text,
        &[
            "about 26,700 iterations",
            "if every response takes 100ms",
            "84 needed, but this process may have 64: raise it",
        ],
    );
}

#[test]
fn counted_iterations_need_no_chart() {
    let text = shown("{ iterations: 1000, users: 10 }", None, Charset::Unicode);
    assert_says(
        &text,
        &[
            "1,000 iterations by 10 users",
            "1,000 iterations",
            "it ends after about 23s if every response takes 100ms",
            "no limit known",
        ],
    );
    assert!(!text.contains('│'), "{text}");
}

#[test]
fn the_chart_is_the_curve() {
    let load = "{ stages: [ { users: 80, over: 30s }, { users: 80, for: 30s }, { users: 0, over: 30s } ] }";
    let text = shown(load, None, Charset::Ascii);
    let area: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once('|').map(|(_, cells)| cells))
        .collect();
    assert_eq!(area.len(), 8, "{text}");
    let widths: Vec<usize> = area.iter().map(|line| line.matches('#').count()).collect();
    assert!(
        widths.is_sorted(),
        "the higher the level, the shorter the time above it: {widths:?}"
    );
    let top = area[0].find('#').expect("the peak is drawn");
    assert!(
        (20..=28).contains(&top),
        "the ramp takes a third of 76 columns: {top}"
    );
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn unique_rows_are_told_to_run_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a writable folder");
    };
    write("rows.csv", "a\n1\n2\n3\n4\n5\n");
    write(
        "s.yaml",
        "name: d\nkind: custom\ntarget: bundled\nload: { rate: 1/s, for: 10s, max_users: 3 }\n\
         data: { few: { file: rows.csv, pick: unique }, many: { file: rows.csv, pick: sequential } }\n\
         flows: [ { name: f, steps: [ { get: '/${few.a}/${many.a}' } ] } ]\n",
    );
    let scenario = gander::scenario::load(
        &folder.path().join("s.yaml"),
        &gander::scenario::Overrides::default(),
    )
    .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let plan =
        crate::plan::compile(&scenario, "http://127.0.0.1:1", 1).unwrap_or_else(|d| panic!("{d}"));
    assert_says(
        &Outline::of(&plan, None, None).to_string(),
        &[
            "few 5 unique: used up after about 5s, then the run fails",
            "many 5 in order: each row is used about 2 times",
        ],
    );
}

#[test]
fn steps_that_depend_on_failures_are_expected_not_to_run() {
    let flows = "flows:
- name: main
  steps:
  - retry: { times: 5, wait: 10s }
    steps: [ { get: /a } ]
  - get: /b
    on: { 401: { steps: [ { post: /login } ], then: retry } }
  - rendezvous: { users: 2, within: 1m }
";
    let plan = plan("{ iterations: 100, users: 2 }", flows);
    let text = Outline::of(&plan, None, None).to_string();
    assert_says(
        &text,
        &[
            "100 iterations, about 200 requests",
            "no request fails",
            "GET /a 100",
            "POST /login 0",
        ],
    );
}
