//! Malformed responses: each is classified, and none of them panics, hangs or affects the next request.

use gander::outcome::Outcome;
use gander::transport::Exchange;
use tokio::io::AsyncWriteExt;

use crate::transport::{Ask, client, ok, read_request, server, text};

/// The result of a request that is answered with these bytes, after which the target closes.
async fn answered(bytes: &str) -> Exchange {
    let first = bytes.as_bytes().to_vec();
    let server = server(move |mut stream, number| {
        let first = first.clone();
        async move {
            read_request(&mut stream).await.expect("a request");
            let answer = if number == 0 {
                first
            } else {
                ok("fine").into_bytes()
            };
            // A client that has read enough may already be gone.
            let _ = stream.write_all(&answer).await;
        }
    })
    .await;
    let mut client = client(|_| ());
    let exchange = Ask::get(server, "/").by(&mut client).await;
    assert!(exchange.detail.chars().count() <= 200);
    assert!(!exchange.detail.chars().any(char::is_control));
    let next = Ask::get(server, "/").by(&mut client).await;
    assert_eq!((next.outcome, text(&next)), (Outcome::Ok, "fine"));
    exchange
}

#[tokio::test]
async fn what_is_not_http_is_a_bad_response() {
    for bytes in [
        "\u{1b}[31mnot http at all\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    ] {
        let exchange = answered(bytes).await;
        let start: String = bytes.chars().take(80).collect();
        assert_eq!(
            exchange.outcome,
            Outcome::BadResponse,
            "{start}: {}",
            exchange.detail
        );
        assert!(
            exchange.body().is_none() && !exchange.detail.is_empty(),
            "{start}"
        );
    }
}

#[tokio::test]
async fn a_head_beyond_the_limits_says_so() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let long = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(300_000));
    for bytes in [many, long] {
        let exchange = answered(&bytes).await;
        assert_eq!(exchange.outcome, Outcome::HeadLimit, "{}", exchange.detail);
        assert!(exchange.detail.contains("1000 header lines or 256 KiB"));
    }
}

#[tokio::test]
async fn folded_spaced_many_and_long_header_lines_are_read() {
    let many: Vec<String> = (0..900).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let many = many.concat();
    let long = format!("x-long: {}\r\n", "b".repeat(200_000));
    let server = server(move |mut stream, _| {
        let (many, long) = (many.clone(), long.clone());
        async move {
            let mut is_first = true;
            while let Some(request) = read_request(&mut stream).await {
                let lines = match request.split(' ').nth(1) {
                    Some("/folded") => "x-a: one\r\n two\r\n\tthree\r\n",
                    Some("/spaced") => "x-a : one two three\r\n",
                    Some("/many") => &many,
                    Some("/long") => &long,
                    _ => "x-a: one two three\r\n",
                };
                let answer = format!("HTTP/1.1 200 OK\r\n{lines}content-length: 5\r\n\r\nhello");
                // In two parts, because half a head is not an error yet.
                let (start, end) = answer.split_at(if is_first { 28 } else { answer.len() });
                is_first = false;
                stream.write_all(start.as_bytes()).await.expect("a reader");
                stream.flush().await.expect("a reader");
                tokio::task::yield_now().await;
                stream.write_all(end.as_bytes()).await.expect("a reader");
            }
        }
    })
    .await;
    for (path, name, value) in [
        ("/folded", "x-a", "one two three"),
        ("/spaced", "x-a", "one two three"),
        ("/many", "x-899", "899"),
        ("/long", "x-long", &"b".repeat(200_000)),
    ] {
        let mut client = client(|_| ());
        let mut opened = Vec::new();
        for asked in [path, path, path, "/plain", path] {
            let exchange = Ask::get(server, asked).by(&mut client).await;
            assert_eq!(exchange.outcome, Outcome::Ok, "{path}: {}", exchange.detail);
            assert_eq!(text(&exchange), "hello");
            if asked == path {
                let response = exchange.response.as_ref().expect("a response");
                let found = response.headers.get(name).expect(name).to_str();
                assert_eq!(found.ok(), Some(value), "{path}");
            }
            opened.push(exchange.connection.is_some());
        }
        // The connection on which the first was found is not trusted further, the next one is.
        assert_eq!(opened, [true, true, false, false, false], "{path}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_reset() {
    for bytes in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let exchange = answered(bytes).await;
        assert_eq!(
            exchange.outcome,
            Outcome::Reset,
            "{bytes:?}: {}",
            exchange.detail
        );
        assert_eq!(exchange.bytes_in, bytes.len() as u64, "{bytes:?}");
        assert!(exchange.body().is_none());
    }
}

#[tokio::test]
async fn odd_but_readable_answers_are_read() {
    for (bytes, body) in [
        // RFC 9112, 6.3: chunked wins over a length, a body without either ends with the connection.
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "hello",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nold", "old"),
        (
            "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\ntrailer: t\r\n\r\n",
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and then some",
            "ok",
        ),
    ] {
        let exchange = answered(bytes).await;
        assert_eq!(
            (exchange.outcome, text(&exchange)),
            (Outcome::Ok, body),
            "{bytes:?}"
        );
    }
}

#[tokio::test]
async fn bytes_nobody_asked_for_do_not_become_the_next_answer() {
    let server = server(|mut stream, number| async move {
        while read_request(&mut stream).await.is_some() {
            let answer = ok(&number.to_string());
            // Two answers for one request.
            if stream.write_all(answer.repeat(2).as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut client = client(|_| ());
    for number in 0..3 {
        let exchange = Ask::get(server, "/").by(&mut client).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        assert_eq!(text(&exchange), number.to_string());
    }
}
