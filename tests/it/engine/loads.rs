//! Several loads at the same time: each has its own schedule, users and flows. Limits of a load.

use std::time::Instant;

use gander::outcome::Outcome;
use gander::plan::SeriesId;
use gander::record::Timing;

use super::plans::plan;
use super::run;
use super::server::Server;

/// The requests of a flow that the server has seen, in order.
fn paths(server: &Server, flow: &str) -> Vec<String> {
    let seen = server.seen().into_iter();
    seen.filter_map(|seen| seen.path().strip_prefix(flow).map(str::to_owned))
        .collect()
}

fn users(server: &Server, flow: &str) -> Vec<String> {
    let mut users = paths(server, flow);
    users.sort();
    users.dedup();
    users
}

#[tokio::test]
async fn each_load_starts_its_own_flows_by_its_own_schedule() {
    let server = Server::start().await;
    // The import has two users, who are too few; those of the shared load start again at once.
    let plan = plan(
        &server.url,
        "load: { users: 3, for: 600ms }
flows:
  - { name: browse, steps: [ { get: '/browse/${user()}' } ] }
  - name: import
    load: { rate: 400/s, for: 300ms, max_users: 2 }
    steps: [ { get: '/slow?user=${user()}' } ]
",
    );
    assert_eq!(plan.workload.loads.peak_users(), 5);
    let over = run(plan).await;

    let [browse, import] = [0, 1].map(|id| over.totals.series(SeriesId(id)).counts.ended);
    assert_eq!(browse + import, over.load.started);
    // Users that started often do not make up for arrivals that nobody started.
    assert!(over.load.unstarted > 50, "{:?}", over.load);
    assert_eq!(import + over.load.unstarted, 120);
    assert_eq!(over.totals.load_time().0, 600_000);
    assert_eq!(users(&server, "/browse/"), ["0", "1", "2"]);
    assert_eq!(users(&server, "/slow?user="), ["3", "4"]);
}

#[tokio::test]
async fn loads_with_a_begin_of_their_own_start_what_each_would_start_alone() {
    let flows = [
        ("early", "rate: 100/s, for: 200ms, max_users: 30"),
        (
            "later",
            "rate: 200/s, for: 100ms, max_users: 30, from: 400ms",
        ),
        ("last", "iterations: 7, users: 2, from: 700ms"),
    ];
    let flow = |(name, load): (&str, &str)| {
        format!("  - {{ name: {name}, load: {{ {load} }}, steps: [ {{ get: /{name} }} ] }}\n")
    };
    let together = Server::start().await;
    let body = format!("flows:\n{}", flows.map(flow).concat());
    let over = run(plan(&together.url, &body)).await;
    assert_eq!((over.load.started, over.load.unstarted), (47, 0));
    let order = paths(&together, "/");
    let mut expected = vec!["early"; 20];
    expected.extend(["later"; 20]);
    expected.extend(["last"; 7]);
    assert_eq!(order, expected);
    for (name, load) in flows {
        let alone = Server::start().await;
        let body = format!("flows:\n{}", flow((name, load)));
        run(plan(&alone.url, &body)).await;
        assert_eq!(
            paths(&alone, "/").len(),
            order.iter().filter(|flow| *flow == name).count()
        );
    }
}

#[tokio::test]
async fn a_load_with_a_grace_period_ends_before_the_others() {
    let server = Server::start().await;
    let over = run(plan(
        &server.url,
        "flows:
  - name: short
    load: { users: 1, for: 200ms, grace: 100ms }
    steps: [ { get: /hold } ]
  - name: long
    load: { rate: 50/s, for: 800ms, max_users: 5 }
    steps: [ { get: /long } ]
",
    ))
    .await;
    let [short, long] = [0, 1].map(|id| &over.totals.series(SeriesId(id)).counts);
    assert_eq!((short.ended, short.interrupted), (0, 1));
    assert_eq!(long.ended, 40);
    let mut flows = over.series.iter();
    let held = flows.position(|series| series.name == "GET /hold");
    let held = SeriesId(held.expect("a series") as u32);
    let cut = over
        .totals
        .series(held)
        .counts
        .by_outcome(Outcome::GraceTimeout);
    assert_eq!(cut, 1);
    assert_eq!(over.ended.interrupted, 1);
}

#[tokio::test]
async fn throughput_limits_the_requests_of_a_load_and_is_no_response_time() {
    let server = Server::start().await;
    let began = Instant::now();
    let over = run(plan(
        &server.url,
        "load: { users: 10, for: 500ms, throughput: 40/s }
flows:
  - name: main
    steps:
      - get: /first
      - parallel: 3
        steps: [ { get: /a }, { get: /b }, { get: /c } ]
",
    ))
    .await;
    let seen = server.seen().len() as u64;
    let requests: Vec<SeriesId> = (1..5).map(SeriesId).collect();
    let ended = requests
        .iter()
        .map(|id| over.totals.series(*id).counts.ended);
    assert_eq!(ended.sum::<u64>(), seen);
    // One at the start, and one every 25 ms; iterations that have begun are completed at the same rate.
    let most = began.elapsed().as_secs_f64() * 40.0 + 1.0;
    assert!(seen > 10 && seen as f64 <= most, "{seen} requests");
    let times = over.totals.timing(Timing::ResponseTime, &requests);
    let median = times.value_at_quantile(0.5);
    assert!(
        median < 50_000,
        "{median} µs; a user waits 250 ms for its turn"
    );
}

#[tokio::test]
async fn flows_have_pauses_of_their_own() {
    let server = Server::start().await;
    let over = run(plan(
        &server.url,
        "load: { users: 3, for: 500ms }
think_time: 150ms
flows:
  - { name: paced, count: 1, think_time: none, pacing: 100ms..120ms, steps: [ { get: /paced } ] }
  - { name: thinks, count: 1, steps: [ { get: /thinks } ] }
  - { name: free, count: 1, think_time: none, steps: [ { get: /free } ] }
",
    ))
    .await;
    let [paced, thinks, free] = [0, 1, 2].map(|id| over.totals.series(SeriesId(id)).counts.ended);
    assert!((2..=5).contains(&paced), "{paced} iterations");
    assert!((2..=4).contains(&thinks), "{thinks} iterations");
    assert!(free > 5, "{free} iterations");
    assert_eq!(over.totals.load_time().0, 500_000);
}
