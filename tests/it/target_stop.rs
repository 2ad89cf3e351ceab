//! Stopping and killing Folio by real signals: its answers, finished tasks and writes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use target_app::{PrivateOptions, PrivatePostgres};

use crate::support::send_signal;
use crate::target::{Served, temporary};

/// Far more time than any operation here takes on a busy machine.
const WITHIN: Duration = Duration::from_mins(1);
const WRITERS: u64 = 4;
/// Each writer has documents of its own, so that it knows what was written last.
const DOCUMENTS_EACH: u64 = 10;
const WRITE_BEHIND: [&str; 3] = [
    "--set=cache.strategy=write_behind",
    "--set=admission.rate=off",
    "--set=tasks.drain=30s",
];

/// The results of the writes of one document.
#[derive(Default)]
struct Written {
    /// The number of answered writes.
    answers: u32,
    /// The title of the last of them.
    acknowledged: String,
    /// The title of a later one that was sent and never answered.
    attempted: Option<String>,
}

/// One request on a separate connection; `None` if Folio ended before it answered.
fn ask(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Option<(u16, String)> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

fn get(address: &str, path: &str) -> String {
    let (status, body) = ask(address, "", "GET", path, &Value::Null).expect("an answer");
    assert_eq!(status, 200, "{path}: {body}");
    body
}

fn log_in(address: &str) -> String {
    let who = json!({ "email": "user1@folio.test", "password": "folio-demo", "device": "test" });
    let (status, body) = ask(address, "", "POST", "/api/v1/auth/login", &who).expect("an answer");
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

fn title(address: &str, id: u64) -> String {
    let body = get(address, &format!("/api/v1/documents/{id}"));
    let document: Value = serde_json::from_str(&body).expect("JSON");
    document["title"].as_str().expect("a title").to_owned()
}

/// Sends one write; gives the status of the answer, if there is one.
fn write_title(address: &str, token: &str, id: u64, title: &str) -> Option<u16> {
    let document = json!({
        "title": title, "body": "written", "author": "test", "tags": ["test"], "price_cents": 1
    });
    let path = format!("/api/v1/documents/{id}");
    let (status, _) = ask(address, token, "PUT", &path, &document)?;
    Some(status)
}

/// Documents with acknowledged writes that the database does not have yet.
fn queued(address: &str) -> f64 {
    let metrics = get(address, "/metrics");
    let queued = metrics
        .lines()
        .find_map(|line| line.strip_prefix("folio_cache_behind_queue "));
    queued.expect("the metric").parse().expect("a number")
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Stops Folio with SIGTERM while tasks run and writes come in and are queued, starts it on the same database and reads
/// every acknowledged write.
fn stop_under_load(stand_on: &[&str], adjust: impl Fn(&mut Command)) {
    let folder = tempfile::tempdir().expect("a folder");
    let errors = folder.path().join("stderr");
    // Nothing but the stop itself can bring the writes to the database in time.
    let words = [&WRITE_BEHIND[..], &["--set=cache.flush_every=1h"], stand_on].concat();
    let folio = Served::start(&words, |command| {
        command.stderr(File::create(&errors).expect("a file"));
        adjust(command);
    });
    let address = &*folio.address.clone();
    let token = &*log_in(address);
    let written = Mutex::new(HashMap::<u64, Written>::new());
    let is_stopping = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (written, is_stopping) = (&written, &is_stopping);
            scope.spawn(move || {
                for round in 0.. {
                    let id = 1 + writer * DOCUMENTS_EACH + round % DOCUMENTS_EACH;
                    let title = format!("writer {writer}, write {round}");
                    let status = write_title(address, token, id, &title);
                    let mut written = written.lock().expect("no writer panics");
                    let document = written.entry(id).or_default();
                    if status != Some(200) {
                        assert!(is_stopping.load(Ordering::SeqCst), "{status:?}");
                        document.attempted = Some(title);
                        return;
                    }
                    document.answers += 1;
                    document.acknowledged = title;
                }
            });
        }
        wait_until("every document is written twice", || {
            let written = written.lock().expect("no writer panicked");
            let twice = written.values().filter(|document| document.answers > 1);
            twice.count() as u64 == WRITERS * DOCUMENTS_EACH
        });
        assert!(queued(address) > 0.0, "the writes wait");
        let began = Instant::now();
        for _ in 0..5 {
            let task = json!({ "kind": "sleep", "args": { "for": "2s" } });
            let submitted = ask(address, token, "POST", "/api/v1/tasks", &task);
            assert_eq!(submitted.expect("an answer").0, 202);
        }
        is_stopping.store(true, Ordering::SeqCst);
        assert_eq!(folio.end("TERM").0, Some(0));
        assert!(
            began.elapsed() >= Duration::from_secs(2),
            "it waits for tasks"
        );
    });
    let told = std::fs::read_to_string(&errors).expect("text");
    assert!(!told.contains("stopped with"), "{told}");

    let again = Served::start(stand_on, &adjust);
    let written = written.into_inner().expect("no writer panicked");
    for (id, written) in written {
        let found = title(&again.address, id);
        assert!(
            found == written.acknowledged || Some(&found) == written.attempted.as_ref(),
            "document {id}: expected {:?}, found {found:?}",
            written.acknowledged
        );
    }
}

