//! Administration: access, contents and changes.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use target_app::{Config, Secret};

use crate::folio::{Answer, Folio, request, settings, small};

const TOKEN: &str = "open-sesame";

fn administered() -> Config {
    Config {
        admin_token: Some(Secret::new(TOKEN)),
        ..small()
    }
}

async fn patch(folio: &Folio, changes: &Value) -> Answer {
    let body = Body::from(changes.to_string());
    let mut request = request(Method::PATCH, "/admin/config", Some(TOKEN), body);
    let kind = "application/json".parse().expect("a header");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    folio.send(request).await
}

#[tokio::test]
async fn administration_answers_404_without_a_configured_token() {
    let nameless = Config {
        admin_token: Some(Secret::new("")),
        ..small()
    };
    for config in [small(), nameless] {
        let folio = Folio::start(&config).await;
        folio.get("/admin/config").await.faults(404);
        for token in ["", "open-sesame"] {
            folio.get_as(token, "/admin/config").await.faults(404);
        }
        // The answer does not reveal the supported methods either.
        let refused = folio.post("/admin/config").await;
        refused.faults(404);
        assert_eq!(refused.header("allow"), "");
    }
}

#[tokio::test]
async fn the_complete_token_is_required() {
    let folio = Folio::start(&administered()).await;
    folio.get("/admin/config").await.faults(401);
    for token in ["", "open", "open-sesame-", "OPEN-SESAME"] {
        folio.get_as(token, "/admin/config").await.faults(401);
    }
    let refused = folio.post("/admin/config").await;
    refused.faults(401);
    assert_eq!(refused.header("allow"), "");
    let unknown = request(Method::POST, "/admin/config", Some(TOKEN), Body::empty());
    let refused = folio.send(unknown).await;
    refused.faults(405);
    assert_eq!(refused.header("allow"), "GET,HEAD,PATCH");
    let shown = folio.get_as(TOKEN, "/admin/config").await;
    assert_eq!(shown.status, StatusCode::OK);
}

#[tokio::test]
async fn the_effective_configuration_is_shown_without_its_secrets() {
    let config = Config {
        settings: settings(&[
            "cache.l1_items=7",
            "admission.api_keys=[\"canary-key\"]",
            "monitor.webhook=http://canary:canary@127.0.0.1:9/?canary=1",
        ]),
        admin_token: Some(Secret::new("canary-token")),
        ..small()
    };
    let folio = Folio::start(&config).await;
    let shown = folio.get_as("canary-token", "/admin/config").await;
    assert_eq!(shown.json()["cache"]["l1_items"], 7);
    assert_eq!(shown.json()["started"]["profile"], "embedded");
    let text = String::from_utf8_lossy(&shown.body).into_owned();
    assert!(!text.contains("canary"), "{text}");

    // A placeholder that is sent back does not replace the value.
    let mut back = shown.json();
    back.as_object_mut().expect("an object").remove("started");
    let refused = folio
        .send_json(Method::PATCH, Some("canary-token"), "/admin/config", &back)
        .await;
    let faults = refused.faults(422);
    assert_eq!(faults, ["admission.api_keys", "monitor.webhook"]);
}

#[tokio::test]
async fn a_patch_takes_effect_at_once_or_not_at_all() {
    let folio = Folio::start(&administered()).await;
    for _ in 0..2 {
        folio.get("/api/v1/documents/1").await;
    }
    let changed = patch(&folio, &json!({ "cache": { "mode": "off" } })).await;
    assert_eq!(changed.json()["cache"]["mode"], "off");
    let timing = folio.get("/api/v1/documents/1").await;
    assert!(
        timing.header("server-timing").starts_with("cache;desc=off"),
        "{}",
        timing.header("server-timing")
    );
    let refused = patch(
        &folio,
        &json!({ "cache": { "mode": "l9", "l1_items": 5 }, "pool": { "sise": 3 } }),
    )
    .await;
    assert_eq!(refused.faults(422), ["cache.mode", "pool.sise"]);
    let shown = folio.get_as(TOKEN, "/admin/config").await.json();
    assert_eq!(shown["cache"]["l1_items"], 1_000, "nothing of it counts");
}

#[tokio::test]
async fn a_breaker_obeys_the_operator() {
    let folio = Folio::start(&Config {
        settings: settings(&["cache.mode=off"]),
        ..administered()
    })
    .await;
    let force = async |rule: &str| {
        let wanted = json!({ "name": "database", "rule": rule });
        folio
            .post_json(Some(TOKEN), "/admin/breaker", &wanted)
            .await
    };
    assert_eq!(force("open").await.json()["state"], "open");
    let refused = folio.get("/api/v1/documents/1").await;
    refused.faults(503);
    assert!(refused.number("retry-after") >= 1);
    assert_eq!(force("auto").await.json()["state"], "closed");
    assert_eq!(
        folio.get("/api/v1/documents/1").await.status,
        StatusCode::OK
    );
    force("ajar").await.faults(422);
}

#[tokio::test]
async fn only_recorded_statements_are_explained_and_maintenance_actions_are_listed() {
    let folio = Folio::start(&administered()).await;
    let path = "/admin/db/explain?statement=SELECT%201";
    let refused = folio.get_as(TOKEN, path).await;
    assert_eq!(refused.faults(422), ["statement"]);
    for action in ["analyze", "vacuum", "reindex"] {
        let wanted = json!({ "action": action });
        let done = folio
            .post_json(Some(TOKEN), "/admin/db/maintain", &wanted)
            .await;
        assert_eq!(done.json()["action"], action);
    }
    let wanted = json!({ "action": "drop" });
    let refused = folio
        .post_json(Some(TOKEN), "/admin/db/maintain", &wanted)
        .await;
    assert_eq!(refused.faults(422), ["action"]);
}

#[tokio::test]
async fn an_invalidation_names_the_invalid_field() {
    let folio = Folio::start(&administered()).await;
    for (wanted, faults) in [
        (json!({}), vec!["key"]),
        (json!({ "key": "document:7", "pattern": "*" }), vec!["key"]),
        (json!({ "key": 7 }), vec!["key"]),
        (json!({ "pattern": "" }), vec!["pattern"]),
        (json!({ "entity": "user:7" }), vec!["entity"]),
        (json!({ "cascade": "document:x" }), vec!["cascade"]),
        (json!({ "enity": "document:7" }), vec!["enity"]),
        (
            json!({ "cascade": "x", "pattern": [] }),
            vec!["cascade", "pattern"],
        ),
    ] {
        let path = "/admin/cache/invalidate";
        let refused = folio.post_json(Some(TOKEN), path, &wanted).await;
        assert_eq!(refused.faults(422), faults, "{wanted}");
    }
}
