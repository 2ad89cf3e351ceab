//! Orders and payments: visible only to their user, paid once under retries and concurrency, and audited.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use target_app::Config;
use tokio::time::timeout;

use crate::folio::{Answer, Folio, join_all, json_request, settings, small};
use crate::profiles::{Bed, profiles};

profiles!(
    orders_are_listed_only_to_their_user,
    a_payment_pays_an_order_and_is_audited,
    an_invalid_payment_changes_nothing,
    an_idempotency_key_identifies_one_payment,
    concurrent_duplicates_pay_once,
    concurrent_payments_of_one_order_pay_once,
    a_disconnecting_client_leaves_nothing_unfinished,
);

async fn place(folio: &Folio, token: &str, document: u32) -> Value {
    let body = json!({ "document_id": document, "quantity": 2 });
    let placed = folio.post_json(Some(token), "/api/v1/orders", &body).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{:?}", placed.body);
    placed.json()
}

fn payment(token: &str, order: &Value, key: &str, amount: &Value) -> Request<Body> {
    let path = format!("/api/v1/orders/{}/payments", order["id"]);
    let body = json!({ "amount_cents": amount });
    let mut request = json_request(Method::POST, &path, Some(token), &body);
    let key = key.parse().expect("a header");
    request.headers_mut().insert("idempotency-key", key);
    request
}

async fn pay(folio: &Folio, token: &str, order: &Value, key: &str) -> Answer {
    folio
        .send(payment(token, order, key, &order["total_cents"]))
        .await
}

async fn order(folio: &Folio, token: &str, order: &Value) -> Value {
    let path = format!("/api/v1/orders/{}", order["id"]);
    folio.get_as(token, &path).await.json()
}

/// The caller's actions, latest first.
async fn audit(folio: &Folio, token: &str) -> Vec<(String, i64)> {
    let page = folio.get_as(token, "/api/v1/audit?limit=100").await.json();
    let items = page["items"].as_array().expect("items").iter();
    items
        .map(|item| {
            assert!(item["at"].is_string() && item["object"] == "order");
            let action = item["action"].as_str().expect("an action").to_owned();
            (action, item["object_id"].as_i64().expect("an id"))
        })
        .collect()
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotent-replay") == "true"
}

async fn orders_are_listed_only_to_their_user(bed: &Bed) {
    let folio = bed.start(small()).await;
    let (mine, theirs) = (folio.token(1).await, folio.token(2).await);
    let mut placed = Vec::new();
    for document in 1..=5 {
        placed.push(place(&folio, &mine, document).await);
        place(&folio, &theirs, document).await;
    }
    placed.reverse();
    let first = folio.get_as(&mine, "/api/v1/orders?limit=3").await.json();
    let second = folio
        .get_as(&mine, "/api/v1/orders?limit=3&page=2")
        .await
        .json();
    assert_eq!((&first["total"], &second["page"]), (&json!(5), &json!(2)));
    let pages = [&first, &second].map(|page| page["items"].as_array().expect("items").clone());
    assert_eq!(pages.concat(), placed);
    folio.get("/api/v1/orders").await.faults(401);
    folio.get("/api/v1/audit").await.faults(401);
    assert_eq!(audit(&folio, &mine).await.len(), 5);
    let faults = folio
        .get_as(&mine, "/api/v1/orders?limit=0")
        .await
        .faults(422);
    assert_eq!(faults, ["limit"]);
}

async fn a_payment_pays_an_order_and_is_audited(bed: &Bed) {
    let folio = bed.start(small()).await;
    let (mine, theirs) = (folio.token(1).await, folio.token(2).await);
    let placed = place(&folio, &mine, 5).await;
    assert_eq!(placed["status"], "placed");
    let paid = pay(&folio, &mine, &placed, "key-1").await;
    assert_eq!(paid.status, StatusCode::CREATED, "{:?}", paid.body);
    assert!(!is_replay(&paid));
    let payment = paid.json();
    assert_eq!(payment["order_id"], placed["id"]);
    assert_eq!(payment["amount_cents"], placed["total_cents"]);
    assert_eq!(order(&folio, &mine, &placed).await["status"], "paid");

    let id = placed["id"].as_i64().expect("an id");
    let expected = [
        ("order.paid".to_owned(), id),
        ("order.placed".to_owned(), id),
    ];
    assert_eq!(audit(&folio, &mine).await, expected);
    assert_eq!(audit(&folio, &theirs).await, []);
    let metrics = folio.get("/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    for line in [
        r#"folio_order_events_total{kind="order.placed"} 1"#,
        r#"folio_order_events_total{kind="order.paid"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line}");
    }
}

