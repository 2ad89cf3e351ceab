//! Gander counts the requests, statuses and bytes that the target saw, exactly, however the run ended.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bench, Lab, Run, alone, send_signal, undisturbed};

/// Answers of every kind: found, missing, broken, redirected, cut off.
const MIXED_FLOW: &str = "flows:
  - name: mixed
    steps:
      - get: /lab/delay?law=constant&value=2ms
      - get: /lab/status/404
        name: missing
      - get: /lab/status/503
        name: broken
        check: [ { status: 503 } ]
      - get: /lab/redirect/3
      - post: /lab/echo
        json: { text: \"${uuid()}\" }
        check: [ { status: 200 }, { json: \"$.method\", equals: POST } ]
      - get: /lab/close
";

const LOADS: [&str; 6] = [
    "{ users: 8, for: 2s }",
    "{ stages: [ { users: 10, over: 1s }, { users: 3, for: 1s }, { users: 0, over: 500ms } ] }",
    "{ iterations: 200, users: 7 }",
    "{ iterations: 20, users: 7, per_user: true }",
    "{ rate: 80/s, for: 2s, max_users: 50 }",
    "{ stages: [ { rate: 20/s, over: 1s }, { rate: 90/s, for: 1s } ], max_users: 50, arrivals: poisson }",
];

fn scenario(target: &str, load: &str) -> String {
    format!(
        "name: counts\nkind: custom\ntarget: {target}\nload: {load}\nthink_time: none\n{MIXED_FLOW}"
    )
}

#[test]
fn every_kind_of_run_counts_what_the_target_counted() {
    let _turn = alone();
    for load in LOADS {
        undisturbed(|| counts_as_the_target(load));
    }
}

fn counts_as_the_target(load: &str) -> Result<(), String> {
    let lab = Lab::start();
    let run = Bench::with(&scenario(&lab.url(), load))
        .run(&["--quiet"])
        .valid()?;
    assert_same_books(&run, &lab.counters(), load);
    let load_counts = |key: &str| run.count(&format!("/load/{key}"));
    assert_eq!(
        load_counts("offered"),
        load_counts("started") + load_counts("unstarted"),
        "{load}"
    );
    assert_eq!(
        load_counts("started"),
        run.count("/totals/iterations"),
        "{load}"
    );
    Ok(())
}

#[test]
fn a_run_stopped_by_a_signal_counts_what_the_target_counted() {
    let _turn = alone();
    for load in [LOADS[0], LOADS[4]].map(|load| load.replace("for: 2s", "for: 60s")) {
        let lab = Lab::start();
        let bench = Bench::with(&scenario(&lab.url(), &load));
        let child = bench.spawn(&["--quiet"]);
        wait_for_answers(&lab, 300);
        send_signal(&child, "INT");
        let run = bench.wait(child).expect_code(105);
        assert_eq!(run.summary["verdict"], "interrupted");
        assert_same_books(&run, &lab.counters(), &load);
    }
}

#[test]
fn a_run_aborted_by_a_threshold_counts_what_the_target_counted() {
    let _turn = alone();
    let lab = Lab::start();
    let threshold = "thresholds:\n  - { expect: \"ratio(failed) < 1%\", abort: { after: 1s } }\n";
    let bench = Bench::with(&(scenario(&lab.url(), "{ users: 8, for: 60s }") + threshold));
    let began = Instant::now();
    let run = bench.run(&["--quiet"]).expect_code(99);
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "the threshold did not stop the run"
    );
    assert_same_books(&run, &lab.counters(), "aborted");
}

/// A second signal cuts off requests in flight: each is counted as interrupted, once.
#[test]
fn a_second_signal_accounts_for_what_was_in_flight() {
    let _turn = alone();
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: cut\nkind: custom\ntarget: {}\nload: {{ users: 20, for: 60s }}\nflows:\n  - name: slow\n    steps:\n      \
         - get: /lab/delay?law=constant&value=10ms\n      - get: /lab/delay?law=constant&value=20s\n        name: slow\n",
        lab.url()
    ));
    let child = bench.spawn(&["--quiet"]);
    wait_for_answers(&lab, 20);
    send_signal(&child, "INT");
    sleep(Duration::from_millis(300));
    let cut = Instant::now();
    send_signal(&child, "INT");
    let run = bench.wait(child).expect_code(105);
    assert!(
        cut.elapsed() < Duration::from_secs(2),
        "the second signal took {:?}",
        cut.elapsed()
    );
    let (ended, interrupted) = (
        run.count("/totals/requests"),
        run.count("/totals/interrupted"),
    );
    assert_eq!((ended, interrupted), (20, 20));
    assert_eq!(run.count("/totals/sent"), 40);
    assert_eq!(lab.counters()["begun"].as_u64(), Some(ended + interrupted));
}

