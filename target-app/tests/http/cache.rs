//! The two cache levels from a client's view: answers, writes, switches, warming.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use target_app::Config;
use tokio::time::{Instant, sleep};

use crate::folio::{Folio, join_all};
use crate::probe::{PATIENCE, administer, count, looked_up, metric, patch, proven, retitle, title};
use crate::profiles::{Bed, profiles};

profiles!(
    the_levels_answer_in_turn,
    a_write_is_visible_at_once_here_and_soon_everywhere,
    queued_writes_are_readable_at_once_and_listed_after_the_flush,
    the_hit_ratio_equals_the_clients_count,
    the_hit_ratio_of_concurrent_readers_equals_the_clients_count,
    levels_are_switched_while_it_runs,
    the_most_read_documents_are_warmed_first,
    warmed_documents_are_hits,
    a_cascade_of_a_course_leaves_the_other_courses,
);

/// Maximum time for which another instance may return stale data.
const STALE_FOR: Duration = Duration::from_secs(1);

async fn a_cascade_of_a_course_leaves_the_other_courses(bed: &Bed) {
    let two = Config {
        documents: 400,
        users: 60,
        ..proven(&[])
    };
    let folio = bed.start(two).await;
    let read = async |course: u32| {
        let path = format!("/api/v1/courses/{course}/students");
        let answer = folio.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        answer.queries()
    };
    for course in [1, 2] {
        assert!(read(course).await > 0, "{course} was read before");
        assert_eq!(read(course).await, 0, "{course} is not kept");
    }
    let cascade = json!({ "cascade": "course:1" });
    let removed = administer(&folio, "/admin/cache/invalidate", &cascade).await;
    assert!(removed["l1"].as_u64() > Some(0), "{removed}");
    assert_eq!(read(2).await, 0);
    assert!(read(1).await > 0);
}

async fn the_levels_answer_in_turn(bed: &Bed) {
    let folio = bed.start(proven(&["cache.l1_items=4"])).await;
    assert_eq!(looked_up(&folio, 7).await, "miss");
    assert_eq!(looked_up(&folio, 7).await, "l1");

    let deadline = Instant::now() + PATIENCE;
    loop {
        // More than the level's capacity; it evicts asynchronously.
        for id in 10..30 {
            looked_up(&folio, id).await;
        }
        match looked_up(&folio, 7).await.as_str() {
            "l1" => assert!(Instant::now() < deadline, "it is never evicted"),
            below => break assert_eq!(below, "l2"),
        }
        sleep(Duration::from_millis(20)).await;
    }

    let gone = json!({ "key": "document:7" });
    let removed = administer(&folio, "/admin/cache/invalidate", &gone).await;
    assert_eq!(removed["l2"], 1, "{removed}");
    assert_eq!(removed["l2_pending"], false);
    assert_eq!(looked_up(&folio, 7).await, "miss");
    assert_eq!(looked_up(&folio, 8).await, "miss", "it was never read");
}

