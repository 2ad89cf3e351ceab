//! Live metrics over a WebSocket and as server-sent events: their contents, their readers, and their end.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::folio::{Folio, small};
use crate::monitor::watched;

/// Maximum wait in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Maximum concurrent streams.
const MOST: usize = 100;

#[tokio::test]
async fn a_socket_gets_live_metrics_answers_pings_and_ends_with_the_service() {
    let folio = Folio::start(&watched(&[])).await;
    let url = format!("ws://{}/ws", folio.address);
    let (mut socket, _) = connect_async(url).await.expect("a socket");
    socket
        .send(Message::Ping("are you there".into()))
        .await
        .expect("sent");
    let (mut views, mut was_answered) = (Vec::new(), false);
    while views.len() < 2 || !was_answered {
        let message = timeout(PATIENCE, socket.next()).await.expect("in time");
        match message.expect("it goes on").expect("a message") {
            Message::Text(text) => views.push(serde_json::from_str::<Value>(&text).expect("JSON")),
            Message::Pong(echo) => was_answered = echo.as_ref() == b"are you there",
            other => panic!("expected text or a pong, found {other:?}"),
        }
    }
    for view in &views {
        assert!(
            view["sample"]["requests"]["per_second"].is_number(),
            "{view}"
        );
    }
    assert!(views[0]["sample"]["at_ms"].as_u64() < views[1]["sample"]["at_ms"].as_u64());

    let stopped = tokio::spawn(folio.stop());
    let close = loop {
        match timeout(PATIENCE, socket.next()).await.expect("in time") {
            Some(Ok(Message::Close(close))) => break close.expect("a reason"),
            Some(Ok(_)) => {}
            other => panic!("expected a goodbye, found {other:?}"),
        }
    };
    assert_eq!(close.code, CloseCode::Away);
    stopped
        .await
        .expect("no panic")
        .expect("served without fault");
}

#[tokio::test]
async fn a_plain_request_for_the_socket_is_told_to_upgrade() {
    let folio = Folio::start(&small()).await;
    let answer = folio.get("/ws").await;
    answer.faults(426);
    assert_eq!(answer.header("upgrade"), "websocket");
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_socket() {
    let folio = Folio::start(&small()).await;
    let own = format!("http://{}", folio.address);
    for (origin, is_own) in [
        (own.as_str(), true),
        ("http://elsewhere.test", false),
        ("https://127.0.0.1:1", false),
        ("null", false),
    ] {
        let mut ask = format!("ws://{}/ws", folio.address)
            .into_client_request()
            .expect("a request");
        let value = origin.parse().expect("a header");
        ask.headers_mut().insert("origin", value);
        match connect_async(ask).await {
            Ok(_) => assert!(is_own, "{origin}"),
            Err(Error::Http(refused)) => {
                assert!(!is_own && refused.status() == 403, "{origin}");
            }
            Err(error) => panic!("expected an answer to {origin}, found {error}"),
        }
    }
}

/// A connection to the event stream, and the text read so far.
struct EventStream {
    connection: TcpStream,
    read: String,
}

impl EventStream {
    async fn open(folio: &Folio) -> Self {
        let mut connection = TcpStream::connect(folio.address).await.expect("connected");
        let ask = "GET /events HTTP/1.1\r\nhost: folio\r\naccept-encoding: gzip\r\n\r\n";
        connection.write_all(ask.as_bytes()).await.expect("asked");
        let mut events = Self {
            connection,
            read: String::new(),
        };
        events.until(|read| read.contains("\r\n\r\n")).await;
        events
    }

    /// Reads until `is_there`, or until the end.
    async fn until(&mut self, is_there: impl Fn(&str) -> bool) {
        while !is_there(&self.read) {
            let mut part = [0; 4_096];
            let count = timeout(PATIENCE, self.connection.read(&mut part)).await;
            let count = count.expect("in time").expect("readable");
            if count == 0 {
                return;
            }
            self.read.push_str(&String::from_utf8_lossy(&part[..count]));
        }
    }
}

#[tokio::test]
async fn events_have_ids_are_uncompressed_and_end_properly_with_the_service() {
    let folio = Folio::start(&watched(&[])).await;
    let mut events = EventStream::open(&folio).await;
    events
        .until(|read| read.matches("\nid: ").count() == 2 && read.ends_with("\n\n\r\n"))
        .await;
    let head = events.read.to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/event-stream"));
    assert!(!head.contains("content-encoding"));
    assert!(head.contains("retry: 2000") || head.contains("retry:2000"));
    let lines = events
        .read
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let views: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(views.len() >= 2 && views[0]["levels"].is_array());

    // The last chunk is sent only if the stream ended properly; a connection cut by the shutdown would lack it.
    let stopped = tokio::spawn(folio.stop());
    events.until(|_| false).await;
    assert!(events.read.ends_with("\r\n0\r\n\r\n"), "{:?}", events.read);
    stopped
        .await
        .expect("no panic")
        .expect("served without fault");
}

#[tokio::test]
async fn live_readers_are_bounded_and_their_places_are_reused() {
    let folio = Folio::start(&watched(&[])).await;
    let mut readers = Vec::new();
    for _ in 0..MOST {
        let events = EventStream::open(&folio).await;
        assert!(events.read.starts_with("HTTP/1.1 200"), "{}", events.read);
        readers.push(events);
    }
    let refused = folio.get("/events").await;
    refused.faults(503);
    assert_eq!(refused.header("retry-after"), "5");
    let text = folio.get("/metrics").await;
    let line = format!("folio_live_readers {MOST}");
    assert!(
        String::from_utf8_lossy(&text.body)
            .lines()
            .any(|found| found == line)
    );

    drop(readers.pop());
    let deadline = Instant::now() + PATIENCE;
    while !EventStream::open(&folio)
        .await
        .read
        .starts_with("HTTP/1.1 200")
    {
        assert!(Instant::now() < deadline, "no room was made");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn live_streams_count_neither_as_slow_requests_nor_as_requests_in_progress() {
    let folio = Folio::start(&watched(&[])).await;
    let mut events = EventStream::open(&folio).await;
    events.until(|read| read.contains("\nid: ")).await;
    let text = folio.get("/metrics").await;
    let text = String::from_utf8_lossy(&text.body).into_owned();
    let under_way = "folio_http_requests_in_flight 1";
    assert!(
        text.lines().any(|line| line == under_way),
        "only this request is"
    );
    let sum = r#"folio_http_request_seconds_sum{route="/events"} "#;
    let seconds = text.lines().find_map(|line| line.strip_prefix(sum));
    let seconds: f64 = seconds.expect("a sum").parse().expect("a number");
    // The first message takes up to a second; the head must not wait for it.
    assert!(seconds < 0.5, "{seconds}");
}
