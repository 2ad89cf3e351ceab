//! The shares of flows among iterations, and flows with users of their own.

use std::collections::BTreeMap;

use gander::plan::Segment;

use super::plans::plan;
use super::run;
use super::server::Server;

const FLOWS: &str = "flows:\n\
    - { name: many, weight: 7, steps: [ { get: /many } ] }\n\
    - { name: some, weight: 3, steps: [ { get: /some } ] }\n\
    - { name: one, steps: [ { get: /one } ] }\n";

/// Plays a load; returns the number of requests by path.
async fn counts(load: &str, flows: &str, segment: Segment) -> BTreeMap<String, u64> {
    let server = Server::start().await;
    let mut plan = plan(&server.url, &format!("load: {{ {load} }}\n{flows}"));
    plan.workload.segment = segment;
    run(plan).await;
    let mut counts = BTreeMap::new();
    for seen in server.seen() {
        *counts.entry(seen.path().to_owned()).or_default() += 1;
    }
    counts
}

fn of<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected
        .map(|(path, count)| (path.to_owned(), count))
        .into()
}

#[tokio::test]
async fn each_flow_has_exactly_its_share_of_the_iterations() {
    let expected = of([("/many", 210), ("/some", 90), ("/one", 30)]);
    for load in [
        "iterations: 330, users: 5",
        "iterations: 66, per_user: true, users: 5",
        "rate: 660/s, for: 500ms, max_users: 40",
    ] {
        assert_eq!(
            counts(load, FLOWS, Segment::WHOLE).await,
            expected,
            "{load}"
        );
    }
}

#[tokio::test]
async fn the_shares_of_all_segments_add_up_to_those_of_the_run() {
    let mut sum = BTreeMap::new();
    for index in 0..3 {
        let segment = Segment { index, count: 3 };
        for (path, count) in counts("iterations: 330, users: 6", FLOWS, segment).await {
            *sum.entry(path).or_default() += count;
        }
    }
    assert_eq!(sum, of([("/many", 210), ("/some", 90), ("/one", 30)]));
}

#[tokio::test]
async fn a_flow_with_a_count_has_users_of_its_own() {
    let flows = "flows:\n\
        - { name: other, steps: [ { get: '/other/${user()}' } ] }\n\
        - { name: admin, count: 2, steps: [ { get: '/admin/${user()}' } ] }\n\
        - { name: clerk, count: 1, steps: [ { get: '/clerk/${user()}' } ] }\n";
    let load = "iterations: 4, per_user: true, users: 5";
    let expected = of([
        ("/admin/0", 4),
        ("/admin/1", 4),
        ("/clerk/2", 4),
        ("/other/3", 4),
        ("/other/4", 4),
    ]);
    assert_eq!(counts(load, flows, Segment::WHOLE).await, expected);
    let mut sum = BTreeMap::new();
    for index in 0..2 {
        sum.extend(counts(load, flows, Segment { index, count: 2 }).await);
    }
    assert_eq!(sum, expected, "over two segments");
}
