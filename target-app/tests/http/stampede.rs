//! Many readers of one expired document: the number of database loads (`cache.stampede`).

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::folio::{Folio, join_all};
use crate::probe::{administer, count, document, looked_up, patch, proven};
use crate::profiles::{Bed, profiles};

profiles!(
    one_reader_per_instance_loads_an_invalidated_document,
    one_reader_per_instance_loads_an_expired_document,
    one_reader_of_all_instances_loads,
    without_protection_all_readers_load,
    an_early_renewed_entry_never_expires,
);

const READERS: usize = 200;
const LOADS: &str = r#"folio_query_seconds_count{name="document"}"#;

/// Concurrent readers on separate connections, all of which get the document.
async fn read_by(folio: &Folio, readers: usize) {
    let path = document(7);
    let answers = join_all((0..readers).map(|_| folio.get(&path))).await;
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        assert_eq!(answer.body, answers[0].body);
    }
}

/// The number of loads for many concurrent readers of the document.
async fn loads_of(folio: &Folio) -> u64 {
    let before = count(folio, LOADS).await;
    read_by(folio, READERS).await;
    count(folio, LOADS).await - before
}

async fn invalidate(folio: &Folio) {
    let gone = json!({ "key": "document:7" });
    administer(folio, "/admin/cache/invalidate", &gone).await;
}

/// Slowed down after the start, so that readers overlap even on a slow machine.
async fn slow(folio: &Folio) {
    patch(folio, &json!({ "db": { "rtt_ms": 50 } })).await;
}

async fn one_reader_per_instance_loads_an_invalidated_document(bed: &Bed) {
    let folio = bed.start(proven(&["cache.stampede=local"])).await;
    slow(&folio).await;
    looked_up(&folio, 7).await;
    invalidate(&folio).await;
    assert_eq!(loads_of(&folio).await, 1);
    assert_eq!(loads_of(&folio).await, 0, "it is kept");
}

async fn one_reader_per_instance_loads_an_expired_document(bed: &Bed) {
    let short = ["cache.stampede=local", "cache.ttl=200ms", "cache.jitter=0"];
    let folio = bed.start(proven(&short)).await;
    slow(&folio).await;
    assert_eq!(looked_up(&folio, 7).await, "miss");
    // The newly loaded entry lives long; the earlier one still expires.
    patch(&folio, &json!({ "cache": { "ttl": "60s" } })).await;
    sleep(Duration::from_millis(250)).await;
    assert_eq!(loads_of(&folio).await, 1);
}

async fn one_reader_of_all_instances_loads(bed: &Bed) {
    let config = || proven(&["cache.stampede=redis_lock"]);
    let first = bed.start(config()).await;
    let second = bed.start_beside(&first, config()).await;
    for folio in [&first, &second] {
        slow(folio).await;
        looked_up(folio, 7).await;
    }
    invalidate(&first).await;
    // The other instance received the message.
    while looked_up(&second, 8).await != "l1" {}
    let gone = json!({ "key": "document:7" });
    administer(&second, "/admin/cache/invalidate", &gone).await;
    let before = count(&first, LOADS).await + count(&second, LOADS).await;
    tokio::join!(read_by(&first, READERS / 2), read_by(&second, READERS / 2));
    let after = count(&first, LOADS).await + count(&second, LOADS).await;
    assert_eq!(after - before, 1);
}

async fn without_protection_all_readers_load(bed: &Bed) {
    let many = ["cache.stampede=none", "admission.db_limit=300"];
    let folio = bed.start(proven(&many)).await;
    slow(&folio).await;
    looked_up(&folio, 7).await;
    invalidate(&folio).await;
    let loads = loads_of(&folio).await;
    // As many as arrive while the first load takes its 50 ms.
    assert!(loads > 20 && loads <= READERS as u64, "{loads}");
}

/// The probability of each read is at least exp(−ttl / (cost · β)) = exp(−1 / (0.05 · 100)) ≈ 0.82, so with at least ten
/// reads in the second half of a time to live, the probability that none renews is below 10⁻⁷.
async fn an_early_renewed_entry_never_expires(bed: &Bed) {
    let early = [
        "cache.stampede=early",
        "cache.early_beta=100",
        "cache.ttl=1s",
        "cache.jitter=0",
    ];
    let folio = bed.start(proven(&early)).await;
    slow(&folio).await;
    assert_eq!(looked_up(&folio, 7).await, "miss");
    let end = Instant::now() + Duration::from_secs(3);
    let mut reads = 0;
    while Instant::now() < end {
        assert_eq!(looked_up(&folio, 7).await, "l1", "after {reads} reads");
        reads += 1;
        sleep(Duration::from_millis(10)).await;
    }
    let loads = |cause| format!(r#"folio_cache_loads_total{{cache="responses",cause="{cause}"}}"#);
    assert_eq!(count(&folio, &loads("miss")).await, 1, "it ran out");
    // Three times to live, with at least one renewal each.
    let renewed = count(&folio, &loads("early")).await;
    assert!(renewed >= 3, "{renewed} in {reads} reads");
    assert_eq!(count(&folio, LOADS).await, renewed + 1);
}
