//! Self-monitoring: metrics, levels, alerts, the status page.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use target_app::Config;
use tokio::time::{Instant, sleep};

use crate::folio::{Answer, Folio, request, settings, small, with_lab};

/// Maximum wait in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The small catalogue with frequent samples.
pub(crate) fn watched(more: &[&str]) -> Config {
    let assignments: Vec<_> = ["monitor.every=100ms"]
        .iter()
        .chain(more)
        .copied()
        .collect();
    Config {
        settings: settings(&assignments),
        ..small()
    }
}

async fn get_json(folio: &Folio, path: &str) -> Answer {
    let mut asked = request(Method::GET, path, None, Body::empty());
    let accept = "application/json".parse().expect("a header");
    asked.headers_mut().insert("accept", accept);
    folio.send(asked).await
}

/// Polls the performance document until `is_there`, sending a request for each of `paths` before each poll.
async fn until(folio: &Folio, paths: &[&str], is_there: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for path in paths {
            folio.get(path).await;
        }
        let answer = folio.get("/api/v1/performance/metrics?points=600").await;
        if answer.status == StatusCode::OK && is_there(&answer.json()) {
            return answer.json();
        }
        assert!(Instant::now() < deadline, "{:?}", answer.body);
        if paths.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn area<'a>(view: &'a Value, name: &str) -> Option<&'a Value> {
    let levels = view["levels"].as_array().expect("levels");
    levels.iter().find(|level| level["area"] == name)
}

#[tokio::test]
async fn the_metrics_are_text_or_json_as_requested() {
    let folio = Folio::start(&small()).await;
    for _ in 0..3 {
        folio.get("/api/v1/documents/1").await;
    }
    let text = folio.get("/metrics").await;
    assert!(text.header("content-type").starts_with("text/plain"));
    assert_eq!(text.header("vary"), "accept");

    let answer = get_json(&folio, "/metrics").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let answer = answer.json();
    let families = answer["families"].as_array().expect("families");
    let family = |name: &str| {
        let mut families = families.iter();
        let found = families.find(|family| family["name"] == name);
        found.unwrap_or_else(|| panic!("no family {name}"))
    };
    let requests = &family("folio_http_requests_total")["series"][0];
    let labels = json!({ "method": "GET", "route": "/api/v1/documents/{id}", "status": "200" });
    assert_eq!(requests["labels"], labels);
    assert_eq!(requests["value"], 3.0);
    let seconds = family("folio_http_request_seconds");
    assert_eq!(seconds["type"], "histogram");
    assert_eq!(seconds["series"][0]["count"], 3);
    assert!(
        seconds["series"][0]["buckets"]
            .as_array()
            .is_some_and(|buckets| buckets.len() > 10)
    );
}

#[tokio::test]
async fn sections_cover_everything_since_the_start_except_their_own_requests() {
    let folio = Folio::start(&small()).await;
    for path in ["/", "/metrics", "/api/v1/metrics", "/api/v1/documents/99"] {
        folio.get(path).await;
    }
    for _ in 0..4 {
        folio.get("/api/v1/documents/1").await;
    }
    let sections = folio.get("/api/v1/metrics").await.json();
    let performance = &sections["performance"]["since_start"];
    assert_eq!(performance["count"], 5.0);
    assert_eq!(performance["refusals"], 1.0);
    assert_eq!(performance["error_ratio"], 0.0);
    assert!(
        performance["latency_ms"]["p99"]
            .as_f64()
            .is_some_and(|p99| p99 > 0.0)
    );
    let cache = &sections["cache"]["since_start"]["l1"];
    assert_eq!(
        (&cache["lookups"], &cache["hits"], &cache["hit_ratio"]),
        (&json!(5.0), &json!(3.0), &json!(0.6))
    );
    assert_eq!(
        sections["database"]["since_start"]["statements"]["queries"],
        2.0
    );
    let text = folio.get("/metrics").await.body;
    let text = String::from_utf8_lossy(&text);
    for (section, family) in [
        ("breakers", "folio_breaker_state{"),
        ("edge", "folio_edge_requests_total{"),
        ("tasks", "folio_tasks_running"),
    ] {
        let is_there = sections.get(section).is_some();
        assert_eq!(is_there, text.contains(family), "{section}");
    }
}

