//! The lab does exactly what is requested, and counts it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::folio::{Folio, join_all, request, with_lab};

/// Maximum delay of a wake-up on a busy machine: generous, because this test does not measure it.
const LATE: u64 = 500_000;

fn counted(books: &Value, path: &str, status: u16) -> u64 {
    let rows = books["requests"].as_array().expect("rows");
    let row = rows
        .iter()
        .find(|row| row["path"] == path && row["status"] == status);
    row.map_or(0, |row| row["count"].as_u64().expect("a count"))
}

#[tokio::test]
async fn delays_are_never_shorter_than_drawn_and_their_header_matches_the_client() {
    let folio = Folio::start(&with_lab()).await;
    for (law, bounds) in [
        ("law=constant&value=5ms", 5_000..=5_000),
        ("law=uniform&low=1ms&high=4ms", 1_000..=4_000),
        ("law=two_point&low=500us&high=8ms&chance=0.3", 500..=8_000),
        ("law=lognormal&median=2ms&sigma=0.3", 100..=40_000),
        ("law=exponential&mean=2ms", 0..=60_000),
        ("value=0s", 0..=0),
    ] {
        for _ in 0..10 {
            let began = Instant::now();
            let answer = folio.get(&format!("/lab/delay?{law}")).await;
            let seen = began.elapsed().as_micros() as u64;
            assert_eq!(answer.status, StatusCode::OK);
            let (drawn, delay) = (
                answer.number("x-lab-drawn-us"),
                answer.number("x-lab-delay-us"),
            );
            assert!(bounds.contains(&drawn), "{law}: drew {drawn} us");
            assert!(
                drawn <= delay && delay <= seen,
                "{law}: drew {drawn}, took {delay}, client saw {seen} us"
            );
            assert!(
                delay <= drawn + LATE,
                "{law}: drew {drawn}, took {delay} us"
            );
        }
    }
}

#[tokio::test]
async fn invalid_delays_name_the_parameter() {
    let folio = Folio::start(&with_lab()).await;
    assert_eq!(folio.get("/lab/delay").await.faults(422), ["value"]);
    assert_eq!(folio.get("/lab/delay?value=5").await.faults(422), ["value"]);
    assert_eq!(folio.get("/lab/delay?law=gamma").await.faults(422), ["law"]);
    assert_eq!(
        folio
            .get("/lab/delay?law=two_point&low=1h&high=2ms&chance=2")
            .await
            .faults(422),
        ["low", "chance"]
    );
    assert_eq!(folio.post("/lab/stall").await.faults(422), ["for"]);
    assert_eq!(folio.get("/lab/status/99").await.faults(422), ["code"]);
    assert_eq!(folio.get("/lab/bytes/-1").await.faults(422), ["count"]);
    assert_eq!(
        folio
            .get("/lab/drip?bytes=3&every=1ms&part=0")
            .await
            .faults(422),
        ["part"]
    );
}

#[tokio::test]
async fn a_stall_delays_only_requests_that_arrive_in_it() {
    const STALL: Duration = Duration::from_millis(300);
    let folio = Folio::start(&with_lab()).await;
    let began = Instant::now();
    assert_eq!(
        folio.post("/lab/stall?for=300ms").await.status,
        StatusCode::OK
    );
    let stalled_by = began.elapsed();
    assert_eq!(folio.get("/health").await.status, StatusCode::OK);
    let health_by = began.elapsed();
    let held = folio.get("/lab/status/200").await;
    assert!(began.elapsed() >= STALL, "held until the end");
    // The stall began between `began` and `stalled_by`; the request arrived after `health_by`.
    let most = (stalled_by + STALL).saturating_sub(health_by).as_micros() as u64 + LATE;
    assert!(
        held.number("x-lab-delay-us") <= most,
        "the echo holds the stall and no more"
    );
    let after = folio.get("/lab/status/200").await;
    assert!(after.number("x-lab-delay-us") < LATE, "the stall is over");
}

