//! Redis going away, coming back and hanging, and other behaviour specific to Redis.

use ::redis::Client;

use super::*;
use crate::breaker::BreakerState;

/// Without the breaker, which would hide when the store itself is back.
fn unguarded() -> Settings {
    let mut settings = Settings::default();
    settings.breaker.enabled = false;
    settings
}

async fn start() -> PrivateRedis {
    PrivateRedis::start(&PRIVATE).await.expect("it starts")
}

/// Connections to the server, without that of the question.
async fn connections(redis: &PrivateRedis) -> usize {
    let client = Client::open(redis.url().reveal()).expect("the URL is one");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("it connects");
    let ask = "asker";
    ::redis::cmd("CLIENT")
        .arg(&["SETNAME", ask])
        .exec_async(&mut connection)
        .await
        .expect("it is named");
    let list: String = ::redis::cmd("CLIENT")
        .arg("LIST")
        .query_async(&mut connection)
        .await
        .expect("it lists");
    // The connection of the last question may still be there.
    list.lines().filter(|line| !line.contains(ask)).count()
}

/// Fifty concurrent gets.
async fn gets(kv: &Kv) -> Vec<Result<Option<Bytes>, KvError>> {
    let gets: Vec<_> = (0..50)
        .map(|_| {
            let kv = kv.clone();
            tokio::spawn(async move { kv.get("key").await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for get in gets {
        outcomes.push(get.await.expect("it ends"));
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_is_back_within_a_second_of_a_restart() {
    let mut server = start().await;
    let KvInstance { kv, .. } = &KvInstance::new(&server, "folio", unguarded());
    kv.set("key", "1".into(), LONG).await.expect("sets");
    assert!(
        gets(kv).await.iter().all(Result::is_ok),
        "the pool is full of connections"
    );
    let seen = kv.get_versioned("guarded").await.expect("looks").seen;

    server.kill().await;
    let began = Instant::now();
    for _ in 0..3 {
        for outcome in gets(kv).await {
            assert!(
                matches!(outcome, Err(KvError::Unavailable(_))),
                "{outcome:?}"
            );
        }
    }
    // 150 time-outs of half a second over fifty connections would be a second and a half.
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );

    server.start_again().await.expect("it starts again");
    let back = Instant::now();
    let outcomes = gets(kv).await;
    assert!(
        back.elapsed() < Duration::from_secs(1),
        "{:?}",
        back.elapsed()
    );
    for outcome in outcomes {
        assert_eq!(outcome.expect("it answers"), None);
    }
    server.kill().await;
    server.start_again().await.expect("it starts again");
    for outcome in gets(kv).await {
        outcome.expect("not one meets a connection from before, though nobody asked in between");
    }
    let filled = kv.fill("guarded", "old".into(), LONG, seen).await;
    assert!(
        !filled.expect("fills"),
        "an empty server remembers no stamp"
    );
    let seen = kv.get_versioned("guarded").await.expect("looks").seen;
    let filled = kv.fill("guarded", "new".into(), LONG, seen).await;
    assert!(filled.expect("fills"), "scripts are sent again");
}

// On one thread, so that nothing is connected before the first await.
#[tokio::test]
async fn subscribers_are_notified_of_the_outage_and_of_its_end() {
    let mut server = start().await;
    let here = KvInstance::new(&server, "folio", unguarded());
    let there = KvInstance::new(&server, "folio", unguarded());
    let mut subscriber = here.kv.subscribe(Channel::Invalidations);
    assert_eq!(
        next(&mut subscriber).await,
        Some(Notice::Lost),
        "it is not connected yet"
    );
    assert_eq!(next(&mut subscriber).await, Some(Notice::Back));
    for round in ["1", "2"] {
        let message = Bytes::from(round);
        let sent = there.kv.publish(Channel::Invalidations, message.clone());
        sent.await.expect("publishes");
        assert_eq!(next(&mut subscriber).await, Some(Notice::Message(message)));
        server.kill().await;
        assert_eq!(next(&mut subscriber).await, Some(Notice::Lost));
        server.start_again().await.expect("it starts again");
        let back = Instant::now();
        assert_eq!(next(&mut subscriber).await, Some(Notice::Back));
        assert!(
            back.elapsed() < Duration::from_secs(1),
            "{:?}",
            back.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_server_times_out_and_its_late_answers_are_discarded() {
    let mut server = start().await;
    let instance = KvInstance::new(&server, "folio", unguarded());
    let kv = &instance.kv;
    let entries: Vec<_> = (0..50)
        .map(|at| (at.to_string(), Bytes::from(at.to_string())))
        .collect();
    kv.set_many(&entries, LONG).await.expect("sets");
    let mut subscriber = subscriber(kv, Channel::Sessions).await;
    let get = |key: String| {
        let kv = kv.clone();
        tokio::spawn(async move { (kv.get(&key).await, key) })
    };

    server.freeze();
    let abandoned: Vec<_> = entries.iter().map(|(key, _)| get(key.clone())).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for get in abandoned {
        get.abort();
        let _ = get.await;
    }
    eventually("every loan is back", async || {
        instance.sample("folio_pool_in_use{pool=\"redis\"}") == 0
    })
    .await;
    let began = Instant::now();
    let outcome = kv.get("0").await;
    assert!(matches!(outcome, Err(KvError::TimedOut)), "{outcome:?}");
    // Half a second for a connection, half for the answer, and a margin for a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        next(&mut subscriber).await,
        Some(Notice::Lost),
        "silence is noticed"
    );

    server.thaw();
    let gets: Vec<_> = entries.iter().map(|(key, _)| get(key.clone())).collect();
    for get in gets {
        let (found, key) = get.await.expect("it ends");
        assert_eq!(found.expect("gets"), Some(Bytes::from(key)));
    }
    assert_eq!(next(&mut subscriber).await, Some(Notice::Back));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_breaker_opens_only_on_outages_and_closes_on_recovery() {
    let mut settings = Settings::default();
    settings.breaker.open_for = "100ms".parse().expect("a span");
    let mut server = start().await;
    let instance = KvInstance::new(&server, "folio", settings);
    let kv = &instance.kv;
    kv.add_member("set", "member", LONG).await.expect("adds");
    for _ in 0..50 {
        let outcome = kv.get("set").await;
        assert!(matches!(outcome, Err(KvError::Protocol(_))), "{outcome:?}");
    }
    let breaker = kv.breaker().expect("Redis has one");
    assert_eq!(breaker.state(), BreakerState::Closed, "the server is well");

    server.kill().await;
    eventually("the breaker opens", async || {
        matches!(kv.get("key").await, Err(KvError::Refused(_)))
    })
    .await;
    assert_eq!(instance.sample("folio_breaker_state{name=\"redis\"}"), 2);
    assert!(instance.sample("folio_kv_errors_total{kind=\"unavailable\"}") >= 10);
    assert!(instance.sample("folio_kv_errors_total{kind=\"refused\"}") >= 1);
    server.start_again().await.expect("it starts again");
    eventually("the breaker closes", async || {
        kv.get("key").await.is_ok() && breaker.state() == BreakerState::Closed
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_rejects_requests_beyond_its_permits_and_its_queue() {
    let mut settings = unguarded();
    settings.admission.cache_limit = 2;
    settings.admission.cache_waiting = 3;
    let mut server = start().await;
    let KvInstance { kv, .. } = &KvInstance::new(&server, "folio", settings);
    kv.ping().await.expect("it answers");
    server.freeze();
    let outcomes = gets(kv).await;
    let busy = |outcome: &Result<_, _>| matches!(outcome, Err(KvError::Busy(_)));
    let busy_ones = outcomes.iter().filter(|outcome| busy(outcome)).count();
    assert!(busy_ones >= 40, "five of fifty wait at a time: {busy_ones}");
    let error = outcomes.iter().find(|outcome| busy(outcome));
    let after = error.and_then(|outcome| outcome.as_ref().err()?.retry_after());
    assert!(
        after.is_some_and(|after| after > Duration::ZERO),
        "{after:?}"
    );
    server.thaw();
    eventually("there is room again", async || kv.ping().await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_stays_within_the_bounds_of_the_settings() {
    let server = start().await;
    let instance = KvInstance::new(&server, "folio", unguarded());
    let kv = &instance.kv;
    eventually("ten are opened ahead of need", async || {
        connections(&server).await == 11
    })
    .await;
    let mut settings = unguarded();
    settings.cache.l2_connections_least = 20;
    instance.settings.replace(settings);
    eventually("ten more are opened", async || {
        connections(&server).await == 21
    })
    .await;

    let mut settings = unguarded();
    settings.cache.l2_connections = 3;
    settings.cache.l2_connections_least = 1;
    instance.settings.replace(settings);
    eventually("the surplus is closed", async || {
        connections(&server).await <= 4
    })
    .await;
    assert_eq!(instance.sample("folio_pool_size{pool=\"redis\"}"), 3);
    assert!(gets(kv).await.iter().all(Result::is_ok), "they take turns");
    assert!(connections(&server).await <= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_stays_in_its_namespace() {
    let server = start().await;
    let names = ["folio", "folio2", "fo*o", "folio:x", "", "{folio}", "*"];
    let instances = names.map(|name| KvInstance::new(&server, name, Settings::default()));
    for name in names {
        for instance in &instances {
            instance
                .kv
                .set("key", "1".into(), LONG)
                .await
                .expect("sets");
        }
        let at = names
            .iter()
            .position(|&other| other == name)
            .expect("it is one");
        let removed = instances[at].kv.invalidate_matching("*").await;
        assert_eq!(removed.expect("invalidates"), 1, "{name:?}");
        for (instance, other) in instances.iter().zip(names) {
            let is_there = instance.kv.get("key").await.expect("gets").is_some();
            assert_eq!(is_there, other != name, "{other:?} after {name:?}");
        }
    }
}

#[tokio::test]
async fn a_server_out_of_memory_is_full_and_still_answers() {
    let server = start().await;
    let KvInstance { kv, .. } = &KvInstance::new(&server, "folio", Settings::default());
    kv.set("key", "1".into(), LONG).await.expect("sets");
    let client = Client::open(server.url().reveal()).expect("the URL is one");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("it connects");
    ::redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "1"])
        .exec_async(&mut connection)
        .await
        .expect("it is set");
    let outcome = kv.set("more", "1".into(), LONG).await;
    assert!(matches!(outcome, Err(KvError::Full)), "{outcome:?}");
    let outcome = kv.swap("key", b"1", "2".into(), LONG).await;
    assert!(matches!(outcome, Err(KvError::Full)), "{outcome:?}");
    assert_eq!(kv.get("key").await.expect("gets"), Some("1".into()));
}

#[tokio::test]
async fn an_invalid_url_is_rejected_and_an_absent_server_is_not() {
    let services = |url: &str| Services {
        database_url: crate::config::Secret::new(""),
        replica_url: None,
        redis_url: crate::config::Secret::new(url),
        namespace: "folio".to_owned(),
    };
    let settings = Arc::new(Live::new(unguarded()));
    let open = |url| {
        let metrics = Metrics::new().expect("the metrics are new");
        Kv::redis(&services(url), &settings, &metrics)
    };
    assert!(matches!(
        open("http://[").map(drop),
        Err(KvStartError::Url(_))
    ));
    let kv = open("redis+unix:///nowhere/redis.sock").expect("the URL is one");
    let outcome = kv.ping().await;
    assert!(
        matches!(outcome, Err(KvError::Unavailable(_))),
        "{outcome:?}"
    );
}
