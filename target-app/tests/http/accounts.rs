//! Login, logout, sessions, orders.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::folio::{join_all, json_request, request, small};
use crate::profiles::{Bed, profiles};

profiles!(
    a_wrong_password_and_an_unknown_user_look_the_same,
    a_login_with_missing_fields_names_them_and_does_not_repeat_the_password,
    sessions_are_listed_for_each_login_and_end_with_logout,
    a_refresh_token_works_once_and_its_replay_closes_the_session,
    an_order_is_priced_placed_and_shown_to_its_owner_alone,
    orders_that_cannot_be_placed_name_what_is_wrong,
    twenty_users_log_in_and_buy_at_once,
);

fn token<'a>(pair: &'a Value, name: &str) -> &'a str {
    pair[name].as_str().expect("a token")
}

async fn a_wrong_password_and_an_unknown_user_look_the_same(bed: &Bed) {
    let folio = bed.start(small()).await;
    let mut bodies = Vec::new();
    for (email, password) in [
        ("user1@folio.test", "folio-dem0"),
        ("nobody@folio.test", "folio-demo"),
    ] {
        let body = json!({ "email": email, "password": password, "device": "test" });
        let answer = folio.post_json(None, "/api/v1/auth/login", &body).await;
        assert!(answer.faults(401).is_empty());
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        bodies.push(answer.body);
    }
    assert_eq!(bodies[0], bodies[1]);
}

async fn a_login_with_missing_fields_names_them_and_does_not_repeat_the_password(bed: &Bed) {
    let folio = bed.start(small()).await;
    let body = json!({ "email": 7, "password": ["hunter2"] });
    let answer = folio.post_json(None, "/api/v1/auth/login", &body).await;
    assert_eq!(answer.faults(422), ["email", "password", "device"]);
    assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
}

