//! Background tasks over HTTP.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use target_app::{Config, State, app};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::folio::{Folio, join_all, settings, small};

/// Maximum time of a task in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A small catalogue without rate limits, with these assignments.
fn with(assignments: &[&str]) -> Config {
    let unlimited = ["admission.rate=off"];
    Config {
        settings: settings(&[&unlimited, assignments].concat()),
        ..small()
    }
}

async fn token(folio: &Folio, user: u32) -> String {
    let pair = folio.login(user).await;
    pair["access_token"].as_str().expect("a token").to_owned()
}

/// Submits a task; returns its location.
async fn submit(folio: &Folio, token: &str, task: &Value) -> String {
    let answer = folio.post_json(Some(token), "/api/v1/tasks", task).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{:?}", answer.body);
    let accepted = answer.json();
    assert_eq!(accepted["state"], "queued");
    let location = answer.header("location").to_owned();
    let id = accepted["id"].as_str().expect("an identity");
    assert_eq!(location, format!("/api/v1/tasks/{id}"));
    location
}

/// Waits until the task has ended.
async fn ended(folio: &Folio, token: &str, location: &str) -> Value {
    let began = Instant::now();
    loop {
        let answer = folio.get_as(token, location).await;
        assert_eq!(answer.status, StatusCode::OK);
        let task = answer.json();
        if task["state"] == "succeeded" || task["state"] == "dead" {
            return task;
        }
        assert!(began.elapsed() < PATIENCE, "{task}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn every_kind_does_what_it_says() {
    let folio = Folio::start(&with(&["tasks.backoff=1ms", "tasks.attempts=3"])).await;
    let token = token(&folio, 1).await;
    for (task, state, attempts, result) in [
        (
            json!({ "kind": "echo", "args": { "a": [1, null] } }),
            "succeeded",
            1,
            json!({ "a": [1, null] }),
        ),
        (
            json!({ "kind": "report", "priority": "critical" }),
            "succeeded",
            1,
            json!({ "documents": 60 }),
        ),
        (
            json!({ "kind": "sleep", "args": { "for": "2ms" }, "delay": "3ms" }),
            "succeeded",
            1,
            json!({ "slept": "2ms" }),
        ),
        (
            json!({ "kind": "fail", "args": { "times": 2 }, "priority": "low" }),
            "succeeded",
            3,
            json!({ "attempts": 3 }),
        ),
        (
            json!({ "kind": "fail", "args": { "times": 9, "how": "panic" } }),
            "dead",
            3,
            Value::Null,
        ),
    ] {
        let location = submit(&folio, &token, &task).await;
        let found = ended(&folio, &token, &location).await;
        assert_eq!(found["state"], state, "{found}");
        assert_eq!(found["attempts"], attempts, "{found}");
        assert_eq!(found["result"], result, "{found}");
        assert_eq!(found["kind"], task["kind"]);
        assert!(found["age_seconds"].as_f64().is_some_and(|age| age > 0.0));
    }
    // Sixteen zero bytes, as checked with sha256sum.
    let task = json!({ "kind": "checksum", "args": { "bytes": 16, "seed": 0 } });
    let location = submit(&folio, &token, &task).await;
    let found = ended(&folio, &token, &location).await;
    let sum = "374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb";
    assert_eq!(found["result"]["sha256"], sum);
}

#[tokio::test]
async fn only_its_owner_sees_a_task() {
    let folio = Folio::start(&with(&[])).await;
    let (owner, other) = (token(&folio, 1).await, token(&folio, 2).await);
    let task = json!({ "kind": "echo" });
    let location = submit(&folio, &owner, &task).await;
    ended(&folio, &owner, &location).await;
    folio.get_as(&other, &location).await.faults(404);
    folio.get(&location).await.faults(401);
    folio
        .post_json(None, "/api/v1/tasks", &task)
        .await
        .faults(401);
    for id in ["0000000000000000", "7", "x"] {
        let path = format!("/api/v1/tasks/{id}");
        folio.get_as(&owner, &path).await.faults(404);
    }
}

#[tokio::test]
async fn invalid_fields_are_named_and_the_kinds_are_listed() {
    let folio = Folio::start(&with(&[])).await;
    let token = token(&folio, 1).await;
    let refused = async |task: Value| {
        let answer = folio.post_json(Some(&token), "/api/v1/tasks", &task);
        let answer = answer.await;
        let message = answer.json()["errors"][0]["message"].to_string();
        (answer.faults(422), message)
    };
    for kind in ["shred", "webhook"] {
        let (faults, message) = refused(json!({ "kind": kind })).await;
        assert_eq!(faults, ["kind"]);
        for known in ["report", "echo", "checksum", "fail", "sleep"] {
            assert!(message.contains(known), "{message}");
        }
        assert!(!message.contains("webhook,"), "{message}");
    }
    let wrong = json!({
        "priority": "urgent", "args": [], "delay": "2h", "idempotency_key": 7
    });
    let (faults, _) = refused(wrong).await;
    let expected = ["kind", "priority", "args", "delay", "idempotency_key"];
    assert_eq!(faults, expected);
    for (kind, args) in [
        ("sleep", json!({ "for": "31s" })),
        ("sleep", json!({ "until": "31s" })),
        ("checksum", json!({ "bytes": 0 })),
        ("fail", json!({ "times": -1 })),
        ("report", json!({ "of": "orders" })),
        ("echo", json!({ "long": "x".repeat(5_000) })),
    ] {
        let (faults, message) = refused(json!({ "kind": kind, "args": args })).await;
        assert_eq!(faults, ["args"], "{kind} {message}");
    }
}

#[tokio::test]
async fn a_repeated_idempotency_key_returns_the_same_task() {
    let folio = Folio::start(&with(&[])).await;
    let token = token(&folio, 1).await;
    let task = json!({ "kind": "echo", "args": { "n": 1 }, "idempotency_key": "k" });
    let answers = join_all((0..10).map(|_| async {
        let answer = folio.post_json(Some(&token), "/api/v1/tasks", &task).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        answer.json()["id"].clone()
    }))
    .await;
    assert!(answers.iter().all(|id| *id == answers[0]), "{answers:?}");
    let other = json!({ "kind": "echo", "args": { "n": 2 }, "idempotency_key": "k" });
    let other = folio.post_json(Some(&token), "/api/v1/tasks", &other).await;
    assert_eq!(other.faults(422), ["idempotency_key"]);
}

#[tokio::test]
async fn a_full_queue_answers_503_with_retry_after() {
    let folio = Folio::start(&with(&[
        "tasks.workers=1",
        "tasks.queue=2",
        "tasks.drain=0s",
    ]))
    .await;
    let token = token(&folio, 1).await;
    let long = json!({ "kind": "sleep", "args": { "for": "30s" } });
    // One runs as soon as the dispatcher has seen it; two wait.
    let began = Instant::now();
    let refused = loop {
        let answer = folio.post_json(Some(&token), "/api/v1/tasks", &long).await;
        if answer.status != StatusCode::ACCEPTED {
            break answer;
        }
        assert!(began.elapsed() < PATIENCE, "it takes them all");
    };
    assert!(refused.faults(503).is_empty());
    assert_eq!(refused.number("retry-after"), 1);
    folio
        .stop()
        .await
        .expect("it stops without waiting for them");
}

/// The metrics of a service that no longer listens.
async fn metrics_of(state: State) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move { axum::serve(listener, app(state)).await });
    let url = format!("http://{address}/metrics");
    let answer = reqwest::get(url).await.expect("an answer");
    let text = answer.text().await.expect("text");
    served.abort();
    text
}

#[tokio::test]
async fn a_shutdown_loses_no_quick_task_and_counts_unfinished_ones() {
    let folio = Folio::start(&with(&["tasks.workers=3", "tasks.drain=20s"])).await;
    let token = token(&folio, 1).await;
    let quick = json!({ "kind": "sleep", "args": { "for": "5ms" } });
    for _ in 0..200 {
        submit(&folio, &token, &quick).await;
    }
    let late = json!({ "kind": "echo", "delay": "1h" });
    submit(&folio, &token, &late).await;
    let state = folio.state.clone();
    folio.stop().await.expect("served without fault");

    let metrics = metrics_of(state).await;
    for line in [
        r#"folio_tasks_total{kind="sleep",outcome="succeeded"} 200"#,
        r#"folio_tasks_total{kind="sleep",outcome="abandoned"} 0"#,
        r#"folio_tasks_total{kind="echo",outcome="abandoned"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "no line {line} in:\n{metrics}"
        );
    }
}
