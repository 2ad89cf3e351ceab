//! The target's own metrics in a run, its thresholds and its outputs.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::{Bench, Run, gander};

/// The answer to a scrape: a status, and a body.
type Answer = (u16, String);

/// A target that answers scrapes by their number, from 0, and everything else at once.
struct Target {
    url: String,
    /// The heads of the scrapes so far.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Target {
    fn start(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&heads), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        Self { url, heads }
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, answer: &dyn Fn(usize) -> Answer) {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            match stream.read(&mut part) {
                Ok(read @ 1..) => bytes.extend_from_slice(&part[..read]),
                Ok(0) | Err(_) => return,
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end + 4);
        let (status, body) = if head.starts_with("GET /metrics") || head.starts_with("GET /stats") {
            let mut seen = seen.lock().expect("no panic");
            seen.push(head);
            answer(seen.len() - 1)
        } else {
            (200, String::new())
        };
        let length = body.len();
        let response = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
        if stream.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

/// A scenario of some seconds with these sources and thresholds.
fn bench(url: &str, monitor: &str, thresholds: &str) -> Bench {
    Bench::with(&format!(
        "name: monitor\nkind: custom\ntarget: {url}\nload: {{ users: 1, for: 5s }}\nthink_time: 20ms\n\
         monitor:\n{monitor}flows: [ {{ name: f, steps: [ {{ get: / }} ] }} ]\nthresholds:\n{thresholds}"
    ))
}

/// The run, if each of its own thresholds has this verdict. A busy machine can make so short a run invalid; what was read
/// counts all the same.
#[track_caller]
fn judged(run: Run, verdict: &str) -> Run {
    let code = if verdict == "pass" { 0 } else { 99 };
    let thresholds = run.summary["thresholds"].as_array().expect("thresholds");
    let own: Vec<&Value> = thresholds
        .iter()
        .filter(|rule| !rule["line"].is_null())
        .collect();
    let is_so = |rule: &&Value| rule["verdict"] == verdict;
    assert!(
        !own.is_empty() && own.iter().all(is_so),
        "{own:#?}\n{}",
        run.stderr
    );
    assert!([Some(code), Some(94)].contains(&run.code), "{:?}", run.code);
    run
}

/// The kept metric of this name in a summary.
fn kept<'s>(run: &'s Run, name: &str) -> &'s Value {
    let metrics = run.summary["target_metrics"].as_array().expect("metrics");
    let found = metrics.iter().find(|metric| metric["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {:#}", run.summary))
}

/// A page: three requests a query, ten observations between 2.5 and 5 ms a scrape, counters that start again at the third
/// scrape.
fn page(number: usize) -> String {
    let since = if number < 3 { number } else { number - 3 };
    let (queries, requests, waits) = (10 * since, 30 * since, 10 * since);
    format!(
        "# TYPE queue_depth gauge\nqueue_depth{{queue=\"a\"}} 2\nqueue_depth{{queue=\"b\"}} 3\n\
         # TYPE queries_total counter\nqueries_total{{db=\"main\"}} {queries}\nqueries_total{{db=\"other\"}} 1000000\n\
         requests_total {requests}\n\
         # TYPE wait_seconds histogram\nwait_seconds_bucket{{le=\"0.0025\"}} 0\nwait_seconds_bucket{{le=\"0.005\"}} {waits}\n\
         wait_seconds_bucket{{le=\"+Inf\"}} {waits}\nwait_seconds_sum {sum}\nwait_seconds_count {waits}\n",
        sum = 0.004 * waits as f64,
    )
}

const SOURCES: &str = "\
- prometheus: /metrics
  keep:
    depth: queue_depth
    one: 'queue_depth{queue=\"a\"}'
    queries: 'rate(queries_total{db!=\"other\"})'
    requests_per_query: 'rate(requests_total) / rate(queries_total{db=\"main\"})'
    wait: wait_seconds
";

