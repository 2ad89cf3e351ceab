//! Several instances over the same services, and services that go away and come back.

use std::error::Error;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use target_app::{Config, Profile, Secret, Services, State};
use tokio::time::{Instant, sleep};

use crate::folio::{Folio, small};
use crate::probe::{retitle, title};
use crate::profiles::{Bed, in_database, own_servers, profiles};
use crate::proxy::Proxy;

/// The breaker's open time and a few attempts, on a busy machine.
const BACK_WITHIN: Duration = Duration::from_mins(1);

profiles!(
    an_instance_is_ready_over_empty_services,
    one_instance_reads_the_writes_of_another
);

async fn an_instance_is_ready_over_empty_services(bed: &Bed) {
    let folio = bed.start(small()).await;
    assert_eq!(folio.get("/health").await.json()["status"], "ok");
    assert_eq!(folio.get("/ready").await.json()["status"], "ready");
}

async fn one_instance_reads_the_writes_of_another(bed: &Bed) {
    let first = bed.start(small()).await;
    let second = bed.start_beside(&first, small()).await;
    let (at_first, at_second) = (first.login(1).await, second.login(1).await);
    let token = |pair: &Value| pair["access_token"].as_str().expect("a token").to_owned();
    let (at_first, at_second) = (token(&at_first), token(&at_second));

    let order = json!({ "document_id": 5, "quantity": 3 });
    let placed = first
        .post_json(Some(&at_first), "/api/v1/orders", &order)
        .await;
    assert_eq!(placed.status, StatusCode::CREATED);
    let seen = second.get_as(&at_second, placed.header("location")).await;
    assert_eq!(seen.json(), placed.json());
}

#[tokio::test]
async fn two_concurrent_starts_in_a_new_directory_share_one_database() {
    let bed = Bed::embedded();
    let (first, second) = tokio::join!(bed.start(small()), bed.start(small()));
    let token = first.token(1).await;
    let changed = retitle(&first, &token, 7, "Shared").await;
    assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
    assert_eq!(title(&second, 7).await, "Shared");
    assert_eq!(second.get("/api/v1/documents").await.json()["total"], 60);
}

#[tokio::test]
async fn an_unreachable_database_is_reported_with_its_variable() {
    let bed = Bed::full().await;
    for (url, expected) in [
        ("postgres://folio:canary@127.0.0.1:1/folio", "check the URL"),
        // Another kind of server, which must not be contacted.
        ("mysql://folio:canary@127.0.0.1:1/folio", "postgres://user"),
    ] {
        let away = Services {
            database_url: Secret::new(url),
            ..bed.services().clone()
        };
        let config = Config {
            profile: Profile::Full(away),
            ..small()
        };
        let opened = State::open(&config).await;
        let mut cause: Option<&dyn Error> = match &opened {
            Ok(_) => panic!("nobody answers on port 1"),
            Err(error) => Some(error),
        };
        let mut told = Vec::new();
        while let Some(error) = cause {
            told.push(error.to_string());
            cause = error.source();
        }
        let first = &told[0];
        assert!(first.contains("DATABASE_URL"), "{told:?}");
        assert!(first.contains(expected), "{told:?}");
        assert!(!told.concat().contains("canary"), "{told:?}");
        let mut pairs = told.windows(2);
        let repeats = pairs.any(|pair| pair[0].ends_with(&pair[1]));
        assert!(!repeats, "{told:?}");
    }
    bed.clear().await;
}

#[tokio::test]
async fn a_killed_database_is_noticed_and_used_again() {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed.start(small()).await;
    assert_eq!(folio.get("/ready").await.status, StatusCode::OK);

    servers.postgres_mut().kill().await;
    folio.get("/ready").await.faults(503);
    assert_eq!(
        folio.get("/health").await.status,
        StatusCode::OK,
        "it is alive all the same"
    );

    let restarted = servers.postgres_mut().start_again().await;
    restarted.expect("it starts again");
    ready_again(&folio).await;
    let document = folio.get("/api/v1/documents/5").await;
    assert_eq!(document.status, StatusCode::OK, "what was seeded is there");
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

#[tokio::test]
async fn a_cut_connection_to_the_database_is_noticed_and_restored() {
    let servers = own_servers().await;
    let proxy = Proxy::to(servers.postgres().loopback_url().expect("a port")).await;
    let bed = Bed::on(&servers).await;
    let database = bed.database().to_owned();
    let bed = bed.by(|services| services.database_url = in_database(&proxy.url(), &database));
    let folio = bed.start(small()).await;
    assert_eq!(folio.get("/ready").await.status, StatusCode::OK);

    proxy.cut();
    ready_again(&folio).await;
    proxy.refuse().await;
    folio.get("/ready").await.faults(503);
    proxy.accept().await;
    ready_again(&folio).await;
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

async fn ready_again(folio: &Folio) {
    let deadline = Instant::now() + BACK_WITHIN;
    while folio.get("/ready").await.status != StatusCode::OK {
        assert!(Instant::now() < deadline, "it does not become ready");
        sleep(Duration::from_millis(20)).await;
    }
}
