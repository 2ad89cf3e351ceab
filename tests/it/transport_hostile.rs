//! Answers made to hold the thread of the users: the others keep their turn, and limits hold.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use gander::outcome::Outcome;
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

#[tokio::test]
async fn an_endless_answer_ends_at_its_limit_and_leaves_the_others_their_turn() {
    const TOTAL: Duration = Duration::from_millis(600);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (head, piece) in [
        (chunked, "1\r\nx\r\n"),
        (chunked, "5\r\nhello\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", "until the connection closes"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let server = endless(head, piece);
        let others = tokio::spawn(async {
            let mut longest = Duration::ZERO;
            let begun = Instant::now();
            while begun.elapsed() < TOTAL / 2 {
                let before = Instant::now();
                tokio::task::yield_now().await;
                longest = longest.max(before.elapsed());
            }
            longest
        });
        let mut client = client(|settings| settings.body_limit = ByteSize(1 << 40));
        let mut ask = Ask::get(server, "/");
        ask.timeouts.total = TOTAL;
        ask.timeouts.first_byte = TOTAL;
        ask.reads_body = gander::plan::ReadsBody::No;
        let exchange = ask.by(&mut client).await;
        let took = exchange.finished - exchange.started;
        assert_eq!(
            exchange.outcome,
            Outcome::Timeout,
            "{piece:?}: {}",
            exchange.detail
        );
        assert!(took >= TOTAL && took < TOTAL * 2, "{piece:?}: {took:?}");
        // A slice is a millisecond; the rest is the machine's other work.
        let longest = others.await.expect("no panic");
        assert!(
            longest < Duration::from_millis(150),
            "{piece:?}: {longest:?}"
        );
    }
}
