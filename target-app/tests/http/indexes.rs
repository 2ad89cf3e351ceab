//! Indexes are created, dropped and rebuilt at run time, even if clients disconnect and earlier builds were
//! interrupted.

use std::pin::pin;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::folio::Folio;
use crate::postgres::{connected, counted, run, until_counted};
use crate::probe::{ADMIN, PATIENCE, patch, proven, until};
use crate::profiles::Bed;

/// The columns of an index, as the service reports them; `None` if it does not exist.
async fn columns(folio: &Folio, name: &str) -> Option<Value> {
    let answer = folio.get_as(ADMIN, "/admin/db/indexes").await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let indexes = answer.json();
    let mut items = indexes["items"].as_array().expect("items").iter();
    items
        .find(|index| index["name"] == name)
        .map(|index| index["columns"].clone())
}

/// Waits until an index exists, or no longer exists.
async fn until_there(folio: &Folio, name: &str, is_there: bool) {
    let deadline = Instant::now() + PATIENCE;
    while columns(folio, name).await.is_some() != is_there {
        assert!(Instant::now() < deadline, "{name} there: {}", !is_there);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_disconnecting_client_neither_stops_a_change_nor_delays_the_next() {
    let bed = Bed::full().await;
    let folio = bed.start(proven(&["db.indexes=none"])).await;
    let (mut other, mut watcher) = (connected(&bed).await, connected(&bed).await);
    // CONCURRENTLY waits for transactions that have written to the table.
    let write = "BEGIN; UPDATE documents SET price_cents = price_cents WHERE id = 1";
    run(&mut other, write).await.expect("it is written");
    {
        let all = json!({ "db": { "indexes": "all" } });
        let mut change = pin!(patch(&folio, &all));
        let building = async {
            let building = "SELECT count(*) FROM pg_stat_progress_create_index \
                WHERE datname = current_database()";
            until_counted(&mut watcher, building, |indexes| indexes > 0).await;
        };
        tokio::select! {
            () = &mut change => panic!("it did not wait for the other transaction"),
            () = building => {}
        }
    }
    // Including the request that reads the metric.
    let in_flight = "folio_http_requests_in_flight";
    until(&folio, in_flight, |count| count < 1.5).await;
    run(&mut other, "ROLLBACK").await.expect("it is undone");
    for name in ["documents_by_title", "certificates_by_course_grade"] {
        until_there(&folio, name, true).await;
    }
    patch(&folio, &json!({ "db": { "indexes": "none" } })).await;
    assert_eq!(columns(&folio, "documents_by_title").await, None);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    until_counted(&mut watcher, locks, |locks| locks == 0).await;
    drop((other, watcher));
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn remains_of_an_interrupted_build_are_replaced() {
    const INVALID: &str = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    let bed = Bed::full().await;
    let folio = bed.start(proven(&["db.indexes=all"])).await;
    let mut other = connected(&bed).await;
    run(&mut other, "DROP INDEX documents_by_title")
        .await
        .expect("it is dropped");
    // Remains of a build by Folio, of a rebuild, and of an index that is not Folio's.
    for name in ["documents_by_title", "documents_pkey_ccnew1", "strangers"] {
        let create = format!("CREATE UNIQUE INDEX CONCURRENTLY {name} ON documents (author)");
        let refused = run(&mut other, &create).await;
        assert!(refused.is_err(), "authors have several documents");
    }
    assert_eq!(counted(&mut other, INVALID).await, 3);
    // The setting already says `all`.
    patch(&folio, &json!({ "db": { "indexes": "all" } })).await;
    assert_eq!(counted(&mut other, INVALID).await, 1, "the stranger's");
    let found = columns(&folio, "documents_by_title").await;
    assert_eq!(found, Some(json!(["title", "id"])));
    drop(other);
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn a_rebuild_waits_for_a_change_of_the_indexes() {
    let bed = Bed::full().await;
    let folio = bed.start(proven(&[])).await;
    let mut other = connected(&bed).await;
    run(&mut other, "SELECT pg_advisory_lock(70101)")
        .await
        .expect("it is locked");
    let action = json!({ "action": "reindex" });
    {
        let mut rebuild = pin!(folio.post_json(Some(ADMIN), "/admin/db/maintain", &action));
        let waited = tokio::time::timeout(Duration::from_millis(300), &mut rebuild).await;
        assert!(waited.is_err(), "another instance is at it");
        run(&mut other, "SELECT pg_advisory_unlock(70101)")
            .await
            .expect("it is unlocked");
        let done = rebuild.await;
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
    }
    drop(other);
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn explaining_a_locking_statement_locks_nothing() {
    let bed = Bed::full().await;
    let folio = bed.start(proven(&[])).await;
    let token = folio.token(1).await;
    let order = json!({ "document_id": 5, "quantity": 2 });
    let order = folio
        .post_json(Some(&token), "/api/v1/orders", &order)
        .await
        .json();
    let path = format!("/api/v1/orders/{}/payments", order["id"]);
    let body = json!({ "amount_cents": order["total_cents"] });
    let mut payment =
        crate::folio::json_request(axum::http::Method::POST, &path, Some(&token), &body);
    let key = "key".parse().expect("a header");
    payment.headers_mut().insert("idempotency-key", key);
    assert_eq!(folio.send(payment).await.status, StatusCode::CREATED);

    let mut other = connected(&bed).await;
    run(&mut other, "BEGIN; SELECT id FROM orders FOR UPDATE")
        .await
        .expect("all are locked");
    let path = "/admin/db/explain?statement=order_lock&analyze=1";
    let plan = folio.get_as(ADMIN, path).await;
    assert_eq!(plan.status, StatusCode::OK, "{:?}", plan.body);
    let plan = plan.json()["items"][0].clone();
    assert_eq!(plan["rows_scanned"], Value::Null, "only planned: {plan}");
    drop(other);
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}