async fn sessions_are_listed_for_each_login_and_end_with_logout(bed: &Bed) {
    let folio = bed.start(small()).await;
    let phone = folio.login(1).await;
    let desk = folio.login(1).await;
    let other = folio.login(2).await;
    assert!(
        desk["expires_in"]
            .as_i64()
            .is_some_and(|seconds| seconds >= 3_600)
    );
    let sessions = folio
        .get_as(token(&desk, "access_token"), "/api/v1/auth/sessions")
        .await
        .json();
    assert_eq!(sessions["total"], 2, "those of user 1 only");
    let current: Vec<_> = sessions["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["current"])
        .collect();
    assert_eq!(current, [true, false]);

    let logout = request(
        Method::POST,
        "/api/v1/auth/logout",
        Some(token(&phone, "access_token")),
        Body::empty(),
    );
    assert_eq!(folio.send(logout).await.status, StatusCode::NO_CONTENT);
    folio
        .get_as(token(&phone, "access_token"), "/api/v1/auth/sessions")
        .await
        .faults(401);
    for pair in [&desk, &other] {
        let sessions = folio
            .get_as(token(pair, "access_token"), "/api/v1/auth/sessions")
            .await
            .json();
        assert_eq!(sessions["total"], 1);
    }
}

async fn a_refresh_token_works_once_and_its_replay_closes_the_session(bed: &Bed) {
    let folio = bed.start(small()).await;
    let refresh = async |pair: &Value| {
        let body = json!({ "refresh_token": token(pair, "refresh_token") });
        folio.post_json(None, "/api/v1/auth/refresh", &body).await
    };
    let first = folio.login(1).await;
    let second = refresh(&first).await;
    assert_eq!(second.status, StatusCode::OK);
    let second = second.json();
    folio
        .get_as(token(&first, "access_token"), "/api/v1/auth/sessions")
        .await
        .faults(401);
    assert_eq!(
        folio
            .get_as(token(&second, "access_token"), "/api/v1/auth/sessions")
            .await
            .status,
        StatusCode::OK
    );

    refresh(&first).await.faults(401);
    folio
        .get_as(token(&second, "access_token"), "/api/v1/auth/sessions")
        .await
        .faults(401);
    refresh(&second).await.faults(401);
}

async fn an_order_is_priced_placed_and_shown_to_its_owner_alone(bed: &Bed) {
    let folio = bed.start(small()).await;
    let owner = folio.login(1).await;
    let owner = token(&owner, "access_token");
    let price = folio.get("/api/v1/documents/5").await.json()["price_cents"]
        .as_i64()
        .expect("a price");
    let placed = folio
        .post_json(
            Some(owner),
            "/api/v1/orders",
            &json!({ "document_id": 5, "quantity": 3 }),
        )
        .await;
    assert_eq!(placed.status, StatusCode::CREATED);
    let order = placed.json();
    assert_eq!(order["total_cents"], price * 3);
    assert_eq!(
        placed.header("location"),
        format!("/api/v1/orders/{}", order["id"])
    );

    assert_eq!(
        folio.get_as(owner, placed.header("location")).await.json(),
        order
    );
    let stranger = folio.login(2).await;
    folio
        .get_as(token(&stranger, "access_token"), placed.header("location"))
        .await
        .faults(404);
    folio.get(placed.header("location")).await.faults(401);
    folio
        .get_as("not-a-token", placed.header("location"))
        .await
        .faults(401);
}

async fn orders_that_cannot_be_placed_name_what_is_wrong(bed: &Bed) {
    let folio = bed.start(small()).await;
    let owner = folio.login(1).await;
    let owner = Some(token(&owner, "access_token"));
    let place = async |body: &Value| folio.post_json(owner, "/api/v1/orders", body).await;
    assert_eq!(
        place(&json!({ "document_id": "5", "quantity": 101 }))
            .await
            .faults(422),
        ["document_id", "quantity"]
    );
    assert_eq!(
        place(&json!({ "document_id": 61, "quantity": 1 }))
            .await
            .faults(422),
        ["document_id"]
    );
    assert!(place(&json!([1])).await.faults(400).is_empty());
    let body = json!({ "document_id": 5, "quantity": 1 });
    folio
        .post_json(None, "/api/v1/orders", &body)
        .await
        .faults(401);

    let bare = request(
        Method::POST,
        "/api/v1/orders",
        owner,
        Body::from(body.to_string()),
    );
    assert!(folio.send(bare).await.faults(415).is_empty());
    for (name, value) in [
        ("content-type", "application/json-patch+json"),
        ("content-encoding", "gzip"),
    ] {
        let mut other = json_request(Method::POST, "/api/v1/orders", owner, &body);
        let value = value.parse().expect("a value");
        other.headers_mut().insert(name, value);
        assert!(folio.send(other).await.faults(415).is_empty(), "{name}");
    }
    let mut spelt = json_request(Method::POST, "/api/v1/orders", owner, &body);
    let headers = spelt.headers_mut();
    for (name, value) in [
        ("content-type", "Application/JSON ; charset=utf-8"),
        ("content-encoding", "identity"),
    ] {
        headers.insert(name, value.parse().expect("a value"));
    }
    assert_eq!(folio.send(spelt).await.status, StatusCode::CREATED);
    let huge = json!({ "document_id": 5, "note": "x".repeat(700_000) });
    assert!(place(&huge).await.faults(413).is_empty());
}

async fn twenty_users_log_in_and_buy_at_once(bed: &Bed) {
    let folio = bed.start(small()).await;
    let buy = async |user: u32| {
        let pair = folio.login(user % 5 + 1).await;
        let body = json!({ "document_id": user + 1, "quantity": 1 });
        let placed = folio
            .post_json(Some(token(&pair, "access_token")), "/api/v1/orders", &body)
            .await;
        assert_eq!(placed.status, StatusCode::CREATED, "{:?}", placed.body);
        placed.json()["id"].as_i64().expect("an id")
    };
    let mut ids: Vec<_> = join_all((0..20).map(buy)).await;
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
}
