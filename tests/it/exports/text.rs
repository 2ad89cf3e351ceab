//! `--jsonl`, `--csv` and `--influx`, while a run goes and from its journal.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::time::{Duration, Instant};

use gander::export::JSON_LINES_SCHEMA;
use serde_json::Value;

use crate::outputs::target;
use crate::support::{Bench, gander};

const GUIDE: &str = include_str!("../../../docs/guide/outputs.md");

/// A run with two steps, one of which always fails, and names with signs of every syntax.
fn bench(load: &str) -> Bench {
    bench_after(load, "0s")
}

/// The same with a warm-up.
fn bench_after(load: &str, warm_up: &str) -> Bench {
    let steps = "  - { get: /, name: 'list = all' }\n  - { get: /x, name: broken, check: [ { status: 418 } ] }\n";
    Bench::with(&format!(
        "name: a, \"b\"=c\ntarget: {}\nload: {load}\nwarm_up: {warm_up}\nthink_time: 10ms\n\
         tags: {{ team: 'shop, one' }}\nflows:\n- name: browse\n  steps:\n{steps}",
        target()
    ))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

/// The sum of a count over the intervals that are measured.
fn sum(lines: &[Value], pointer: &str) -> u64 {
    lines
        .iter()
        .filter(|line| line["type"] == "interval" && line["warm_up"] == false)
        .filter_map(|line| line.pointer(pointer)?.as_u64())
        .sum()
}

#[test]
fn the_sums_of_text_are_the_totals_of_the_run_and_a_report_writes_the_same_text() {
    let bench = bench_after("{ users: 2, for: 2500ms }", "700ms");
    let files = [
        "--jsonl", "a.jsonl", "--csv", "a.csv", "--influx", "a.influx",
    ];
    let run = bench.run(&files);
    let read = |name: &str| fs::read_to_string(bench.path(name)).expect("an output");
    let jsonl = lines(&read("a.jsonl"));
    assert_eq!(jsonl[0]["schema"], JSON_LINES_SCHEMA);
    assert_eq!(jsonl[0]["run_id"], run.summary["run_id"]);
    assert_eq!(jsonl.last().expect("an end")["type"], "end");
    let numbers: Vec<_> = jsonl
        .iter()
        .filter_map(|line| line["number"].as_u64())
        .collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert!(jsonl.iter().any(|line| line["warm_up"] == true));
    for (ours, totals) in [
        ("/requests/ended", "/totals/requests"),
        ("/requests/failed", "/totals/failed"),
        ("/requests/bytes_in", "/totals/bytes_in"),
        ("/requests/outcomes/check", "/totals/errors/check"),
        ("/requests/statuses/200", "/totals/status/200"),
    ] {
        assert_eq!(sum(&jsonl, ours), run.count(totals), "{ours}");
    }
    assert!(run.count("/totals/failed") > 0);
    csv_sums(&read("a.csv"), run.count("/totals/requests"));
    influx_sums(&read("a.influx"), run.count("/totals/requests"));

    let again = [
        "--jsonl", "b.jsonl", "--csv", "b.csv", "--influx", "b.influx", "--quiet",
    ];
    let rebuilt = gander()
        .args(["report", "out"])
        .args(again)
        .current_dir(&bench.folder)
        .status();
    assert_eq!(rebuilt.expect("gander runs").code(), run.code);
    for kind in ["jsonl", "csv", "influx"] {
        let (live, rebuilt) = (read(&format!("a.{kind}")), read(&format!("b.{kind}")));
        assert_eq!(live, rebuilt, "{kind}");
    }
}

/// The rows of the whole run have all its requests.
fn csv_sums(csv: &str, requests: u64) {
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<BTreeMap<String, String>> =
        rows.deserialize().map(|row| row.expect("a row")).collect();
    let measured = rows
        .iter()
        .filter(|row| row["subject"] == "run" && row["warm_up"] == "0");
    let ended: u64 = measured
        .map(|row| row["ended"].parse::<u64>().expect("a count"))
        .sum();
    assert_eq!(ended, requests);
    assert!(rows.iter().any(|row| row["series"] == "list = all"));
}

/// Reads line protocol by its rules: a backslash takes the special meaning of the next character away.
fn influx_sums(text: &str, requests: u64) {
    let split = |text: &str, at: char| -> Vec<String> {
        let (mut parts, mut chars) = (vec![String::new()], text.chars());
        while let Some(c) = chars.next() {
            let part = parts.last_mut().expect("one at least");
            match c {
                '\\' => {
                    part.push(c);
                    part.extend(chars.next());
                }
                c if c == at => parts.push(String::new()),
                c => part.push(c),
            }
        }
        parts
    };
    let mut ended = 0;
    let mut steps = BTreeMap::new();
    for line in text.lines() {
        let parts = split(line, ' ');
        let [head, fields, time] = &parts[..] else {
            panic!("{line}");
        };
        assert_eq!(time.len(), 19, "nanoseconds: {line}");
        let tags: BTreeMap<String, String> = split(head, ',')
            .iter()
            .skip(1)
            .map(|tag| {
                let pair = split(tag, '=');
                assert_eq!(pair.len(), 2, "{tag}");
                (pair[0].clone(), pair[1].replace('\\', ""))
            })
            .collect();
        assert_eq!(tags["scenario"], r#"a, "b"=c"#);
        if !head.starts_with("gander_load,") {
            assert_eq!(tags["team"], "shop, one");
        }
        if head.starts_with("gander_requests,") && tags["phase"] == "measured" {
            let count = fields
                .split(',')
                .find_map(|field| field.strip_prefix("ended="));
            let count = count
                .and_then(|count| count.strip_suffix('i'))
                .expect("a count");
            let count: u64 = count.parse().expect("a number");
            ended += count;
            *steps.entry(tags["step"].clone()).or_insert(0) += count;
        }
    }
    assert_eq!(ended, requests);
    assert_eq!(
        steps.into_keys().collect::<Vec<_>>(),
        ["broken", "list = all"]
    );
}

#[test]
fn a_line_can_be_read_while_the_run_goes_on() {
    let bench = bench("{ users: 1, for: 4s }");
    let mut child = bench.spawn(&["--jsonl", "-"]);
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
    let mut line = String::new();
    for kind in ["run", "interval"] {
        line.clear();
        stdout.read_line(&mut line).expect("a line");
        assert_eq!(lines(&line)[0]["type"], kind);
    }
    assert!(
        child.try_wait().expect("its state").is_none(),
        "the run is over"
    );
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("the rest");
    let rest = lines(&rest);
    assert_eq!(
        rest.last().expect("an end")["type"],
        "end",
        "only lines of JSON are on stdout"
    );
    let run = bench.wait(child);
    assert!(
        run.stderr.contains("requests"),
        "the summary is on stderr: {}",
        run.stderr
    );
}

#[test]
fn a_reader_that_is_stuck_costs_the_run_nothing_and_is_told() {
    let long = "a name that is long enough to fill pipes";
    let steps: Vec<_> = (0..120)
        .map(|step| format!("  - {{ get: /, name: 'step {step} with {long}' }}\n"))
        .collect();
    let steps = steps.concat();
    let bench = Bench::with(&format!(
        "name: stuck\ntarget: {}\nload: {{ users: 4, for: 4s }}\nflows:\n- name: browse\n  steps:\n{steps}",
        target()
    ));
    let begun = Instant::now();
    let mut child = bench.spawn(&["--jsonl", "-"]);
    // Never read, but open.
    let stdout = child.stdout.take().expect("stdout");
    let run = bench.wait(child);
    let took = begun.elapsed();
    drop(stdout);
    assert!(run.number("/duration_s") < 5.0, "{:#}", run.summary);
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(
        run.stderr.contains("--jsonl - is incomplete"),
        "{}",
        run.stderr
    );
    let warnings = run.summary["warnings"].to_string();
    assert!(
        warnings.contains("gander report out --jsonl FILE"),
        "{warnings}"
    );
    assert!(run.count("/totals/requests") > 0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let bench = bench("{ users: 1, for: 2500ms }");
    let mut child = bench.spawn(&["--jsonl", "-"]);
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
    stdout.read_line(&mut String::new()).expect("a line");
    drop(stdout);
    let run = bench.wait(child);
    assert!(
        run.stderr.contains("its reader closed it"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_the_load() {
    let bench = bench("{ users: 1, for: 1s }");
    fs::write(bench.path("kept"), "precious").expect("written");
    for (words, told) in [
        (&["--jsonl", "kept"][..], "--overwrite"),
        (&["--csv", "no/such/folder.csv"], "choose another place"),
        (&["--influx", "a", "--csv", "a"], "name the same file"),
        (
            &["--jsonl", "-", "--json", "-"],
            "both write to standard output",
        ),
        (&["--jsonl", "out/summary.json"], "writes anyway"),
        (&["--csv", "scenario.yaml"], "input file"),
    ] {
        let run = bench.run(words).expect_code(104);
        assert!(run.stderr.contains(told), "{words:?}: {}", run.stderr);
    }
    assert_eq!(
        fs::read_to_string(bench.path("kept")).expect("kept"),
        "precious"
    );
    assert!(!bench.path("a").exists());
}

#[test]
fn a_disk_that_is_full_is_told_and_changes_no_count() {
    let bench = bench("{ users: 1, for: 1200ms }");
    let run = bench.run(&["--jsonl", "/dev/full"]);
    let warnings = run.summary["warnings"].to_string();
    for told in ["--jsonl /dev/full is incomplete", "No space left"] {
        assert!(warnings.contains(told), "{warnings}");
    }
    assert!(run.count("/totals/requests") > 0);
}

#[test]
fn every_key_of_a_line_is_in_the_guide() {
    let bench = bench("{ users: 1, for: 1200ms }");
    drop(bench.run(&["--jsonl", "a.jsonl"]));
    let text = fs::read_to_string(bench.path("a.jsonl")).expect("an output");
    let mut missing = Vec::new();
    for line in lines(&text) {
        undocumented(&line, &mut missing);
    }
    assert!(
        missing.is_empty(),
        "not in docs/guide/outputs.md: {missing:?}"
    );
}

fn undocumented(value: &Value, missing: &mut Vec<String>) {
    // The keys of these are statuses, outcomes, metrics and tags.
    const OPEN: [&str; 4] = ["statuses", "outcomes", "times", "tags"];
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                if !GUIDE.contains(&format!("`{key}`")) && !missing.contains(key) {
                    missing.push(key.clone());
                }
                match value {
                    Value::Object(named) if OPEN.contains(&key.as_str()) => {
                        named
                            .values()
                            .for_each(|value| undocumented(value, missing));
                    }
                    value => undocumented(value, missing),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| undocumented(value, missing)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
