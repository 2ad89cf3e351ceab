//! Writes of documents, after which the cache must not return old versions.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::{Duration, Instant, sleep};

use crate::folio::{Folio, request, small};
use crate::probe::{PATIENCE, proven, retitle, until};
use crate::profiles::{Bed, profiles};

profiles!(
    a_document_is_written_replaced_and_removed,
    invalid_drafts_name_every_field,
    only_users_write_documents,
    the_largest_document_is_stored_completely,
    an_id_is_not_reused,
);

fn draft(title: &str) -> Value {
    json!({
        "title": title, "body": "On quokkas.\n\nAnd more.", "author": "Ada Quist",
        "tags": ["zoology", "marsupials"], "price_cents": 1_250,
    })
}

async fn total(folio: &Folio, path: &str) -> Value {
    folio.get(path).await.json()["total"].clone()
}

async fn a_document_is_written_replaced_and_removed(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let token = Some(token.as_str());
    let (list, search) = ("/api/v1/documents?limit=1", "/api/v1/search?q=quokkas");
    assert_eq!(total(&folio, list).await, 60);
    assert_eq!(total(&folio, search).await, 0);

    let made = folio
        .post_json(token, "/api/v1/documents", &draft("First"))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
    let path = made.header("location").to_owned();
    let mut expected = draft("First");
    expected["id"] = json!(61);
    expected["updated_at"] = made.json()["updated_at"].clone();
    assert_eq!(made.json(), expected);
    assert_eq!(path, "/api/v1/documents/61");
    assert_eq!(folio.get(&path).await.json(), made.json());
    assert_eq!(total(&folio, list).await, 61, "the kept list is gone");
    assert_eq!(total(&folio, search).await, 1, "the kept search is gone");

    let changed = folio
        .send_json(Method::PUT, token, &path, &draft("Second"))
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
    assert_eq!(changed.json()["title"], "Second");
    assert_eq!(folio.get(&path).await.json(), changed.json());

    let delete = |path: &str| request(Method::DELETE, path, token, Body::empty());
    let gone = folio.send(delete(&path)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(gone.body.is_empty());
    folio.get(&path).await.faults(404);
    assert_eq!(total(&folio, list).await, 60);
    assert_eq!(total(&folio, search).await, 0);
    folio.send(delete(&path)).await.faults(404);
    let late = folio
        .send_json(Method::PUT, token, &path, &draft("Third"))
        .await;
    late.faults(404);
}

async fn invalid_drafts_name_every_field(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let write = async |method: Method, path: &str, body: &Value| {
        let answer = folio.send_json(method, Some(&token), path, body).await;
        answer.faults(422)
    };
    let all = ["title", "body", "author", "tags", "price_cents"];
    assert_eq!(
        write(Method::POST, "/api/v1/documents", &json!({})).await,
        all
    );
    let body = json!({
        "title": "", "body": 7, "author": "x".repeat(101),
        "tags": ["two words"], "price_cents": 1_000_000_001,
    });
    assert_eq!(write(Method::PUT, "/api/v1/documents/5", &body).await, all);
    for (field, value) in [
        ("title", json!("x".repeat(201))),
        ("title", json!("a\0b")),
        ("body", json!("x".repeat(100 * 1024 + 1))),
        ("body", json!("\0")),
        ("tags", json!("word")),
        ("tags", json!(["", "word"])),
        ("tags", json!(vec!["word"; 17])),
        ("price_cents", json!(-1)),
        ("price_cents", json!(1.5)),
    ] {
        let mut body = draft("Good but for one");
        body[field] = value;
        assert_eq!(
            write(Method::POST, "/api/v1/documents", &body).await,
            [field]
        );
    }
    assert_eq!(total(&folio, "/api/v1/documents").await, 60);
}

async fn only_users_write_documents(bed: &Bed) {
    let folio = bed.start(small()).await;
    for (method, path) in [
        (Method::POST, "/api/v1/documents"),
        (Method::PUT, "/api/v1/documents/5"),
        (Method::DELETE, "/api/v1/documents/5"),
        (Method::POST, "/api/v1/documents/bulk"),
    ] {
        let answer = folio.send_json(method, None, path, &draft("Mine")).await;
        answer.faults(401);
    }
    assert_eq!(
        folio.get("/api/v1/documents/5").await.status,
        StatusCode::OK
    );
}

async fn the_largest_document_is_stored_completely(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let mut body = draft(&"é".repeat(200));
    // Six bytes of JSON per byte of text.
    body["body"] = json!("\u{1}".repeat(100 * 1024));
    body["price_cents"] = json!(1_000_000_000);
    let made = folio
        .post_json(Some(&token), "/api/v1/documents", &body)
        .await;
    assert_eq!(
        made.status,
        StatusCode::CREATED,
        "{:?}",
        made.json()["errors"]
    );
    let kept = folio.get(made.header("location")).await.json();
    for field in ["title", "body", "price_cents", "tags"] {
        assert!(kept[field] == body[field], "{field}");
    }
}

async fn an_id_is_not_reused(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let make = async || {
        let made = folio
            .post_json(Some(&token), "/api/v1/documents", &draft("Next"))
            .await;
        made.header("location").to_owned()
    };
    let first = make().await;
    let delete = request(Method::DELETE, &first, Some(&token), Body::empty());
    folio.send(delete).await;
    assert_ne!(make().await, first, "an order may still name the first");
}

#[tokio::test]
async fn a_queued_write_is_retried_until_the_database_is_free() {
    let bed = Bed::embedded();
    // SQLite stops waiting for another writer after five seconds.
    let behind = ["cache.strategy=write_behind", "db.timeout=20s"];
    let folio = bed.start(proven(&behind)).await;
    let token = folio.token(1).await;
    let options = SqliteConnectOptions::new().filename(bed.file());
    let other = SqliteConnection::connect_with(&options).await;
    let mut other = other.expect("a connection");
    let run = async |connection: &mut SqliteConnection, statement: &'static str| {
        let ran = sqlx::raw_sql(statement).execute(connection).await;
        ran.expect("it is done");
    };
    run(&mut other, "BEGIN IMMEDIATE").await;
    let queued = retitle(&folio, &token, 7, "Queued").await;
    assert_eq!(queued.status, StatusCode::OK, "{:?}", queued.body);
    let failed = r#"folio_cache_behind_total{result="failed"}"#;
    until(&folio, failed, |count| count > 0.5).await;
    run(&mut other, "ROLLBACK").await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let title: String = sqlx::query_scalar("SELECT title FROM documents WHERE id = 7")
            .fetch_one(&mut other)
            .await
            .expect("a title");
        if title == "Queued" {
            break;
        }
        assert!(Instant::now() < deadline, "it is lost: {title}");
        sleep(Duration::from_millis(20)).await;
    }
}
