//! The recorded statements and the advisor's recommendations, on both databases.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use target_app::{Config, Secret};

use crate::folio::{Folio, json_request, settings, small};
use crate::probe::{ADMIN, patch};
use crate::profiles::{Bed, profiles};

const BY_PRICE: &str = "/api/v1/documents?sort=price_cents&limit=5";

profiles!(
    a_missing_index_is_reported_until_it_exists,
    a_loop_of_statements_is_reported,
    recorded_rows_are_those_returned_or_changed,
);

fn administered(assignments: &[&str]) -> Config {
    Config {
        admin_token: Some(Secret::new(ADMIN)),
        documents: 1_000,
        users: 60,
        settings: settings(assignments),
        ..small()
    }
}

async fn asked(folio: &Folio, path: &str) -> Value {
    let answer = folio.get_as(ADMIN, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.json()
}

async fn a_missing_index_is_reported_until_it_exists(bed: &Bed) {
    const PLAN: &str = "/admin/db/explain?statement=documents_page&analyze=1";
    let config = administered(&["cache.mode=off", "db.indexes=none", "db.slow_ms=0"]);
    let folio = bed.start(config).await;
    assert_eq!(folio.get(BY_PRICE).await.status, StatusCode::OK);
    let before = asked(&folio, PLAN).await;
    assert_eq!(before["items"][0]["scanned"][0], "documents", "{before}");
    let advice = asked(&folio, "/admin/db/advise").await;
    let missing = &advice["missing"][0];
    assert_eq!(missing["table"], "documents", "{advice}");
    assert_eq!(missing["columns"], json!(["price_cents", "id"]));
    let create = missing["create"].as_str().expect("a statement");
    assert!(create.contains("ON documents"), "{create}");

    patch(&folio, &json!({ "db": { "indexes": "all" } })).await;
    folio.get(BY_PRICE).await;
    let advice = asked(&folio, "/admin/db/advise").await;
    assert_eq!(advice["missing"], json!([]), "{advice}");
    // Just after the start no index can be called unused.
    assert_eq!(advice["unused"], json!([]), "{advice}");
    assert!(advice["looked_for_s"].as_f64() < Some(600.0), "{advice}");
    let advice = asked(&folio, "/admin/db/advise?unused_after=0s").await;
    let unused = advice["unused"].to_string();
    assert!(unused.contains("orders_by_status"), "{unused}");
    let after = asked(&folio, PLAN).await;
    let used = after["items"][0]["indexes"].to_string();
    assert!(used.contains("documents_by_price"), "{after}");
    // SQLite does not count the rows it reads.
    let rows = |plan: &Value| plan["items"][0]["rows_scanned"].as_u64();
    if let (Some(before), Some(after)) = (rows(&before), rows(&after)) {
        assert!(before >= 1_000 && after * 10 < before, "{before} {after}");
    }
    let slow = asked(&folio, "/admin/db/slow").await;
    let slow = slow["items"].as_array().expect("items");
    assert!(
        slow.iter()
            .any(|entry| entry["statement"] == "documents_page")
    );
}

async fn a_loop_of_statements_is_reported(bed: &Bed) {
    const STUDENTS: &str = "/api/v1/courses/1/students";
    let lazy = administered(&["cache.mode=off", "db.loading=lazy"]);
    let folio = bed.start(lazy).await;
    folio.get(STUDENTS).await;
    let loops = asked(&folio, "/admin/db/advise").await["n_plus_one"].clone();
    let named: Vec<_> = loops
        .as_array()
        .expect("loops")
        .iter()
        .map(|entry| (entry["statement"].as_str(), entry["times"].as_u64()))
        .collect();
    assert!(named.contains(&(Some("student"), Some(100))), "{loops}");
    assert!(named.contains(&(Some("certificate"), Some(100))), "{loops}");
    assert_eq!(loops[0]["route"], "/api/v1/courses/{id}/students");

    // The advisor itself sends many statements.
    for _ in 0..3 {
        let loops = asked(&folio, "/admin/db/advise").await["n_plus_one"].to_string();
        assert!(!loops.contains("/admin"), "{loops}");
    }

    patch(&folio, &json!({ "db": { "loading": "eager" } })).await;
    folio.get(STUDENTS).await;
    let loops = asked(&folio, "/admin/db/advise").await["n_plus_one"].clone();
    assert_eq!(loops, json!([]));
}

async fn recorded_rows_are_those_returned_or_changed(bed: &Bed) {
    let folio = bed.start(administered(&["cache.mode=off"])).await;
    let token = folio.token(1).await;
    let order = json!({ "document_id": 5, "quantity": 2 });
    let order = folio
        .post_json(Some(&token), "/api/v1/orders", &order)
        .await;
    let order = order.json();
    let path = format!("/api/v1/orders/{}/payments", order["id"]);
    let body = json!({ "amount_cents": order["total_cents"] });
    let mut payment = json_request(Method::POST, &path, Some(&token), &body);
    let key = "key".parse().expect("a header");
    payment.headers_mut().insert("idempotency-key", key);
    assert_eq!(folio.send(payment).await.status, StatusCode::CREATED);
    for (statement, rows) in [
        ("order_insert", 1),
        ("order_lock", 1),
        // It follows a statement that changed a row on the same connection, and changes none itself.
        ("payment_by_key", 0),
        ("payment_insert", 1),
        ("order_paid", 1),
    ] {
        let plan = format!("/admin/db/explain?statement={statement}");
        let plan = asked(&folio, &plan).await["items"][0].clone();
        assert_eq!(
            (&plan["calls"], &plan["rows"]),
            (&json!(1), &json!(rows)),
            "{plan}"
        );
    }
}