fn at(data: &Path) -> String {
    format!("--data={}", data.display())
}

#[test]
fn sigterm_under_load_loses_no_task_and_no_write() {
    let data = tempfile::tempdir().expect("a folder");
    stop_under_load(&[&at(data.path())], |_| {});
}

#[test]
fn sigterm_under_load_loses_nothing_on_the_full_profile_either() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let postgres = runtime
        .block_on(PrivatePostgres::start(&PrivateOptions::default()))
        .expect("PostgreSQL starts");
    let folder = temporary();
    stop_under_load(&["--profile=full"], |command| {
        command
            .env("DATABASE_URL", postgres.url().reveal())
            .env("TMPDIR", folder.path());
    });
    runtime.block_on(postgres.stop());
}

#[test]
fn requests_under_way_are_answered_after_sigterm() {
    let folio = Served::start(&["--lab"], |_| {});
    let address = &*folio.address.clone();
    thread::scope(|scope| {
        let slow: Vec<_> = (0..3)
            .map(|_| {
                let path = "/lab/delay?law=constant&value=1s";
                scope.spawn(move || ask(address, "", "GET", path, &Value::Null))
            })
            .collect();
        wait_until("all are under way", || {
            let counters: Value =
                serde_json::from_str(&get(address, "/lab/counters")).expect("JSON");
            counters["in_flight"] == slow.len()
        });
        assert_eq!(folio.end("TERM").0, Some(0));
        for slow in slow {
            let answer = slow.join().expect("it does not panic");
            assert_eq!(answer.expect("an answer").0, 200);
        }
    });
}

#[test]
fn tasks_that_a_stop_cannot_wait_for_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let errors = folder.path().join("stderr");
    let folio = Served::start(&["--set=tasks.drain=10ms"], |command| {
        command.stderr(File::create(&errors).expect("a file"));
    });
    let task = json!({ "kind": "sleep", "args": { "for": "30s" } });
    let token = log_in(&folio.address);
    let submitted = ask(&folio.address, &token, "POST", "/api/v1/tasks", &task);
    assert_eq!(submitted.expect("an answer").0, 202);
    assert_eq!(folio.end("TERM").0, Some(0));
    let told = std::fs::read_to_string(&errors).expect("text");
    assert!(told.contains("stopped with 1 tasks not finished"), "{told}");
}

#[test]
fn ctrl_c_while_it_stops_ends_it_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let errors = folder.path().join("stderr");
    let folio = Served::start(&["--set=tasks.drain=1h"], |command| {
        command.stderr(File::create(&errors).expect("a file"));
    });
    let told = || std::fs::read_to_string(&errors).expect("text");
    let token = log_in(&folio.address);
    let task = json!({ "kind": "sleep", "args": { "for": "30s" } });
    ask(&folio.address, &token, "POST", "/api/v1/tasks", &task).expect("an answer");
    send_signal(&folio.child, "TERM");
    wait_until("it says that it stops", || told().contains("Ctrl-C"));
    // As `timeout` does, which signals the process and its group: this is not a second signal.
    send_signal(&folio.child, "TERM");
    // The listener for Ctrl-C is armed a moment after the words.
    let mut folio = folio;
    wait_until("it ends", || {
        send_signal(&folio.child, "INT");
        folio
            .child
            .try_wait()
            .expect("it can be waited for")
            .is_some()
    });
    assert_eq!(folio.child.wait().expect("it ended").code(), Some(105));
    assert!(told().contains("a second signal"), "{}", told());
}

#[test]
fn sigkill_takes_no_write_that_was_flushed() {
    let data = tempfile::tempdir().expect("a folder");
    let data = at(data.path());
    let words = [&WRITE_BEHIND[..], &["--set=cache.flush_every=20ms", &data]].concat();
    let folio = Served::start(&words, |_| {});
    let address = folio.address.clone();
    let token = log_in(&address);
    let write = |id: u64| {
        let status = write_title(&address, &token, id, &format!("written {id}"));
        assert_eq!(status, Some(200));
    };
    (1..=20).for_each(write);
    wait_until("the first twenty are flushed", || queued(&address) == 0.0);
    (21..=40).for_each(write);
    assert_eq!(folio.end("KILL").0, None);

    let again = Served::start(&[&data], |_| {});
    for id in 1..=40 {
        let found = title(&again.address, id);
        let is_written = found == format!("written {id}");
        assert!(
            is_written || id > 20,
            "document {id} was flushed, found {found:?}"
        );
    }
}
