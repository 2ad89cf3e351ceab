//! Consistency under every interleaving: guarded fills and sliding windows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

on_both![
    a_fill_is_refused_after_its_key_was_invalidated,
    a_fill_is_refused_after_any_pattern_was_invalidated,
    a_fill_survives_what_does_not_concern_it,
    no_value_from_before_an_invalidation_is_ever_seen_after_it,
    a_window_counts_and_tells_when_to_come_back,
    a_lowered_limit_counts_what_was_accepted_before,
    no_window_ever_holds_more_than_its_limit,
];

async fn a_fill_is_refused_after_its_key_was_invalidated(kv: Kv) {
    let first = kv.get_versioned("key").await.expect("looks");
    assert_eq!(first.value, None);
    let removed = kv.invalidate(&["key".to_owned()]).await;
    assert_eq!(removed.expect("invalidates"), 0);
    let filled = kv.fill("key", "old".into(), LONG, first.seen).await;
    assert!(!filled.expect("fills"));
    assert_eq!(kv.get("key").await.expect("gets"), None);

    let second = kv.get_versioned("key").await.expect("looks");
    let filled = kv.fill("key", "new".into(), LONG, second.seen).await;
    assert!(filled.expect("fills"));
    let third = kv.get_versioned("key").await.expect("looks");
    assert_eq!(third.value, Some("new".into()));
    assert_eq!(third.seen, second.seen, "a fill is no invalidation");
}

async fn a_fill_is_refused_after_any_pattern_was_invalidated(kv: Kv) {
    let seen = kv.get_versioned("key").await.expect("looks").seen;
    let removed = kv.invalidate_matching("other:*").await;
    assert_eq!(removed.expect("invalidates"), 0);
    let filled = kv.fill("key", "old".into(), LONG, seen).await;
    assert!(!filled.expect("fills"));
}

async fn a_fill_survives_what_does_not_concern_it(kv: Kv) {
    let seen = kv.get_versioned("key").await.expect("looks").seen;
    let other = (0..100)
        .map(|at| format!("other:{at}"))
        .find(|other| slot(other) != slot("key"))
        .expect("there are many slots");
    kv.set(&other, "1".into(), LONG).await.expect("sets");
    kv.invalidate(std::slice::from_ref(&other))
        .await
        .expect("invalidates");
    kv.delete_matching("*").await.expect("deletes");
    let filled = kv.fill("key", "1".into(), LONG, seen).await;
    assert!(filled.expect("fills"), "{other} has another slot");
}

async fn no_value_from_before_an_invalidation_is_ever_seen_after_it(kv: Kv) {
    const LOAD: Duration = Duration::from_millis(1);
    let database = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let fills = Arc::new(AtomicU64::new(0));
    let loaders: Vec<_> = (0..4)
        .map(|_| {
            let kv = kv.clone();
            let (database, is_over) = (Arc::clone(&database), Arc::clone(&is_over));
            let fills = Arc::clone(&fills);
            tokio::spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    let seen = kv.get_versioned("row").await.expect("looks").seen;
                    let row = database.load(Ordering::SeqCst).to_string();
                    tokio::time::sleep(LOAD).await;
                    let filled = kv.fill("row", row.into(), LONG, seen).await;
                    fills.fetch_add(filled.expect("fills").into(), Ordering::SeqCst);
                }
            })
        })
        .collect();
    let deadline = Instant::now() + SOON;
    let mut version = 0_u64;
    // Until the race has run often enough to be significant.
    while version < 100 || fills.load(Ordering::SeqCst) < 100 {
        assert!(
            Instant::now() < deadline,
            "{fills:?} fills, {version} writes"
        );
        version = database.fetch_add(1, Ordering::SeqCst) + 1;
        if version.is_multiple_of(3) {
            kv.invalidate_matching("ro?").await.expect("invalidates");
        } else {
            kv.invalidate(&["row".to_owned()])
                .await
                .expect("invalidates");
        }
        // For as long as an earlier load may take.
        for _ in 0..3 {
            if let Some(row) = kv.get("row").await.expect("gets") {
                assert_eq!(row, version.to_string(), "what was written last");
            }
            tokio::time::sleep(LOAD).await;
        }
    }
    is_over.store(true, Ordering::SeqCst);
    for loader in loaders {
        loader.await.expect("it ends");
    }
}

async fn a_window_counts_and_tells_when_to_come_back(kv: Kv) {
    let window = Duration::from_millis(400);
    let began = Instant::now();
    for used in 1..=3 {
        let answer = kv.window("calls", 3, window).await.expect("counts");
        assert_eq!((answer.accepted, answer.used), (true, used), "{answer:?}");
        assert_eq!(answer.retry_after, Duration::ZERO);
    }
    let refused = kv.window("calls", 3, window).await.expect("counts");
    if began.elapsed() < window {
        assert!(!refused.accepted, "{refused:?}");
        assert_eq!(refused.used, 3, "a refused call does not count");
        assert!(refused.retry_after <= window, "{refused:?}");
        assert!(refused.retry_after > Duration::ZERO, "{refused:?}");
    }
    tokio::time::sleep(refused.retry_after + Duration::from_millis(2)).await;
    let answer = kv.window("calls", 3, window).await.expect("counts");
    assert!(
        answer.accepted,
        "it came back when it was told to: {answer:?}"
    );
    let elsewhere = kv.window("others", 3, window).await.expect("counts");
    assert_eq!(elsewhere.used, 1, "each key has a window of its own");
}

async fn a_lowered_limit_counts_what_was_accepted_before(kv: Kv) {
    for _ in 0..5 {
        assert!(kv.window("calls", 5, LONG).await.expect("counts").accepted);
    }
    let answer = kv.window("calls", 2, LONG).await.expect("counts");
    assert_eq!((answer.accepted, answer.used), (false, 5));
    assert!(answer.retry_after > ALMOST, "{answer:?}");
    assert!(kv.window("calls", 6, LONG).await.expect("counts").accepted);
}

async fn no_window_ever_holds_more_than_its_limit(kv: Kv) {
    const LIMIT: usize = 20;
    let window = Duration::from_millis(200);
    let until = Instant::now() + window * 4;
    let callers: Vec<_> = (0..6)
        .map(|_| {
            let kv = kv.clone();
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                while Instant::now() < until {
                    let before = Instant::now();
                    let answer = kv.window("calls", LIMIT as u32, window).await;
                    if answer.expect("counts").accepted {
                        accepted.push((before, Instant::now()));
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                accepted
            })
        })
        .collect();
    let mut accepted = Vec::new();
    for caller in callers {
        accepted.extend(caller.await.expect("it ends"));
    }
    // Each call was accepted between its two times; the clocks of the two processes may drift slightly.
    let certain = window.saturating_sub(Duration::from_millis(2));
    for &(from, _) in &accepted {
        let inside = accepted
            .iter()
            .filter(|&&(before, after)| before >= from && after < from + certain);
        assert!(inside.count() <= LIMIT);
    }
    assert!(
        accepted.len() > LIMIT,
        "the window slides: {}",
        accepted.len()
    );
}
