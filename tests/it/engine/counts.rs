//! For every load model: the starts of users, and planned = started + unstarted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gander::record::Timing;

use super::plans::plan;
use super::server::{Seen, Server};
use super::{Driven, run};

const GET: &str = "flows: [ { name: main, steps: [ { get: / } ] } ]";

#[tokio::test]
async fn an_open_run_starts_every_arrival_and_none_before_it_is_due() {
    let server = Server::start().await;
    let load = "load: { rate: 200/s, for: 1s, max_users: 50 }";
    let driven = Driven::launch(plan(&server.url, &format!("{load}\n{GET}"))).await;
    let base = driven.running.clock().base();
    let over = driven.until_the_end().await;

    assert_eq!((over.load.offered, over.load.unstarted), (200, 0));
    assert_eq!(over.requests().counts.ended, 200);
    let mut arrivals: Vec<_> = server.seen().iter().map(|seen| seen.at).collect();
    arrivals.sort();
    assert_eq!(arrivals.len(), 200);
    for (k, at) in arrivals.into_iter().enumerate() {
        let due = base + Duration::from_millis(5 * k as u64);
        assert!(at >= due, "arrival {k} is {:?} early", due - at);
    }
    let lag = over.totals.timing(Timing::StartLag, &[]);
    assert_eq!(lag.len(), 200);
}

#[tokio::test]
async fn what_busy_users_could_not_take_is_counted_as_unstarted() {
    let server = Server::start().await;
    for arrivals in ["constant", "poisson"] {
        // Two users and 50 ms an answer: 40 of 400 starts per second are possible.
        let load =
            format!("load: {{ rate: 400/s, for: 500ms, max_users: 2, arrivals: {arrivals} }}");
        let flow = "flows: [ { name: main, steps: [ { get: /slow } ] } ]";
        let plan = plan(&server.url, &format!("{load}\n{flow}"));
        let planned = plan.workload.planned_iterations();
        let over = run(plan).await;
        assert_eq!(planned, Some(over.load.offered), "{arrivals}");
        assert!(over.load.unstarted > 100, "{arrivals}: {:?}", over.load);
        assert!(over.load.late > 0, "{arrivals}: {:?}", over.load);
        assert_eq!(over.requests().counts.ended, over.load.started);
    }
}

#[tokio::test]
async fn the_drain_is_no_part_of_the_time_that_rates_are_of() {
    let server = Server::start().await;
    // The last arrival is due at 490 ms and takes 50 ms.
    let load = "load: { rate: 100/s, for: 500ms, max_users: 50 }";
    let flow = "flows: [ { name: main, steps: [ { get: /slow } ] } ]";
    let over = run(plan(&server.url, &format!("{load}\n{flow}"))).await;
    assert_eq!(over.requests().counts.ended, 50);
    assert_eq!(over.totals.load_time().0, 500_000);
    assert!(over.totals.duration().0 >= 540_000);
}

#[tokio::test]
async fn a_late_start_is_response_time_but_not_service_time() {
    let server = Server::start().await;
    let load = "load: { rate: 100/s, for: 300ms, max_users: 1 }";
    let flow = "flows: [ { name: main, steps: [ { get: /slow } ] } ]";
    let over = run(plan(&server.url, &format!("{load}\n{flow}"))).await;
    let longest = |timing| over.totals.timing(timing, &[]).max();
    // The last start was due long before its user was free.
    assert!(longest(Timing::ResponseTime) > 150_000);
    assert!(longest(Timing::ResponseTime) > longest(Timing::ServiceTime) + 50_000);
    assert!(longest(Timing::StartLag) > 100_000);
}

#[tokio::test]
async fn iterations_are_shared_out_or_each_users_own() {
    let server = Server::start().await;
    for (count, planned) in [
        ("iterations: 25", 25),
        ("iterations: 5, per_user: true", 20),
    ] {
        let load = format!("load: {{ {count}, users: 4 }}");
        let flow = "flows: [ { name: main, steps: [ { get: '/of/${user()}' } ] } ]";
        let plan = plan(&server.url, &format!("{load}\n{flow}"));
        let before = server.seen().len();
        let over = run(plan).await;
        assert_eq!((over.load.started, over.load.unstarted), (planned, 0));
        let mut by_user = BTreeMap::<String, u32>::new();
        for seen in &server.seen()[before..] {
            *by_user.entry(seen.path().to_owned()).or_default() += 1;
        }
        assert_eq!(by_user.values().sum::<u32>(), planned as u32);
        if planned == 20 {
            let each: BTreeSet<_> = by_user.values().copied().collect();
            assert_eq!((by_user.len(), each), (4, BTreeSet::from([5])));
        }
    }
}

