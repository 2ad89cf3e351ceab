//! Writes that are acknowledged before they are in the database (`cache.strategy=write_behind`), none of which is lost.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;
use target_app::Config;
use tokio::time::{Instant, sleep};

use crate::folio::{Folio, join_all};
use crate::probe::{
    PATIENCE, administer, assert_busy, count, document, looked_up, patch, proven, retitle, title,
    until,
};
use crate::profiles::{Bed, profiles};

profiles!(
    a_write_is_acknowledged_before_the_database_has_it,
    a_shutdown_loses_no_acknowledged_write,
    a_full_queue_makes_writers_wait_for_the_database,
    a_flush_does_not_restore_a_document_that_another_instance_deleted,
);

const QUEUED: &str = "folio_cache_behind_queue";
/// Flushed only on demand.
const LATE: [&str; 2] = ["cache.strategy=write_behind", "cache.flush_every=1h"];

/// An instance that reads directly from the database.
async fn reader(bed: &Bed, folio: &Folio) -> Folio {
    bed.start_beside(folio, proven(&["cache.mode=off"])).await
}

async fn write(folio: &Folio, token: &str, id: u32, title: &str) {
    let written = retitle(folio, token, id, title).await;
    assert_eq!(written.status, StatusCode::OK, "{:?}", written.body);
    assert_eq!(written.json()["title"], title);
}

async fn until_read(folio: &Folio, id: u32, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    while title(folio, id).await != wanted {
        assert!(Instant::now() < deadline, "document {id} stays old");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn a_write_is_acknowledged_before_the_database_has_it(bed: &Bed) {
    let folio = bed.start(proven(&LATE)).await;
    let database = reader(bed, &folio).await;
    let token = folio.token(1).await;
    let old = title(&database, 7).await;
    write(&folio, &token, 7, "First").await;
    write(&folio, &token, 7, "Second").await;
    assert_eq!(title(&database, 7).await, old);
    assert_eq!(count(&folio, QUEUED).await, 1, "the newer one counts");

    assert_eq!(title(&folio, 7).await, "Second");
    let everything = json!({ "pattern": "*" });
    administer(&folio, "/admin/cache/invalidate", &everything).await;
    assert_eq!(title(&folio, 7).await, "Second", "nothing is cached");
    patch(&folio, &json!({ "cache": { "mode": "off" } })).await;
    assert_eq!(title(&folio, 7).await, "Second", "there is no cache");
    assert_eq!(title(&database, 7).await, old);

    patch(&folio, &json!({ "cache": { "flush_every": "10ms" } })).await;
    until_read(&database, 7, "Second").await;
    assert_eq!(title(&folio, 7).await, "Second");
}

async fn a_shutdown_loses_no_acknowledged_write(bed: &Bed) {
    // Two hundred documents would trigger a flush before the stop.
    const DOCUMENTS: u32 = 190;
    let config = |assignments: &[&str]| Config {
        documents: DOCUMENTS,
        ..proven(assignments)
    };
    let folio = bed.start(config(&LATE)).await;
    let token = folio.token(1).await;
    for first in (1..=DOCUMENTS).step_by(10) {
        let writes = (first..first + 10).map(async |id| {
            write(&folio, &token, id, &format!("Queued {id}")).await;
        });
        join_all(writes).await;
    }
    for id in 1..=10 {
        write(&folio, &token, id, &format!("Newer {id}")).await;
    }
    assert_eq!(count(&folio, QUEUED).await, u64::from(DOCUMENTS));
    folio.stop().await.expect("served without fault");

    let folio = bed.start(config(&["cache.mode=off"])).await;
    for id in 1..=DOCUMENTS {
        let word = if id <= 10 { "Newer" } else { "Queued" };
        assert_eq!(title(&folio, id).await, format!("{word} {id}"));
    }
}

async fn a_full_queue_makes_writers_wait_for_the_database(bed: &Bed) {
    let mut full = LATE.to_vec();
    full.extend(["cache.behind_queue=2", "breaker.enabled=false"]);
    let folio = bed.start(proven(&full)).await;
    let database = reader(bed, &folio).await;
    let token = folio.token(1).await;
    let old = title(&folio, 5).await;
    for id in 1..=4 {
        looked_up(&folio, id).await;
    }
    // The third write waits until the first two are in the database, which is long before their hour.
    for id in 1..=3 {
        write(&folio, &token, id, "Queued").await;
    }
    for id in 1..=2 {
        assert_eq!(title(&database, id).await, "Queued");
    }

    let away = json!({ "db": { "rtt_ms": 60_000, "timeout": "50ms" } });
    patch(&folio, &away).await;
    write(&folio, &token, 4, "Queued").await;
    assert_busy(&retitle(&folio, &token, 5, "Refused").await);
    assert_eq!(title(&folio, 5).await, old, "what is refused is not read");
    assert_eq!(title(&folio, 4).await, "Queued");
    let back = json!({ "db": { "rtt_ms": 0, "timeout": "5s" } });
    patch(&folio, &back).await;
    folio.stop().await.expect("served without fault");
    for id in 1..=4 {
        assert_eq!(title(&database, id).await, "Queued");
    }
    assert_eq!(title(&database, 5).await, old);
}

async fn a_flush_does_not_restore_a_document_that_another_instance_deleted(bed: &Bed) {
    let folio = bed.start(proven(&LATE)).await;
    let other = bed.start_beside(&folio, proven(&[])).await;
    let token = folio.token(1).await;
    write(&folio, &token, 7, "Queued").await;
    let (token, path, nothing) = (other.token(1).await, document(7), json!({}));
    let deleted = other.send_json(Method::DELETE, Some(&token), &path, &nothing);
    assert_eq!(deleted.await.status, StatusCode::NO_CONTENT);
    assert_eq!(title(&folio, 7).await, "Queued", "it has yet to hear of it");

    patch(&folio, &json!({ "cache": { "flush_every": "10ms" } })).await;
    until(&folio, QUEUED, |queue| queue < 0.5).await;
    for instance in [&folio, &other] {
        let answer = instance.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{:?}", answer.body);
    }
}
