//! Answers made to hold the thread of the users: the others keep their turn, and limits hold.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use gander::outcome::Outcome;
use gander::plan::ReadsBody;
use gander::units::ByteSize;

use crate::transport::{Ask, client};

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

/// A slice is a millisecond, and the timer rounds up to the next one; of its own accord the runtime looks at timers only
/// after dozens of slices.
const LATE: Duration = Duration::from_millis(25);

/// How long a sleep of a millisecond takes, usually, while an endless answer of this server is read to its limit.
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
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
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
