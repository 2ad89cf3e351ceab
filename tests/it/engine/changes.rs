//! Changes of a load while it runs.

use std::time::Duration;

use gander::engine::LevelChange;
use gander::record::Timing;
use gander::units::Micros;

use super::plans::plan;
use super::server::Server;
use super::{Driven, Outcome};

/// A load, and its changes, each at a time since its start in milliseconds.
async fn changed(server: &Server, load: &str, changes: &[(u64, LevelChange)]) -> Outcome {
    let body = format!("load: {{ {load} }}\nflows: [ {{ name: main, steps: [ {{ get: / }} ] }} ]");
    let driven = Driven::launch(plan(&server.url, &body)).await;
    for (at, change) in changes {
        let at = driven.running.clock().base() + Duration::from_millis(*at);
        tokio::time::sleep_until(at.into()).await;
        driven.running.change(0, *change);
    }
    driven.until_the_end().await
}

#[tokio::test]
async fn a_pause_starts_nothing_and_delays_nothing() {
    let server = Server::start().await;
    let changes = [(300, LevelChange::Pause), (800, LevelChange::Resume)];
    let load = "rate: 100/s, for: 1s, max_users: 20";
    let over = changed(&server, load, &changes).await;
    assert_eq!(over.load.unstarted, 0);
    assert_eq!(over.load.offered, over.load.started);
    // 100/s for 500 ms, and what a busy machine adds to that before the pause begins or takes from its end.
    assert!((40..=60).contains(&over.load.started), "{:?}", over.load);
    let times = over
        .requests()
        .histogram(Timing::ResponseTime)
        .expect("times");
    assert!(times.max() < 250_000, "the pause is in no response time");
    assert_eq!(over.totals.load_time(), Micros(1_000_000));
}

#[tokio::test]
async fn a_rate_that_is_set_replaces_the_planned_one_and_counts_exactly() {
    let server = Server::start().await;
    let changes = [(500, LevelChange::Set(200.0)), (750, LevelChange::Set(0.0))];
    let load = "rate: 20/s, for: 1s, max_users: 20, arrivals: poisson";
    let over = changed(&server, load, &changes).await;
    assert_eq!(
        (over.load.unstarted, over.load.offered),
        (0, over.load.started)
    );
    assert_eq!(over.load.started, server.seen().len() as u64);
    // 10 and 50 on average, with a standard deviation of 8.
    assert!((25..=110).contains(&over.load.started), "{:?}", over.load);
}

#[tokio::test]
async fn users_pause_become_fewer_and_come_back() {
    let server = Server::start().await;
    let changes = [
        (200, LevelChange::Set(1.0)),
        (400, LevelChange::Pause),
        (500, LevelChange::Resume),
        (600, LevelChange::Set(3.0)),
    ];
    for load in [
        "users: 3, for: 800ms",
        "iterations: 100000, users: 3, max_duration: 800ms",
    ] {
        let over = changed(&server, load, &changes).await;
        assert!(over.load.started > 20, "{load}: {:?}", over.load);
        assert_eq!(over.totals.load_time(), Micros(800_000));
    }
    // A pause without an end holds the users until the load is over.
    let over = changed(&server, "users: 3, for: 300ms", &[(0, LevelChange::Pause)]).await;
    assert!(over.load.started <= 3, "{:?}", over.load);
}
