//! The ends of sessions: logout, expiry, eviction by newer sessions.

use std::time::Duration;

use axum::http::StatusCode;

use super::{SESSIONS, SOON, TwoInstances, access, config};
use crate::folio::join_all;
use crate::profiles::{Bed, profiles};

profiles!(
    logging_out_everywhere_ends_every_device_on_every_instance_within_a_second,
    a_logout_ends_one_session_on_every_instance,
    a_session_without_refresh_expires,
    the_oldest_session_is_closed_beyond_the_maximum,
);

async fn logging_out_everywhere_ends_every_device_on_every_instance_within_a_second(bed: &Bed) {
    let two = TwoInstances::start(bed).await;
    let devices = [
        two.here.login_on(1, "phone").await,
        two.here.login_on(1, "desk").await,
        two.there.login_on(1, "couch").await,
    ];
    let other = two.there.login(2).await;
    for folio in two.both() {
        for pair in devices.iter().chain([&other]) {
            assert_eq!(folio.status_as(pair).await, StatusCode::OK);
        }
    }
    two.here.leave(&devices[0], "/api/v1/auth/logout-all").await;
    let checks = two.both().into_iter().flat_map(|folio| {
        devices
            .iter()
            .map(move |pair| folio.refuses_soon(pair, SOON))
    });
    join_all(checks).await;
    for folio in two.both() {
        for pair in &devices {
            folio.refresh(pair).await.faults(401);
        }
        assert_eq!(folio.status_as(&other).await, StatusCode::OK);
    }
    let back = two.there.login(1).await;
    assert_eq!(two.here.status_as(&back).await, StatusCode::OK);
}

async fn a_logout_ends_one_session_on_every_instance(bed: &Bed) {
    let two = TwoInstances::start(bed).await;
    let leaves = two.here.login(1).await;
    let stays = two.here.login(1).await;
    for folio in two.both() {
        assert_eq!(folio.status_as(&leaves).await, StatusCode::OK);
    }
    two.there.leave(&leaves, "/api/v1/auth/logout").await;
    two.there
        .get_as(access(&leaves), SESSIONS)
        .await
        .faults(401);
    two.here.refuses_soon(&leaves, SOON).await;
    two.here.refresh(&leaves).await.faults(401);
    assert_eq!(two.here.status_as(&stays).await, StatusCode::OK);
}

async fn a_session_without_refresh_expires(bed: &Bed) {
    let folio = bed
        .start(config(&["auth.access_ttl=1s", "auth.refresh_ttl=1s"]))
        .await;
    let pair = folio.login(1).await;
    let kept = folio.login(1).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let kept = folio.refreshed(&kept).await;
    // The first session is more than a second old now; the second was refreshed since.
    tokio::time::sleep(Duration::from_millis(600)).await;
    folio.refresh(&pair).await.faults(401);
    folio.refreshed(&kept).await;
}

async fn the_oldest_session_is_closed_beyond_the_maximum(bed: &Bed) {
    let folio = bed.start(config(&["auth.sessions=2"])).await;
    let mut pairs = Vec::new();
    for _ in 0..4 {
        pairs.push(folio.login(1).await);
    }
    for pair in &pairs[..2] {
        folio.get_as(access(pair), SESSIONS).await.faults(401);
        folio.refresh(pair).await.faults(401);
    }
    for pair in &pairs[2..] {
        let list = folio.get_as(access(pair), SESSIONS).await.json();
        assert_eq!(list["total"], 2);
    }
}
