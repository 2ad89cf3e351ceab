//! `gander new`: each file is valid, runs as it is, and finds no fault with its target. Completions and man pages.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{Lab, gander};

const KINDS: [&str; 7] = [
    "smoke",
    "baseline",
    "stress",
    "spike",
    "soak",
    "breakpoint",
    "custom",
];

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = gander();
    let command = command.current_dir(folder).args(arguments);
    command.output().expect("gander runs")
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let err = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}\n{out}{err}");
    out
}

/// Runs a file for about a second; every request must be good.
#[track_caller]
fn is_good(folder: &Path, file: &str, more: &[&str]) {
    let plan = succeeds(folder, &["plan", file, "--no-color"]);
    let scale = match file.split('.').next() {
        Some("soak") => "0.0003",
        Some("stress" | "spike") => "0.005",
        _ => "0.02",
    };
    let run = [
        "run",
        file,
        "--time-scale",
        scale,
        "--scale-pauses",
        "--out",
        "run",
        "--overwrite",
        "--quiet",
    ];
    let output = self::run(folder, &[&run[..], more].concat());
    // So short a run need not meet its thresholds on a busy machine; the answers count.
    let code = output.status.code();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(code, Some(0 | 94 | 99)),
        "{file}: {code:?} {err}\n{plan}"
    );
    let summary = fs::read(folder.join("run/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    let count = |pointer: &str| summary.pointer(pointer).and_then(Value::as_u64);
    assert_eq!(count("/totals/failed"), Some(0), "{file}: {summary:#}");
    assert!(count("/totals/requests") > Some(0), "{file}");
}

#[test]
fn a_file_of_each_kind_is_valid_and_runs() {
    let lab = Lab::start();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for kind in KINDS {
        let said = succeeds(folder, &["new", kind]);
        let file = format!("{kind}.yaml");
        for words in [
            format!("wrote {file}: a {kind} test of Folio"),
            format!("gander try {file} "),
            format!("gander run {file} "),
        ] {
            assert!(said.contains(&words), "{words}: {said}");
        }
        succeeds(folder, &["check", &file]);
        // The bundled target, without the time to start it.
        let url = lab.url();
        let changes = if kind == "soak" {
            vec!["--target", &url, "--no-thresholds"]
        } else {
            vec!["--target", &*url]
        };
        is_good(folder, &file, &changes);
    }
    succeeds(folder, &["try", "smoke.yaml"]);

    // Nothing is overwritten unasked.
    let before = fs::read(folder.join("smoke.yaml")).expect("a file");
    let output = run(folder, &["new", "smoke"]);
    assert_eq!(output.status.code(), Some(104));
    let output = run(folder, &["new", "stress", "--out", "smoke.yaml"]);
    assert_eq!(output.status.code(), Some(104));
    assert_eq!(fs::read(folder.join("smoke.yaml")).expect("a file"), before);
    succeeds(
        folder,
        &["new", "stress", "--out", "smoke.yaml", "--overwrite"],
    );
    assert_ne!(fs::read(folder.join("smoke.yaml")).expect("a file"), before);
}

/// A server with one answer: its head without the length, and its body.
fn server(head: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 2048];
            let read = stream.read(&mut request).unwrap_or(0);
            if read > 0 {
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
                .ok();
            }
        }
    });
    url
}

#[test]
fn a_file_for_a_url_has_a_check_that_fits_what_it_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (number, (head, body, path, expected)) in [
        (
            "200 OK\r\ncontent-type: application/json; charset=utf-8",
            r#"{"odd name": 1, "items": []}"#,
            "/v1/things?page=2",
            &[
                "get: /v1/things?page=2\n",
                "- status: 200\n",
                "contains: application/json }",
                "{ json: $.items }",
            ][..],
        ),
        (
            "200 OK\r\ncontent-type: application/json",
            "[1]",
            "/",
            &["{ json: $, type: array }"],
        ),
        (
            "200 OK\r\ncontent-type: text/html",
            "<html><title>\n Tea &amp; \"cake\": #1 </title>",
            "/a%20b/%24%7Bx%7D,c",
            &[
                "{ css: title, contains: \"Tea & \\\"cake\\\": #1\" }",
                "get: \"/a%20b/%24%7Bx%7D,c\"\n",
            ],
        ),
        (
            "200 OK\r\ncontent-type: text/html",
            "<title>${x}</title>",
            "",
            &["- { css: title }\n"],
        ),
        (
            "404 Not Found",
            "no",
            "/nope",
            &["expect: 404 ", "- status: 404\n"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let url = format!("{}{path}", server(head, body));
        let file = format!("custom.{number}.yaml");
        let said = succeeds(folder, &["new", "custom", "--from", &url, "--out", &file]);
        assert!(said.contains("which answers with status "), "{said}");
        let text = fs::read_to_string(folder.join(&file)).expect("a file");
        for words in expected {
            assert!(text.contains(words), "{words}: {text}");
        }
        succeeds(folder, &["try", &file]);
        is_good(folder, &file, &[]);
    }
}

#[test]
fn a_url_that_does_not_work_gives_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let down = server("503 Service Unavailable", "");
    for (url, code, words) in [
        (
            "http://127.0.0.1:1/",
            107,
            "does not answer (connect_refused)",
        ),
        (&*down, 107, "answers with status 503"),
        ("shop.test", 104, "begins with http:// or https://"),
        ("ftp://shop.test", 104, "begins with http:// or https://"),
        (
            "http://me:canary@127.0.0.1/",
            104,
            "has credentials in its URL",
        ),
    ] {
        let output = run(folder, &["new", "smoke", "--from", url]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{url}: {err}");
        assert!(
            err.contains(words) && !err.contains("canary"),
            "{url}: {err}"
        );
    }
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 0);
}

#[test]
fn shells_and_man_know_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeeds(folder, &["completions", shell]);
        for word in ["gander", "calibrate", "keep-going", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    succeeds(folder, &["man", "--out", "pages"]);
    let page = |name: &str| fs::read_to_string(folder.join("pages").join(name)).expect(name);
    assert!(page("gander.1").contains("gander\\-run(1)"));
    assert!(page("gander-run.1").contains("keep\\-going"));
    assert!(page("gander-baseline-add.1").contains("gander"));
    assert!(!folder.join("pages/gander-supervise.1").exists());
}
