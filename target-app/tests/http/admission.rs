//! Rate limits, concurrency limits, priorities, sizes and time limits, and their changes at run time.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::folio::{Answer, Folio, join_all, request, settings, small};

/// Maximum wait for a state in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts Folio with these settings, applied after the start, so that a modelled cost does not slow it down.
async fn start(assignments: &[&str]) -> Folio {
    let folio = Folio::start(&small()).await;
    folio.state.replace_settings(settings(assignments));
    folio
}

fn get(path: &str, headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = request(Method::GET, path, None, Body::empty());
    for (name, value) in headers {
        let value = value.parse().expect("a value");
        request.headers_mut().insert(*name, value);
    }
    request
}

async fn metric(folio: &Folio, name: &str) -> f64 {
    let text = folio.get("/metrics").await.body;
    let text = std::str::from_utf8(&text).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |value| value.trim().parse().expect("a number"))
}

/// Waits until the metric has the value.
async fn until(folio: &Folio, name: &str, value: f64) {
    let began = Instant::now();
    loop {
        let found = metric(folio, name).await;
        if (found - value).abs() < 0.5 {
            return;
        }
        let elapsed = began.elapsed();
        assert!(elapsed < PATIENCE, "{name} is {found}, expected {value}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn assert_refused(answer: &Answer, status: u16) {
    assert!(answer.faults(status).is_empty());
    assert!(answer.number("retry-after") >= 1);
}

#[tokio::test]
async fn anonymous_clients_on_loopback_are_not_limited_unless_it_is_switched_on() {
    let folio = start(&["admission.per_second=1", "admission.burst=5"]).await;
    for _ in 0..30 {
        assert_eq!(
            folio.get("/api/v1/documents/1").await.status,
            StatusCode::OK
        );
    }
    folio.state.replace_settings(settings(&[
        "admission.per_second=1",
        "admission.burst=5",
        "admission.anonymous=true",
    ]));
    let began = Instant::now();
    let answers = join_all((0..30).map(|_| folio.get("/api/v1/documents/1"))).await;
    let elapsed = began.elapsed().as_secs_f64();
    let (accepted, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == StatusCode::OK);
    let bound = 5.0 + elapsed + 1.0;
    assert!(
        accepted.len() >= 5 && accepted.len() as f64 <= bound,
        "{} of at most {bound}",
        accepted.len()
    );
    for answer in &refused {
        assert_refused(answer, 429);
        assert_eq!(answer.number("retry-after"), 1);
        assert_eq!(answer.header("ratelimit-policy"), "\"general\";q=5;w=5");
        assert_eq!(answer.header("ratelimit"), "\"general\";r=0;t=1");
    }
    let counted = metric(&folio, r#"folio_admission_rejected_total{reason="rate"}"#).await;
    assert!((counted - refused.len() as f64).abs() < 0.5);
    for _ in 0..10 {
        assert_eq!(folio.get("/health").await.status, StatusCode::OK);
    }
    folio.state.replace_settings(settings(&[
        "admission.rate=off",
        "admission.anonymous=true",
    ]));
    for _ in 0..30 {
        assert_eq!(
            folio.get("/api/v1/documents/1").await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn logins_have_a_separate_rate_limit() {
    let folio = start(&[
        "admission.anonymous=true",
        "admission.auth_per_second=1",
        "admission.auth_burst=2",
    ])
    .await;
    let body = serde_json::json!({});
    let logins = join_all((0..10).map(|_| folio.post_json(None, "/api/v1/auth/login", &body)));
    let logins = logins.await;
    let refused = logins.iter().filter(|answer| answer.status == 429);
    assert!(refused.count() >= 5);
    assert!(logins.iter().any(|answer| answer.status == 422));
    assert_eq!(
        folio.get("/api/v1/documents/1").await.status,
        StatusCode::OK,
        "the general rate is untouched"
    );
}

#[tokio::test]
async fn a_sliding_window_accepts_its_limit_and_returns_retry_after() {
    let folio = start(&[
        "admission.rate=sliding_window",
        "admission.anonymous=true",
        "admission.window_limit=5",
        "admission.window=10m",
    ])
    .await;
    let answers = join_all((0..12).map(|_| folio.get("/api/v1/documents/1"))).await;
    let refused = answers
        .iter()
        .filter(|answer| answer.status != StatusCode::OK);
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 12 - 5);
    for answer in refused {
        assert_refused(answer, 429);
        // The oldest request leaves the window ten minutes after its arrival, which was seconds ago on a slow machine.
        assert!((500..=600).contains(&answer.number("retry-after")));
        assert_eq!(answer.header("ratelimit-policy"), "\"window\";q=5;w=600");
    }
}

#[tokio::test]
async fn every_api_key_has_a_separate_bucket_and_unknown_keys_are_rejected() {
    let folio = start(&[
        r#"admission.api_keys=["one", "other"]"#,
        "admission.per_second=1",
        "admission.burst=3",
    ])
    .await;
    let ask = async |key: &str| {
        let request = get("/api/v1/documents/1", &[("x-api-key", key)]);
        folio.send(request).await.status.as_u16()
    };
    for key in ["one", "other"] {
        assert_eq!([ask(key).await, ask(key).await, ask(key).await], [200; 3]);
        assert_eq!(ask(key).await, 429, "{key}");
    }
    assert_eq!(ask("neither").await, 401);
}

#[tokio::test]
async fn guessing_keys_is_limited_like_guessing_passwords() {
    let folio = start(&[
        "admission.anonymous=true",
        "admission.auth_per_second=1",
        "admission.auth_burst=2",
    ])
    .await;
    let began = Instant::now();
    let guesses: Vec<_> = (0..20).map(|guess| guess.to_string()).collect();
    let answers = guesses.iter().map(|guess| {
        let guess = get("/api/v1/documents/1", &[("x-api-key", guess)]);
        folio.send(guess)
    });
    let answers = join_all(answers).await;
    let (refused, limited): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == StatusCode::UNAUTHORIZED);
    let bound = 2.0 + began.elapsed().as_secs_f64() + 1.0;
    assert!(refused.len() >= 2 && refused.len() as f64 <= bound);
    for answer in &limited {
        assert_refused(answer, 429);
    }
    assert_eq!(
        folio.get("/api/v1/documents/1").await.status,
        StatusCode::OK,
        "the general rate is untouched"
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_it_is_announced_or_not() {
    let folio = start(&["admission.body_limit=1000"]).await;
    let token = folio.login(1).await;
    let token = token["access_token"].as_str().expect("a token");
    let post = |body: Body| {
        let mut request = request(Method::POST, "/api/v1/orders", Some(token), body);
        let kind = "application/json".parse().expect("a value");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        request
    };
    let chunked = |size: usize| {
        let chunks = vec![Ok::<_, Infallible>(" ".repeat(100)); size / 100];
        Body::from_stream(stream::iter(chunks))
    };
    let announced = folio.send(post(Body::from(" ".repeat(1_001)))).await;
    assert!(announced.faults(413).is_empty());
    assert!(
        folio
            .send(post(chunked(1_100)))
            .await
            .faults(413)
            .is_empty()
    );
    assert!(
        folio
            .send(post(chunked(1_000)))
            .await
            .faults(400)
            .is_empty()
    );
    let counted = metric(&folio, r#"folio_admission_rejected_total{reason="body"}"#).await;
    assert!((counted - 2.0).abs() < 0.5);
    folio
        .state
        .replace_settings(settings(&["admission.body_limit=2000"]));
    assert!(
        folio
            .send(post(chunked(1_100)))
            .await
            .faults(400)
            .is_empty()
    );
}

#[tokio::test]
async fn slow_bodies_delay_nobody_and_time_out() {
    const SLOW: usize = 100;
    let folio = start(&["admission.http_limit=4", "admission.http_waiting=0"]).await;
    let ask = "POST /api/v1/auth/login HTTP/1.1\r\nhost: folio\r\ncontent-type: application/json\r\n\
               content-length: 100\r\n\r\n{\"email\"";
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut connection = TcpStream::connect(folio.address).await.expect("connected");
        connection.write_all(ask.as_bytes()).await.expect("asked");
        slow.push(connection);
    }
    // Including the request that reads the metrics.
    until(&folio, "folio_http_requests_in_flight", 1.0 + SLOW as f64).await;
    assert_eq!(
        folio.get("/api/v1/documents/1").await.status,
        StatusCode::OK
    );
    folio.login(1).await;
    let (mut connection, mut answer) = (slow.remove(0), String::new());
    let read = connection.read_to_string(&mut answer);
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("in time")
        .expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("8 bytes in 2.0 s"), "{answer}");
    until(&folio, "folio_http_requests_in_flight", 1.0).await;
    let slow_bodies = r#"folio_admission_rejected_total{reason="slow_body"}"#;
    assert!((metric(&folio, slow_bodies).await - SLOW as f64).abs() < 0.5);
}

#[tokio::test]
async fn the_limit_of_bodies_bounds_documents_and_its_default_lets_the_longest_pass() {
    let folio = start(&[]).await;
    let token = folio.token(1).await;
    let write = async |length: usize| {
        let document = serde_json::json!({
            "title": "Long", "body": "\u{1}".repeat(length), "author": "Me", "tags": [], "price_cents": 1,
        });
        let path = "/api/v1/documents";
        folio
            .post_json(Some(&token), path, &document)
            .await
            .status
            .as_u16()
    };
    assert_eq!(write(100 * 1024).await, 201);
    folio
        .state
        .replace_settings(settings(&["admission.body_limit=2000"]));
    assert_eq!([write(100).await, write(1_000).await], [201, 413]);
}

#[tokio::test]
async fn duplicate_names_are_rejected_by_name() {
    let folio = Folio::start(&small()).await;
    let query = folio.get("/api/v1/documents?limit=5&page=1&limit=6").await;
    assert_eq!(query.faults(422), ["limit"]);
    let mut login = request(
        Method::POST,
        "/api/v1/auth/login",
        None,
        Body::from(
            r#"{"email": "user1@folio.test", "email": "user2@folio.test", "password": 1, "device": "a"}"#,
        ),
    );
    let kind = "application/json".parse().expect("a value");
    login.headers_mut().insert(header::CONTENT_TYPE, kind);
    let login = folio.send(login).await;
    assert_eq!(login.faults(422), ["email", "password"]);
    let told = String::from_utf8_lossy(&login.body).into_owned();
    assert!(told.contains("expected once, found again"), "{told}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_ends_in_503_and_holds_nothing() {
    let folio = start(&["db.hold_ms=20000", "admission.timeout=100ms"]).await;
    let began = Instant::now();
    let answers = join_all((0..5).map(|_| folio.get("/api/v1/documents/1"))).await;
    for answer in &answers {
        assert_refused(answer, 503);
    }
    assert!(began.elapsed() < Duration::from_secs(15));
    until(&folio, r#"folio_admission_in_use{gate="http"}"#, 0.0).await;
    let counted = metric(
        &folio,
        r#"folio_admission_rejected_total{reason="timeout"}"#,
    )
    .await;
    assert!((counted - 5.0).abs() < 0.5);
    folio.state.replace_settings(settings(&[]));
    assert_eq!(
        folio.get("/api/v1/documents/1").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn beyond_the_limit_and_the_queue_the_answer_is_503_and_health_still_answers() {
    let folio = start(&[
        "db.hold_ms=500",
        "admission.http_limit=2",
        "admission.http_waiting=3",
    ])
    .await;
    let paths: Vec<_> = (1..=12)
        .map(|id| format!("/api/v1/documents/{id}"))
        .collect();
    let answers = paths.iter().map(|path| folio.get(path));
    let (answers, ()) = tokio::join!(join_all(answers), async {
        until(&folio, r#"folio_admission_in_use{gate="http"}"#, 2.0).await;
        assert_eq!(folio.get("/health").await.status, StatusCode::OK);
    });
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status != StatusCode::OK)
        .collect();
    assert_eq!(refused.len(), 12 - 5);
    for answer in refused {
        assert_refused(answer, 503);
    }
    for (name, expected) in [
        (r#"folio_admission_accepted_total{gate="http"}"#, 5.0),
        (
            r#"folio_admission_queued_total{gate="http",priority="normal"}"#,
            3.0,
        ),
        (r#"folio_admission_rejected_total{reason="http_full"}"#, 7.0),
        (r#"folio_admission_wait_seconds_count{gate="http"}"#, 3.0),
    ] {
        until(&folio, name, expected).await;
    }
}

#[tokio::test]
async fn with_a_full_queue_priorities_apply_and_light_requests_pass() {
    let folio = start(&[
        "db.hold_ms=1500",
        "admission.queue_workers=1",
        "admission.queue_depth=1",
        r#"admission.api_keys=["known"]"#,
    ])
    .await;
    let folio = &folio;
    let search = async |words: &'static str, headers: &[(&'static str, &str)]| {
        let path = format!("/api/v1/search?q={words}");
        folio.send(get(&path, headers)).await
    };
    let in_use = r#"folio_admission_in_use{gate="queue"}"#;
    let waiting = r#"folio_admission_waiting{gate="queue"}"#;
    let high = [("x-api-key", "known"), ("x-priority", "high")];
    let (first, low, urgent, ()) = tokio::join!(
        search("first", &[]),
        async {
            until(folio, in_use, 1.0).await;
            search("low", &[("x-priority", "low")]).await
        },
        async {
            until(folio, waiting, 1.0).await;
            search("urgent", &high).await
        },
        async {
            let displaced = r#"folio_admission_rejected_total{reason="queue_displaced"}"#;
            until(folio, displaced, 1.0).await;
            let boaster = search("boaster", &[("x-priority", "critical")]).await;
            assert_refused(&boaster, 503);
            assert_eq!(
                folio.get("/api/v1/documents/1").await.status,
                StatusCode::OK
            );
        },
    );
    assert_eq!(first.status, StatusCode::OK);
    assert_refused(&low, 503);
    assert_eq!(urgent.status, StatusCode::OK);
}