async fn an_invalid_payment_changes_nothing(bed: &Bed) {
    let folio = bed.start(small()).await;
    let (mine, theirs) = (folio.token(1).await, folio.token(2).await);
    let placed = place(&folio, &mine, 5).await;
    let try_amount = async |amount: Value| {
        let request = payment(&mine, &placed, "key", &amount);
        folio.send(request).await.faults(422)
    };
    for amount in [json!(0), json!(-1), json!("5"), json!(null)] {
        assert_eq!(try_amount(amount).await, ["amount_cents"]);
    }
    let short = placed["total_cents"].as_i64().expect("a total") - 1;
    assert_eq!(try_amount(json!(short)).await, ["amount_cents"]);
    for key in ["", "two words", &"x".repeat(65)] {
        let refused = pay(&folio, &mine, &placed, key).await;
        assert_eq!(refused.faults(422), ["Idempotency-Key"]);
    }
    let mut bare = payment(&mine, &placed, "key", &placed["total_cents"]);
    bare.headers_mut().remove("idempotency-key");
    assert_eq!(folio.send(bare).await.faults(422), ["Idempotency-Key"]);

    pay(&folio, &theirs, &placed, "key").await.faults(404);
    pay(
        &folio,
        &mine,
        &json!({ "id": 999, "total_cents": 1 }),
        "key",
    )
    .await
    .faults(404);
    assert_eq!(order(&folio, &mine, &placed).await["status"], "placed");
    assert_eq!(audit(&folio, &mine).await.len(), 1, "that it was placed");
    let paid = pay(&folio, &mine, &placed, "key").await;
    assert_eq!(paid.status, StatusCode::CREATED, "the key is not used up");
    assert!(!is_replay(&paid));
}

async fn an_idempotency_key_identifies_one_payment(bed: &Bed) {
    let folio = bed.start(small()).await;
    let (mine, theirs) = (folio.token(1).await, folio.token(2).await);
    let (one, other) = (place(&folio, &mine, 5).await, place(&folio, &mine, 6).await);
    let first = pay(&folio, &mine, &one, "key").await;
    let again = pay(&folio, &mine, &one, "key").await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert!(is_replay(&again) && !is_replay(&first));
    let less = payment(&mine, &one, "key", &json!(1));
    assert_eq!(folio.send(less).await.faults(422), ["Idempotency-Key"]);
    let elsewhere = pay(&folio, &mine, &other, "key").await;
    assert_eq!(elsewhere.faults(422), ["Idempotency-Key"]);
    pay(&folio, &mine, &one, "another").await.faults(409);
    assert_eq!(audit(&folio, &mine).await.len(), 3);

    let others = place(&folio, &theirs, 5).await;
    let theirs = pay(&folio, &theirs, &others, "key").await;
    assert_eq!(
        theirs.status,
        StatusCode::CREATED,
        "keys are each user's own"
    );
    assert!(!is_replay(&theirs));
}

async fn concurrent_duplicates_pay_once(bed: &Bed) {
    let folio = bed.start(small()).await;
    let mine = folio.token(1).await;
    let placed = place(&folio, &mine, 5).await;
    let answers = join_all((0..20).map(|_| pay(&folio, &mine, &placed, "key"))).await;
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        assert_eq!(answer.body, answers[0].body);
    }
    let made = answers.iter().filter(|answer| !is_replay(answer)).count();
    assert_eq!(made, 1);
    assert_eq!(audit(&folio, &mine).await.len(), 2);
}

async fn concurrent_payments_of_one_order_pay_once(bed: &Bed) {
    let folio = bed.start(small()).await;
    let mine = folio.token(1).await;
    let placed = place(&folio, &mine, 5).await;
    let keys: Vec<_> = (0..20).map(|key| format!("key-{key}")).collect();
    let answers = join_all(keys.iter().map(|key| pay(&folio, &mine, &placed, key))).await;
    let count = |status: StatusCode| answers.iter().filter(|one| one.status == status).count();
    assert_eq!(count(StatusCode::CREATED), 1);
    assert_eq!(count(StatusCode::CONFLICT), 19);

    let mut orders = Vec::new();
    for document in 1..=10 {
        orders.push(place(&folio, &mine, document).await);
    }
    let answers = join_all(orders.iter().map(|order| pay(&folio, &mine, order, "one"))).await;
    let count = |status: StatusCode| answers.iter().filter(|one| one.status == status).count();
    assert_eq!(count(StatusCode::CREATED), 1, "one key, ten orders");
    assert_eq!(count(StatusCode::UNPROCESSABLE_ENTITY), 9);
}

async fn a_disconnecting_client_leaves_nothing_unfinished(bed: &Bed) {
    let folio = bed
        .start(Config {
            settings: settings(&["db.rtt_ms=10"]),
            ..small()
        })
        .await;
    let mine = folio.token(1).await;
    let placed = place(&folio, &mine, 5).await;
    let mut left = 0;
    // The payment takes seven statements of 10 ms; these clients disconnect in the middle of it. The payment continues
    // without them, so one of the last clients may find it completed.
    for patience in (5..65).step_by(10) {
        let attempt = pay(&folio, &mine, &placed, "key");
        match timeout(Duration::from_millis(patience), attempt).await {
            Ok(made) => assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body),
            Err(_) => left += 1,
        }
    }
    assert!(left > 1, "it cannot be done within 15 ms");
    let paid = pay(&folio, &mine, &placed, "key").await;
    assert_eq!(paid.status, StatusCode::CREATED, "{:?}", paid.body);
    assert_eq!(order(&folio, &mine, &placed).await["status"], "paid");
    assert_eq!(audit(&folio, &mine).await.len(), 2);
}