async fn a_write_is_visible_at_once_here_and_soon_everywhere(bed: &Bed) {
    let here = bed.start(proven(&[])).await;
    let there = bed.start_beside(&here, proven(&[])).await;
    let token = here.token(1).await;
    for (strategy, word, next) in [
        ("aside", "quokkaside", "miss"),
        ("write_through", "quokkathrough", "l1"),
    ] {
        patch(&here, &json!({ "cache": { "strategy": strategy } })).await;
        for folio in [&here, &there] {
            // Everything that will become stale is in both levels of both instances.
            looked_up(folio, 5).await;
            assert_eq!(looked_up(folio, 5).await, "l1");
            assert!(!is_listed(folio, word).await);
            assert_eq!(matches(folio, word).await, 0);
        }
        let changed = retitle(&here, &token, 5, word).await;
        assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
        let answered = Instant::now();
        assert_eq!(looked_up(&here, 5).await, next, "{strategy}");
        assert_eq!(title(&here, 5).await, word);
        assert!(is_listed(&here, word).await, "{strategy}: an old page");
        assert_eq!(matches(&here, word).await, 1, "{strategy}: an old search");
        loop {
            let asked = answered.elapsed();
            let is_new = title(&there, 5).await == word
                && is_listed(&there, word).await
                && matches(&there, word).await == 1;
            if is_new {
                break;
            }
            assert!(asked < STALE_FOR, "{strategy}: old after {asked:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn queued_writes_are_readable_at_once_and_listed_after_the_flush(bed: &Bed) {
    let behind = ["cache.strategy=write_behind", "cache.flush_every=20ms"];
    let folio = bed.start(proven(&behind)).await;
    let token = folio.token(1).await;
    assert!(!is_listed(&folio, "quokkabehind").await);
    let changed = retitle(&folio, &token, 5, "quokkabehind").await;
    assert_eq!(changed.status, StatusCode::OK, "{:?}", changed.body);
    assert_eq!(title(&folio, 5).await, "quokkabehind");
    let deadline = Instant::now() + PATIENCE;
    while !is_listed(&folio, "quokkabehind").await {
        assert!(Instant::now() < deadline, "the list stays old");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(matches(&folio, "quokkabehind").await, 1);
    assert_eq!(title(&folio, 5).await, "quokkabehind");
}

/// Whether the first page of the list has this title.
async fn is_listed(folio: &Folio, title: &str) -> bool {
    let page = folio.get("/api/v1/documents?limit=10").await.json();
    let items = page["items"].as_array().expect("items");
    items.iter().any(|item| item["title"] == title)
}

/// Number of documents that contain this word.
async fn matches(folio: &Folio, word: &str) -> usize {
    let found = folio.get(&format!("/api/v1/search?q={word}")).await.json();
    found["items"].as_array().expect("items").len()
}

async fn the_hit_ratio_equals_the_clients_count(bed: &Bed) {
    let folio = bed.start(proven(&["cache.l1_items=15"])).await;
    let [mut l1, mut l2, mut miss] = [0_u32; 3];
    for turn in 0..900_u32 {
        // Squares modulo 59 occur twice each and 0 once, and every fourth read is of the same four documents, so some
        // stay cached.
        let id = if turn % 4 == 0 {
            turn / 4 % 4
        } else {
            turn * turn % 59
        } + 1;
        match looked_up(&folio, id).await.as_str() {
            "l1" => l1 += 1,
            "l2" => l2 += 1,
            _ => miss += 1,
        }
        if turn % 150 == 149 {
            let gone = json!({ "pattern": "document:*" });
            administer(&folio, "/admin/cache/invalidate", &gone).await;
        }
    }
    assert!(l1 > 50 && l2 > 50 && miss > 50, "{l1}, {l2}, {miss}");
    for (layer, hits, misses) in [("l1", l1, l2 + miss), ("l2", l2, miss)] {
        let series = format!(r#"folio_cache_hit_ratio{{cache="responses",layer="{layer}"}}"#);
        let told = metric(&folio, &series).await;
        let counted = f64::from(hits) / f64::from(hits + misses);
        assert!(
            (told - counted).abs() <= 0.001,
            "{layer}: {told}, {counted}"
        );
    }
}

async fn the_hit_ratio_of_concurrent_readers_equals_the_clients_count(bed: &Bed) {
    const READERS: u32 = 50;
    let folio = bed.start(proven(&[])).await;
    patch(&folio, &json!({ "db": { "rtt_ms": 20 } })).await;
    let mut hits = 0;
    for _ in 0..2 {
        let gone = json!({ "key": "document:7" });
        administer(&folio, "/admin/cache/invalidate", &gone).await;
        // Readers of the first half wait for one load; those of the second need none.
        for _ in 0..2 {
            let readers = (0..READERS).map(|_| looked_up(&folio, 7));
            let found = join_all(readers).await;
            hits += found.iter().filter(|lookup| *lookup == "l1").count() as u32;
        }
    }
    let series = r#"folio_cache_hit_ratio{cache="responses",layer="l1"}"#;
    let told = metric(&folio, series).await;
    let counted = f64::from(hits) / f64::from(4 * READERS);
    assert!(counted < 0.95, "they did not come together: {counted}");
    assert!((told - counted).abs() <= 0.001, "{told}, {counted}");
}

async fn levels_are_switched_while_it_runs(bed: &Bed) {
    let folio = bed.start(proven(&[])).await;
    assert_eq!(looked_up(&folio, 3).await, "miss");
    assert_eq!(looked_up(&folio, 3).await, "l1");
    let switch = async |mode: &str| patch(&folio, &json!({ "cache": { "mode": mode } })).await;
    switch("l2").await;
    for _ in 0..2 {
        assert_eq!(looked_up(&folio, 3).await, "l2");
    }
    switch("off").await;
    for _ in 0..2 {
        assert_eq!(looked_up(&folio, 3).await, "off");
    }
    switch("l1").await;
    // The switched-off level is cleared in the background.
    let deadline = Instant::now() + PATIENCE;
    let mut id = 10;
    while looked_up(&folio, id).await != "miss" || looked_up(&folio, id).await != "l1" {
        assert!(Instant::now() < deadline, "the first level does not keep");
        id += 1;
    }
    let gone = json!({ "pattern": "*" });
    administer(&folio, "/admin/cache/invalidate", &gone).await;
    assert_eq!(looked_up(&folio, 4).await, "miss");
    assert_eq!(looked_up(&folio, 4).await, "l1");
    switch("l1l2").await;
    assert_eq!(looked_up(&folio, 4).await, "l1");
}

async fn the_most_read_documents_are_warmed_first(bed: &Bed) {
    let folio = bed.start(proven(&[])).await;
    for id in [7, 7, 7, 31, 31, 2] {
        looked_up(&folio, id).await;
    }
    administer(
        &folio,
        "/admin/cache/invalidate",
        &json!({ "pattern": "*" }),
    )
    .await;
    let warmed = administer(&folio, "/admin/cache/warm", &json!({ "items": 2 })).await;
    assert_eq!(warmed["loaded"], 2, "{warmed}");
    assert!(warmed["reads_counted_s_ago"].is_i64(), "{warmed}");
    for (id, layer) in [(7, "l1"), (31, "l1"), (2, "miss")] {
        assert_eq!(looked_up(&folio, id).await, layer, "{id}");
    }
    // Warming at the start uses earlier read counts.
    let next = bed
        .start_beside(
            &folio,
            proven(&[
                "cache.warm_on_start=true",
                "cache.warm_items=1",
                "cache.mode=l1",
            ]),
        )
        .await;
    assert_eq!(looked_up(&next, 7).await, "l1");
    assert_eq!(looked_up(&next, 31).await, "miss");
}

async fn warmed_documents_are_hits(bed: &Bed) {
    let first = bed.start(proven(&[])).await;
    let second = bed.start_beside(&first, proven(&[])).await;
    let all = json!({ "items": 60 });
    for (folio, how) in [
        (&first, "loaded"),
        (&second, "promoted"),
        (&first, "present"),
    ] {
        let warmed = administer(folio, "/admin/cache/warm", &all).await;
        assert_eq!(warmed[how], 60, "{warmed}");
    }
    let loads = r#"folio_query_seconds_count{name="document"}"#;
    for folio in [&first, &second] {
        for id in 1..=60 {
            assert_eq!(looked_up(folio, id).await, "l1");
        }
        assert_eq!(count(folio, loads).await, 0, "one by one");
    }
}
