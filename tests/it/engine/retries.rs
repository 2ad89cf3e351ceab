//! `retry`: attempts are requests, and the steps have one verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gander::engine::{self, CutShort};
use gander::outcome::Outcome;
use gander::plan::Subject;
use gander::record::Log;

use super::plans::{plan, plan_with_files};
use super::server::Server;
use super::{Driven, run, transport};

const ONCE: &str = "iterations: 1, users: 1";

/// Runs one flow with these steps, indented by two; returns the paths in order, and the outcome.
async fn play(load: &str, steps: &str) -> (Vec<String>, super::Outcome) {
    let server = Server::start().await;
    let body = format!(
        "load: {{ {load} }}\nflows:\n- name: main\n  steps:\n  {}",
        steps.trim_start()
    );
    let over = run(plan(&server.url, &body)).await;
    let seen = server.seen();
    let paths = seen.iter().map(|seen| seen.path().to_owned()).collect();
    assert_eq!(
        over.totals.counts(Subject::Requests).sent(),
        seen.len() as u64,
        "{steps}"
    );
    (paths, over)
}

#[tokio::test]
async fn steps_run_again_from_the_first_one_until_an_attempt_succeeds() {
    let steps = "\
  - group: outer
    steps:
    - retry: { times: 3, wait: none }
      steps: [ { get: /a }, { get: /first/503/2/b }, { get: /c } ]
  - get: /after
";
    let (paths, over) = play(ONCE, steps).await;
    let attempt = ["/a", "/first/503/2/b"];
    let expected = [&attempt[..], &attempt, &attempt, &["/c", "/after"]].concat();
    assert_eq!(paths, expected);
    let requests = over.totals.counts(Subject::Requests);
    assert_eq!((requests.ended, requests.failed), (8, 2));
    assert_eq!(over.iterations().counts.failed, 0);
    let groups = over.totals.counts(Subject::Groups);
    assert_eq!((groups.ended, groups.failed), (1, 0));
}

#[tokio::test]
async fn attempts_add_up_to_what_the_target_saw() {
    let steps = "\
  - retry: { times: 5, wait: { exponential: 1ms, at_most: 2ms } }
    steps: [ { get: '/first/500/3/${iteration.id}' } ]
";
    let (paths, over) = play("iterations: 20, users: 4", steps).await;
    assert_eq!(paths.len(), 20 * 4);
    let requests = over.totals.counts(Subject::Requests);
    assert_eq!((requests.ended, requests.failed), (80, 60));
    let iterations = &over.iterations().counts;
    assert_eq!((iterations.ended, iterations.failed), (20, 0));
    assert_eq!(iterations.retries, 60);
}

#[tokio::test]
async fn the_iteration_and_the_groups_fail_if_the_last_attempt_does() {
    for (on_error, after) in [("stop_iteration", 0), ("continue", 1)] {
        let server = Server::start().await;
        let body = format!(
            "load: {{ {ONCE} }}\non_error: {on_error}\nflows:\n- name: main\n  steps:\n\
             \x20 - group: outer\n\
             \x20   steps:\n\
             \x20   - retry: {{ times: 3, wait: none }}\n\
             \x20     steps: [ {{ group: inner, steps: [ {{ get: /status/503 }}, {{ get: /never }} ] }} ]\n\
             \x20 - get: /after\n"
        );
        let driven = Driven::launch(plan(&server.url, &body)).await;
        let recorder = Arc::clone(&driven.recorder);
        let over = driven.until_the_end().await;
        assert_eq!(server.seen().len(), 3 + after, "{on_error}");
        let outcomes = &over.iterations().counts.outcomes;
        assert_eq!(*outcomes, BTreeMap::from([(Outcome::Retry, 1)]));
        // The inner one once for each attempt.
        let groups = over.totals.counts(Subject::Groups);
        assert_eq!((groups.ended, groups.failed), (4, 4), "{on_error}");
        let expected = BTreeMap::from([(Outcome::Status, 3), (Outcome::Retry, 1)]);
        assert_eq!(groups.outcomes, expected, "{on_error}");
        let examples = recorder.take_failures();
        let details = examples.iter().map(|example| &*example.detail);
        let last = "the last of 3 attempts failed: a request ended with status 503";
        assert!(
            details.into_iter().any(|detail| detail == last),
            "{examples:?}"
        );
    }
}

