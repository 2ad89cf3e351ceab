//! One table of cases for both stores.

use std::collections::HashSet;

use super::*;

on_both![
    values_come_back_byte_for_byte,
    values_run_out_in_time_and_not_before,
    a_time_to_live_of_nothing_is_short,
    many_values_keep_their_order,
    removals_are_counted,
    a_claim_has_one_winner_and_runs_out,
    only_its_holder_removes_a_claim,
    a_swap_loses_no_update,
    sets_hold_members_once_and_vanish_empty,
    a_roll_counts_who_has_not_run_out,
    a_pattern_removes_what_it_matches,
    thousands_match_a_pattern,
    a_key_of_another_kind_is_an_error,
    whatever_is_set_replaces_what_was_there,
    nothing_is_asked_about_nothing,
    the_members_of_a_roll_are_counted_until_they_leave_or_run_out,
    of_values_written_together_none_is_put_and_none_loaded_before_them,
];

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

async fn values_come_back_byte_for_byte(kv: Kv) {
    kv.ping().await.expect("it answers");
    let packed = rmp_serde::to_vec_named(&(1_u8, "ä", vec![-1_i64; 3])).expect("it packs");
    let every_byte: Vec<u8> = (0..=255).collect();
    for value in [packed, every_byte, Vec::new(), vec![b'\n'; 1 << 20]] {
        let value = Bytes::from(value);
        kv.set("bytes", value.clone(), LONG).await.expect("sets");
        assert_eq!(kv.get("bytes").await.expect("gets"), Some(value.clone()));
        let seen = kv.get_versioned("bytes").await.expect("looks");
        assert_eq!(seen.value, Some(value.clone()));
        let filled = kv.fill("filled", value.clone(), LONG, seen.seen).await;
        assert_eq!(
            kv.get("filled").await.expect("gets").is_some(),
            filled.expect("fills")
        );
        let swapped = kv.swap("bytes", &value, value.clone(), LONG).await;
        assert!(swapped.expect("swaps"), "values compare byte for byte");
    }
    assert_eq!(kv.get("none").await.expect("gets"), None);
}

async fn values_run_out_in_time_and_not_before(kv: Kv) {
    let ttl = Duration::from_millis(150);
    // Redis reads its clock once for all pending commands.
    let tolerance = Duration::from_millis(5);
    let began = Instant::now();
    kv.set("short", "1".into(), ttl).await.expect("sets");
    kv.add_member("set", "member", ttl).await.expect("adds");
    let left = kv.remaining("short").await.expect("asks");
    assert!(left.is_none_or(|left| left <= ttl), "{left:?}");
    eventually("the value runs out", async || {
        kv.get("short").await.expect("gets").is_none()
    })
    .await;
    assert!(began.elapsed() + tolerance >= ttl, "{:?}", began.elapsed());
    assert_eq!(kv.remaining("short").await.expect("asks"), None);
    assert_eq!(kv.delete(&keys(&["short"])).await.expect("deletes"), 0);
    eventually("the set runs out", async || {
        kv.members("set").await.expect("asks").is_empty()
    })
    .await;

    kv.set("long", "1".into(), LONG).await.expect("sets");
    let left = kv.remaining("long").await.expect("asks").expect("it lives");
    assert!(left <= LONG && left > ALMOST, "{left:?}");
    assert!(
        kv.swap("long", b"1", "2".into(), LONG * 2)
            .await
            .expect("swaps")
    );
    let left = kv.remaining("long").await.expect("asks").expect("it lives");
    assert!(left > LONG, "a swap gives another time to live: {left:?}");
}

async fn a_time_to_live_of_nothing_is_short(kv: Kv) {
    kv.set("now", "1".into(), Duration::ZERO)
        .await
        .expect("sets");
    kv.set("never", "1".into(), Duration::MAX)
        .await
        .expect("sets");
    eventually("it is gone", async || {
        kv.get("now").await.expect("gets").is_none()
    })
    .await;
    assert!(kv.get("never").await.expect("gets").is_some());
}

async fn many_values_keep_their_order(kv: Kv) {
    let entries: Vec<_> = (0..500)
        .map(|at| (format!("many:{at}"), Bytes::from(format!("value {at}"))))
        .collect();
    kv.set_many(&entries, LONG).await.expect("sets");
    kv.add_member("many:set", "member", LONG)
        .await
        .expect("adds");
    let mut names: Vec<_> = entries.iter().map(|(key, _)| key.clone()).rev().collect();
    names.insert(1, "many:none".to_owned());
    names.insert(2, "many:set".to_owned());
    let found = kv.get_many(&names).await.expect("gets");
    assert_eq!(found.len(), 502);
    assert_eq!((&found[1], &found[2]), (&None, &None));
    assert_eq!(found[0].as_deref(), Some(&b"value 499"[..]));
    assert_eq!(found[501].as_deref(), Some(&b"value 0"[..]));
    let left = kv
        .remaining("many:7")
        .await
        .expect("asks")
        .expect("it lives");
    assert!(left > ALMOST, "{left:?}");
}