const RULES: &str = "\
- max(target.depth) <= 5
- last(target.one) == 2
- mean(target.requests_per_query) == 3
- rate(target.queries) > 0/s
- p99(target.wait) < 5ms
- mean(target.wait) < 4.1ms
- { expect: 'p99(target.wait) <= 5ms', window: { rolling: 2s } }
- { expect: max(target.depth) < 6, window: { sustained: 2s } }
";

#[test]
fn readings_are_judged_and_told_and_a_rebuilt_report_is_the_same() {
    let target = Target::start(|number| (200, page(number)));
    let bench = bench(&target.url, SOURCES, RULES);
    let run = judged(bench.run(&[]), "pass");
    let depth = kept(&run, "depth");
    assert_eq!(
        (&depth["min"], &depth["mean"], &depth["gaps"]),
        (&5.0.into(), &5.0.into(), &0.into())
    );
    assert_eq!(kept(&run, "one")["max"], 2.0);
    assert_eq!(kept(&run, "requests_per_query")["mean"], 3.0);
    let wait = kept(&run, "wait");
    let p99 = wait["p99"].as_f64().expect("a percentile");
    assert!((p99 - (0.0025 + 0.99 * 0.0025)).abs() < 1e-9, "{p99}");
    let mean = wait["mean"].as_f64().expect("a mean");
    assert!((mean - 0.004).abs() < 1e-9, "{mean}");
    assert_eq!(wait["kind"], "seconds");
    // One scrape at the start and one a second; the third begins again from zero, and adds nothing.
    let scrapes = target.heads.lock().expect("no panic").len();
    assert!((5..=7).contains(&scrapes), "{scrapes}");
    let observed = wait["observed"].as_f64().expect("a count");
    assert!(
        (10.0..=10.0 * (scrapes - 2) as f64).contains(&observed),
        "{observed} of {scrapes}"
    );
    assert_eq!(run.summary["scrapes"].get("failed"), None);
    for told in [
        "target.depth: mean 5, min 5, max 5, last 5",
        "target.wait: ",
        "target.queries: mean ",
    ] {
        assert!(
            run.stdout.contains(told) || run.stderr.contains(told),
            "{told}: {}",
            run.stderr
        );
    }
    let html = fs::read_to_string(bench.path("out/report.html")).expect("a report");
    for part in [
        "<h2>Target</h2>",
        "target.wait over time",
        "2.50 ms to 5.00 ms",
        "own metrics took",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let csv = fs::read_to_string(bench.path("out/timeline.csv")).expect("a timeline");
    let mut lines = csv.lines();
    let columns = lines.next().expect("columns");
    assert!(columns.ends_with(",target.depth,target.one,target.queries,target.requests_per_query,target.wait,target.wait_p99"), "{columns}");
    assert!(
        lines.any(|line| line.contains(",run,") && line.contains(",5,2,")),
        "{csv}"
    );
    fs::remove_file(bench.path("out/summary.json")).expect("removed");
    let output = gander()
        .current_dir(bench.folder.path())
        .args(["report", "out", "--overwrite"])
        .output()
        .expect("gander runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let again = fs::read(bench.path("out/summary.json")).expect("a summary");
    let again: Value = serde_json::from_slice(&again).expect("JSON");
    assert_eq!(again, run.summary);
    assert_eq!(
        fs::read_to_string(bench.path("out/report.html")).expect("a report"),
        html
    );
}

#[test]
fn a_failed_scrape_is_a_gap_and_never_a_zero() {
    let target = Target::start(|number| match number {
        2 => (503, "busy".to_owned()),
        3 => (200, "<html>".to_owned()),
        number => (200, page(number)),
    });
    let run = judged(bench(&target.url, SOURCES, RULES).run(&[]), "pass");
    let depth = kept(&run, "depth");
    assert_eq!((&depth["min"], &depth["gaps"]), (&5.0.into(), &2.into()));
    assert_eq!(run.summary["scrapes"]["failed"], 2);
    let warnings = run.summary["warnings"].to_string();
    assert!(
        warnings.contains("2 of ") && warnings.contains("status 503"),
        "{warnings}"
    );
}

#[test]
fn nothing_scraped_is_no_data_and_a_name_that_never_appears_is_told() {
    let target = Target::start(|_| (500, String::new()));
    let run = judged(
        bench(&target.url, SOURCES, "- max(target.depth) <= 5\n").run(&[]),
        "no_data",
    );
    assert_eq!(kept(&run, "depth")["readings"], 0);

    let target = Target::start(|number| (200, page(number)));
    let sources = "- prometheus: /metrics\n  keep: { depth: queue_dept, other: 'queue_depth{queue=\"z\"}' }\n";
    let run = judged(
        bench(&target.url, sources, "- p99(target.other) <= 5\n").run(&[]),
        "no_data",
    );
    let warnings = run.summary["warnings"].to_string();
    assert!(
        warnings.contains("did you mean `queue_depth`?"),
        "{warnings}"
    );
    assert!(warnings.contains("but with other labels"), "{warnings}");
}

#[test]
fn a_percentile_of_a_gauge_is_no_data() {
    let target = Target::start(|number| (200, page(number)));
    judged(
        bench(&target.url, SOURCES, "- p99(target.depth) <= 5\n").run(&[]),
        "no_data",
    );
}

#[test]
fn json_is_read_and_secrets_in_headers_are_sent_but_never_written() {
    let target = Target::start(|_| {
        (
            200,
            r#"{"queue": [{"depth": 3}, {"depth": 4}], "idle": null}"#.to_owned(),
        )
    });
    let sources = "- json: /stats?all=1\n  headers: { authorization: 'Bearer ${METRICS_TOKEN}', x-page: 'p${size}' }\n\
                   \x20 keep: { depth: '$.queue[*].depth', idle: $.idle }\nvars: { size: 7 }\n";
    let bench = bench(&target.url, sources, "- mean(target.depth) == 7\n");
    let mut command = bench.command(&[]);
    command.env("METRICS_TOKEN", "very-hidden-token");
    let run = judged(bench.wait(command.spawn().expect("gander runs")), "pass");
    assert_eq!(kept(&run, "idle")["readings"], 0);
    let head = target.heads.lock().expect("no panic")[0].to_ascii_lowercase();
    assert!(
        head.contains("authorization: bearer very-hidden-token") && head.contains("x-page: p7"),
        "{head}"
    );
    for entry in fs::read_dir(bench.path("out")).expect("outputs") {
        let bytes = fs::read(entry.expect("a file").path()).expect("readable");
        assert!(!String::from_utf8_lossy(&bytes).contains("very-hidden-token"));
    }
}

#[test]
fn a_run_without_sources_has_nothing_of_them_in_its_files() {
    let target = Target::start(|number| (200, page(number)));
    let bench = bench(&target.url, "[]\n", "- count(requests) > 0\n");
    let scenario = fs::read_to_string(bench.path("scenario.yaml")).expect("a scenario");
    fs::write(
        bench.path("scenario.yaml"),
        scenario.replace("monitor:\n[]\n", "monitor: []\n"),
    )
    .expect("written");
    bench.run(&[]).expect_code(0);
    assert!(target.heads.lock().expect("no panic").is_empty());
    for (name, word) in [
        ("events.jsonl", "monitored"),
        ("run.json", "kept_metrics"),
        ("summary.json", "target_metrics"),
        ("report.html", "<h2>Target</h2>"),
    ] {
        let text = fs::read_to_string(bench.path("out").join(name)).expect("a file");
        assert!(!text.contains(word), "{name}");
    }
}

#[test]
fn a_host_that_is_not_allowed_is_refused_before_the_load() {
    let target = Target::start(|number| (200, page(number)));
    let sources = "- prometheus: http://192.0.2.1:9100/metrics\n  keep: { depth: queue_depth }\n";
    let run = bench(&target.url, sources, "- count(requests) > 0\n")
        .run(&[])
        .expect_code(104);
    assert!(run.stderr.contains("--allow-host"), "{}", run.stderr);
}
