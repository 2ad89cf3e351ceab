//! Connection pools to PostgreSQL: restarts, exhaustion, and slow replicas.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::folio::{Folio, join_all};
use crate::postgres::{connected, counted, until_counted};
use crate::probe::{
    PATIENCE, assert_busy, count, document, metric, patch, proven, retitle, title, until,
};
use crate::profiles::{Bed, in_database, own_servers};
use crate::proxy::Proxy;

/// Maximum time of an answer, whatever fails.
const LONGEST: Duration = Duration::from_secs(3);
/// Maximum time from the server's return to the service's recovery: the breaker's two seconds and some attempts.
const BACK_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn pre_ping_survives_a_restart() {
    survives_a_restart("pool.pre_ping=true").await;
}

#[tokio::test]
async fn a_restart_is_survived_without_pre_ping_too() {
    survives_a_restart("pool.pre_ping=false").await;
}

async fn survives_a_restart(pre_ping: &str) {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed.start(proven(&["cache.mode=off", pre_ping])).await;
    let token = folio.token(1).await;
    let changed = retitle(&folio, &token, 7, "Kept").await;
    assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
    // Several idle connections that will break.
    join_all((1..=8).map(|_| folio.get("/api/v1/documents/7"))).await;

    servers.postgres_mut().kill().await;
    for _ in 0..20 {
        let began = Instant::now();
        assert_busy(&folio.get("/api/v1/documents/7").await);
        assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    }
    let restarted = servers.postgres_mut().start_again().await;
    restarted.expect("it starts again");
    let back = Instant::now();
    loop {
        let asked = Instant::now();
        let answer = folio.get("/api/v1/documents/7").await;
        assert!(asked.elapsed() < LONGEST, "{:?}", asked.elapsed());
        if answer.status == StatusCode::OK {
            assert_eq!(answer.json()["title"], "Kept");
            break;
        }
        assert_busy(&answer);
        assert!(back.elapsed() < BACK_WITHIN, "it does not come back");
        sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..20 {
        assert_eq!(title(&folio, 7).await, "Kept");
    }
    let answer = retitle(&folio, &token, 7, "After").await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

#[tokio::test]
async fn with_pre_ping_no_client_notices_a_restart() {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed
        .start(proven(&["cache.mode=off", "pool.replicas=0"]))
        .await;
    let paths: Vec<_> = (1..=20).map(document).collect();
    let read_all = async || join_all(paths.iter().map(|path| folio.get(path))).await;
    // Twenty at once, so that twenty idle connections will break.
    patch(&folio, &json!({ "db": { "hold_ms": 300 } })).await;
    read_all().await;
    patch(&folio, &json!({ "db": { "hold_ms": 0 } })).await;

    servers.postgres_mut().kill().await;
    let restarted = servers.postgres_mut().start_again().await;
    restarted.expect("it starts again");
    for answer in read_all().await {
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    }
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

/// Terminates every connection to the current database except this one.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

/// Number of failures among twenty sequential reads after idle connections were cut.
async fn refused_after_a_cut(pre_ping: &str) -> usize {
    let bed = Bed::full().await;
    let folio = bed
        .start(proven(&["cache.mode=off", "pool.replicas=0", pre_ping]))
        .await;
    let mut watcher = connected(&bed).await;
    let paths: Vec<_> = (1..=20).map(document).collect();
    patch(&folio, &json!({ "db": { "hold_ms": 300 } })).await;
    join_all(paths.iter().map(|path| folio.get(path))).await;
    patch(&folio, &json!({ "db": { "hold_ms": 0 } })).await;

    let cut = counted(&mut watcher, CUT).await;
    assert!(cut >= 10, "{cut}");
    until_counted(&mut watcher, BACKENDS, |open| open == 0).await;
    let mut refused = 0;
    for path in &paths {
        let answer = folio.get(path).await;
        if answer.status != StatusCode::OK {
            assert_busy(&answer);
            refused += 1;
        }
    }
    folio.stop().await.expect("served without fault");
    drop(watcher);
    bed.clear().await;
    refused
}

#[tokio::test]
async fn cut_idle_connections_cost_one_request_without_pre_ping() {
    assert_eq!(refused_after_a_cut("pool.pre_ping=true").await, 0);
    assert_eq!(refused_after_a_cut("pool.pre_ping=false").await, 1);
}

#[tokio::test]
async fn a_hanging_server_is_not_tried_with_every_idle_connection() {
    let servers = own_servers().await;
    let proxy = Proxy::to(servers.postgres().loopback_url().expect("a port")).await;
    let bed = Bed::on(&servers).await;
    let database = bed.database().to_owned();
    let bed = bed.by(|services| services.database_url = in_database(&proxy.url(), &database));
    let folio = bed
        .start(proven(&[
            "cache.mode=off",
            "pool.replicas=0",
            "db.timeout=1s",
        ]))
        .await;
    patch(&folio, &json!({ "db": { "hold_ms": 300 } })).await;
    let paths: Vec<_> = (1..=8).map(document).collect();
    join_all(paths.iter().map(|path| folio.get(path))).await;
    patch(&folio, &json!({ "db": { "hold_ms": 0 } })).await;
    proxy.delay(Duration::from_mins(1));
    let began = Instant::now();
    for answer in join_all(paths[..3].iter().map(|path| folio.get(path))).await {
        assert_busy(&answer);
    }
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    proxy.cut();
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

#[tokio::test]
async fn a_connection_beyond_its_maximum_age_is_replaced() {
    let bed = Bed::full().await;
    let late = [
        "cache.mode=off",
        "pool.replicas=0",
        "pool.size=1",
        "pool.recycle=50ms",
    ];
    let folio = bed.start(proven(&late)).await;
    let [opened, discarded] =
        ["opened", "discarded"].map(|what| format!(r#"folio_pool_{what}_total{{pool="primary"}}"#));
    // Opens a connection that can grow old.
    title(&folio, 7).await;
    let (before, thrown_away) = (
        count(&folio, &opened).await,
        count(&folio, &discarded).await,
    );
    for _ in 0..3 {
        sleep(Duration::from_millis(100)).await;
        title(&folio, 7).await;
    }
    // Any use of a connection that is too old replaces it, including a health check.
    let after = count(&folio, &opened).await;
    assert!(after >= before + 3, "{before}, {after}");
    let after = count(&folio, &discarded).await;
    assert!(after >= thrown_away + 3, "{thrown_away}, {after}");
    patch(&folio, &json!({ "pool": { "recycle": "1h" } })).await;
    title(&folio, 7).await;
    let before = count(&folio, &opened).await;
    for _ in 0..3 {
        sleep(Duration::from_millis(100)).await;
        title(&folio, 7).await;
    }
    // On a busy machine a health check may time out and discard a connection.
    let after = count(&folio, &opened).await;
    assert!(after <= before + 1, "it is young enough: {before}, {after}");
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn connections_opened_together_are_not_replaced_together() {
    const CONNECTIONS: u64 = 20;
    let bed = Bed::full().await;
    let folio = bed
        .start(proven(&[
            "cache.mode=off",
            "pool.replicas=0",
            "pool.size=20",
            "pool.recycle=4s",
            "db.hold_ms=20",
        ]))
        .await;
    let discarded = r#"folio_pool_discarded_total{pool="primary"}"#;
    let before = count(&folio, discarded).await;
    let began = Instant::now();
    let first = loop {
        join_all((1..=40).map(|_| folio.get("/api/v1/documents/7"))).await;
        let replaced = count(&folio, discarded).await - before;
        if replaced > 0 {
            break replaced;
        }
        assert!(began.elapsed() < PATIENCE, "none is replaced");
    };
    assert!(first < CONNECTIONS / 2, "{first} at once");
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn an_exhausted_pool_times_out_and_recovers() {
    const CLIENTS: u32 = 20;
    let bed = Bed::full().await;
    let few = ["cache.mode=off", "pool.replicas=0", "pool.size=2"];
    let folio = bed.start(proven(&few)).await;
    let held = json!({ "db": { "hold_ms": 500 }, "pool": { "timeout": "100ms" } });
    patch(&folio, &held).await;

    let paths: Vec<_> = (1..=CLIENTS).map(document).collect();
    let answers = join_all(paths.iter().map(|path| folio.get(path)));
    let waiting = r#"folio_pool_waiting{pool="primary"}"#;
    let (answers, _) = tokio::join!(answers, until(&folio, waiting, |waiting| waiting > 0.5));
    let (good, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == StatusCode::OK);
    // Two hold a connection for five times as long as the others wait; more get one only if they arrive late.
    assert!(
        good.len() >= 2 && refused.len() >= 5,
        "{} were refused",
        refused.len()
    );
    refused.iter().for_each(assert_busy);
    let timeouts = r#"folio_pool_timeouts_total{pool="primary"}"#;
    assert_eq!(count(&folio, timeouts).await, refused.len() as u64);

    let free = json!({ "db": { "hold_ms": 0 }, "pool": { "timeout": "5s" } });
    patch(&folio, &free).await;
    for answer in join_all(paths.iter().map(|path| folio.get(path))).await {
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    }
    for gauge in ["in_use", "waiting"] {
        let series = format!(r#"folio_pool_{gauge}{{pool="primary"}}"#);
        until(&folio, &series, |value| value < 0.5).await;
    }
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

/// Other connections to the current database.
const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

#[tokio::test]
async fn overflow_is_opened_under_load_and_closed_after() {
    let bed = Bed::full().await;
    let small = [
        "cache.mode=off",
        "pool.replicas=0",
        "pool.size=2",
        "pool.overflow=3",
    ];
    let folio = bed.start(proven(&small)).await;
    patch(&folio, &json!({ "db": { "hold_ms": 400 } })).await;
    let mut watcher = connected(&bed).await;
    let paths: Vec<_> = (1..=5).map(document).collect();
    let overflow = r#"folio_pool_overflow{pool="primary"}"#;
    let (answers, most) = tokio::join!(join_all(paths.iter().map(|path| folio.get(path))), async {
        until(&folio, overflow, |overflow| overflow > 2.5).await;
        counted(&mut watcher, BACKENDS).await
    });
    for answer in answers {
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    }
    assert_eq!(most, 5);
    until(&folio, overflow, |overflow| overflow < 0.5).await;
    until_counted(&mut watcher, BACKENDS, |open| open <= 2).await;
    drop(watcher);
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn connections_of_a_burst_are_closed_when_they_are_no_longer_used() {
    let bed = Bed::full().await;
    let kept = ["cache.mode=off", "pool.replicas=0", "pool.size=5"];
    let folio = bed.start(proven(&kept)).await;
    patch(&folio, &json!({ "db": { "hold_ms": 400 } })).await;
    let mut watcher = connected(&bed).await;
    let paths: Vec<_> = (1..=5).map(document).collect();
    join_all(paths.iter().map(|path| folio.get(path))).await;
    assert_eq!(counted(&mut watcher, BACKENDS).await, 5, "they are kept");
    patch(&folio, &json!({ "pool": { "idle_timeout": "300ms" } })).await;
    until_counted(&mut watcher, BACKENDS, |open| open == 1).await;
    drop(watcher);
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn overflow_connections_stay_while_they_are_used() {
    let bed = Bed::full().await;
    let small = [
        "cache.mode=off",
        "pool.replicas=0",
        "pool.size=2",
        "pool.overflow=4",
    ];
    let folio = bed.start(proven(&small)).await;
    patch(&folio, &json!({ "db": { "hold_ms": 20 } })).await;
    let opened = r#"folio_pool_opened_total{pool="primary"}"#;
    let before = count(&folio, opened).await;
    let paths: Vec<_> = (1..=12).map(document).collect();
    let began = Instant::now();
    let mut answered = 0;
    // Longer than the idle time limit, so that a connection in use is seen to stay longer.
    while began.elapsed() < Duration::from_secs(4) {
        for answer in join_all(paths.iter().map(|path| folio.get(path))).await {
            assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
            answered += 1;
        }
    }
    let opened = count(&folio, opened).await - before;
    // Six, and a margin for slow health checks.
    assert!(opened <= 12, "{opened} connections for {answered} answers");
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

#[tokio::test]
async fn reads_leave_a_slow_replica_and_come_back_to_it() {
    let servers = own_servers().await;
    let proxy = Proxy::to(servers.postgres().loopback_url().expect("a port")).await;
    let bed = Bed::on(&servers).await;
    let database = bed.database().to_owned();
    let bed = bed.by(|services| {
        services.replica_url = Some(in_database(&proxy.url(), &database));
    });
    let folio = bed
        .start(proven(&["cache.mode=off", "pool.replicas=1"]))
        .await;
    let decisions =
        |what| format!(r#"folio_pool_decisions_total{{decision="{what}",pool="replica1"}}"#);
    until_asked(&folio, "replica1").await;

    proxy.delay(Duration::from_millis(200));
    until(&folio, &decisions("eject"), |count| count > 0.5).await;
    until_asked(&folio, "primary").await;

    proxy.delay(Duration::ZERO);
    until(&folio, &decisions("readmit"), |count| count > 0.5).await;
    until_asked(&folio, "replica1").await;
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

#[tokio::test]
async fn recent_writes_are_read_from_the_primary() {
    // A replica that never receives changes.
    let aside = Bed::full().await;
    let seeding = aside.start(proven(&[])).await;
    seeding.stop().await.expect("served without fault");
    let replica = aside.services().database_url.clone();
    let bed = Bed::full().await;
    let bed = bed.by(|services| services.replica_url = Some(replica));
    let folio = bed.start(proven(&["cache.mode=off"])).await;
    until_asked(&folio, "replica1").await;
    let token = folio.token(1).await;
    let before = title(&folio, 7).await;
    let mut attempts = 0;
    loop {
        // Longer than the assumed maximum lag.
        patch(&folio, &json!({ "db": { "hold_ms": 1_500 } })).await;
        let changed = retitle(&folio, &token, 7, "Written slowly").await;
        let written = Instant::now();
        assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
        patch(&folio, &json!({ "db": { "hold_ms": 0 } })).await;
        let found = title(&folio, 7).await;
        // On a busy machine the question may take longer than the assumed maximum lag.
        if written.elapsed() < Duration::from_millis(900) {
            assert_eq!(found, "Written slowly");
            break;
        }
        attempts += 1;
        assert!(attempts < 10, "it takes a second to ask");
    }
    let deadline = Instant::now() + PATIENCE;
    while title(&folio, 7).await != before {
        assert!(
            Instant::now() < deadline,
            "the replica is never asked again"
        );
        sleep(Duration::from_millis(20)).await;
    }
    let other = bed.start_beside(&folio, proven(&["cache.mode=off"])).await;
    until_asked(&other, "replica1").await;
    let mut attempts = 0;
    loop {
        let new = format!("Written elsewhere, {attempts}");
        let changed = retitle(&folio, &token, 8, &new).await;
        assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
        // The message may arrive shortly after the answer, or up to a second later on a busy machine.
        if title(&other, 8).await == new {
            break;
        }
        attempts += 1;
        assert!(attempts < 10, "another instance reads from the replica");
    }
    other.stop().await.expect("served without fault");
    folio.stop().await.expect("served without fault");
    aside.clear().await;
    bed.clear().await;
}

#[tokio::test]
async fn the_optimiser_grows_a_busy_pool_within_its_bounds() {
    let bed = Bed::full().await;
    let automatic = [
        "cache.mode=off",
        "pool.replicas=0",
        "pool.size=2",
        "pool.auto=true",
        "pool.auto_least=2",
        "pool.auto_most=6",
    ];
    let folio = bed.start(proven(&automatic)).await;
    patch(&folio, &json!({ "db": { "hold_ms": 50 } })).await;
    let size = r#"folio_pool_size{pool="primary"}"#;
    assert_eq!(count(&folio, size).await, 2);
    let paths: Vec<_> = (1..=20).map(document).collect();
    let load = async {
        loop {
            join_all(paths.iter().map(|path| folio.get(path))).await;
        }
    };
    let decisions =
        |what| format!(r#"folio_pool_decisions_total{{decision="{what}",pool="primary"}}"#);
    let watching = async {
        until(&folio, size, |size| size > 5.5).await;
        let grown = count(&folio, &decisions("grow")).await;
        // Some more samples with waiting requests, at the maximum size.
        let looks = Instant::now() + Duration::from_millis(1_600);
        while Instant::now() < looks {
            assert!(metric(&folio, size).await < 6.5);
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(count(&folio, &decisions("grow")).await, grown);
    };
    tokio::select! {
        () = load => unreachable!("it has no end"),
        () = watching => {}
    }
    assert_eq!(count(&folio, &decisions("shrink")).await, 0);
    patch(&folio, &json!({ "pool": { "auto_most": 3 } })).await;
    until(&folio, &decisions("shrink"), |count| count > 0.5).await;
    assert_eq!(count(&folio, size).await, 3);
    patch(&folio, &json!({ "pool": { "auto": false } })).await;
    until(&folio, size, |size| size < 2.5).await;
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}

/// Waits until ten sequential reads all use this pool. On a busy machine any pool can look slow in one sample.
async fn until_asked(folio: &Folio, pool: &str) {
    let series = format!(r#"folio_pool_wait_seconds_count{{pool="{pool}"}}"#);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = count(folio, &series).await;
        for id in 1..=10 {
            title(folio, id).await;
        }
        if count(folio, &series).await >= before + 10 {
            return;
        }
        assert!(Instant::now() < deadline, "{pool} is not asked");
    }
}