async fn removals_are_counted(kv: Kv) {
    for key in ["a", "b", "c"] {
        kv.set(key, "1".into(), LONG).await.expect("sets");
    }
    let removed = kv.delete(&keys(&["a", "b", "none"])).await;
    assert_eq!(removed.expect("deletes"), 2);
    assert_eq!(
        kv.invalidate(&keys(&["b", "c"]))
            .await
            .expect("invalidates"),
        1
    );
    assert_eq!(kv.get("c").await.expect("gets"), None);
}

async fn a_claim_has_one_winner_and_runs_out(kv: Kv) {
    let claims = (0..16).map(|claimant| {
        let kv = kv.clone();
        tokio::spawn(async move {
            let value = Bytes::from(vec![claimant]);
            kv.set_if_absent("lock", value, LONG).await.expect("claims")
        })
    });
    let mut winners = 0;
    for claim in claims.collect::<Vec<_>>() {
        winners += u32::from(claim.await.expect("it ends"));
    }
    assert_eq!(winners, 1);

    let ttl = Duration::from_millis(50);
    assert!(
        kv.set_if_absent("brief", "1".into(), ttl)
            .await
            .expect("claims")
    );
    eventually("the claim runs out", async || {
        kv.set_if_absent("brief", "2".into(), LONG)
            .await
            .expect("claims")
    })
    .await;
    assert_eq!(kv.get("brief").await.expect("gets"), Some("2".into()));
}

async fn only_its_holder_removes_a_claim(kv: Kv) {
    kv.set_if_absent("lock", "mine".into(), LONG)
        .await
        .expect("claims");
    assert!(!kv.delete_if_equal("lock", b"yours").await.expect("asks"));
    assert!(!kv.delete_if_equal("none", b"").await.expect("asks"));
    assert_eq!(kv.get("lock").await.expect("gets"), Some("mine".into()));
    assert!(kv.delete_if_equal("lock", b"mine").await.expect("asks"));
    assert!(!kv.delete_if_equal("lock", b"mine").await.expect("asks"));
}

