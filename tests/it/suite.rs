//! `gander run A B …`: several files, one after another.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Lab, gander, send_signal};

/// A folder with these scenario files, each by its name and the end of its text.
fn folder(url: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, rest) in files {
        let text = format!(
            "target: {url}\nload: {{ iterations: 3, users: 1 }}\nflows: [ {{ name: f, steps: [ {{ get: /health }} ] }} ]\n{rest}\n"
        );
        fs::write(folder.path().join(file), text).expect("a file");
    }
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = gander();
    command
        .current_dir(folder)
        .args(["run", "--pause", "1ms", "--no-color", "--seed", "1"])
        .args(arguments);
    command
}

/// Standard output, standard error and the exit code.
fn ran(folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = command(folder, arguments).output().expect("gander runs");
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
    (out, err, output.status.code())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

const GOOD: &str = "name: same\nthresholds: [ 'count(requests) > 2' ]";
const BAD: &str = "name: same\nthresholds: [ 'count(requests) > 9' ]";
const LAST: &str = "name: Last & least\nthresholds: [ 'count(requests) > 2' ]";

#[test]
fn each_run_has_a_folder_and_all_have_one_page_one_table_and_one_exit_code() {
    let lab = Lab::start();
    let folder = folder(
        &lab.url(),
        &[("a.yaml", GOOD), ("b.yaml", BAD), ("c.yaml", LAST)],
    );
    let folder = folder.path();
    let (out, err, code) = ran(
        folder,
        &[
            "a.yaml",
            "b.yaml",
            "c.yaml",
            "--keep-going",
            "--out",
            "out",
            "--summary-markdown",
            "s.md",
            "--junit",
            "j.xml",
        ],
    );
    assert_eq!(code, Some(99), "{out}{err}");
    for line in [
        "3 runs: 2 passed, 1 did not pass",
        "same #2",
        "exit code 99 (threshold failed)",
        "out/index.html",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(err.contains("run 2 of 3: same #2 (b.yaml)"), "{err}");
    assert!(
        err.contains(&format!("then until {} accepts a connection", lab.url())),
        "{err}"
    );

    let suite = json(&folder.join("out/suite.json"));
    assert_eq!(suite["exit_code"], 99);
    let runs = suite["runs"].as_array().expect("a list");
    let of = |name: &str| runs.iter().map(|run| run[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("scenario"), ["same", "same #2", "Last & least"]);
    assert_eq!(of("folder"), ["1-same", "2-same", "3-last---least"]);
    assert_eq!(of("exit_code"), [0, 99, 0]);
    assert_eq!(of("requests"), [3, 3, 3]);

    let page = fs::read_to_string(folder.join("out/index.html")).expect("a page");
    assert!(page.contains("Last &amp; least"), "{page}");
    assert!(
        !page.contains("<script") && !page.contains("src="),
        "{page}"
    );
    for run in runs {
        let report = format!("{}/report.html", run["folder"].as_str().expect("a text"));
        assert!(page.contains(&format!("href=\"{report}\"")), "{report}");
        assert!(folder.join("out").join(&report).is_file(), "{report}");
        let summary = json(
            &folder
                .join("out")
                .join(run["folder"].as_str().expect("a text"))
                .join("summary.json"),
        );
        assert_eq!(
            summary["run"]["id"].as_str().or(summary["run_id"].as_str()),
            run["run_id"].as_str()
        );
    }

    let junit = fs::read_to_string(folder.join("out/junit.xml")).expect("test results");
    assert_eq!(
        junit,
        fs::read_to_string(folder.join("j.xml")).expect("test results")
    );
    let document = roxmltree::Document::parse(&junit).expect("XML");
    let root = document.root_element();
    let suites = root
        .children()
        .filter(|node| node.has_tag_name("testsuite"));
    let names: Vec<_> = suites.filter_map(|node| node.attribute("name")).collect();
    assert_eq!(
        names,
        ["gander.same", "gander.same #2", "gander.Last & least"]
    );
    let cases = root
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .count();
    assert_eq!(root.attribute("tests"), Some(&*cases.to_string()));
    let failures = root
        .descendants()
        .filter(|node| node.has_tag_name("failure"))
        .count();
    assert_eq!(root.attribute("failures"), Some(&*failures.to_string()));
    let markdown = fs::read_to_string(folder.join("s.md")).expect("a summary");
    assert!(
        markdown.contains("| `same #2` | ✗ Failed | 3 |"),
        "{markdown}"
    );
}

#[test]
fn an_earlier_suite_stays_unless_it_may_be_replaced() {
    let lab = Lab::start();
    let folder = folder(&lab.url(), &[("a.yaml", GOOD), ("c.yaml", LAST)]);
    let folder = folder.path();
    let (_, err, code) = ran(folder, &["a.yaml", "c.yaml", "--out", "out"]);
    assert_eq!(code, Some(0), "{err}");
    let (_, err, code) = ran(folder, &["a.yaml", "c.yaml", "--out", "out"]);
    assert_eq!(code, Some(104), "{err}");
    assert!(err.contains("out already holds a suite"), "{err}");
    let (_, err, code) = ran(
        folder,
        &["a.yaml", "c.yaml", "--out", "out", "--overwrite", "--quiet"],
    );
    assert_eq!((code, &*err), (Some(0), ""));
}

#[test]
fn a_suite_stops_after_the_first_run_that_did_not_pass_and_names_the_others() {
    let lab = Lab::start();
    let folder = folder(&lab.url(), &[("a.yaml", BAD), ("b.yaml", LAST)]);
    let folder = folder.path();
    let (out, _, code) = ran(folder, &["a.yaml", "b.yaml", "--json", "-"]);
    assert_eq!(code, Some(99), "{out}");
    // Nothing else is on standard output.
    let suite: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(suite["runs"][1]["status"], "not_run");
    let reason = suite["runs"][1]["reason"].as_str().expect("a text");
    assert_eq!(
        reason,
        "same ended with exit code 99 (threshold failed); --keep-going would go on"
    );
    let reports = folder
        .join("reports")
        .join(suite["suite_id"].as_str().expect("a text"));
    assert!(reports.join("1-same/report.html").is_file());
    assert!(!reports.join("2-last---least").exists());
    let junit = fs::read_to_string(reports.join("junit.xml")).expect("test results");
    assert!(junit.contains("<testsuite name=\"gander.Last &amp; least\" tests=\"1\" failures=\"0\" errors=\"0\" time=\"0.000\" skipped=\"1\""), "{junit}");
    assert_eq!(lab.counters()["requests"].as_u64().unwrap_or(3), 3);
}

#[test]
fn every_bad_file_is_found_before_the_first_run() {
    let lab = Lab::start();
    let folder = folder(
        &lab.url(),
        &[
            ("a.yaml", GOOD),
            ("b.yaml", "name: x\nthresholds: [ nonsense ]"),
            ("c.yaml", "nam: x"),
        ],
    );
    let folder = folder.path();
    let (out, err, code) = ran(
        folder,
        &["a.yaml", "b.yaml", "c.yaml", "d.yaml", "--out", "out"],
    );
    assert_eq!(code, Some(104), "{out}{err}");
    for file in ["--> b.yaml", "--> c.yaml", "d.yaml"] {
        assert!(err.contains(file), "{file}: {err}");
    }
    assert!(!folder.join("out").exists(), "nothing was run");
}

#[test]
fn the_strongest_exit_code_counts_and_options_of_one_run_are_refused() {
    let lab = Lab::start();
    let folder = folder(&lab.url(), &[("b.yaml", BAD), ("a.yaml", GOOD)]);
    let folder = folder.path();
    fs::write(
        folder.join("gone.yaml"),
        "name: gone\ntarget: http://127.0.0.1:1\nload: { iterations: 1, users: 1 }\nflows: [ { name: f, steps: [ { get: / } ] } ]\n",
    )
    .expect("a file");
    let (out, err, code) = ran(folder, &["gone.yaml", "b.yaml", "a.yaml", "--keep-going"]);
    assert_eq!(code, Some(107), "{out}{err}");
    assert!(out.contains("3 runs: 1 passed, 2 did not pass"), "{out}");
    for option in [
        "--baseline",
        "--gitlab-metrics",
        "--benchmark-smaller",
        "--benchmark-bigger",
    ] {
        let (_, err, code) = ran(folder, &["a.yaml", "b.yaml", option, "x"]);
        assert_eq!(code, Some(104), "{err}");
        assert!(
            err.contains(&format!("{option} is about one run, but 2 files are given")),
            "{err}"
        );
    }
    let (_, err, code) = ran(folder, &["a.yaml", "b.yaml", "--health", "health"]);
    assert_eq!(code, Some(104), "{err}");
    assert!(
        err.contains("--health needs a path such as /health"),
        "{err}"
    );
}

/// A server that answers `GET /ready` with 503 twice, and everything else with 200.
fn recovering() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 1024];
            let read = stream.read(&mut head).unwrap_or(0);
            let is_ready = !head[..read].starts_with(b"GET /ready ")
                || count.fetch_add(1, Ordering::SeqCst) >= 2;
            let status = if is_ready {
                "200 OK"
            } else {
                "503 Service Unavailable"
            };
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .ok();
        }
    });
    (url, asked)
}