#[tokio::test]
async fn iterations_that_the_longest_duration_leaves_over_are_unstarted() {
    let server = Server::start().await;
    for sharing in ["", ", per_user: true"] {
        let load = format!("load: {{ iterations: 1000, users: 2, max_duration: 200ms{sharing} }}");
        let flow = "flows: [ { name: main, steps: [ { get: /slow } ] } ]";
        let over = run(plan(&server.url, &format!("{load}\n{flow}"))).await;
        let planned = if sharing.is_empty() { 1_000 } else { 2_000 };
        assert_eq!(over.load.offered, planned);
        assert!((1..=12).contains(&over.load.started), "{:?}", over.load);
    }
}

#[tokio::test]
async fn the_last_user_in_is_the_first_one_out() {
    let server = Server::start().await;
    let load = "load: { stages: [ { users: 4, for: 300ms }, { users: 0, over: 1600ms } ] }";
    let flow = "flows: [ { name: main, steps: [ { get: '/of/${user()}' }, { think: 5ms } ] } ]";
    let driven = Driven::launch(plan(&server.url, &format!("{load}\n{flow}"))).await;
    let base = driven.running.clock().base();
    let over = driven.until_the_end().await;
    assert_eq!(over.load.unstarted, 0);

    let mut last = BTreeMap::new();
    for seen in server.seen() {
        last.insert(seen.path().to_owned(), seen.at);
    }
    for user in 0..4_u32 {
        let last = last[&format!("/of/{user}")].saturating_duration_since(base);
        // The ramp passes user i at 300 ms + 1600 ms · (4 − i) / 4; an iteration begun before may still send.
        let out = Duration::from_millis(300 + 400 * u64::from(4 - user));
        // Less than the distance to the next user's.
        let slack = Duration::from_millis(300);
        assert!(last <= out + slack, "user {user}: {last:?}");
        assert!(last + slack >= out, "user {user}: {last:?}");
    }
}

#[tokio::test]
async fn pacing_starts_a_users_iterations_at_even_distances() {
    let server = Server::start().await;
    let load = "load: { iterations: 6, users: 1 }\npacing: 100ms";
    let driven = Driven::launch(plan(&server.url, &format!("{load}\n{GET}"))).await;
    driven.until_the_end().await;
    let seen = server.seen();
    assert_eq!(seen.len(), 6);
    let first = seen[0].at;
    for (k, seen) in seen.iter().enumerate().skip(1) {
        let expected = Duration::from_millis(100 * k as u64);
        // The latest time at which the first one may be seen.
        let slack = Duration::from_millis(60);
        assert!(
            seen.at - first + slack >= expected,
            "iteration {k} is early"
        );
    }
}

#[tokio::test]
async fn a_segment_plays_its_share() {
    use gander::plan::Segment;
    let server = Server::start().await;
    let flow = "flows: [ { name: main, steps: [ { get: '/of/${user()}' } ] } ]";
    let load = "load: { iterations: 3, per_user: true, users: 5 }";
    for (index, users) in [
        (0, vec!["/of/0", "/of/2", "/of/4"]),
        (1, vec!["/of/1", "/of/3"]),
    ] {
        let before = server.seen().len();
        let mut plan = plan(&server.url, &format!("{load}\n{flow}"));
        plan.workload.segment = Segment { index, count: 2 };
        let over = run(plan).await;
        assert_eq!(over.load.started, 3 * users.len() as u64);
        let seen = server.seen()[before..].to_vec();
        let paths: BTreeSet<_> = seen.iter().map(Seen::path).collect();
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), users);
    }
}

#[tokio::test]
async fn every_status_from_400_on_is_a_failure_unless_a_check_asks_for_it() {
    let server = Server::start().await;
    let load = "load: { iterations: 1, users: 1 }";
    for (status, check, failed) in [
        (399, "", 0),
        (400, "", 1),
        (599, "", 1),
        (600, "", 1),
        (999, "", 1),
        (999, "check: [ { status: 999 } ]", 0),
        (666, "check: [ { status: 6xx } ]", 0),
        (999, "check: [ { status: 9xx } ]", 0),
    ] {
        let step = format!("{{ get: /status/{status}, {check} }}");
        let flow = format!("flows: [ {{ name: main, steps: [ {step} ] }} ]");
        let over = run(plan(&server.url, &format!("{load}\n{flow}"))).await;
        let counts = &over.requests().counts;
        assert_eq!((counts.ended, counts.failed), (1, failed), "{step}");
        assert_eq!(counts.statuses.get(&status), Some(&1), "{step}");
    }
}

#[tokio::test]
async fn what_was_sent_again_is_counted_apart() {
    let server = Server::start().await;
    let load = "load: { iterations: 3, users: 1 }";
    let flow = "flows: [ { name: main, steps: [ { get: /once } ] } ]";
    let over = run(plan(&server.url, &format!("{load}\n{flow}"))).await;
    let counts = &over.requests().counts;
    assert_eq!((counts.ended, counts.failed, counts.resent), (3, 0, 2));
    assert_eq!(server.seen().len(), 5);
}
