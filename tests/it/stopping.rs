//! Stopping: a signal ends a run in any phase, and teardown removes the data of setup.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Bench, Run, gander, send_signal};

/// A target that records every path. It never answers `/hang`, fails `/fail`, and takes three seconds for `/slow`.
struct Target {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Target {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
                    loop {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if lines.read_line(&mut head).unwrap_or(0) == 0 {
                                return;
                            }
                        }
                        let path = head.split(' ').nth(1).expect("a path").to_owned();
                        notes.lock().expect("notes").push(path.clone());
                        let status = if path == "/fail" { "503 No" } else { "200 OK" };
                        match &*path {
                            "/hang" => continue,
                            "/slow" => std::thread::sleep(Duration::from_secs(3)),
                            _ => {}
                        }
                        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, seen }
    }

    fn has_seen(&self, path: &str) -> bool {
        self.seen
            .lock()
            .expect("notes")
            .iter()
            .any(|seen| seen == path)
    }

    #[track_caller]
    fn wait_for(&self, path: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.has_seen(path) {
            assert!(Instant::now() < deadline, "waited in vain for {path}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn bench(&self, load: &str, rest: &str) -> Bench {
        Bench::with(&format!(
            "name: stopping\nkind: custom\ntarget: {}\nload: {load}\nthink_time: 10ms\n{rest}\n",
            self.url
        ))
    }
}

const LOAD: &str = "flows: [ { name: f, steps: [ { get: /load } ] } ]";

/// The run ends within the time that a person would wait, and reports that it was stopped.
#[track_caller]
fn ends_soon(bench: &Bench, child: Child) -> Run {
    let asked = Instant::now();
    let run = bench.wait(child).expect_code(105);
    assert!(
        asked.elapsed() < Duration::from_secs(20),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(run.summary["verdict"], "interrupted", "{:#}", run.summary);
    run
}

/// Whether a warning in the journal has these words.
fn warned_of(bench: &Bench, words: &str) -> bool {
    let events = std::fs::read_to_string(bench.path("out/events.jsonl")).expect("a journal");
    let mut warnings = events.lines().filter(|line| line.contains("\"warning\""));
    warnings.any(|line| line.contains(words))
}

#[test]
fn a_signal_ends_a_setup_that_hangs_and_teardown_follows() {
    for signal in ["INT", "HUP", "QUIT"] {
        let target = Target::start();
        let rest = "setup: [ { get: /made }, { get: /hang } ]\nteardown: [ { get: /unmade } ]";
        let bench = target.bench("{ users: 1, for: 60s }", &format!("{rest}\n{LOAD}"));
        let child = bench.spawn(&[]);
        target.wait_for("/hang");
        send_signal(&child, signal);
        drop(ends_soon(&bench, child));
        assert!(
            target.has_seen("/unmade") && !target.has_seen("/load"),
            "{signal}"
        );
    }
}

#[test]
fn teardown_follows_a_setup_that_failed_with_what_that_left() {
    let target = Target::start();
    let rest = "setup: [ { get: /made, capture: { size: { header: content-length } } }, { get: /fail } ]\n\
                teardown: [ { get: '/unmade/${size}' } ]";
    let bench = target.bench("{ users: 1, for: 60s }", &format!("{rest}\n{LOAD}"));
    let run = bench.run(&[]);
    assert_ne!(run.code, Some(0), "{}", run.stdout);
    assert!(target.has_seen("/unmade/0") && !target.has_seen("/load"));
}

#[test]
fn a_teardown_that_hangs_ends_with_a_second_signal_or_with_the_grace_period() {
    let target = Target::start();
    let rest = format!("teardown: [ {{ get: /hang }} ]\n{LOAD}");
    let load = "{ iterations: 1, users: 1 }";
    let bench = target.bench(load, &rest);
    let child = bench.spawn(&[]);
    target.wait_for("/hang");
    // Two of one kind could arrive as one.
    send_signal(&child, "INT");
    send_signal(&child, "TERM");
    drop(ends_soon(&bench, child));
    assert!(warned_of(&bench, "a second signal stopped teardown"));

    let bench = target.bench(load, &rest);
    drop(bench.run(&["--grace", "300ms"]).expect_code(0));
    assert!(warned_of(&bench, "--grace"));
}

#[test]
fn one_signal_in_teardown_lets_it_end() {
    let target = Target::start();
    let rest = format!("teardown: [ {{ get: /slow }}, {{ get: /last }} ]\n{LOAD}");
    let bench = target.bench("{ iterations: 1, users: 1 }", &rest);
    let child = bench.spawn(&[]);
    target.wait_for("/slow");
    send_signal(&child, "INT");
    drop(bench.wait(child).expect_code(0));
    assert!(target.has_seen("/last"));
}

/// The load has ended and a request is still in flight: the first signal counts as the first.
#[test]
fn one_signal_in_the_drain_lets_what_is_in_flight_end() {
    let target = Target::start();
    let rest = "flows: [ { name: f, steps: [ { get: /load }, { get: /slow }, { get: /never } ] } ]";
    let bench = target.bench("{ users: 1, for: 200ms }", rest);
    let child = bench.spawn(&[]);
    target.wait_for("/slow");
    // The drain begins 200 ms after the load; the answer comes three seconds after it was asked for.
    std::thread::sleep(Duration::from_millis(500));
    send_signal(&child, "INT");
    let run = ends_soon(&bench, child);
    assert_eq!(run.count("/totals/requests"), 2, "{:#}", run.summary);
    assert!(
        !target.has_seen("/never"),
        "a new request began after the signal"
    );
}

#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let target = Target::start();
    let bench = target.bench("{ users: 1, for: 1s }", LOAD);
    let path = gander().get_program().to_string_lossy().into_owned();
    let child = Command::new("sh")
        .args([
            "-c",
            &format!("trap '' HUP; exec {path} run scenario.yaml --out out --quiet"),
        ])
        .current_dir(&bench.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    target.wait_for("/load");
    send_signal(&child, "HUP");
    let run = bench.wait(child);
    assert_ne!(run.code, Some(105), "{:#}", run.summary);
    assert_ne!(run.summary["verdict"], "interrupted", "{:#}", run.summary);
}

/// A full disk ends the run, and teardown removes the data of setup all the same.
#[test]
fn teardown_follows_a_journal_that_cannot_be_written() {
    let target = Target::start();
    let rest = format!("setup: [ {{ get: /made }} ]\nteardown: [ {{ get: /unmade }} ]\n{LOAD}");
    let bench = target.bench("{ users: 1, for: 60s }", &rest);
    let path = gander().get_program().to_string_lossy().into_owned();
    // A limit of 16 blocks of 512 bytes per file simulates the full disk: the header fits, some seconds of intervals do
    // not.
    let limited = format!("ulimit -f 16; exec {path} run scenario.yaml --out out --quiet");
    let output = Command::new("sh")
        .args(["-c", &limited])
        .current_dir(&bench.folder)
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(104), "{says}");
    assert!(says.contains("disk"), "{says}");
    assert!(target.has_seen("/unmade"), "{says}");
}

/// The reader of standard output is too slow, or does not read at all.
#[test]
fn a_signal_ends_the_writing_of_a_report() {
    let target = Target::start();
    let steps = (0..400).map(|number| format!("{{ get: /load, name: step {number} }}"));
    let steps = steps.collect::<Vec<_>>().join(", ");
    let flows = format!("flows: [ {{ name: f, steps: [ {steps} ] }} ]");
    let bench = target.bench("{ iterations: 1, users: 1 }", &flows);
    let mut child = bench.spawn(&["--json", "-", "--set", "think_time=none"]);
    let deadline = Instant::now() + Duration::from_mins(1);
    while !bench.path("out/timeline.csv").exists() {
        assert!(Instant::now() < deadline, "the files were never written");
        std::thread::sleep(Duration::from_millis(10));
    }
    // The summary is longer than a pipe holds, and nobody reads it.
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        child.try_wait().expect("a child").is_none(),
        "it did not wait"
    );
    send_signal(&child, "INT");
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        assert!(Instant::now() < deadline, "it went on");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(105));
}