#[test]
fn a_further_run_waits_until_its_target_is_healthy() {
    let (url, asked) = recovering();
    let folder = folder(&url, &[("a.yaml", GOOD), ("c.yaml", LAST)]);
    let (out, err, code) = ran(folder.path(), &["a.yaml", "c.yaml", "--health", "/ready"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        err.contains(&format!("then until {url}/ready answers 2xx")),
        "{err}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn a_signal_stops_the_suite_and_the_rest_is_not_run() {
    let lab = Lab::start();
    let folder = folder(&lab.url(), &[("c.yaml", LAST)]);
    let folder = folder.path();
    fs::write(
        folder.join("long.yaml"),
        format!(
            "name: long\ntarget: {}\nload: {{ users: 1, for: 10m }}\nflows: [ {{ name: f, steps: [ {{ get: /health }}, {{ think: 100ms }} ] }} ]\n",
            lab.url()
        ),
    )
    .expect("a file");
    let mut child = command(
        folder,
        &["long.yaml", "c.yaml", "--keep-going", "--out", "out"],
    )
    .stderr(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()
    .expect("gander runs");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    assert!(
        lines
            .by_ref()
            .any(|line| line.expect("UTF-8").starts_with("0:01 of "))
    );
    send_signal(&child, "INT");
    let rest = lines
        .map(|line| line.expect("UTF-8"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(child.wait().expect("it ends").code(), Some(105), "{rest}");
    let suite = json(&folder.join("out/suite.json"));
    assert_eq!(suite["runs"][0]["exit_code"], 105, "{suite:#}");
    assert_eq!(
        suite["runs"][1]["reason"], "the suite was stopped during long",
        "{suite:#}"
    );
    assert!(folder.join("out/1-long/report.html").is_file());
}
