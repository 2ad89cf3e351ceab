//! Options of receivers: a bad one is refused before the load, and no message repeats a secret.

use std::net::TcpListener;

use crate::outputs::bench;
use crate::support::gander;

#[test]
fn a_bad_option_is_refused_before_the_load() {
    let bench = bench("{ users: 1, for: 1s }");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound").to_string();
    let url = "http://127.0.0.1:1/write";
    for (words, told) in [
        (&["--prometheus", "9464"][..], "127.0.0.1:9464"),
        (
            &["--prometheus", "203.0.113.1:9464"],
            "choose another address or port",
        ),
        (&["--prometheus", &taken], "choose another address or port"),
        (
            &["--prometheus-remote-write", "ftp://me:canary@host/"],
            "http:// or https://",
        ),
        (
            &[
                "--prometheus-remote-write",
                url,
                "--remote-write-header",
                "canary",
            ],
            "NAME: VALUE",
        ),
        (
            &["--remote-write-header", "a: b"],
            "--prometheus-remote-write",
        ),
        (&["--otlp", "canary"], "http:// or https://"),
        (&["--otlp", "env"], "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
    ] {
        let run = bench.run(words).expect_code(104);
        assert!(run.stderr.contains(told), "{words:?}: {}", run.stderr);
        assert!(!run.stderr.contains("canary"), "{words:?}: {}", run.stderr);
    }
    for (name, value) in [
        ("GANDER_REMOTE_WRITE_HEADERS", "canary"),
        ("GANDER_REMOTE_WRITE_HEADERS", "a b=canary"),
    ] {
        let output = bench
            .command(&["--prometheus-remote-write", url])
            .env(name, value)
            .output()
            .expect("gander runs");
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(104));
        assert!(words.contains(name) && !words.contains("canary"), "{words}");
    }
}

#[test]
fn an_endpoint_that_is_never_scraped_is_told() {
    let bench = bench("{ users: 1, for: 1s }");
    let run = bench.run(&["--prometheus", "127.0.0.1:0"]);
    assert!(run.stderr.contains("was never scraped") || run.stdout.contains("was never scraped"));
    let warnings = run.summary["warnings"].to_string();
    assert!(warnings.contains("was never scraped"), "{warnings}");
}

#[test]
fn the_runs_of_a_suite_use_one_address_after_the_other_and_refuse_files_of_one_run() {
    let bench = bench("{ users: 1, for: 1s }");
    std::fs::copy(bench.path("scenario.yaml"), bench.path("other.yaml")).expect("a copy");
    let suite = |words: &[&str]| {
        let output = gander()
            .args([
                "run",
                "scenario.yaml",
                "other.yaml",
                "--out",
                "suite",
                "--pause",
                "0s",
            ])
            .args(words)
            .current_dir(&bench.folder)
            .output();
        let output = output.expect("gander runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), words)
    };
    let (code, words) = suite(&["--jsonl", "a.jsonl"]);
    assert!(
        code == Some(104) && words.contains("--jsonl is about one run"),
        "{words}"
    );
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound");
    let (code, words) = suite(&["--prometheus", &free.to_string()]);
    assert!(matches!(code, Some(0 | 94)), "{words}");
    assert_eq!(
        words.matches("metrics for Prometheus").count(),
        2,
        "{words}"
    );
}
