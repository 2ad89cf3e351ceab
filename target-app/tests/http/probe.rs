//! What the proofs of single techniques have in common: metrics, the cache's answer, administration, writing.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use target_app::{Config, Secret};
use tokio::time::{Instant, sleep};

use crate::folio::{Answer, Folio, settings, small};

pub(crate) const ADMIN: &str = "open-sesame";
/// No state that these tests wait for takes longer, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A small catalogue with these settings that can be administered and limits nobody's rate.
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

/// What the cache did for an answer: `l1`, `l2`, `miss` or `off`.
pub(crate) fn lookup(answer: &Answer) -> String {
    let timing = answer.header("server-timing");
    let cache = timing.strip_prefix("cache;desc=").expect("a lookup");
    cache.split(',').next().unwrap_or(cache).to_owned()
}

/// Reads a document and gives what the cache did for it.
pub(crate) async fn looked_up(folio: &Folio, id: u32) -> String {
    let answer = folio.get(&document(id)).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    lookup(&answer)
}

/// The title of a document as it is read.
pub(crate) async fn title(folio: &Folio, id: u32) -> String {
    let answer = folio.get(&document(id)).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.json()["title"].as_str().expect("a title").to_owned()
}

/// Gives a document another title.
pub(crate) async fn retitle(folio: &Folio, token: &str, id: u32, title: &str) -> Answer {
    let draft = json!({
        "title": title, "body": "On quokkas.", "author": "Ada Quist",
        "tags": ["zoology"], "price_cents": 1_250,
    });
    folio
        .send_json(Method::PUT, Some(token), &document(id), &draft)
        .await
}

/// The value of one series, with its labels as they are written; 0 when there is none.
pub(crate) async fn metric(folio: &Folio, series: &str) -> f64 {
    let text = folio.get("/metrics").await.body;
    let text = std::str::from_utf8(&text).expect("text");
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().expect("a number"))
}

/// The value of one series that counts something.
pub(crate) async fn count(folio: &Folio, series: &str) -> u64 {
    metric(folio, series).await.round() as u64
}

/// Waits until a series has a value that `is_there`.
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

/// Changes settings while the service runs.
pub(crate) async fn patch(folio: &Folio, changes: &Value) {
    let answer = folio
        .send_json(Method::PATCH, Some(ADMIN), "/admin/config", changes)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

/// Posts to a route below `/admin` and gives what it came to.
pub(crate) async fn administer(folio: &Folio, path: &str, wanted: &Value) -> Value {
    let done = folio.post_json(Some(ADMIN), path, wanted).await;
    assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    done.json()
}

/// Asserts a 503 that says when to come again and nothing of the inside.
pub(crate) fn assert_busy(answer: &Answer) {
    assert!(answer.faults(503).is_empty());
    assert!(answer.number("retry-after") >= 1);
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    for inside in ["sql", "postgres", "redis", "pool", "database", "connection"] {
        assert!(!body.contains(inside), "{inside} in {body}");
    }
}
