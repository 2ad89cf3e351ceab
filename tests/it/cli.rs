//! The command: its words, its exit codes, and what it leaves behind.

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bench, Lab, gander, send_signal};

fn scenario(target: &str, load: &str, rest: &str) -> String {
    format!(
        "name: cli\nkind: custom\ntarget: {target}\nload: {load}\nflows:\n  - name: read\n    steps:\n      - get: /health\n\
         {rest}"
    )
}

fn complaint(words: &[&str]) -> (Option<i32>, String) {
    let output = gander().args(words).output().expect("gander runs");
    assert!(
        output.stdout.is_empty(),
        "{words:?} wrote to stdout: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    (
        output.status.code(),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

#[test]
fn unusable_arguments_exit_104_and_say_what_was_expected() {
    for (words, expected) in [
        (&["run"][..], "<FILE>"),
        (&["run", "x.yaml", "--rate", "12"], "a rate such as 200/s"),
        (&["run", "x.yaml", "--for", "12"], "a duration such as"),
        (&["run", "x.yaml", "--set", "nothing"], "PATH=VALUE"),
        (&["run", "/no/such/file.yaml"], "/no/such/file.yaml"),
        (&["report", "/no/such/run"], "/no/such/run"),
        (
            &["run", "x.yaml", "--users", "4294967295"],
            "from 1 to 100000",
        ),
        (&["run", "x.yaml", "--users", "0"], "from 1 to 100000"),
        (&["run", "x.yaml", "--users", "-5"], "from 1 to 100000"),
        (&["run", "x.yaml", "--users", "1e3"], "from 1 to 100000"),
        (&["run", "x.yaml", "--seed", "-1"], "`-1` is not a seed"),
        (
            &["plan", "x.yaml", "--seed", "18446744073709551616"],
            "from 0 to 18446744073709551615",
        ),
        (
            &["run", "x.yaml", "--rate", "0/s"],
            "above 0 and at most 1,000,000/s",
        ),
        (
            &["run", "x.yaml", "--rate", "1e9/s"],
            "a rate such as 200/s",
        ),
        (
            &["run", "x.yaml", "--rate", "9999999/s"],
            "at most 1,000,000/s",
        ),
        (
            &["run", "x.yaml", "--rate", "NaN/s"],
            "a rate such as 200/s",
        ),
        (&["run", "x.yaml", "--rate", "-1/s"], "a rate such as 200/s"),
        (&["run", "x.yaml", "--for", "-5s"], "a duration such as"),
        (&["run", "x.yaml", "--for", "40000d"], "at most 100 years"),
        (
            &["run", "x.yaml", "--grace", "999999999999999999999d"],
            "at most 100 years",
        ),
        (
            &["run", "x.yaml", "--time-scale", "NaN"],
            "above 0 and at most 1000",
        ),
        (
            &["run", "x.yaml", "--time-scale", "-1"],
            "above 0 and at most 1000",
        ),
        (
            &["run", "x.yaml", "--time-scale", "inf"],
            "above 0 and at most 1000",
        ),
        (
            &["run", "x.yaml", "--allow-host", "http://x"],
            "write `--allow-host x`",
        ),
        (&["frobnicate"], "frobnicate"),
    ] {
        let (code, says) = complaint(words);
        assert_eq!(code, Some(104), "{words:?}: {says}");
        assert!(
            says.contains(expected),
            "{words:?} does not say `{expected}`:\n{says}"
        );
    }
}

#[test]
fn a_report_of_a_run_that_is_not_there_makes_nothing() {
    let bench = Bench::with("unused: true");
    let output = gander()
        .args(["report", "gone"])
        .current_dir(&bench.folder)
        .output();
    assert_eq!(output.expect("gander runs").status.code(), Some(104));
    assert!(!bench.path("gone").exists());
}

#[test]
fn the_shipped_scenarios_pass_the_check() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("scenarios")
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    assert_eq!(files.len(), 5);
    let output = gander()
        .arg("check")
        .args(&files)
        .output()
        .expect("gander runs");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout)
            .matches(": ok\n")
            .count(),
        5
    );
}