/// Every byte of heads and bodies, against a server that counts what it reads and writes.
#[test]
fn bytes_are_those_on_the_wire() {
    let _turn = alone();
    let server = ByteServer::start();
    let bench = Bench::with(&format!(
        "name: bytes\nkind: custom\ntarget: {}\nload: {{ iterations: 500, users: 5 }}\nflows:\n  - name: post\n    steps:\n      \
         - post: /bytes?n=${{random(1,100000)}}\n        name: post\n        body: \"${{uuid()}} ${{iteration()}}\"\n",
        server.url
    ));
    let run = bench.run(&["--quiet"]).expect_code(0);
    assert_eq!(run.count("/totals/requests"), 500);
    assert_eq!(
        run.count("/totals/bytes_out"),
        server.read.load(Ordering::SeqCst),
        "bytes out"
    );
    assert_eq!(
        run.count("/totals/bytes_in"),
        server.written.load(Ordering::SeqCst),
        "bytes in"
    );
}

/// The summary against the lab's counters.
#[track_caller]
fn assert_same_books(run: &Run, lab: &Value, what: &str) {
    // If the lab closes a reused connection without an answer, it has received the request: it is sent once more.
    let sent = ["sent", "redirects", "resent"].map(|key| run.count(&format!("/totals/{key}")));
    assert_eq!(
        Some(sent.iter().sum()),
        lab["begun"].as_u64(),
        "{what}: sent, redirects and sent again: {sent:?}"
    );
    let mut seen = std::collections::BTreeMap::<String, u64>::new();
    for row in lab["requests"].as_array().expect("rows") {
        // The lab counts a connection that it closed instead of answering as status 0.
        if row["status"] != 0 {
            *seen.entry(row["status"].to_string()).or_default() +=
                row["count"].as_u64().expect("a count");
        }
    }
    let ours = run.summary["totals"]["status"]
        .as_object()
        .expect("statuses");
    let ours = ours
        .iter()
        .map(|(status, count)| (status.clone(), count.as_u64().expect("a count")))
        .collect();
    assert_eq!(seen, ours, "{what}: statuses");
}

fn wait_for_answers(lab: &Lab, answers: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while lab.counters()["answered"].as_u64() < Some(answers) {
        assert!(
            Instant::now() < deadline,
            "the load never reached {answers} answers"
        );
        sleep(Duration::from_millis(20));
    }
}

/// An HTTP server that answers every request alike and counts the bytes of its connections.
struct ByteServer {
    url: String,
    read: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

impl ByteServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (read, written) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (reads, writes) = (Arc::clone(&read), Arc::clone(&written));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reads, writes) = (Arc::clone(&reads), Arc::clone(&writes));
                std::thread::spawn(move || Self::serve(stream, &reads, &writes));
            }
        });
        Self { url, read, written }
    }

    /// Counts before it answers, so that a client with an answer finds its bytes counted.
    fn serve(mut stream: TcpStream, reads: &AtomicU64, writes: &AtomicU64) {
        const ANSWER: &[u8] =
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-filler: some more bytes\r\n\r\nhello";
        let (mut buffer, mut request) = ([0; 4096], Vec::new());
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            reads.fetch_add(count as u64, Ordering::SeqCst);
            request.extend_from_slice(&buffer[..count]);
            if is_whole(&request) {
                request.clear();
                writes.fetch_add(ANSWER.len() as u64, Ordering::SeqCst);
                if stream.write_all(ANSWER).is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether a request's head, and as much body as it announces, is there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    body.len() >= length.unwrap_or(0)
}