async fn a_swap_loses_no_update(kv: Kv) {
    assert!(
        !kv.swap("count", b"0", "1".into(), LONG)
            .await
            .expect("swaps")
    );
    kv.set("count", "0".into(), LONG).await.expect("sets");
    let tasks = (0..4).map(|_| {
        let kv = kv.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while done < 50 {
                let before = kv.get("count").await.expect("gets").expect("it is there");
                let number: u32 = std::str::from_utf8(&before)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .expect("a number");
                let after = Bytes::from((number + 1).to_string());
                done += u32::from(kv.swap("count", &before, after, LONG).await.expect("swaps"));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("it ends");
    }
    assert_eq!(kv.get("count").await.expect("gets"), Some("200".into()));
}

async fn sets_hold_members_once_and_vanish_empty(kv: Kv) {
    for member in ["a", "b", "a", "ä:*?"] {
        kv.add_member("set", member, LONG).await.expect("adds");
    }
    let members: HashSet<_> = kv.members("set").await.expect("asks").into_iter().collect();
    assert_eq!(members, HashSet::from(["a", "b", "ä:*?"].map(String::from)));
    let left = kv.remaining("set").await.expect("asks").expect("it lives");
    assert!(left > ALMOST, "{left:?}");
    for member in ["a", "none", "b", "ä:*?"] {
        kv.remove_member("set", member).await.expect("removes");
    }
    kv.remove_member("none", "a").await.expect("removes");
    assert_eq!(kv.remaining("set").await.expect("asks"), None);
    assert_eq!(kv.delete(&keys(&["set"])).await.expect("deletes"), 0);
}

async fn a_roll_counts_who_has_not_run_out(kv: Kv) {
    let short = Duration::from_millis(50);
    assert_eq!(kv.sorted_set_len("roll").await.expect("counts"), 0);
    for member in ["a", "b", "c", "a"] {
        kv.sorted_set_add("roll", member, LONG)
            .await
            .expect("enrols");
    }
    assert_eq!(kv.sorted_set_len("roll").await.expect("counts"), 3);
    kv.sorted_set_remove("roll", &keys(&["b", "none"]))
        .await
        .expect("strikes");
    kv.sorted_set_remove("roll", &[]).await.expect("strikes");
    kv.sorted_set_add("roll", "c", short).await.expect("enrols");
    eventually("one runs out by itself", async || {
        kv.sorted_set_len("roll").await.expect("counts") == 1
    })
    .await;
    let left = kv.remaining("roll").await.expect("asks");
    assert!(left.is_some_and(|left| left > ALMOST), "{left:?}");
    kv.sorted_set_add("brief", "a", short)
        .await
        .expect("enrols");
    eventually("the roll goes with its last member", async || {
        kv.remaining("brief").await.expect("asks").is_none()
    })
    .await;
}

async fn a_pattern_removes_what_it_matches(kv: Kv) {
    let all = [
        "doc:1",
        "doc:2",
        "doc:12",
        "docs:1",
        "a[b]c",
        "abc",
        "é",
        "back\\slash",
    ];
    for (pattern, expected) in [
        ("doc:?", &["doc:1", "doc:2"][..]),
        ("doc*", &["doc:1", "doc:2", "doc:12", "docs:1"]),
        ("*:1", &["doc:1", "docs:1"]),
        ("a[b]c", &["a[b]c"]),
        ("[a]*", &[]),
        ("back\\slash", &["back\\slash"]),
        ("??", &["é"]),
        ("", &[]),
        ("*", &all),
    ] {
        for key in all {
            kv.set(key, "1".into(), LONG).await.expect("sets");
        }
        let removed = kv.delete_matching(pattern).await.expect("deletes");
        assert_eq!(removed, expected.len() as u64, "{pattern}");
        for key in all {
            let is_gone = kv.get(key).await.expect("gets").is_none();
            assert_eq!(is_gone, expected.contains(&key), "{key} by {pattern}");
        }
    }
    kv.add_member("set:1", "member", LONG).await.expect("adds");
    kv.window("window:1", 1, LONG).await.expect("counts");
    assert_eq!(kv.invalidate_matching("*:1").await.expect("invalidates"), 2);
}

async fn thousands_match_a_pattern(kv: Kv) {
    let entries: Vec<_> = (0..5_000)
        .map(|at| (format!("page:{at}"), Bytes::from_static(b"1")))
        .collect();
    kv.set_many(&entries, LONG).await.expect("sets");
    kv.set("other", "1".into(), LONG).await.expect("sets");
    assert_eq!(kv.delete_matching("page:*").await.expect("deletes"), 5_000);
    assert!(kv.get("other").await.expect("gets").is_some());
}

async fn a_key_of_another_kind_is_an_error(kv: Kv) {
    kv.set("plain", "1".into(), LONG).await.expect("sets");
    kv.add_member("set", "member", LONG).await.expect("adds");
    kv.window("window", 1, LONG).await.expect("counts");
    let outcomes = [
        kv.get("set").await.map(drop),
        kv.get("window").await.map(drop),
        kv.members("plain").await.map(drop),
        kv.add_member("window", "member", LONG).await,
        kv.remove_member("plain", "member").await,
        kv.window("set", 1, LONG).await.map(drop),
        kv.swap("set", b"", "1".into(), LONG).await.map(drop),
        kv.delete_if_equal("set", b"").await.map(drop),
    ];
    for (at, outcome) in outcomes.into_iter().enumerate() {
        assert!(
            matches!(outcome, Err(KvError::Protocol(_))),
            "{at}: {outcome:?}"
        );
    }
    assert_eq!(kv.get_versioned("set").await.expect("looks").value, None);
}

async fn whatever_is_set_replaces_what_was_there(kv: Kv) {
    kv.add_member("key", "member", LONG).await.expect("adds");
    assert!(
        !kv.set_if_absent("key", "1".into(), LONG)
            .await
            .expect("claims")
    );
    kv.set("key", "1".into(), LONG).await.expect("sets");
    assert_eq!(kv.get("key").await.expect("gets"), Some("1".into()));
    let entry = ("key".to_owned(), Bytes::from("2"));
    kv.set_many(&[entry], LONG * 2).await.expect("sets");
    assert_eq!(kv.get("key").await.expect("gets"), Some("2".into()));
    let left = kv.remaining("key").await.expect("asks").expect("it lives");
    assert!(left > LONG, "{left:?}");
}

async fn nothing_is_asked_about_nothing(kv: Kv) {
    assert!(kv.get_many(&[]).await.expect("gets").is_empty());
    kv.set_many(&[], LONG).await.expect("sets");
    assert_eq!(kv.delete(&[]).await.expect("deletes"), 0);
    assert_eq!(kv.invalidate(&[]).await.expect("invalidates"), 0);
}

async fn the_members_of_a_roll_are_counted_until_they_leave_or_run_out(kv: Kv) {
    let count = async || kv.sorted_set_len("roll").await.expect("counts");
    assert_eq!(count().await, 0);
    for (member, ttl) in [
        ("a", LONG),
        ("b", LONG),
        ("a", LONG),
        ("c", LONG),
        ("d", Duration::from_millis(1)),
    ] {
        kv.sorted_set_add("roll", member, ttl)
            .await
            .expect("enrols");
    }
    eventually("d runs out", async || count().await == 3).await;
    let gone = ["a", "c", "never there"].map(ToOwned::to_owned);
    kv.sorted_set_remove("roll", &gone).await.expect("strikes");
    assert_eq!(count().await, 1);
    assert!(kv.get("roll").await.is_err(), "it is no plain value");
}

async fn of_values_written_together_none_is_put_and_none_loaded_before_them(kv: Kv) {
    let replace = |value: &'static str, seen| kv.replace("a", value.into(), LONG, seen);
    let seen = kv.get_versioned("a").await.expect("looks").seen;
    assert!(replace("1", seen).await.expect("replaces"));
    assert_eq!(kv.get("a").await.expect("gets"), Some("1".into()));
    assert!(!kv.fill("a", "0".into(), LONG, seen).await.expect("fills"));
    assert!(!replace("2", seen).await.expect("replaces"));
    assert_eq!(kv.get("a").await.expect("gets"), None);
}