#[test]
fn check_points_at_every_fault_of_every_file() {
    let bench = Bench::with("name: x\nload: { users: 0 }\n");
    std::fs::write(bench.path("other.yaml"), "nmae: y\n").expect("written");
    let output = gander()
        .args(["check", "scenario.yaml", "other.yaml"])
        .current_dir(&bench.folder)
        .output();
    let output = output.expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(104));
    assert!(
        says.contains("scenario.yaml:2:")
            && says.contains("other.yaml:1:1")
            && says.contains("name"),
        "{says}"
    );
}

#[test]
fn check_needs_no_secret_and_run_does() {
    let text = scenario(
        "http://127.0.0.1:1",
        "{ users: '${GANDER_TEST_UNSET_USERS}', for: 1s }",
        "        if: \"${GANDER_TEST_UNSET_WITH_DEFAULT:-on} == 'on'\"\n        auth: { bearer: '${GANDER_TEST_UNSET_TOKEN}' }\n        headers: { x-key: \"${env('GANDER_TEST_UNSET_KEY')}\" }\n",
    );
    let bench = Bench::with(&text);
    let said = |command: &str| {
        let output = gander()
            .args([command, "scenario.yaml"])
            .current_dir(&bench.folder)
            .output();
        let output = output.expect("gander runs");
        let says = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8(says).expect("UTF-8"),
        )
    };
    let names = ["USERS", "TOKEN", "KEY"].map(|name| format!("GANDER_TEST_UNSET_{name}"));
    for (command, code) in [("check", 0), ("run", 104)] {
        let (found, says) = said(command);
        assert_eq!(found, Some(code), "{says}");
        assert!(names.iter().all(|name| says.contains(name)), "{says}");
        assert!(code != 0 || !says.contains("DEFAULT"), "{says}");
    }
    // Other errors are reported all the same.
    std::fs::write(
        bench.path("scenario.yaml"),
        text.replace("for: 1s", "fro: 1s"),
    )
    .expect("written");
    let (code, says) = said("check");
    assert_eq!(code, Some(104), "{says}");
    assert!(says.contains("did you mean `for`?"), "{says}");
}

#[test]
fn a_run_leaves_every_output_and_the_journal_rebuilds_them_to_the_byte() {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(
        &lab.url(),
        "{ users: 3, for: 1500ms }",
        "thresholds: [ ratio(failed) < 1% ]\n",
    ));
    let run = bench.run(&["--json", "copy.json"]).expect_code(0);
    assert_eq!(run.summary["verdict"], "pass");
    assert!(run.stdout.contains("ratio(failed) < 1%"), "{}", run.stdout);
    assert!(
        run.stdout.lines().all(|line| line.chars().count() <= 100),
        "wider than 100 columns:\n{}",
        run.stdout
    );
    assert!(
        !run.stdout.contains("goose") && !run.stderr.contains("goose"),
        "{}\n{}",
        run.stdout,
        run.stderr
    );

    let outputs = ["report.html", "summary.json", "junit.xml", "timeline.csv"];
    let bytes =
        |folder: &str, name: &str| std::fs::read(bench.path(folder).join(name)).expect("an output");
    assert_eq!(
        bytes("out", "summary.json"),
        std::fs::read(bench.path("copy.json")).expect("the copy")
    );
    let again = gander()
        .args(["report", "out", "--out", "again"])
        .current_dir(&bench.folder)
        .output();
    assert_eq!(again.expect("gander runs").status.code(), Some(0));
    for name in outputs {
        assert!(
            bytes("out", name) == bytes("again", name),
            "{name} is not the same when rebuilt"
        );
    }
}

