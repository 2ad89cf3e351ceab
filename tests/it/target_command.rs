//! A target that is a command: it is started only if allowed, loaded, measured, and ended with all its children.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bench, Run, gander, send_signal};

/// Far more time than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// The environment variable by which the processes of one test are found.
const MARK: &str = "GANDER_TEST_MARK";

/// A scenario whose target is this YAML mapping without its braces.
fn bench(target: &str, load: &str) -> Bench {
    Bench::with(&format!(
        "name: own\nkind: custom\ntarget: {{ {target} }}\nload: {load}\n\
         flows: [ {{ name: f, steps: [ {{ get: /health }}, {{ think: 20ms }} ] }} ]\n"
    ))
}

/// The words of a command that serves HTTP on `${port}`.
pub(super) fn server() -> String {
    let gander = gander().get_program().to_string_lossy().into_owned();
    format!("{gander} target serve --port ${{port}} --documents 50 --users 5 --seed 1")
}

/// A command with a child that serves, one that left its process group, and one whose parent has ended.
fn family() -> String {
    format!(
        "command: [ sh, -c, 'setsid sleep 7777 & (setsid sleep 7778 &); {} & wait' ], ready: /health",
        server()
    )
}

/// The command line of every process with this mark.
pub(super) fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let marked = processes.filter(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    });
    let lines = marked.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    // A process that has ended and was not waited for has no command line.
    lines.filter(|line| !line.is_empty()).collect()
}

/// Processes of the target, without Gander's own.
fn of_target(mark: &str) -> Vec<String> {
    let is_own = |line: &str| line.contains(" run ") || line.contains(" supervise ");
    marked(mark)
        .into_iter()
        .filter(|line| !is_own(line))
        .collect()
}

#[track_caller]
pub(super) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn spawn_marked(bench: &Bench, mark: &str) -> Child {
    let mut command = bench.command(&["--allow-command", "--quiet"]);
    command.env(MARK, mark).spawn().expect("gander runs")
}

/// The run, whether or not the machine was too busy for valid measurements.
#[track_caller]
fn finished(run: Run) -> Run {
    match run.code {
        Some(94) => run,
        _ => run.expect_code(0),
    }
}

/// Returns once the run has sent load for a second.
fn wait_for_load(bench: &Bench) {
    wait_until("the first interval is recorded", || {
        let events = fs::read_to_string(bench.path("out/events.jsonl")).unwrap_or_default();
        events.contains("\"interval\"")
    });
}

#[test]
fn a_command_is_started_loaded_measured_and_ended() {
    let mark = "ended-in-order";
    let bench = bench(&family(), "{ users: 2, for: 3s }");
    let run = finished(bench.wait(spawn_marked(&bench, mark)));
    assert!(run.count("/totals/requests") > 10, "{:#}", run.summary);
    assert_eq!(run.count("/totals/failed"), 0, "{:#}", run.summary);
    // Folio is a child of the shell, and a debug build of it has far more than this.
    assert!(
        run.count("/target_usage/peak_rss_bytes") > 8 << 20,
        "{:#}",
        run.summary
    );
    assert!(
        run.number("/target_usage/peak_cpu") > 0.0,
        "{:#}",
        run.summary
    );
    let command = run.summary["target_command"].as_str().unwrap_or_default();
    assert!(command.starts_with("sh -c 'setsid sleep"), "{command}");
    assert!(command.contains("--port ${port}"), "{command}");

    let log = fs::read_to_string(bench.path("out/target.log")).expect("a log");
    let address = run.summary["target"].as_str().unwrap_or_default();
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    assert!(
        log.contains(&format!("folio listening on http://{address}")),
        "{address}: {log}"
    );
    assert!(
        TcpStream::connect(address).is_err(),
        "it still listens on {address}"
    );
    assert_eq!(marked(mark), Vec::<String>::new());
    let header = fs::read_to_string(bench.path("out/run.json")).expect("a header");
    assert!(header.contains("\"target_command\""), "{header}");
}

