//! The number of active users, and the part of a run to which an iteration belongs.

use gander::verdict::Standing;

use super::plans::plan;
use super::run;
use super::server::Server;

const SLOW: &str = "flows: [ { name: main, steps: [ { get: /slow } ] } ]";

#[tokio::test]
async fn active_users_are_those_of_the_load_to_its_very_end() {
    let server = Server::start().await;
    for load in ["users: 20, for: 500ms", "iterations: 80, users: 20"] {
        let body = format!(
            "load: {{ {load} }}\nthresholds: [ min(active_users) == 20, max(active_users) == 20 ]\n{SLOW}"
        );
        let over = run(plan(&server.url, &body)).await;
        assert_eq!(over.totals.peak_users(), 20, "{load}");
        for judged in over.judge.standings() {
            assert_eq!(judged.standing, Standing::Pass, "{load}: {judged:?}");
        }
    }
}

#[tokio::test]
async fn an_open_run_had_at_least_one_user_however_short_its_iterations() {
    let server = Server::start().await;
    let body = "load: { rate: 30/s, for: 500ms, max_users: 20 }\n\
                flows: [ { name: main, steps: [ { get: / } ] } ]";
    let over = run(plan(&server.url, body)).await;
    assert!((1..=20).contains(&over.totals.peak_users()));
}

#[tokio::test]
async fn what_the_warm_up_left_behind_is_no_part_of_what_was_measured() {
    let server = Server::start().await;
    // Two users and 50 ms an answer make 40 starts per second: the warm-up leaves some 80 of its 100 behind.
    let body = format!(
        "load: {{ stages: [ {{ rate: 200/s, for: 500ms }}, {{ rate: 20/s, for: 1s }} ], max_users: 2 }}\n\
         warm_up: 500ms\nthresholds: [ ratio(started) > 99%, rate(started) > 1/s ]\n{SLOW}"
    );
    let over = run(plan(&server.url, &body)).await;
    let measured = over.totals.measured().load;
    assert!((19..=21).contains(&measured.offered), "{measured:?}");
    assert_eq!(
        (measured.started, measured.unstarted),
        (0, measured.offered),
        "every start was of an iteration due in the warm-up"
    );
    let warm_up = over.totals.warm_up().load;
    assert!(warm_up.unstarted > 10, "{warm_up:?}");
    let standings = over.judge.standings();
    assert_eq!(
        (standings[0].standing, standings[0].observed),
        (Standing::Fail, Some(0.0))
    );
    assert_eq!(standings[1].observed, Some(0.0));
}

#[tokio::test]
async fn in_no_window_more_is_started_than_was_offered() {
    let server = Server::start().await;
    let body = format!(
        "load: {{ stages: [ {{ rate: 200/s, for: 500ms }}, {{ rate: 10/s, for: 1500ms }} ], max_users: 2 }}\n\
         thresholds: [ {{ expect: ratio(started) <= 100%, window: {{ rolling: 1s }} }}, \
         ratio(started) < 100% ]\n{SLOW}"
    );
    let over = run(plan(&server.url, &body)).await;
    for judged in over.judge.standings() {
        assert_eq!(judged.standing, Standing::Pass, "{judged:?}");
    }
}
