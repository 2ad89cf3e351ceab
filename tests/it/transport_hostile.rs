//! Answers designed to block the users' thread: the other users keep their turn, and limits hold.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use gander::outcome::Outcome;
use gander::plan::ReadsBody;
use gander::units::ByteSize;

use crate::transport::{Ask, client, ok, responder};

/// A server in threads of its own that sends `head` and then `piece` for ever.
fn endless(head: &'static str, piece: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            std::thread::spawn(move || {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let pieces = piece.repeat((64 << 10) / piece.len());
                let mut sent = stream.write_all(head.as_bytes());
                while sent.is_ok() {
                    sent = stream.write_all(pieces.as_bytes());
                }
            });
        }
    });
    address
}

const TOTAL: Duration = Duration::from_millis(600);

/// A slice is a millisecond, and the timer rounds up to the next one; without help the runtime polls timers only after
/// dozens of slices.
const LATE: Duration = Duration::from_millis(25);

/// The usual duration of a sleep of a millisecond while an endless answer of this server is read to its limit.
async fn lateness_beside(server: SocketAddr, piece: &str) -> Duration {
    let others = tokio::spawn(async {
        let mut late = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < TOTAL / 2 {
            let before = Instant::now();
            tokio::time::sleep(Duration::from_millis(1)).await;
            late.push(before.elapsed());
        }
        late.sort();
        late[late.len() / 2]
    });
    let mut client = client(|settings| settings.body_limit = ByteSize(1 << 40));
    let mut ask = Ask::get(server, "/");
    ask.timeouts.total = TOTAL;
    ask.timeouts.first_byte = TOTAL;
    ask.reads_body = ReadsBody::No;
    let exchange = ask.by(&mut client).await;
    let took = exchange.finished - exchange.started;
    assert_eq!(
        exchange.outcome,
        Outcome::Timeout,
        "{piece:?}: {}",
        exchange.detail
    );
    assert!(took >= TOTAL && took < TOTAL * 2, "{piece:?}: {took:?}");
    others.await.expect("no panic")
}

#[tokio::test]
async fn an_endless_answer_ends_at_its_limit_and_leaves_the_others_their_turn() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (head, piece) in [
        (chunked, "1\r\nx\r\n"),
        (chunked, "5\r\nhello\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", "until the connection closes"),
    ] {
        let server = endless(head, piece);
        // A busy machine may be late by itself, but not each time.
        let mut late = Vec::new();
        for _ in 0..3 {
            late.push(lateness_beside(server, piece).await);
            if late[late.len() - 1] < LATE {
                break;
            }
        }
        assert!(late[late.len() - 1] < LATE, "{piece:?}: {late:?}");
    }
}

#[tokio::test]
async fn informational_answers_without_end_are_no_response() {
    for piece in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n",
    ] {
        let server = endless("", piece);
        let exchange = Ask::get(server, "/").by(&mut client(|_| {})).await;
        assert_eq!(exchange.outcome, Outcome::BadResponse, "{piece:?}");
        assert!(exchange.detail.contains("1xx"), "{}", exchange.detail);
    }
}

/// The number of requests of a user of this thread in half of the total time.
async fn requests_to(server: SocketAddr) -> u32 {
    let mut client = client(|_| {});
    let (mut count, begun) = (0, Instant::now());
    while begun.elapsed() < TOTAL / 2 {
        let exchange = Ask::get(server, "/").by(&mut client).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        count += 1;
    }
    count
}

#[tokio::test]
async fn a_body_of_tiny_chunks_has_the_smaller_part_of_the_threads_time() {
    let good = responder(|_| ok("fine")).await;
    let bad = endless(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "1\r\nx\r\n",
    );
    let mut found = Vec::new();
    // A busy machine may be slow by itself, but not each time.
    for _ in 0..3 {
        let alone = requests_to(good).await;
        let endless = tokio::spawn(async move {
            let mut ask = Ask::get(bad, "/");
            ask.timeouts.total = TOTAL;
            ask.by(&mut client(|settings| {
                settings.body_limit = ByteSize(1 << 40);
            }))
            .await
        });
        let beside = requests_to(good).await;
        endless.await.expect("no panic");
        found.push((alone, beside));
        if beside > alone / 3 {
            return;
        }
    }
    panic!("requests alone and beside an endless body: {found:?}");
}
