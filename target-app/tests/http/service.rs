//! Properties of every route: request id, metrics, error responses, start and stop.

use std::collections::{HashMap, HashSet};

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode};
use target_app::{Config, Profile, StartError, State, StoreError};

use crate::folio::{Folio, request, small, with_lab};

#[tokio::test]
async fn it_is_alive_and_ready() {
    let folio = Folio::start(&small()).await;
    assert_eq!(folio.get("/health").await.json()["status"], "ok");
    assert_eq!(folio.get("/ready").await.json()["status"], "ready");
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_its_cost() {
    let folio = Folio::start(&small()).await;
    let one = folio.get("/health").await;
    let other = folio.get("/nowhere").await;
    assert_ne!(one.header("x-request-id"), "");
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
    assert_eq!(
        other.header("server-timing"),
        "cache;desc=off, pool;dur=0, db;dur=0, queries;desc=0"
    );
    let mut named = request(Method::GET, "/health", None, Body::empty());
    named
        .headers_mut()
        .insert("x-request-id", "mine-42".parse().expect("a header"));
    assert_eq!(folio.send(named).await.header("x-request-id"), "mine-42");
    for unusable in ["", "m\u{e4}ine", &"x".repeat(129)] {
        let mut named = request(Method::GET, "/health", None, Body::empty());
        let id = HeaderValue::from_bytes(unusable.as_bytes()).expect("a value");
        named.headers_mut().insert("x-request-id", id);
        let given = folio.send(named).await;
        assert_eq!(given.header("x-request-id").len(), 32, "{unusable:?}");
    }
}

#[tokio::test]
async fn a_missing_resource_is_a_problem_document() {
    let folio = Folio::start(&small()).await;
    folio.get("/nowhere").await.faults(404);
    let refused = folio.post("/health").await;
    refused.faults(405);
    assert_eq!(refused.header("allow"), "GET,HEAD");
    let token = folio.token(1).await;
    // Invalid UTF-8 where a name is expected.
    for path in ["/assets/%ff", "/api/v1/tasks/%ff"] {
        folio.get_as(&token, path).await.faults(404);
    }
}

#[tokio::test]
async fn the_lab_answers_404_unless_it_is_enabled() {
    let closed = Folio::start(&small()).await;
    let open = Folio::start(&with_lab()).await;
    for path in [
        "/lab/status/200",
        "/lab/counters",
        "/lab/pause",
        "/lab/delay?value=0s",
        "/lab/bytes/1",
    ] {
        closed.get(path).await.faults(404);
        assert_eq!(open.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_never_by_path() {
    let folio = Folio::start(&small()).await;
    for path in [
        "/api/v1/documents/1",
        "/api/v1/documents/1",
        "/api/v1/documents/2",
        "/secret-1",
        "/secret-2",
    ] {
        folio.get(path).await;
    }
    let answer = folio.get("/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = String::from_utf8(answer.body.to_vec()).expect("text");
    for line in [
        r#"folio_http_requests_total{method="GET",route="/api/v1/documents/{id}",status="200"} 3"#,
        r#"folio_http_requests_total{method="GET",route="unmatched",status="404"} 2"#,
        r#"folio_http_request_seconds_count{route="/api/v1/documents/{id}"} 3"#,
        r#"folio_cache_requests_total{cache="responses",layer="l1",result="hit"} 1"#,
        r#"folio_cache_requests_total{cache="responses",layer="l1",result="miss"} 2"#,
        r#"folio_query_seconds_count{name="document"} 2"#,
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no line {line} in:\n{text}"
        );
    }
    assert!(!text.contains("secret"));
    if cfg!(target_os = "linux") {
        let resident = text
            .lines()
            .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
        assert!(
            resident.is_some_and(|bytes| bytes.parse::<u64>().is_ok_and(|bytes| bytes > 1 << 20))
        );
    }
}

/// Name, labels and value of a line that is not a comment.
fn sample(line: &str) -> (&str, &str, &str) {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    (name, labels, value)
}

#[tokio::test]
async fn metrics_are_text_that_a_scraper_can_read() {
    let folio = Folio::start(&small()).await;
    folio.get("/api/v1/documents/1").await;
    let text = folio.get("/metrics").await.body;
    let text = std::str::from_utf8(&text).expect("text");
    let (mut families, mut series) = (HashMap::new(), HashSet::new());
    let (mut helped, mut family) = ("", "");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help");
            assert!(help.ends_with('.'), "{line}");
            helped = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert_eq!(name, helped, "help and type stand together");
            assert_eq!(families.insert(name, kind), None, "{name} comes twice");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family = name;
        } else {
            let (name, labels, value) = sample(line);
            let of_histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .any(|part| name.strip_suffix(part) == Some(family));
            let is_histogram = families.get(family) == Some(&"histogram");
            assert!(
                if is_histogram {
                    of_histogram
                } else {
                    name == family
                },
                "{line} stands below {family}"
            );
            assert!(
                labels.ends_with('}') && value.parse::<f64>().is_ok(),
                "{line}"
            );
            assert!(series.insert((name, labels)), "{line} comes twice");
        }
    }
    assert!(families.len() > 50, "{} families", families.len());
}

#[tokio::test]
async fn an_internal_error_is_a_problem_that_reveals_no_internals() {
    let folio = Folio::start(&small()).await;
    folio.state.close().await;
    let answer = folio.get("/api/v1/documents/1").await;
    assert!(answer.faults(503).is_empty());
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    for inside in ["sql", "pool", "database", "connection"] {
        assert!(!body.contains(inside), "{inside} in {body}");
    }
    let unready = folio.get("/ready").await;
    assert_eq!(unready.faults(503), ["database"]);
    assert_eq!(unready.number("retry-after"), 1);
    assert_eq!(folio.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_the_listener() {
    let folio = Folio::start(&small()).await;
    let address = folio.address;
    folio.get("/health").await;
    folio.stop().await.expect("served without fault");
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens"
    );
}

#[tokio::test]
async fn a_chosen_directory_is_kept_and_rejected_for_another_catalogue() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = Config {
        profile: Profile::Embedded {
            directory: Some(directory.path().join("kept")),
        },
        ..small()
    };
    let folio = Folio::start(&config).await;
    let pair = folio.login(1).await;
    let token = pair["access_token"].as_str().expect("a token");
    let wanted = serde_json::json!({ "document_id": 3, "quantity": 2 });
    let placed = folio
        .post_json(Some(token), "/api/v1/orders", &wanted)
        .await;
    folio.stop().await.expect("served without fault");

    let folio = Folio::start(&config).await;
    let pair = folio.login(1).await;
    let token = pair["access_token"].as_str().expect("a token");
    let path = format!("/api/v1/orders/{}", placed.json()["id"]);
    let kept = folio.get_as(token, &path).await;
    assert_eq!(kept.json(), placed.json(), "orders survive a restart");
    folio.stop().await.expect("served without fault");

    let other = Config {
        documents: 61,
        ..config
    };
    let refused = State::open(&other).await.err();
    let Some(StartError::Store(error @ StoreError::SeededOtherwise { .. })) = refused else {
        panic!("expected a refusal, found {refused:?}");
    };
    assert!(
        error.to_string().contains("60 documents") && error.to_string().contains("61 documents"),
        "{error}"
    );
}

#[tokio::test]
async fn settings_out_of_bounds_are_rejected_before_anything_is_created() {
    let refused = State::open(&Config {
        users: 0,
        ..small()
    })
    .await
    .err();
    assert!(
        matches!(refused, Some(StartError::Config(_))),
        "{refused:?}"
    );
}
