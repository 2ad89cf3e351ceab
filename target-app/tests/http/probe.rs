//! Helpers for the tests of single techniques: metrics, cache results, administration, writes.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use target_app::{Config, Secret};
use tokio::time::{Instant, sleep};

use crate::folio::{Answer, Folio, settings, small};

pub(crate) const ADMIN: &str = "open-sesame";
/// Maximum wait for a state in these tests, sufficient for a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A small catalogue with these settings, with administration and without rate limits.
pub(crate) fn proven(assignments: &[&str]) -> Config {
    let mut all = vec!["admission.rate=off"];
    all.extend(assignments);
    Config {
        settings: settings(&all),
        admin_token: Some(Secret::new(ADMIN)),
        ..small()
    }
}

/// The path of a document.
pub(crate) fn document(id: u32) -> String {
    format!("/api/v1/documents/{id}")
}

/// The cache result of an answer: `l1`, `l2`, `miss` or `off`.
pub(crate) fn lookup(answer: &Answer) -> String {
    let timing = answer.header("server-timing");
    let cache = timing.strip_prefix("cache;desc=").expect("a lookup");
    cache.split(',').next().unwrap_or(cache).to_owned()
}

/// Reads a document; returns the cache result.
pub(crate) async fn looked_up(folio: &Folio, id: u32) -> String {
    let answer = folio.get(&document(id)).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    lookup(&answer)
}

/// Reads the title of a document.
pub(crate) async fn title(folio: &Folio, id: u32) -> String {
    let answer = folio.get(&document(id)).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.json()["title"].as_str().expect("a title").to_owned()
}

/// Changes the title of a document.
pub(crate) async fn retitle(folio: &Folio, token: &str, id: u32, title: &str) -> Answer {
    let draft = json!({
        "title": title, "body": "On quokkas.", "author": "Ada Quist",
        "tags": ["zoology"], "price_cents": 1_250,
    });
    folio
        .send_json(Method::PUT, Some(token), &document(id), &draft)
        .await
}

/// The value of a series, given with its labels as printed; 0 if it does not exist.
pub(crate) async fn metric(folio: &Folio, series: &str) -> f64 {
    let text = folio.get("/metrics").await.body;
    let text = std::str::from_utf8(&text).expect("text");
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().expect("a number"))
}

/// The value of a counting series.
pub(crate) async fn count(folio: &Folio, series: &str) -> u64 {
    metric(folio, series).await.round() as u64
}

/// Waits until the value of a series satisfies `is_there`.
pub(crate) async fn until(folio: &Folio, series: &str, is_there: impl Fn(f64) -> bool) -> f64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = metric(folio, series).await;
        if is_there(found) {
            return found;
        }
        assert!(Instant::now() < deadline, "{series} stays at {found}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Changes settings at run time.
pub(crate) async fn patch(folio: &Folio, changes: &Value) {
    let answer = folio
        .send_json(Method::PATCH, Some(ADMIN), "/admin/config", changes)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

/// Posts to a route below `/admin`; returns the answer.
pub(crate) async fn administer(folio: &Folio, path: &str, wanted: &Value) -> Value {
    let done = folio.post_json(Some(ADMIN), path, wanted).await;
    assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    done.json()
}

/// Asserts a 503 with `Retry-After` that reveals no internals.
pub(crate) fn assert_busy(answer: &Answer) {
    assert!(answer.faults(503).is_empty());
    assert!(answer.number("retry-after") >= 1);
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    for inside in ["sql", "postgres", "redis", "pool", "database", "connection"] {
        assert!(!body.contains(inside), "{inside} in {body}");
    }
}
