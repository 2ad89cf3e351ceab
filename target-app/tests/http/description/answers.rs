//! Compares the answer of every operation with the document, using the document's own examples.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Call, Described, Operation};
use crate::folio::Answer;

/// Maximum time for a task to fail in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Operations that remove something.
const LAST: [&str; 4] = ["replaceDocument", "deleteDocument", "logout", "logoutAll"];

/// The operation's only success status; a socket is opened only with the right headers.
fn success(operation: &Operation<'_>) -> u16 {
    let responses = operation.described["responses"]
        .as_object()
        .expect("responses");
    let mut good = responses.keys().filter(|status| status.starts_with('2'));
    match (good.next(), good.next()) {
        (Some(status), None) => status.parse().expect("a status"),
        (None, None) => 426,
        _ => panic!("{} has several successes", operation.id()),
    }
}

impl Described {
    fn operation(&self, id: &str) -> Operation<'_> {
        let mut operations = self.operations().into_iter();
        let found = operations.find(|operation| operation.id() == id);
        found.unwrap_or_else(|| panic!("there is no operation {id}"))
    }

    async fn good(&self, id: &str, call: Call) -> Answer {
        let operation = self.operation(id);
        let answer = self.call(&operation, call).await;
        assert_eq!(
            answer.status,
            success(&operation),
            "{id}: {:?}",
            answer.body
        );
        self.assert_described(&operation, &answer);
        answer
    }

    /// A task that failed for good.
    async fn dead_task(&self) -> String {
        let body = json!({ "kind": "fail", "args": { "how": "permanent", "times": 1 } });
        let taken = self
            .good(
                "submitTask",
                Call {
                    body: Some(body),
                    ..Call::default()
                },
            )
            .await;
        let began = Instant::now();
        while self.good("listDeadTasks", Call::default()).await.json()["total"] == 0 {
            assert!(began.elapsed() < PATIENCE, "it does not die");
            sleep(Duration::from_millis(5)).await;
        }
        taken.json()["id"].as_str().expect("an id").to_owned()
    }

    /// The values that the examples cannot contain.
    async fn call_for(&self, id: &str) -> Call {
        let mut call = Call::default();
        match id {
            "refresh" => {
                let pair = self.folio.login(2).await;
                call.body = Some(json!({ "refresh_token": pair["refresh_token"] }));
            }
            "logout" | "logoutAll" => call.token = Some(self.folio.token(3).await),
            "getOrder" | "payOrder" => {
                let order = self.good("placeOrder", Call::default()).await.json();
                call.path = Some(order["id"].to_string());
                if id == "payOrder" {
                    call.body = Some(json!({ "amount_cents": order["total_cents"] }));
                }
            }
            "getTask" => {
                let taken = self.good("submitTask", Call::default()).await.json();
                call.path = taken["id"].as_str().map(str::to_owned);
            }
            "retryTask" => call.path = Some(self.dead_task().await),
            "explainStatement" => {
                self.good("listDocuments", Call::default()).await;
            }
            _ => {}
        }
        call
    }
}

#[tokio::test]
async fn every_operation_answers_as_described() {
    let service = Described::start().await;
    let began = Instant::now();
    // Before the monitor's first sample there is nothing to return.
    while service
        .folio
        .get("/api/v1/performance/metrics")
        .await
        .status
        != StatusCode::OK
    {
        assert!(began.elapsed() < PATIENCE, "it does not look at itself");
        sleep(Duration::from_millis(5)).await;
    }
    let operations = service.operations();
    let ids = operations.iter().map(Operation::id);
    for id in ids.filter(|id| !LAST.contains(id)).chain(LAST) {
        let call = service.call_for(id).await;
        service.good(id, call).await;
    }
    // A second time, now that more has happened.
    for operation in operations
        .iter()
        .filter(|operation| operation.path.contains("metrics"))
    {
        let query = vec![("points".to_owned(), "600".to_owned())];
        service
            .good(
                operation.id(),
                Call {
                    query,
                    ..Call::default()
                },
            )
            .await;
    }
}

