//! Connections: counted while they are open, and closed if no complete request arrives.

use axum::http::StatusCode;
use target_app::{State, serve, serve_starting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Duration, advance, pause, resume, timeout};

use crate::folio::{Folio, small};
use crate::probe::{PATIENCE, count, until};

const OPEN: &str = "folio_http_connections";
const WHOLE: &[u8] = b"GET /health HTTP/1.1\r\nhost: folio\r\n\r\n";
const CUT: &[u8] = b"GET /health HTTP/1.1\r\nhost: fo";

/// Sends a request, complete or not, on a new connection.
async fn sent(folio: &Folio, request: &[u8]) -> TcpStream {
    let connection = TcpStream::connect(folio.address).await;
    let mut connection = connection.expect("it listens");
    ask(&mut connection, request).await;
    connection
}

async fn ask(connection: &mut TcpStream, request: &[u8]) {
    connection.write_all(request).await.expect("it reads");
}

/// The first line of the answer.
async fn status(connection: &mut TcpStream) -> String {
    let mut answer = vec![0; 4_096];
    let length = connection.read(&mut answer).await.expect("it answers");
    let answer = String::from_utf8_lossy(&answer[..length]);
    answer.lines().next().unwrap_or_default().to_owned()
}

async fn is_closed(connection: &mut TcpStream) -> bool {
    let read = timeout(PATIENCE, connection.read(&mut [0])).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

/// Advances the clock. It is paused only meanwhile: while it is paused, waiting for an answer would make it jump.
async fn later(seconds: u64) {
    pause();
    advance(Duration::from_secs(seconds)).await;
    resume();
}

#[tokio::test]
async fn while_starting_it_is_alive_and_answers_503_with_retry_after() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (open, opened) = oneshot::channel();
    let starting = tokio::spawn(async move {
        let opened = serve_starting(&listener, opened).await;
        (listener, opened)
    });
    let ask = async |path: &str| {
        reqwest::get(format!("http://{address}{path}"))
            .await
            .expect("an answer")
    };
    assert_eq!(ask("/health").await.status(), StatusCode::OK);
    for path in ["/ready", "/", "/api/v1/documents/1"] {
        let answer = ask(path).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.headers()["retry-after"], "1", "{path}");
    }
    let state = State::open(&small()).await.expect("the state opens");
    open.send(state).map_err(drop).expect("it waits");
    let (listener, state) = starting.await.expect("no panic");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, state.expect("a state"), stopped));
    assert_eq!(ask("/ready").await.status(), StatusCode::OK);
    stop.send(()).expect("it serves");
    let _ = served.await.expect("served without fault");
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let folio = Folio::start(&small()).await;
    assert_eq!(folio.get("/health").await.status, StatusCode::OK);
    let (before, accepted) = (
        count(&folio, OPEN).await,
        count(&folio, "folio_http_connections_total").await,
    );
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(sent(&folio, WHOLE).await);
    }
    for other in &mut others {
        assert_eq!(status(other).await, "HTTP/1.1 200 OK");
    }
    assert_eq!(count(&folio, OPEN).await, before + 3);
    drop(others);
    until(&folio, OPEN, |open| open < before as f64 + 0.5).await;
    let accepted_now = count(&folio, "folio_http_connections_total").await;
    assert_eq!(accepted_now, accepted + 3);
    folio.stop().await.expect("served without fault");
}

#[tokio::test]
async fn a_connection_may_take_a_minute_for_a_complete_head() {
    let folio = Folio::start(&small()).await;
    let before = count(&folio, OPEN).await;
    let mut idle = sent(&folio, WHOLE).await;
    assert_eq!(status(&mut idle).await, "HTTP/1.1 200 OK");
    let (mut slow, mut late) = (sent(&folio, CUT).await, sent(&folio, CUT).await);
    until(&folio, OPEN, |open| open > before as f64 + 2.5).await;

    later(55).await;
    ask(&mut idle, WHOLE).await;
    assert_eq!(status(&mut idle).await, "HTTP/1.1 200 OK");
    ask(&mut late, &WHOLE[CUT.len()..]).await;
    assert_eq!(status(&mut late).await, "HTTP/1.1 200 OK");
    // A byte does not extend the time limit.
    ask(&mut slow, b"l").await;
    later(6).await;
    assert!(is_closed(&mut slow).await, "its minute is over");
    ask(&mut idle, WHOLE).await;
    assert_eq!(status(&mut idle).await, "HTTP/1.1 200 OK");
    later(61).await;
    assert!(is_closed(&mut idle).await, "nothing came for a minute");
    folio.stop().await.expect("served without fault");
}