#[tokio::test]
async fn only_what_is_listed_is_tried_again() {
    for (on, path, requests, failed) in [
        ("[ 5xx ]", "/status/404", 1, 0),
        ("[ 404 ]", "/first/404/1/a", 2, 0),
        ("400..404", "/first/404/1/a", 2, 0),
        // A status that does not fail its request.
        ("202", "/first/202/2/a", 3, 0),
        ("202", "/status/202", 4, 1),
        ("status", "/first/404/3/a", 4, 0),
        ("any", "/status/404", 4, 1),
    ] {
        let steps = format!(
            "  - retry: {{ times: 4, on: {on}, wait: none }}\n    steps: [ {{ get: {path} }} ]\n"
        );
        let (paths, over) = play(ONCE, &steps).await;
        assert_eq!(paths.len(), requests, "{on} {path}");
        assert_eq!(over.iterations().counts.failed, failed, "{on} {path}");
    }
}

#[tokio::test]
async fn checks_captures_and_connections_can_be_tried_again() {
    let check = "  - retry: { times: 9, on: check, wait: none }\n    steps: [ { get: /count, check: { json: $.n, is: '> 3' } } ]\n";
    let (paths, over) = play(ONCE, check).await;
    assert_eq!((paths.len(), over.iterations().counts.failed), (4, 0));
    let capture = "  - retry: { times: 2, on: capture, wait: none }\n    steps: [ { get: /a, capture: { x: { json: $.none } } } ]\n";
    let (paths, over) = play(ONCE, capture).await;
    assert_eq!((paths.len(), over.iterations().counts.failed), (2, 1));
    // Nothing listens on port 1.
    let body = format!(
        "load: {{ {ONCE} }}\nflows:\n- name: main\n  steps:\n\
         \x20 - {{ retry: {{ times: 3, on: connect, wait: 1ms }}, steps: [ {{ get: / }} ] }}\n"
    );
    let over = run(plan("http://127.0.0.1:1", &body)).await;
    let counts = over.totals.counts(Subject::Requests);
    let expected = BTreeMap::from([(Outcome::ConnectRefused, 3)]);
    assert_eq!((counts.outcomes, counts.unsent), (expected, 3));
    assert_eq!(over.iterations().counts.failed, 1);
}

#[tokio::test]
async fn an_outer_retry_runs_again_when_the_inner_one_gives_up() {
    let steps = "\
  - retry: { times: 2, wait: none }
    steps:
    - get: /outer
    - retry: { times: 2, wait: none }
      steps: [ { get: /first/503/3/inner } ]
  - retry: { times: 9, on: 404, wait: none }
    steps:
    - retry: { times: 9, on: 503, wait: none }
      steps: [ { get: /first/404/1/x }, { get: /first/503/1/y } ]
";
    let (paths, over) = play(ONCE, steps).await;
    let (x, y) = ("/first/404/1/x", "/first/503/1/y");
    let inner = "/first/503/3/inner";
    let expected = [
        "/outer", inner, inner, "/outer", inner, inner, x, x, y, x, y,
    ];
    assert_eq!(paths, expected);
    assert_eq!(over.iterations().counts.failed, 0);
}

#[tokio::test]
async fn failures_of_an_attempt_that_is_repeated_fail_no_group_around_it() {
    let steps = "\
  - group: outer
    steps:
    - retry: { times: 2, wait: none }
      steps: [ { get: /first/404/1/x }, { get: /first/503/1/y } ]
";
    let (_, over) = play(ONCE, steps).await;
    let groups = over.totals.counts(Subject::Groups);
    assert_eq!((groups.ended, groups.failed), (1, 0));
}

#[tokio::test]
async fn requests_at_the_same_time_are_one_attempt() {
    let steps = "\
  - retry: { times: 3, wait: none }
    steps: [ { get: /a }, { parallel: 2, steps: [ { get: /first/503/2/p }, { get: /slow/q } ] }, { get: /b } ]
";
    let (mut paths, over) = play(ONCE, steps).await;
    assert_eq!(over.totals.counts(Subject::Requests).failed, 2);
    assert_eq!(over.iterations().counts.failed, 0);
    assert_eq!(paths.last().map(String::as_str), Some("/b"));
    paths.sort();
    let (p, q) = ("/first/503/2/p", "/slow/q");
    assert_eq!(paths, ["/a", "/a", "/a", "/b", p, p, p, q, q, q]);
}