#[tokio::test]
async fn lists_are_not_only_described_when_they_are_empty() {
    let service = Described::start().await;
    let order = service.call_for("payOrder").await;
    service.good("payOrder", order).await;
    for id in [
        "listDocuments",
        "listCourses",
        "listOrders",
        "listAudit",
        "listSessions",
        "searchDocuments",
    ] {
        let mut call = Call::default();
        if id == "searchDocuments" {
            let first = service.folio.get("/api/v1/documents/1").await.json();
            let title: &Value = &first["title"];
            let word = title.as_str().and_then(|title| title.split(' ').next());
            call.query
                .push(("q".to_owned(), word.expect("a word").to_owned()));
        }
        let page = service.good(id, call).await.json();
        assert_ne!(page["items"], json!([]), "{id}");
        assert_eq!(
            (&page["page"], &page["limit"]),
            (&json!(1), &json!(20)),
            "{id}"
        );
    }
    let students = service.good("listStudents", Call::default()).await.json();
    assert_eq!(students["limit"], 100);
    let students = students["items"].as_array().expect("items");
    assert!(
        students
            .iter()
            .any(|student| student["certificate"].is_object())
    );
    assert!(
        students
            .iter()
            .any(|student| student["certificate"].is_null())
    );
}

#[tokio::test]
async fn problems_are_as_described() {
    let service = Described::start().await;
    let id = |path: &str| Call {
        path: Some(path.to_owned()),
        ..Call::default()
    };
    let token = |token: &str| Call {
        token: Some(token.to_owned()),
        ..Call::default()
    };
    let body = |body: Value| Call {
        body: Some(body),
        ..Call::default()
    };
    for (operation, call, status) in [
        ("getDocument", id("999999"), 404),
        ("getDocument", id("x"), 422),
        ("listStudents", id("999999"), 404),
        ("getTask", id("x"), 404),
        ("retryTask", id("x"), 404),
        ("getAsset", id("none.txt"), 404),
        ("placeOrder", token("forged"), 401),
        ("listSessions", token(""), 401),
        ("getConfiguration", token("forged"), 401),
        ("login", body(json!([])), 400),
        (
            "login",
            body(json!({ "email": "user1@folio.test", "password": "wrong", "device": "x" })),
            401,
        ),
        (
            "register",
            body(json!({ "email": "user1@folio.test", "password": "long enough" })),
            409,
        ),
        (
            "submitTask",
            body(json!({ "kind": "echo", "args": { "much": "x".repeat(700_000) } })),
            413,
        ),
        (
            "placeOrder",
            body(json!({ "document_id": 999_999, "quantity": 1 })),
            422,
        ),
    ] {
        let operation = service.operation(operation);
        let answer = service.call(&operation, call).await;
        assert_eq!(
            answer.status,
            status,
            "{}: {:?}",
            operation.id(),
            answer.body
        );
        service.assert_described(&operation, &answer);
    }
    // Rejected before the operation runs: an unknown key, and an exceeded limit.
    let listing = service.operation("listDocuments");
    let call = Call {
        headers: vec![("x-api-key", "unknown".to_owned())],
        ..Call::default()
    };
    let refused = service.call(&listing, call).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    service.assert_described(&listing, &refused);
    let limits = json!({ "admission": { "rate": "token_bucket", "per_second": 1, "burst": 1 } });
    service.good("changeConfiguration", body(limits)).await;
    let mut refused = service.call(&listing, Call::default()).await;
    for _ in 0..3 {
        refused = service.call(&listing, Call::default()).await;
    }
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    service.assert_described(&listing, &refused);
    service
        .good(
            "changeConfiguration",
            body(json!({ "admission": { "rate": "off" } })),
        )
        .await;
    service
        .good(
            "forceBreaker",
            body(json!({ "name": "database", "rule": "open" })),
        )
        .await;
    for id in ["listOrders", "listCourses", "isReady", "listIndexes"] {
        let operation = service.operation(id);
        let refused = service.call(&operation, Call::default()).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        service.assert_described(&operation, &refused);
    }
}
