//! The lifetime of a user's cookies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::plans::plan;
use super::run;
use crate::transport::{ok, responder};

/// The number of requests without a cookie, of two users with three iterations each.
async fn new_visitors(http: &str, flow: &str) -> u64 {
    let new = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&new);
    let server = responder(move |request| {
        if request.contains("\r\ncookie: visitor=") {
            return ok("welcome back");
        }
        let number = counted.fetch_add(1, Ordering::SeqCst);
        format!(
            "HTTP/1.1 200 OK\r\nset-cookie: visitor={number}; Path=/\r\ncontent-length: 5\r\n\r\nhello"
        )
    })
    .await;
    let body = format!(
        "load: {{ iterations: 3, per_user: true, users: 2 }}\nhttp: {{ {http} }}\n\
         flows: [ {{ name: main, {flow}steps: [ {{ get: /a }}, {{ get: /b }} ] }} ]"
    );
    let over = run(plan(&format!("http://{server}"), &body)).await;
    assert_eq!(over.iterations().counts.ended, 6);
    new.load(Ordering::SeqCst)
}

#[tokio::test]
async fn cookies_are_kept_as_long_as_the_scenario_says() {
    for (http, expected) in [
        ("", 2),
        ("cookies: true", 2),
        ("cookies: per_user", 2),
        ("cookies: per_iteration", 6),
        ("cookies: off", 12),
        ("cookies: false", 12),
    ] {
        assert_eq!(new_visitors(http, "").await, expected, "{http:?}");
    }
}

#[tokio::test]
async fn an_iteration_begins_with_an_empty_jar_after_start_too() {
    let start = "start: [ { get: /start } ], ";
    assert_eq!(new_visitors("cookies: per_iteration", start).await, 8);
    assert_eq!(new_visitors("cookies: per_user", start).await, 2);
}
