//! The two-level cache on several instances: the level that answers, by mode, and the guarantees of the write
//! strategies.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use target_app::Config;
use tokio::time::{Instant, sleep};

use crate::folio::{Folio, join_all, settings, small};
use crate::probe::{administer, patch, proven, retitle, until};
use crate::profiles::{Bed, profiles};

/// Maximum time of a message or a flush on a busy machine.
const SOON: Duration = Duration::from_secs(20);

const SEVEN: &str = "/api/v1/documents/7";
const PAGE: &str = "/api/v1/documents?limit=3";

profiles!(
    another_instance_reads_it_from_the_second_level,
    the_mode_is_switched_while_the_service_runs,
    every_strategy_lets_a_writer_read_its_write_and_others_soon,
    many_readers_of_an_uncached_key_ask_the_database_once,
);

fn with(assignments: &[&str]) -> Config {
    Config {
        settings: settings(assignments),
        ..small()
    }
}

/// The cache level that answered `path`.
async fn source(folio: &Folio, path: &str) -> String {
    let answer = folio.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let timing = answer.header("server-timing");
    let source = timing.strip_prefix("cache;desc=").expect("it comes first");
    source.split(',').next().unwrap_or_default().to_owned()
}

async fn title(folio: &Folio) -> Value {
    folio.get(SEVEN).await.json()["title"].clone()
}

async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !ask().await {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn another_instance_reads_it_from_the_second_level(bed: &Bed) {
    let here = bed.start(small()).await;
    let there = bed.start_beside(&here, small()).await;
    for path in [SEVEN, PAGE, "/api/v1/search?q=caching"] {
        assert_eq!(source(&here, path).await, "miss", "{path}");
        assert_eq!(source(&here, path).await, "l1", "{path}");
        assert_eq!(source(&there, path).await, "l2", "{path}");
        assert_eq!(source(&there, path).await, "l1", "{path}");
        assert_eq!(there.get(path).await.body, here.get(path).await.body);
    }
}

async fn the_mode_is_switched_while_the_service_runs(bed: &Bed) {
    let folio = bed.start(small()).await;
    for (mode, second) in [("off", "off"), ("l1", "l1"), ("l2", "l2"), ("l1l2", "l1")] {
        let mode_is = format!("cache.mode={mode}");
        folio.state.replace_settings(settings(&[&mode_is]));
        source(&folio, SEVEN).await;
        eventually(mode, async || source(&folio, SEVEN).await == second).await;
    }
}

async fn every_strategy_lets_a_writer_read_its_write_and_others_soon(bed: &Bed) {
    let here = bed.start(small()).await;
    let there = bed.start_beside(&here, small()).await;
    let token = here.token(1).await;
    for strategy in ["aside", "write_through", "write_behind", "aside"] {
        for mode in ["off", "l1", "l2", "l1l2"] {
            let [strategy_is, mode_is] = [
                format!("cache.strategy={strategy}"),
                format!("cache.mode={mode}"),
            ];
            for folio in [&here, &there] {
                let settings = settings(&[&strategy_is, &mode_is]);
                folio.state.replace_settings(settings);
                folio.get(SEVEN).await;
                folio
                    .get("/api/v1/documents?sort=-updated_at&limit=1")
                    .await;
            }
            let case = format!("{strategy}, {mode}");
            let draft = json!({
                "title": case, "body": "On tides.", "author": "Ada Quist",
                "tags": ["sea"], "price_cents": 100,
            });
            let written = here
                .send_json(Method::PUT, Some(&token), SEVEN, &draft)
                .await;
            assert_eq!(written.status, StatusCode::OK, "{:?}", written.body);
            assert_eq!(title(&here).await, case);
            eventually(&case, async || title(&there).await == case).await;
            for folio in [&here, &there] {
                eventually(&case, async || {
                    let found = folio.get("/api/v1/search?q=tides").await.json();
                    found["items"][0]["title"] == case
                })
                .await;
            }
        }
    }
}

async fn many_readers_of_an_uncached_key_ask_the_database_once(bed: &Bed) {
    let here = bed
        .start(with(&["cache.stampede=redis_lock", "db.hold_ms=50"]))
        .await;
    let config = with(&["cache.stampede=redis_lock", "db.hold_ms=50"]);
    let there = bed.start_beside(&here, config).await;
    let loads = async |folio: &Folio| {
        let text = String::from_utf8(folio.get("/metrics").await.body.to_vec()).expect("text");
        let series = r#"folio_cache_loads_total{cache="responses",cause="miss"} "#;
        let found = text.lines().find_map(|line| line.strip_prefix(series));
        found.and_then(|count| count.parse().ok()).unwrap_or(0_u64)
    };
    let readers = [&here, &there].into_iter().cycle().take(100);
    for answer in join_all(readers.map(|folio| folio.get(SEVEN))).await {
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    }
    assert_eq!(loads(&here).await + loads(&there).await, 1);
}

/// Forced by an operator, because a killed Redis comes back empty and holds nothing that could be wrong.
#[tokio::test]
async fn entries_kept_by_an_unreachable_redis_are_not_read() {
    let bed = Bed::full().await;
    let late = ["cache.strategy=write_behind", "cache.flush_every=1h"];
    let here = bed.start(proven(&late)).await;
    let there = bed.start_beside(&here, proven(&[])).await;
    let old = title(&there).await;
    assert_eq!(title(&here).await, old);
    let token = here.token(1).await;
    let queued = retitle(&here, &token, 7, "Queued").await;
    assert_eq!(queued.status, StatusCode::OK, "{:?}", queued.body);

    let breaker = |rule| json!({ "name": "redis", "rule": rule });
    administer(&here, "/admin/breaker", &breaker("open")).await;
    patch(&here, &json!({ "cache": { "flush_every": "10ms" } })).await;
    let queue = "folio_cache_behind_queue";
    until(&here, queue, |queue| queue < 0.5).await;
    assert_eq!(title(&here).await, "Queued", "the database has it");
    assert_eq!(title(&there).await, old, "it cannot be told");

    administer(&here, "/admin/breaker", &breaker("auto")).await;
    eventually("it is told", async || title(&there).await == "Queued").await;
    assert_eq!(title(&here).await, "Queued");
    bed.clear().await;
}
