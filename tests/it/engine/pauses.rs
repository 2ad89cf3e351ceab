//! Pauses of users between their iterations: think times and pacing.

use std::time::{Duration, Instant};

use super::plans::plan;
use super::run;
use super::server::Server;

const GET: &str = "flows: [ { name: main, steps: [ { get: / } ] } ]";

/// Far below an hour, far above what any machine needs.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn in_a_closed_model_the_think_time_stands_between_iterations_too() {
    let server = Server::start().await;
    let body = format!("load: {{ users: 5, for: 600ms }}\nthink_time: 100ms\n{GET}");
    let over = run(plan(&server.url, &body)).await;
    assert!(
        (5..=30).contains(&over.load.started),
        "{} iterations by five users that pause 100 ms in 600 ms",
        over.load.started
    );
    // The pause is not part of an iteration.
    let iterations = over
        .iterations()
        .histogram(gander::record::Timing::IterationTime);
    let shortest = iterations.expect("iterations").min();
    assert!(shortest < 90_000, "the shortest took {shortest} µs");
}

#[tokio::test]
async fn a_flow_with_a_pause_of_its_own_at_an_end_gets_no_other() {
    let server = Server::start().await;
    for steps in ["{ get: / }, { think: 1ms }", "{ think: 1ms }, { get: / }"] {
        let body = format!(
            "load: {{ iterations: 5, users: 1 }}\nthink_time: 1h\n\
             flows: [ {{ name: main, steps: [ {steps} ] }} ]"
        );
        let begun = Instant::now();
        assert_eq!(run(plan(&server.url, &body)).await.load.started, 5);
        assert!(begun.elapsed() < SOON, "{steps}");
    }
}

#[tokio::test]
async fn nobody_waits_for_an_iteration_that_is_not_there() {
    let server = Server::start().await;
    for wait in ["pacing", "think_time"] {
        for load in [
            "iterations: 2, users: 2",
            "iterations: 1, users: 1",
            "iterations: 1, per_user: true, users: 3",
            "iterations: 9, per_user: true, users: 1, max_duration: 500ms",
        ] {
            let body = format!("load: {{ {load} }}\n{wait}: 1h\n{GET}");
            let begun = Instant::now();
            let over = run(plan(&server.url, &body)).await;
            assert!(begun.elapsed() < SOON, "{wait}, {load}");
            assert!(over.load.started >= 1, "{wait}, {load}");
        }
    }
}

#[tokio::test]
async fn whoever_waits_for_pacing_leaves_when_another_draws_the_last_iteration() {
    let server = Server::start().await;
    // Each user starts with its own iteration; the first free one takes the third, and the other leaves.
    let body = format!("load: {{ iterations: 3, users: 2 }}\npacing: 200ms\n{GET}");
    let over = run(plan(&server.url, &body)).await;
    assert_eq!((over.load.started, over.load.unstarted), (3, 0));
    let seen = server.seen();
    assert!(seen[2].at - seen[0].at >= Duration::from_millis(140));
}

#[tokio::test]
async fn no_time_of_a_request_contains_a_pause_before_the_first_one() {
    let server = Server::start().await;
    let body = "load: { iterations: 2, users: 1 }\n\
         flows: [ { name: main, steps: [ { think: 2s }, { get: / } ] } ]";
    let over = run(plan(&server.url, body)).await;
    let times = |timing| over.requests().histogram(timing);
    let longest = times(gander::record::Timing::ResponseTime).expect("times");
    assert!(longest.max() < 1_500_000, "{} µs", longest.max());
    let iterations = over
        .iterations()
        .histogram(gander::record::Timing::IterationTime);
    assert!(iterations.expect("iterations").min() >= 1_900_000);
}
