//! Reused connections that the server closes: under a request, before a request was complete, in the middle of an
//! answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gander::outcome::Outcome;
use gander::scenario::Timeouts;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::transport::{Ask, client, ok, read_request, server, text};

/// A server that answers the first request of each connection, and the second of the first connections, as many as
/// `spoiled`, with these bytes, after which it closes. Counts its requests.
async fn spoiling(
    spoiled: usize,
    answer: &'static str,
) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let server = server(move |mut stream, number| {
        let count = Arc::clone(&count);
        async move {
            let mut of_connection = 0;
            while let Some(request) = read_request(&mut stream).await {
                count.fetch_add(1, Ordering::SeqCst);
                let is_spoiled = number < spoiled && (of_connection > 0 || number > 0);
                of_connection += 1;
                let whole = ok(&request);
                let answer = if is_spoiled { answer } else { &whole };
                stream.write_all(answer.as_bytes()).await.expect("a reader");
                if is_spoiled {
                    return;
                }
            }
        }
    })
    .await;
    (server, requests)
}

fn ask(server: std::net::SocketAddr, method: Method, body: &'static str) -> Ask {
    let mut ask = Ask::get(server, "/a?b").header("x-own", "1");
    ask.method = method;
    ask.body = body;
    ask
}

#[tokio::test]
async fn what_may_be_repeated_is_sent_once_more_when_a_kept_connection_was_closed_under_it() {
    for redirects in [10, 0] {
        for (method, body) in [
            (Method::GET, ""),
            (Method::PUT, "a=1"),
            (Method::DELETE, ""),
        ] {
            let (server, requests) = spoiling(1, "").await;
            let mut client = client(|settings| settings.redirects = redirects);
            let first = ask(server, method.clone(), body).by(&mut client).await;
            assert_eq!((first.outcome, first.resent), (Outcome::Ok, 0));
            let second = ask(server, method.clone(), body).by(&mut client).await;
            assert_eq!(
                (second.outcome, second.resent),
                (Outcome::Ok, 1),
                "{}",
                second.detail
            );
            assert_eq!(text(&second), text(&first), "{method}");
            assert!(second.connection.is_some());
            assert_eq!(second.bytes_out, 2 * first.bytes_out);
            assert_eq!(requests.load(Ordering::SeqCst), 3);
        }
    }
}

#[tokio::test]
async fn nothing_else_is_sent_again() {
    let partly = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    for (method, spoiled, answer, resends, resent) in [
        // The request may have had an effect.
        (Method::POST, 1, "", true, 0),
        (Method::PATCH, 1, "", true, 0),
        // An answer had started.
        (Method::GET, 1, "HTTP/1.1 2", true, 0),
        (Method::GET, 1, partly, true, 0),
        // The scenario turns it off.
        (Method::GET, 1, "", false, 0),
        // The connection was new, not reused.
        (Method::GET, 2, "", true, 1),
    ] {
        let (server, requests) = spoiling(spoiled, answer).await;
        let mut client = client(|settings| settings.resend = resends);
        ask(server, Method::GET, "").by(&mut client).await;
        let exchange = ask(server, method.clone(), "").by(&mut client).await;
        assert_eq!(exchange.outcome, Outcome::Reset, "{method} {answer:?}");
        assert_eq!(exchange.resent, resent, "{method} {answer:?}");
        assert_eq!(requests.load(Ordering::SeqCst) as u64, 2 + resent);
        let next = ask(server, method, "").by(&mut client).await;
        assert_eq!(next.outcome, Outcome::Ok, "{}", next.detail);
    }
}

/// More than the buffers of both sides hold.
const LARGE: usize = 32 << 20;

fn upload(server: std::net::SocketAddr) -> Ask {
    static BODY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "x".repeat(LARGE));
    let mut ask = ask(server, Method::POST, &BODY);
    ask.timeouts = Timeouts {
        total: Duration::from_secs(20),
        ..Timeouts::default()
    };
    ask
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_was_taken_is_read() {
    // Whether the server closes at once, reads a little more, or holds the connection.
    for (reads, holds) in [(0, false), (1 << 20, false), (0, true)] {
        let server = server(move |mut stream, _| async move {
            let mut bytes = vec![0; 4096];
            let head = stream.read(&mut bytes).await.expect("a request");
            if bytes[..head].starts_with(b"GET") {
                stream
                    .write_all(ok("next").as_bytes())
                    .await
                    .expect("a reader");
                return;
            }
            let answer = "HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nmuch";
            stream.write_all(answer.as_bytes()).await.expect("a reader");
            let mut left: usize = reads;
            while left > 0 {
                left = left.saturating_sub(stream.read(&mut bytes).await.unwrap_or(left));
            }
            if holds {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        })
        .await;
        let mut client = client(|_| ());
        let exchange = upload(server).by(&mut client).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        assert_eq!(exchange.status(), Some(413));
        assert_eq!(text(&exchange), "much");
        assert!(exchange.bytes_out < LARGE as u64, "{}", exchange.bytes_out);
        let next = Ask::get(server, "/").by(&mut client).await;
        assert_eq!((next.outcome, text(&next)), (Outcome::Ok, "next"));
        assert!(next.connection.is_some());
    }
}

#[tokio::test]
async fn the_first_byte_is_that_of_the_answer_and_not_of_what_is_said_before_it() {
    const PAUSE: Duration = Duration::from_millis(100);
    let server = server(|mut stream, _| async move {
        while let Some(request) = read_request(&mut stream).await {
            let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
            for part in [
                hint.to_owned(),
                "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
                ok("x"),
            ] {
                if request.contains("/never") && part.contains(" 200 ") {
                    break;
                }
                stream.write_all(part.as_bytes()).await.expect("a reader");
                tokio::time::sleep(PAUSE).await;
            }
        }
    })
    .await;
    let mut client = client(|_| ());
    for _ in 0..2 {
        let exchange = Ask::get(server, "/").by(&mut client).await;
        assert_eq!(text(&exchange), "x");
        let first_byte = exchange.first_byte.expect("an answer");
        assert!(first_byte - exchange.started >= 2 * PAUSE);
    }
    let mut ask = Ask::get(server, "/never");
    ask.timeouts.first_byte = 4 * PAUSE;
    let exchange = ask.by(&mut client).await;
    assert_eq!(exchange.outcome, Outcome::Timeout);
    assert!(
        exchange.detail.contains("the first byte"),
        "{}",
        exchange.detail
    );
    assert_eq!(exchange.first_byte, None);
}