#[tokio::test]
async fn levels_percentiles_and_history_follow_the_requests() {
    let folio = Folio::start(&watched(&[])).await;
    let path = "/api/v1/documents/1";
    let view = until(&folio, &[path], |view| {
        area(view, "latency").is_some() && area(view, "cache").is_some()
    })
    .await;
    let latency = area(&view, "latency").expect("a level");
    assert_eq!(
        latency["value"],
        view["sample"]["requests"]["latency_ms"]["p95"]
    );
    assert_eq!(latency["bounds"], json!([20.0, 100.0, 300.0, 1_000.0]));
    let connections = view["sample"]["requests"]["connections"].as_f64();
    assert!(connections >= Some(1.0), "{connections:?}");
    assert_eq!(
        area(&view, "errors").expect("a level")["level"],
        "excellent"
    );
    let route = &view["routes"][0];
    assert_eq!(route["route"], "/api/v1/documents/{id}");
    let of_route = &route["latency_ms"];
    assert!(of_route["p50"].as_f64() <= of_route["p95"].as_f64());
    assert!(of_route["p95"].as_f64() <= of_route["p99"].as_f64());
    assert_eq!(view["switches"]["cache"], "l1l2");

    let view = until(&folio, &[path], |view| {
        area(view, "latency").is_some_and(|latency| latency["trend"].is_object())
    })
    .await;
    let columns = view["history"].as_object().expect("columns");
    let looks = columns["at_ms"].as_array().expect("times").len();
    assert!(looks >= 5);
    for (name, column) in columns {
        assert_eq!(column.as_array().map(Vec::len), Some(looks), "{name}");
    }
    let one = folio
        .get("/api/v1/performance/metrics?points=1")
        .await
        .json();
    assert_eq!(one["history"]["at_ms"].as_array().map(Vec::len), Some(1));
    let none = folio.get("/api/v1/performance/metrics").await.json();
    assert_eq!(none.get("history"), None);
    let refused = folio.get("/api/v1/performance/metrics?points=601").await;
    assert_eq!(refused.faults(422), ["points"]);
}

#[tokio::test]
async fn before_the_first_sample_there_is_no_data() {
    let folio = Folio::start(&watched(&["monitor.every=1h"])).await;
    let answer = folio.get("/api/v1/performance/metrics").await;
    answer.faults(503);
    assert_eq!(answer.header("retry-after"), "1");
    let sections = folio.get("/api/v1/metrics").await.json();
    assert_eq!(sections["performance"].get("last_interval"), None);
}

#[tokio::test]
async fn errors_raise_an_alert_that_ends_with_them() {
    let folio = Folio::start(&Config {
        lab: with_lab().lab,
        ..watched(&["monitor.looks=2", "monitor.latency_ms=3600000"])
    })
    .await;
    let bad = ["/lab/status/500"; 10];
    let view = until(&folio, &bad, |view| {
        !view["alerts"].as_array().expect("alerts").is_empty()
    });
    let view = view.await;
    let alert = &view["alerts"][0];
    assert_eq!(alert["rule"], "errors");
    assert_eq!(alert["bound"], 0.01);
    assert_eq!(view["overall"], "critical");
    assert_eq!(view["events"][0]["phase"], "firing");

    let good = ["/health"; 10];
    let view = until(&folio, &good, |view| view["alerts"] == json!([])).await;
    assert_eq!(view["events"][0]["phase"], "resolved");
    assert_eq!(view["events"][0]["rule"], "errors");
    assert_eq!(view["events"].as_array().map(Vec::len), Some(2));
    let text = folio.get("/metrics").await;
    let text = String::from_utf8_lossy(&text.body);
    for line in [
        r#"folio_alerts_total{rule="errors"} 1"#,
        r#"folio_alert_firing{rule="errors"} 0"#,
        r#"folio_alerts_total{rule="breaker"} 0"#,
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line}");
    }
}

#[tokio::test]
async fn the_status_page_runs_its_own_script_alone_and_fetches_nothing_from_elsewhere() {
    let folio = Folio::start(&small()).await;
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let page = folio.get("/").await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let nonce = policy.split("'nonce-").nth(1).expect("a nonce");
        let nonce = nonce.split('\'').next().expect("its end").to_owned();
        assert_eq!(nonce.len(), 32);
        let html = String::from_utf8(page.body.to_vec()).expect("text");
        for element in ["<script", "<style"] {
            let named = format!("{element} nonce=\"{nonce}\">");
            assert_eq!(html.matches(element).count(), 1);
            assert!(html.contains(&named), "no {named}");
        }
        assert!(!html.contains("{{"), "a place was left open");
        for forbidden in [
            " style=\"",
            " onclick",
            " onload",
            "innerHTML",
            "src=\"",
            "https://",
        ] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1]);
}
