//! Registration.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::config;
use crate::profiles::{Bed, profiles};

profiles!(
    a_registered_user_is_logged_in_and_can_log_in_again,
    a_registration_names_every_invalid_field,
);

async fn a_registered_user_is_logged_in_and_can_log_in_again(bed: &Bed) {
    let folio = bed.start(config(&[])).await;
    let register = async |email: &str| {
        let body = json!({ "email": email, "password": "correct horse" });
        folio.post_json(None, "/api/v1/auth/register", &body).await
    };
    let answer = register("Nora@Folio.test").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    let pair = answer.json();
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.refreshed(&pair).await;
    for taken in ["nora@folio.test", "NORA@folio.test", "user1@folio.test"] {
        assert!(register(taken).await.faults(409).is_empty());
    }
    for (password, status) in [("correct horse", 200), ("correct horsf", 401)] {
        let body = json!({ "email": "nora@FOLIO.test", "password": password, "device": "desk" });
        let answer = folio.post_json(None, "/api/v1/auth/login", &body).await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(
        folio.metric(r#"folio_auth_total{event="register"}"#).await,
        1
    );
}

async fn a_registration_names_every_invalid_field(bed: &Bed) {
    let folio = bed.start(config(&[])).await;
    let faults = async |body: Value| {
        let answer = folio.post_json(None, "/api/v1/auth/register", &body).await;
        answer.faults(422)
    };
    assert_eq!(faults(json!({})).await, ["email", "password"]);
    let body = json!({ "email": "a@b", "password": "1234567", "device": "" });
    assert_eq!(faults(body).await, ["password", "device"]);
    let long = format!("{}@b.test", "a".repeat(250));
    for email in [
        json!("nobody"),
        json!("@b.test"),
        json!("a@"),
        json!("a@b@c"),
        json!("a b@c.test"),
        json!("a@b\n.test"),
        json!(long),
        json!(7),
    ] {
        let body = json!({ "email": email, "password": "12345678" });
        assert_eq!(faults(body).await, ["email"], "{email}");
    }
}
