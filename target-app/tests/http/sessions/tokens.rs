//! Access tokens: their signature, their lifetime, and their treatment while the store is unavailable.

use std::time::Duration;

use axum::http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{SESSIONS, TwoInstances, access, config};
use crate::folio::Folio;
use crate::profiles::{Bed, own_servers, profiles};

profiles!(
    a_restart_over_the_same_store_keeps_sessions,
    an_access_token_expires_and_its_session_continues,
    tokens_with_another_signature_are_rejected,
);

async fn a_restart_over_the_same_store_keeps_sessions(bed: &Bed) {
    let TwoInstances { here, there } = TwoInstances::start(bed).await;
    let pair = here.login(1).await;
    let again = bed.start_beside(&there, config(&[])).await;
    here.stop().await.expect("served without fault");
    there.stop().await.expect("served without fault");
    assert_eq!(again.status_as(&pair).await, StatusCode::OK);
    let pair = again.refreshed(&pair).await;
    assert_eq!(again.status_as(&pair).await, StatusCode::OK);
}

async fn an_access_token_expires_and_its_session_continues(bed: &Bed) {
    let folio = bed.start(config(&["auth.access_ttl=1s"])).await;
    let pair = folio.login(1).await;
    assert_eq!(pair["expires_in"], 1);
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    // A second, rounded up to a whole one of the clock.
    folio.refuses_soon(&pair, Duration::from_secs(2)).await;
    let pair = folio.refreshed(&pair).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
}

async fn tokens_with_another_signature_are_rejected(bed: &Bed) {
    const NONE: &str = "eyJhbGciOiJub25lIn0"; // {"alg":"none"}
    let folio = bed.start(config(&[])).await;
    let pair = folio.login(1).await;
    let own: Vec<_> = access(&pair).split('.').collect();
    let (header, payload, signature) = (own[0], own[1], own[2]);
    let other = folio.login(2).await;
    let other_payload = access(&other).split('.').nth(1).expect("a payload");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let mut claims: Value = json!({
        "sub": "1", "sid": "0".repeat(32), "iat": 1, "exp": 4_102_444_800_u64,
        "jti": format!("{}.0", "0".repeat(32)),
    });
    let foreign = |algorithm, claims: &Value| {
        let key = EncodingKey::from_secret(&[7; 32]);
        encode(&Header::new(algorithm), claims, &key).expect("a token")
    };
    let mut forged = vec![
        format!("{header}.{other_payload}.{signature}"),
        format!("{header}.{payload}.{flipped}{}", &signature[1..]),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{NONE}.{payload}."),
        format!("{NONE}.{payload}.{signature}"),
        foreign(Algorithm::HS256, &claims),
        foreign(Algorithm::HS512, &claims),
        "not-a-token".to_owned(),
        "x".repeat(4_000),
    ];
    claims["exp"] = json!("never");
    forged.push(foreign(Algorithm::HS256, &claims));
    let refused = forged.len() as i64;
    for token in forged {
        let answer = folio.get_as(&token, SESSIONS).await;
        assert!(answer.faults(401).is_empty(), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let denied = r#"folio_auth_total{event="denied"}"#;
    assert_eq!(folio.metric(denied).await, refused);
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.get(SESSIONS).await.faults(401);
    folio.get_as("", SESSIONS).await.faults(401);
    assert_eq!(folio.metric(denied).await, refused, "nothing was presented");
}

#[tokio::test]
async fn another_store_knows_neither_the_key_nor_the_sessions() {
    let folio = Folio::start(&config(&[])).await;
    let pair = Folio::start(&config(&[])).await.login(1).await;
    folio.get_as(access(&pair), SESSIONS).await.faults(401);
    folio.refresh(&pair).await.faults(401);
}

/// Redis hangs, then returns unchanged, then returns empty.
#[tokio::test]
async fn while_the_store_is_unavailable_tokens_are_neither_accepted_nor_rejected() {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed.start(config(&["breaker.open_for=100ms"])).await;
    let pair = folio.login(1).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);

    servers.redis_mut().freeze();
    let away = folio.turns(&pair, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(away.faults(503).is_empty());
    assert!(away.number("retry-after") >= 1);
    let body = json!({ "email": "nora@folio.test", "password": "correct horse" });
    let answer = folio.post_json(None, "/api/v1/auth/register", &body).await;
    answer.faults(503);
    folio.refresh(&pair).await.faults(503);
    folio.get_as("no-token", SESSIONS).await.faults(401);

    servers.redis_mut().thaw();
    folio.turns(&pair, StatusCode::OK).await;
    let answer = folio.post_json(None, "/api/v1/auth/register", &body).await;
    assert_eq!(
        answer.status,
        StatusCode::CREATED,
        "no account without a session"
    );
    let pair = folio.refreshed(&pair).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);

    servers.redis_mut().kill().await;
    folio.turns(&pair, StatusCode::SERVICE_UNAVAILABLE).await;
    let restarted = servers.redis_mut().start_again().await;
    restarted.expect("it starts again");
    // Redis has no persistence, so the session is lost and its token is invalid.
    folio.turns(&pair, StatusCode::UNAUTHORIZED).await;
    let pair = folio.login(1).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}
