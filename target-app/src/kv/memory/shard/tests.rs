//! Budgets, evictions and rejections.

use super::*;

const LONG: Duration = Duration::from_mins(10);

/// A shard with 64 KiB each for cached values and for windows, and 256 KiB for permanent entries.
fn small() -> StoreShard {
    StoreShard::new(1 << 10)
}

fn plain(bytes: usize) -> StoredValue {
    StoredValue::Plain(vec![0; bytes].into())
}

fn is_consistent(shard: &StoreShard) -> bool {
    let weight: usize = shard.entries.values().map(|entry| entry.weight).sum();
    let turns: usize = shard.classes.iter().map(|tally| tally.by_turn.len()).sum();
    weight
        == shard
            .classes
            .iter()
            .map(|tally| tally.weight)
            .sum::<usize>()
        && turns == shard.entries.len()
}

#[test]
fn a_flood_of_cached_values_evicts_only_cached_values_by_expiry() {
    let (mut shard, now) = (small(), Instant::now());
    for at in 0..10 {
        let key = format!("kept:{at}");
        shard
            .put(&key, plain(10), EvictionClass::Kept, now, LONG)
            .expect("fits");
    }
    let log = StoredValue::Log(VecDeque::from([now]));
    shard
        .put("window", log, EvictionClass::Windows, now, LONG)
        .expect("fits");
    shard
        .put("soon", plain(1_000), EvictionClass::Cached, now, LONG / 2)
        .expect("fits");
    for at in 0..1_000 {
        let key = format!("cached:{at}");
        shard
            .put(&key, plain(1_000), EvictionClass::Cached, now, LONG)
            .expect("fits");
        let tally = &shard.classes[EvictionClass::Cached as usize];
        assert!(tally.weight <= tally.budget);
    }
    assert!(shard.live("soon", now).is_none(), "it ran out soonest");
    assert!(shard.live("cached:0", now).is_none());
    assert!(shard.live("cached:999", now).is_some());
    assert!(shard.live("window", now).is_some());
    assert!((0..10).all(|at| shard.live(&format!("kept:{at}"), now).is_some()));
    assert!(is_consistent(&shard));
}

#[test]
fn permanent_entries_are_rejected_rather_than_evicted() {
    let (mut shard, now) = (small(), Instant::now());
    let mut kept = 0;
    while shard
        .put(
            &format!("{kept}"),
            plain(1_000),
            EvictionClass::Kept,
            now,
            LONG,
        )
        .is_ok()
    {
        kept += 1;
    }
    assert!(kept > 100, "{kept}");
    assert!((0..kept).all(|at| shard.live(&at.to_string(), now).is_some()));
    let larger = shard.put("0", plain(2_000), EvictionClass::Kept, now, LONG);
    assert!(larger.is_err());
    assert!(matches!(shard.live("0", now), Some(StoredValue::Plain(old)) if old.len() == 1_000));
    let as_large = shard.put("0", plain(1_000), EvictionClass::Kept, now, LONG);
    assert!(as_large.is_ok(), "it takes its own place");
    assert!(is_consistent(&shard));

    let later = now + LONG * 2;
    let after = shard.put("more", plain(1_000), EvictionClass::Kept, later, LONG);
    assert!(after.is_ok(), "what has run out makes room");
}

#[test]
fn expired_entries_are_removed_by_later_writes() {
    let (mut shard, now) = (small(), Instant::now());
    for at in 0..40 {
        shard
            .put(&format!("{at}"), plain(1), EvictionClass::Cached, now, LONG)
            .expect("fits");
    }
    let later = now + LONG;
    assert!(shard.live("0", later).is_none());
    assert!(!shard.remove("0", later));
    for at in 0..15 {
        shard
            .put(
                &format!("new:{at}"),
                plain(1),
                EvictionClass::Cached,
                later,
                LONG,
            )
            .expect("fits");
    }
    assert_eq!(shard.entries.len(), 15);
    assert!(is_consistent(&shard));
}

#[test]
fn a_value_larger_than_its_budget_is_stored_alone() {
    let (mut shard, now) = (small(), Instant::now());
    for at in 0..5 {
        let key = format!("{at}");
        shard
            .put(&key, plain(1 << 20), EvictionClass::Cached, now, LONG)
            .expect("fits");
    }
    assert_eq!(shard.entries.len(), 1);
    assert!(shard.live("4", now).is_some());
}

#[test]
fn a_growing_set_is_weighed() {
    let (mut shard, now) = (small(), Instant::now());
    let members = StoredValue::Members(HashSet::new());
    shard
        .put("set", members, EvictionClass::Kept, now, LONG)
        .expect("fits");
    let mut grown = 0;
    while shard.has_room_for("member") {
        let Some(StoredValue::Members(members)) = shard.live("set", now) else {
            panic!("the set is there");
        };
        members.insert(format!("{grown:06}").into());
        shard.renew("set", now, LONG);
        grown += 1;
    }
    assert!(grown > 1_000, "{grown}");
    assert!(is_consistent(&shard));
    assert!(shard.remove("set", now));
    assert_eq!(shard.classes[EvictionClass::Kept as usize].weight, 0);
}