#[test]
fn without_permission_nothing_is_started() {
    let bench = bench("command: [ touch, started ]", "{ users: 1, for: 1s }");
    let run = bench.run(&[]).expect_code(104);
    for part in ["`touch started`", "--allow-command", "--target URL"] {
        assert!(run.stderr.contains(part), "no {part} in {}", run.stderr);
    }
    assert!(!bench.path("started").exists() && !bench.path("out").exists());
    // What only reads the file accepts it.
    for subcommand in ["check", "plan"] {
        let mut command = gander();
        command
            .args([subcommand, "scenario.yaml"])
            .current_dir(bench.folder.path());
        let output = command.output().expect("gander runs");
        assert!(output.status.success(), "{output:?}");
        let says = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            says.contains("`touch started` in "),
            subcommand == "plan",
            "{says}"
        );
    }
    assert!(!bench.path("started").exists());
}

#[test]
fn a_command_that_cannot_be_loaded_is_told_with_its_output() {
    for (target, parts) in [
        (
            "command: [ sh, -c, 'echo no config >&2; exit 3' ]",
            &["exit status: 3", "  | no config", "out/target.log"][..],
        ),
        (
            "command: [ sh, -c, 'echo waiting; exec sleep 7777' ], ready_within: 300ms",
            &[
                "not ready after 300ms",
                "nothing listens",
                "  | waiting",
                "ready_within",
            ],
        ),
        (
            "command: ./no-such-server",
            &[
                "cannot start",
                "./no-such-server",
                "there is no such program",
            ],
        ),
        (
            "command: ./scenario.yaml",
            &["it is not an executable file"],
        ),
        (
            "command: [ sh, -c, 'kill -9 $$' ]",
            &["SIGKILL", "it wrote no output"],
        ),
    ] {
        let bench = bench(target, "{ users: 1, for: 1s }");
        let run = bench
            .run(&["--allow-command", "--junit", "junit.xml"])
            .expect_code(107);
        for part in parts {
            assert!(
                run.stderr.contains(part),
                "{target}: no {part} in {}",
                run.stderr
            );
        }
        assert!(
            !bench.path("out/run.json").exists(),
            "{target}: a run was recorded"
        );
        let has_output = target.contains("echo");
        assert_eq!(
            bench.path("out/target.log").exists(),
            has_output,
            "{target}"
        );
        assert_eq!(bench.path("out").exists(), has_output, "{target}");
        // The same folder can be used once the command is mended.
        drop(bench.run(&["--allow-command"]).expect_code(107));
    }
}

#[test]
fn a_path_that_answers_with_an_error_is_not_ready() {
    let target = format!(
        "command: '{}', ready: /no/such/path, ready_within: 3s",
        server()
    );
    let bench = bench(&target, "{ users: 1, for: 1s }");
    let run = bench.run(&["--allow-command"]).expect_code(107);
    assert!(
        run.stderr.contains("GET /no/such/path answered 404"),
        "{}",
        run.stderr
    );
}

/// Without `ready` a connection is enough; the port is in the environment too.
#[test]
fn the_command_has_the_folder_the_environment_and_the_port() {
    let script = "pwd; echo port $PORT is $OWN; printenv CARGO_PKG_NAME; exec $0 target serve --port $PORT --documents 50";
    let gander = gander().get_program().to_string_lossy().into_owned();
    let target = format!(
        "command: [ sh, -c, '{script}', '{gander}' ], cwd: inner, env: {{ OWN: 'at ${{port}}', API_TOKEN: canary-in-env }}"
    );
    let bench = bench(&target, "{ iterations: 2, users: 1 }");
    fs::create_dir(bench.path("inner")).expect("a folder");
    let words = [
        "--allow-command",
        "--set",
        "target.env.EXTRA=canary-in-words",
    ];
    let mut command = bench.command(&words);
    command.env("CARGO_PKG_NAME", "inherited");
    let run = finished(bench.wait(command.spawn().expect("gander runs")));
    let log = fs::read_to_string(bench.path("out/target.log")).expect("a log");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].ends_with("/inner"), "{log}");
    let (port, own) = lines[1].split_once(" is at ").expect("both ports");
    assert_eq!(port, format!("port {own}"), "{log}");
    assert_eq!(lines[2], "inherited", "{log}");
    let address = run.summary["target"].as_str().unwrap_or_default();
    assert!(address.contains(own), "{address} {own}");
    for file in fs::read_dir(bench.path("out"))
        .expect("the outputs")
        .flatten()
    {
        let text = fs::read(file.path()).expect("a file");
        let text = String::from_utf8_lossy(&text);
        assert!(
            !text.contains("canary"),
            "{} shows a secret",
            file.path().display()
        );
    }
    let overrides: Value =
        serde_json::from_str(&fs::read_to_string(bench.path("out/run.json")).expect("a header"))
            .expect("JSON");
    assert_eq!(
        overrides["overrides"][0],
        "target.env.EXTRA (its value is not kept)"
    );
}