#[tokio::test]
async fn setup_waits_until_the_target_is_ready() {
    let server = Server::start().await;
    let body = "load: { iterations: 1, users: 1 }\n\
         setup:\n- { retry: { times: 10, wait: 1ms }, steps: [ { get: /first/503/4/health } ] }\n\
         - { retry: { times: 2, wait: 1ms }, steps: [ { parallel: 2, steps: [ { get: /first/503/1/a }, { get: /a } ] } ] }\n\
         flows: [ { name: main, steps: [ { get: /load } ] } ]\n";
    run(plan(&server.url, body)).await;
    assert_eq!(server.seen().len(), 5 + 4 + 1);

    let body = body.replace("first/503/4/health", "status/503");
    let plan = plan(&server.url, &body);
    let log = Log::default();
    let (_, ended) = engine::setup(&plan, &transport(&plan), &log, std::future::pending()).await;
    let Err(CutShort::Failed(failure)) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(failure.status, Some(503));
    assert!(failure.request.is_some());
    let text = failure.to_string();
    assert!(text.ends_with("(the last of 10 attempts)"), "{text}");
}

#[tokio::test]
async fn a_stop_of_the_run_ends_the_wait_between_attempts() {
    let server = Server::start().await;
    let body = "load: { users: 1, for: 1m }\nflows:\n- name: main\n  steps:\n\
         \x20 - { retry: { times: 9, wait: 1h }, steps: [ { get: /status/503 } ] }\n";
    let driven = Driven::launch(plan(&server.url, body)).await;
    server.has_seen(1).await;
    let begun = Instant::now();
    driven.running.stop(engine::Stop::Graceful);
    let over = driven.until_the_end().await;
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(over.iterations().counts.failed, 0);
}

#[tokio::test]
async fn a_user_without_a_row_leaves_instead_of_trying_again() {
    let server = Server::start().await;
    let body = "load: { iterations: 3, users: 1 }\n\
         data: { r: { file: rows.csv, pick: unique } }\nflows:\n- name: main\n  steps:\n\
         \x20 - { retry: { times: 9, on: any, wait: none }, steps: [ { get: '/of/${r.n}' } ] }\n";
    let over = run(plan_with_files(
        &server.url,
        body,
        &[("rows.csv", "n\n1\n")],
    ))
    .await;
    assert_eq!(server.seen().len(), 1);
    assert_eq!(over.ended.lost.out_of_rows, 1);
    assert_eq!(over.iterations().counts.retries, 0);
}

#[test]
fn what_a_step_does_about_an_end_changes_the_hash_of_the_workload() {
    let hash = |step: &str| {
        let body = format!(
            "load: {{ iterations: 9, users: 9 }}\nflows: [ {{ name: main, steps: [ {step}, {{ get: / }} ] }} ]\n"
        );
        plan("http://127.0.0.1:1", &body).workload_hash
    };
    let steps = [
        "{ get: / }",
        "{ get: /, on: { 401: retry } }",
        "{ get: /, on: { 401: continue } }",
        "{ get: /, on: { 4xx: continue } }",
        "{ get: /, on: { 401: continue, 404: continue } }",
        "{ get: /, on: { 401: { steps: [ { get: / } ] } } }",
        "{ retry: 2, steps: [ { get: / } ] }",
        "{ retry: 3, steps: [ { get: / } ] }",
        "{ retry: { times: 2, on: 5xx }, steps: [ { get: / } ] }",
        "{ retry: { times: 2, wait: none }, steps: [ { get: / } ] }",
        "{ retry: { times: 2, wait: 1s }, steps: [ { get: / } ] }",
        "{ retry: { times: 2, wait: { exponential: 1s } }, steps: [ { get: / } ] }",
        "{ rendezvous: 2 }",
        "{ rendezvous: 3 }",
        "{ rendezvous: { users: 2, within: 1s } }",
    ];
    let hashes: std::collections::BTreeSet<String> = steps.iter().map(|step| hash(step)).collect();
    assert_eq!(hashes.len(), steps.len());
    // The default, written out.
    let written = "{ retry: { times: 3, on: [ connect, reset, timeout, 5xx ], wait: { exponential: 200ms, at_most: 5s } }, steps: [ { get: / } ] }";
    assert_eq!(hash(written), hash("{ retry: 3, steps: [ { get: / } ] }"));
}

#[tokio::test]
async fn a_target_may_ask_for_a_longer_wait() {
    let server = Server::start().await;
    let body = format!(
        "load: {{ {ONCE} }}\nflows:\n- name: main\n  steps:\n\
         \x20 - retry: {{ times: 2, wait: {{ exponential: 1ms, at_most: 400ms }} }}\n\
         \x20   steps: [ {{ get: /first/503/1/busy }} ]\n"
    );
    run(plan(&server.url, &body)).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    // It asks for a minute, and `at_most` is the limit.
    let wait = seen[1].at - seen[0].at;
    assert!(
        wait > Duration::from_millis(350) && wait < Duration::from_secs(20),
        "{wait:?}"
    );
}
