//! Refresh tokens: each works once, and reuse closes its session.

use axum::http::StatusCode;
use serde_json::json;

use super::{SESSIONS, SOON, TwoInstances, access, config, refresh_token};
use crate::folio::join_all;
use crate::profiles::{Bed, profiles};

profiles!(
    refreshed_tokens_are_valid_on_every_instance_at_once,
    any_used_refresh_token_closes_its_session_and_no_other,
    an_invented_refresh_token_does_not_close_a_session,
    of_concurrent_refreshes_one_wins_and_the_session_is_closed,
);

async fn refreshed_tokens_are_valid_on_every_instance_at_once(bed: &Bed) {
    let two = TwoInstances::start(bed).await;
    let first = two.here.login(1).await;
    for folio in two.both() {
        assert_eq!(folio.status_as(&first).await, StatusCode::OK);
    }
    let second = two.here.refreshed(&first).await;
    // The other instance's cached state of the session is older than these tokens.
    assert_eq!(two.there.status_as(&second).await, StatusCode::OK);
    for folio in two.both() {
        folio.refuses_soon(&first, SOON).await;
        assert_eq!(folio.status_as(&second).await, StatusCode::OK);
    }
}

async fn any_used_refresh_token_closes_its_session_and_no_other(bed: &Bed) {
    let two = TwoInstances::start(bed).await;
    for generations in 1..=3 {
        let first = two.here.login(1).await;
        let bystander = two.here.login(1).await;
        let mut latest = first.clone();
        for _ in 0..generations {
            latest = two.there.refreshed(&latest).await;
        }
        for folio in two.both() {
            assert_eq!(folio.status_as(&latest).await, StatusCode::OK);
        }
        two.here.refresh(&first).await.faults(401);
        two.here.get_as(access(&latest), SESSIONS).await.faults(401);
        two.there.refuses_soon(&latest, SOON).await;
        two.there.refresh(&latest).await.faults(401);
        assert_eq!(two.there.status_as(&bystander).await, StatusCode::OK);
    }
    assert_eq!(
        two.here.metric(r#"folio_auth_total{event="reuse"}"#).await,
        3
    );
}

async fn an_invented_refresh_token_does_not_close_a_session(bed: &Bed) {
    let folio = bed.start(config(&[])).await;
    let pair = folio.login(1).await;
    let real = refresh_token(&pair);
    // The session id, which its access tokens contain, with other secrets; and text that is not a token.
    let forged = [
        format!("{}{}", &real[..32], "0".repeat(96)),
        format!("{}{}", "0".repeat(64), &real[64..]),
        real[1..].to_owned(),
        format!("{real}00"),
        "ü".repeat(128),
    ];
    for token in forged {
        let body = json!({ "refresh_token": token });
        let answer = folio.post_json(None, "/api/v1/auth/refresh", &body).await;
        answer.faults(401);
    }
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.refreshed(&pair).await;
}

async fn of_concurrent_refreshes_one_wins_and_the_session_is_closed(bed: &Bed) {
    let two = TwoInstances::start(bed).await;
    for _ in 0..5 {
        let pair = two.here.login(1).await;
        let tries = two.both().into_iter().cycle().take(6);
        let answers = join_all(tries.map(|folio| folio.refresh(&pair))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|answer| answer.status == StatusCode::OK);
        assert_eq!((won.len(), lost.len()), (1, 5));
        for answer in lost {
            answer.faults(401);
        }
        let won = won[0].json();
        for folio in two.both() {
            folio.refuses_soon(&won, SOON).await;
        }
    }
}