#[test]
fn json_to_stdout_leaves_stdout_to_the_summary() {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(&lab.url(), "{ iterations: 10, users: 2 }", ""));
    let run = bench.run(&["--json", "-"]).expect_code(0);
    let summary: Value = serde_json::from_str(&run.stdout).expect("nothing but JSON");
    assert_eq!(summary["totals"]["requests"], 10);
    assert_eq!(summary["schema"], "gander.summary/2");
}

#[test]
fn quiet_says_nothing() {
    let lab = Lab::start();
    let run = Bench::with(&scenario(&lab.url(), "{ iterations: 10, users: 2 }", ""))
        .run(&["--quiet"])
        .expect_code(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn the_first_texts_of_the_log_are_on_the_terminal() {
    let lab = Lab::start();
    let steps = "      - log: 'number ${iteration()}'\n";
    let run = Bench::with(&scenario(&lab.url(), "{ iterations: 8, users: 1 }", steps))
        .run(&[])
        .expect_code(0);
    for words in [
        "user 0, iteration 4: number 4\n",
        "and 3 more in the report",
    ] {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
    assert!(!run.stdout.contains("number 5"), "{}", run.stdout);
}

#[test]
fn a_failed_threshold_exits_99_and_a_threshold_without_samples_fails() {
    let lab = Lab::start();
    let load = "{ iterations: 10, users: 2 }";
    let failing = "thresholds: [ p50(response_time) < 1us ]\n";
    let run = Bench::with(&scenario(&lab.url(), load, failing))
        .run(&[])
        .expect_code(99);
    assert_eq!(run.summary["verdict"], "fail");
    assert_eq!(run.summary["thresholds"][0]["verdict"], "fail");

    let no_samples = "      - get: /never\n        name: never\n        if: \"0\"\nthresholds:\n  - 'p95(response_time{step=\"never\"}) < 1s'\n";
    let run = Bench::with(&scenario(&lab.url(), load, no_samples))
        .run(&[])
        .expect_code(99);
    assert_eq!(run.summary["verdict"], "no_data");

    // A threshold can require that it never ran.
    let counted = no_samples.replace(
        "p95(response_time{step=\"never\"}) < 1s",
        "count(requests{step=\"never\"}) == 0",
    );
    let run = Bench::with(&scenario(&lab.url(), load, &counted))
        .run(&[])
        .expect_code(0);
    assert_eq!(run.summary["thresholds"][0]["observed"], 0.0);
}

#[test]
fn a_target_that_is_not_there_exits_107_with_a_report() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let bench = Bench::with(&scenario(
        &format!("http://{closed}"),
        "{ users: 1, for: 1s }",
        "",
    ));
    let run = bench.run(&[]).expect_code(107);
    assert_eq!(run.summary["exit_code"], 107);
    assert!(
        bench
            .path("out/report.html")
            .metadata()
            .is_ok_and(|file| file.len() > 0)
    );
}

#[test]
fn an_address_that_may_not_be_loaded_is_refused_before_anything_is_sent() {
    let lab = Lab::start();
    let further = format!(
        "targets: {{ cdn: 'http://192.0.2.1' }}\n{}",
        scenario(
            &lab.url(),
            "{ iterations: 1, users: 1 }",
            "      - get: cdn:/a\n"
        )
    );
    let run = Bench::with(&further).run(&[]).expect_code(104);
    assert!(
        run.stderr.contains("--allow-host 192.0.2.1"),
        "{}",
        run.stderr
    );
    assert_eq!(lab.counters()["begun"], 0);

    // TEST-NET-1 stands for a public address; link-local metadata addresses are refused even when they are allowed.
    for (target, more) in [
        ("http://192.0.2.1", &[][..]),
        (
            "http://169.254.169.254",
            &["--allow-host", "169.254.169.254"],
        ),
    ] {
        let run = Bench::with(&scenario(target, "{ users: 1, for: 1s }", ""))
            .run(more)
            .expect_code(104);
        assert!(
            run.stderr.contains("192.0.2.1") || run.stderr.contains("169.254.169.254"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_folder_that_holds_a_run_is_not_overwritten() {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(&lab.url(), "{ iterations: 1, users: 1 }", ""));
    drop(bench.run(&[]).expect_code(0));
    let again = bench.run(&[]).expect_code(104);
    assert!(again.stderr.contains("--out"), "{}", again.stderr);
}

#[test]
fn a_signal_ends_the_run_with_a_whole_report() {
    for signal in ["INT", "TERM"] {
        ends_with_a_whole_report(signal);
    }
}

fn ends_with_a_whole_report(signal: &str) {
    let lab = Lab::start();
    let bench = Bench::with(&scenario(&lab.url(), "{ users: 2, for: 60s }", ""));
    let child = bench.spawn(&[]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while lab.counters()["answered"].as_u64() == Some(0) {
        assert!(Instant::now() < deadline, "the load never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    send_signal(&child, signal);
    let run = bench.wait(child).expect_code(105);
    assert_eq!(run.summary["verdict"], "interrupted");
    let events = std::fs::read_to_string(bench.path("out/events.jsonl")).expect("a journal");
    assert!(
        events
            .lines()
            .last()
            .is_some_and(|line| line.contains("\"end\"")),
        "the journal is not closed"
    );
}

#[test]
fn plan_shows_what_would_run_within_100_columns() {
    for file in ["smoke", "stress", "soak"] {
        let path = format!("{}/scenarios/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
        let output = gander()
            .args(["plan", &path])
            .output()
            .expect("gander runs");
        let says = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            says.lines().all(|line| line.chars().count() <= 100),
            "wider than 100 columns:\n{says}"
        );
        assert!(says.contains(file), "{says}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = gander()
        .args(["run", "--help"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("gander runs");
    drop(child.stdout.take());
    let mut says = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut says)
        .expect("UTF-8");
    assert_eq!(
        (child.wait().expect("ends").code(), says.as_str()),
        (Some(0), "")
    );
}

/// The main purpose, in small: Folio is started, loaded and stopped with the run, and its resource usage is reported.
#[test]
fn the_bundled_target_lives_as_long_as_the_run() {
    let bench = Bench::with("unused: true");
    let smoke = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/smoke.yaml");
    let output = gander()
        .current_dir(&bench.folder)
        .args([
            "run",
            smoke,
            "--time-scale",
            "0.05",
            "--out",
            "out",
            "--json",
            "-",
            "--quiet",
        ])
        .output()
        .expect("gander runs");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary: Value = serde_json::from_slice(&output.stdout).expect("a summary");
    assert_eq!(
        (&summary["verdict"], &summary["totals"]["failed"]),
        (&"pass".into(), &0.into())
    );
    let header = std::fs::read_to_string(bench.path("out/run.json")).expect("a journal");
    let target = serde_json::from_str::<Value>(&header).expect("JSON")["target"]
        .as_str()
        .expect("a URL")
        .to_owned();
    let address = target
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    assert!(
        std::net::TcpStream::connect(&address).is_err(),
        "Folio still listens on {address}"
    );
}

/// 720 million random arrivals: the plan shows their mean and draws none of them.
#[test]
fn a_plan_of_many_random_arrivals_takes_no_time() {
    let load = "{ rate: 100000/s, for: 2h, max_users: 9, arrivals: poisson }";
    let bench = Bench::with(&scenario("http://127.0.0.1:1", load, ""));
    let begun = Instant::now();
    let output = gander()
        .args(["plan", "scenario.yaml"])
        .current_dir(bench.folder.path())
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&output.stdout);
    assert!(says.contains("about 720,000,000 iterations"), "{says}");
    // Drawn one by one they take some twenty seconds of an optimized build.
    assert!(begun.elapsed() < Duration::from_secs(10));
}
