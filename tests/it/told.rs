//! The texts about a run in its console summary, its report and its JUnit file.

use std::fs;

use crate::support::{Bench, Lab};

#[test]
fn junit_says_in_a_message_why_the_run_failed_or_has_no_verdict() {
    let lab = Lab::start();
    let run = |before: &str, code| {
        let bench = Bench::with(&format!(
            "name: x\nkind: custom\ntarget: {}\nload: {{ iterations: 1, users: 1 }}\n{before}\
             flows: [ {{ name: f, steps: [ {{ get: /health }} ] }} ]\n",
            lab.url()
        ));
        drop(bench.run(&["--junit", "junit.xml"]).expect_code(code));
        fs::read_to_string(bench.path("junit.xml")).expect("a file")
    };
    let setup = "setup: [ { get: /health, name: login, check: [ { status: 201 } ] } ]\nthresholds: [ ratio(failed) == 0% ]\n";
    let text = run(setup, 99);
    let message = "<failure message=\"setup failed: step `login` failed (check)";
    assert!(text.contains(message), "{text}");
    // A threshold without samples says so, and does not repeat its name.
    assert!(
        text.contains("<error message=\"not enough samples"),
        "{text}"
    );

    let text = run("", 0);
    assert!(text.contains("skipped=\"1\""), "{text}");
    let message = "<skipped message=\"the scenario defines no threshold that could fail";
    assert!(text.contains(message), "{text}");

    let broken = "thresholds: [ count(requests) > 9 ]\n";
    let text = run(broken, 99);
    let message = "<failure message=\"observed 1, expected &gt; 9";
    assert!(text.contains(message), "{text}");
    // The run failed, and its threshold.
    assert!(text.contains("failures=\"2\" errors=\"0\""), "{text}");
}

#[test]
fn a_step_that_never_ran_is_told_by_its_name() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: x\nkind: custom\ntarget: {}\nload: {{ iterations: 2, users: 1 }}\nvars: {{ never: 0 }}\n\
         flows: [ {{ name: f, steps: [ {{ get: /health, name: seen }}, {{ get: /health, name: unseen, if: '${{never}}' }} ] }} ]\n\
         thresholds: [ 'count(failed{{step=\"unseen\"}}) == 0' ]\n",
        lab.url()
    ));
    let run = bench.run(&[]).expect_code(0);
    let warning = run.summary["warnings"][0].as_str().unwrap_or_default();
    assert!(
        warning.starts_with("step `unseen` never ran; "),
        "{:#}",
        run.summary
    );
    assert!(
        run.stdout.contains("step `unseen` never ran"),
        "{}",
        run.stdout
    );
    // A count without events is 0, live and at the end.
    assert_eq!(run.summary["thresholds"][0]["verdict"], "pass");
    let events = fs::read_to_string(bench.path("out/events.jsonl")).expect("events");
    assert!(
        events.contains("\"threshold\":0,\"standing\":\"pass\""),
        "{events}"
    );
}

#[test]
fn a_paced_users_response_time_is_not_called_its_service_time() {
    let lab = Lab::start();
    for (pacing, equal) in [("", true), ("pacing: 20ms\n", false)] {
        let bench = Bench::with(&format!(
            "name: x\nkind: custom\ntarget: {}\nload: {{ iterations: 20, users: 1 }}\n{pacing}\
             flows: [ {{ name: f, steps: [ {{ get: /health }} ] }} ]\n",
            lab.url()
        ));
        let run = bench.run(&[]).expect_code(0);
        let page = fs::read_to_string(bench.path("out/report.html")).expect("a page");
        let says = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            says.contains("stalls are under-counted"),
            equal,
            "{pacing}{says}"
        );
        assert_eq!(page.contains("Response = service time"), equal, "{pacing}");
        assert_eq!(says.contains("service time p50"), !equal, "{pacing}{says}");
    }
}