#[tokio::test]
async fn a_scheduled_stall_lets_requests_pass_before_it_begins() {
    let folio = Folio::start(&with_lab()).await;
    let began = Instant::now();
    folio.post("/lab/stall?after=400ms&for=300ms").await;
    folio.get("/lab/status/200").await;
    let passed = began.elapsed();
    assert!(
        passed < Duration::from_millis(700),
        "not held by what has not begun: {passed:?}"
    );
    tokio::time::sleep_until((began + Duration::from_millis(550)).into()).await;
    folio.get("/lab/status/200").await;
    assert!(began.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn a_pause_holds_measured_routes_until_it_is_lifted() {
    let folio = Folio::start(&with_lab()).await;
    assert_eq!(
        folio.post("/lab/pause").await.json(),
        json!({ "paused": true })
    );
    let held = folio.get("/lab/status/204");
    tokio::pin!(held);
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut held).await;
    assert!(waited.is_err(), "held");
    assert_eq!(
        folio.get("/lab/pause").await.json()["paused"],
        true,
        "steering is not held"
    );
    assert_eq!(folio.get("/lab/counters").await.json()["in_flight"], 1);
    folio
        .send(request(Method::DELETE, "/lab/pause", None, Body::empty()))
        .await;
    assert_eq!(held.await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_pause_does_not_keep_the_service_from_stopping() {
    let folio = Folio::start(&with_lab()).await;
    folio.post("/lab/pause").await;
    let mut held = TcpStream::connect(folio.address).expect("a connection");
    held.write_all(b"GET /lab/status/200 HTTP/1.1\r\nhost: folio\r\n\r\n")
        .expect("sent");
    folio.stop().await.expect("served without fault");
}

#[tokio::test]
async fn statuses_sizes_redirects_and_echoes_are_as_requested() {
    let folio = Folio::start(&with_lab()).await;
    for status in [200, 204, 304, 404, 418, 503, 599] {
        assert_eq!(
            folio.get(&format!("/lab/status/{status}")).await.status,
            status
        );
    }
    for count in [0, 1, 65_536, 65_537, 3_000_000] {
        let answer = folio.get(&format!("/lab/bytes/{count}")).await;
        assert_eq!(answer.body.len(), count);
        assert_eq!(answer.header("content-length"), count.to_string());
    }
    let mut hops = Vec::new();
    let mut path = "/lab/redirect/2".to_owned();
    loop {
        let answer = folio.get(&path).await;
        hops.push(answer.status.as_u16());
        if answer.status == StatusCode::OK {
            break;
        }
        answer.header("location").clone_into(&mut path);
    }
    assert_eq!(hops, [302, 302, 200]);
    let echo = folio
        .send(request(
            Method::PUT,
            "/lab/echo?a=b",
            None,
            Body::from("hello"),
        ))
        .await
        .json();
    assert_eq!(
        (&echo["method"], &echo["path"], &echo["query"]),
        (&json!("PUT"), &json!("/lab/echo"), &json!("a=b"))
    );
    assert_eq!(
        (&echo["body"], &echo["body_bytes"]),
        (&json!("hello"), &json!(5))
    );
}

#[tokio::test]
async fn a_drip_takes_its_time_and_sends_all_bytes() {
    let folio = Folio::start(&with_lab()).await;
    let began = Instant::now();
    let answer = folio.get("/lab/drip?bytes=10&part=3&every=20ms").await;
    assert_eq!(answer.body, "abcabcabca".as_bytes());
    assert!(
        began.elapsed() >= Duration::from_millis(60),
        "four parts, three periods between them"
    );
}

#[tokio::test]
async fn close_sends_no_byte() {
    let folio = Folio::start(&with_lab()).await;
    let mut connection = TcpStream::connect(folio.address).expect("a connection");
    connection
        .write_all(b"GET /lab/close HTTP/1.1\r\nhost: folio\r\n\r\n")
        .expect("sent");
    let received = tokio::task::spawn_blocking(move || {
        let mut received = Vec::new();
        // A reset ends the connection as well.
        let _ = connection.read_to_end(&mut received);
        received
    });
    assert_eq!(received.await.expect("read"), b"");
    assert_eq!(
        counted(&folio.get("/lab/counters").await.json(), "/lab/close", 0),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_equal_what_clients_sent_and_received_under_concurrency() {
    let folio = Folio::start(&with_lab()).await;
    let sent = "x".repeat(100);
    let load = async |user: usize| {
        let mut received = 0;
        for turn in 0..25 {
            let echo = request(Method::POST, "/lab/echo", None, Body::from(sent.clone()));
            received += folio.send(echo).await.body.len();
            received += folio
                .get(&format!("/lab/bytes/{}", user * 1_000 + turn))
                .await
                .body
                .len();
            received += folio.get("/lab/status/503").await.body.len();
            received += folio.get("/api/v1/documents/3").await.body.len();
            folio.get("/lab/counters").await;
        }
        received
    };
    let received: usize = join_all((0..16).map(load)).await.into_iter().sum();
    let books = folio.get("/lab/counters").await.json();
    assert_eq!(books["begun"], 16 * 25 * 4);
    assert_eq!(books["answered"], 16 * 25 * 4);
    assert_eq!(
        (&books["in_flight"], &books["abandoned"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(books["body_bytes_in"], 16 * 25 * 100);
    assert_eq!(books["body_bytes_out"], received);
    assert_eq!(counted(&books, "/lab/echo", 200), 400);
    assert_eq!(counted(&books, "/lab/status/503", 503), 400);
    assert_eq!(counted(&books, "/api/v1/documents/3", 200), 400);
    assert_eq!(counted(&books, "/lab/counters", 200), 0);

    assert_eq!(
        folio.post("/lab/counters/reset").await.status,
        StatusCode::NO_CONTENT
    );
    let books = folio.get("/lab/counters").await.json();
    assert_eq!(
        (&books["begun"], &books["body_bytes_out"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn a_request_of_a_disconnected_client_is_abandoned_and_not_answered() {
    let folio = Folio::start(&with_lab()).await;
    folio.post("/lab/pause").await;
    folio.post("/lab/counters/reset").await;
    let mut connection = TcpStream::connect(folio.address).expect("a connection");
    connection
        .write_all(b"GET /lab/status/200 HTTP/1.1\r\nhost: folio\r\n\r\n")
        .expect("sent");
    let reaches = async |field: &str| {
        let wait = async {
            while folio.get("/lab/counters").await.json()[field] != 1 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .is_ok()
    };
    assert!(reaches("in_flight").await);
    drop(connection);
    assert!(reaches("abandoned").await);
    let books = folio.get("/lab/counters").await.json();
    assert_eq!(
        (&books["begun"], &books["answered"], &books["in_flight"]),
        (&json!(1), &json!(0), &json!(0))
    );
}
