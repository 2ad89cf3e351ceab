//! Time limits, and targets that cannot be reached: each ends a request with its own outcome, at the right time.

use std::time::Duration;

use gander::outcome::Outcome;
use gander::scenario::Timeouts;
use gander::transport::Exchange;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::transport::{Ask, client, ok, read_request, server};

const LIMIT: Duration = Duration::from_millis(300);

/// Limits of a minute, to be shortened one by one.
fn minute() -> Timeouts {
    let minute = Duration::from_mins(1);
    Timeouts {
        connect: minute,
        first_byte: minute,
        idle: minute,
        total: minute,
    }
}

/// Asserts that a limit ended the exchange, not before it was reached and soon after it. The bound above is wider than
/// the 10 % promised, for machines that are busy with other tests.
fn ended_by(exchange: &Exchange, outcome: Outcome, after: Duration, names: &str) {
    let took = exchange.finished - exchange.started;
    assert_eq!(exchange.outcome, outcome, "{}", exchange.detail);
    assert!(
        took >= after && took < after + LIMIT * 3,
        "{names}: {took:?}"
    );
    assert!(exchange.detail.contains(names), "{}", exchange.detail);
}

/// A server that answers with `steps`, one each `pause`, the first at once, and then holds the connection.
async fn dribbling(steps: &'static [&'static str], pause: Duration) -> std::net::SocketAddr {
    server(move |mut stream, _| async move {
        read_request(&mut stream).await.expect("a request");
        for step in steps {
            if stream.write_all(step.as_bytes()).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        read_request(&mut stream).await;
    })
    .await
}

#[tokio::test]
async fn no_first_byte_in_time_is_a_timeout() {
    let server = dribbling(&[], Duration::ZERO).await;
    let mut ask = Ask::get(server, "/");
    ask.timeouts = Timeouts {
        first_byte: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(&exchange, Outcome::Timeout, LIMIT, "the first byte");
    assert!(exchange.first_byte.is_none() && exchange.response.is_none());
}

#[tokio::test]
async fn silence_within_head_or_body_is_a_timeout() {
    for steps in [
        &["HTTP/1.1 200 O"] as &[&str],
        &["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"],
    ] {
        let server = dribbling(steps, Duration::ZERO).await;
        let mut ask = Ask::get(server, "/");
        ask.timeouts = Timeouts {
            idle: LIMIT,
            ..minute()
        };
        let exchange = ask.by(&mut client(|_| ())).await;
        ended_by(&exchange, Outcome::Timeout, LIMIT, "the next bytes");
        assert!(exchange.first_byte.is_some());
        assert_eq!(exchange.bytes_in, steps[0].len() as u64);
    }
}

#[tokio::test]
async fn dribbling_on_below_the_idle_limit_ends_at_the_total_one() {
    const STEPS: &[&str] = &[
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
    ];
    let server = dribbling(STEPS, LIMIT / 3).await;
    let mut ask = Ask::get(server, "/");
    ask.timeouts = Timeouts {
        idle: LIMIT * 2,
        total: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(&exchange, Outcome::Timeout, LIMIT, "the complete response");
}

#[tokio::test]
async fn a_short_limit_after_long_ones_and_a_long_one_after_short_ones_are_both_kept() {
    // Every second request is answered late: after the short limit, before the long one.
    let server = server(|mut stream, _| async move {
        while let Some(request) = read_request(&mut stream).await {
            if request.contains("/late") {
                tokio::time::sleep(LIMIT * 2).await;
            }
            if stream.write_all(ok("x").as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut client = client(|_| ());
    for (path, first_byte, outcome) in [
        ("/", Duration::from_mins(1), Outcome::Ok),
        ("/late", LIMIT, Outcome::Timeout),
        ("/", LIMIT, Outcome::Ok),
        ("/late", LIMIT * 30, Outcome::Ok),
    ] {
        let mut ask = Ask::get(server, path);
        ask.timeouts = Timeouts {
            first_byte,
            ..minute()
        };
        assert_eq!(ask.by(&mut client).await.outcome, outcome, "{path}");
    }
}

#[tokio::test]
async fn a_target_that_does_not_accept_is_a_connect_timeout() {
    // Linux completes handshakes until the backlog is full, then drops them.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let listener: TcpListener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the backlog has no end");
    }
    let mut ask = Ask::get(address, "/");
    ask.timeouts = Timeouts {
        connect: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(
        &exchange,
        Outcome::ConnectTimeout,
        LIMIT,
        "no connection within 300ms",
    );
    let mut ask = Ask::get(address, "/");
    ask.timeouts = Timeouts {
        total: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(&exchange, Outcome::Timeout, LIMIT, "still connecting");
}

#[tokio::test]
async fn a_refused_connection_an_unknown_name_and_an_odd_scheme_have_their_own_outcomes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut client = client(|_| ());
    for (url, outcome) in [
        (format!("http://{address}/"), Outcome::ConnectRefused),
        ("http://no-such-host.invalid/".to_owned(), Outcome::Dns),
        ("ftp://127.0.0.1/".to_owned(), Outcome::ConnectFailed),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            Outcome::AddressRefused,
        ),
        (
            "http://[::ffff:169.254.169.254]/".to_owned(),
            Outcome::AddressRefused,
        ),
        ("http://0.0.0.0/".to_owned(), Outcome::AddressRefused),
        ("http://192.0.2.1/".to_owned(), Outcome::AddressRefused),
    ] {
        let exchange = Ask::url(&url).by(&mut client).await;
        assert_eq!(exchange.outcome, outcome, "{url}: {}", exchange.detail);
        assert_eq!((exchange.bytes_in, exchange.bytes_out), (0, 0));
        assert!(!exchange.detail.is_empty());
    }
}