#[test]
fn secrets_in_the_command_and_its_last_words_are_masked() {
    let target = "command: [ sh, -c, 'echo cannot log in with $1; exit 1', sh, '${API_KEY}' ]";
    let bench = bench(target, "{ users: 1, for: 1s }");
    let mut command = bench.command(&["--allow-command", "--junit", "junit.xml"]);
    command.env("API_KEY", "canary-of-env");
    let run = bench
        .wait(command.spawn().expect("gander runs"))
        .expect_code(107);
    let junit = fs::read_to_string(bench.path("junit.xml")).expect("a file");
    for text in [&run.stderr, &junit] {
        assert!(text.contains("cannot log in with [redacted]"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn nothing_outlives_gander_however_it_ends() {
    for (signal, code) in [("KILL", None), ("INT", Some(105)), ("TERM", Some(105))] {
        let mark = format!("outlived-{signal}");
        let bench = bench(&family(), "{ users: 1, for: 60s }");
        let child = spawn_marked(&bench, &mark);
        wait_for_load(&bench);
        let found = of_target(&mark);
        assert!(
            found.iter().any(|line| line.contains("sleep 7777")),
            "{found:?}"
        );
        assert!(
            found.iter().any(|line| line.contains("sleep 7778")),
            "{found:?}"
        );
        assert!(
            found.iter().any(|line| line.contains("target serve")),
            "{found:?}"
        );
        send_signal(&child, signal);
        assert_eq!(bench.wait(child).code, code, "{signal}");
        wait_until("everything has ended", || marked(&mark).is_empty());
    }
}

/// Nothing is left of a start that a signal interrupts.
#[test]
fn a_signal_ends_the_wait_for_a_target_that_is_not_ready() {
    let mark = "interrupted-start";
    let bench = bench(
        "command: [ sleep, '7777' ], ready_within: 1h",
        "{ users: 1, for: 1s }",
    );
    let child = spawn_marked(&bench, mark);
    wait_until("the command runs", || !of_target(mark).is_empty());
    send_signal(&child, "INT");
    assert_eq!(bench.wait(child).code, Some(105));
    assert_eq!(marked(mark), Vec::<String>::new());
}

#[test]
fn a_command_that_ends_under_load_ends_the_run() {
    let mark = "gone-under-load";
    let bench = bench(
        &format!("command: '{}', ready: /health", server()),
        "{ users: 1, for: 60s }",
    );
    let child = spawn_marked(&bench, mark);
    wait_for_load(&bench);
    let parents = format!("/proc/{0}/task/{0}/children", child.id());
    let supervisor = fs::read_to_string(parents).expect("children");
    let supervisor = supervisor.trim();
    let children = format!("/proc/{supervisor}/task/{supervisor}/children");
    let command = fs::read_to_string(children).expect("children");
    let killed = Command::new("kill")
        .args(["-KILL", command.trim()])
        .status();
    assert!(killed.expect("kill runs").success());
    let run = bench.wait(child).expect_code(107);
    let reason = run.summary["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("the target's command ended with signal: 9"),
        "{reason}"
    );
}

/// A supervisor that was killed cannot end the command: Gander does.
#[test]
fn a_command_whose_supervisor_is_killed_ends_with_the_run() {
    let mark = "orphaned";
    let bench = bench(
        &format!("command: '{}', ready: /health", server()),
        "{ users: 1, for: 60s }",
    );
    let child = spawn_marked(&bench, mark);
    wait_for_load(&bench);
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let supervisor = fs::read_to_string(children).expect("children");
    let killed = Command::new("kill")
        .args(["-KILL", supervisor.trim()])
        .status();
    assert!(killed.expect("kill runs").success());
    drop(bench.wait(child).expect_code(107));
    wait_until("the command has ended", || marked(mark).is_empty());
}
