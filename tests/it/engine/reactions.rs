//! `on`: what a request does about its own end.

use std::collections::BTreeMap;

use gander::engine::{self, CutShort};
use gander::outcome::Outcome;
use gander::plan::Subject;
use gander::record::Log;

use super::plans::plan;
use super::server::{Seen, Server};
use super::{run, transport};

const BLOCKS: &str = "blocks:
  log in: { with: [ who ], steps: [ { post: '/login/${who}', capture: { token: { json: $.token } } } ] }
";

/// Runs one flow with these steps, indented by two; returns the paths in order, and the outcome.
async fn play(steps: &str) -> (Vec<String>, super::Outcome) {
    let server = Server::start().await;
    let load = "load: { iterations: 1, users: 1 }\n";
    let body = format!(
        "{load}{BLOCKS}flows:\n- name: main\n  steps:\n  {}",
        steps.trim_start()
    );
    let over = run(plan(&server.url, &body)).await;
    let seen = server.seen();
    let paths: Vec<String> = seen.iter().map(|seen| seen.path().to_owned()).collect();
    let requests = over.totals.counts(Subject::Requests);
    assert_eq!(requests.sent(), paths.len() as u64, "{steps}");
    (paths, over)
}

#[tokio::test]
async fn a_request_logs_in_and_is_sent_once_more() {
    let steps = "\
  - group: all
    steps:
    - get: /first/401/1/mine
      headers: { x-token: \"${token ?? 'none'}\" }
      on: { 401: { call: log in, with: { who: ann }, then: retry } }
  - get: /after/${token}
";
    let (paths, over) = play(steps).await;
    let mine = "/first/401/1/mine";
    assert_eq!(paths, [mine, "/login/ann", mine, "/after/t0"]);
    // The first answer is that of a failed request, but fails neither the group nor the iteration.
    let requests = over.totals.counts(Subject::Requests);
    assert_eq!((requests.ended, requests.failed), (4, 1));
    assert_eq!(over.totals.counts(Subject::Groups).failed, 0);
    assert_eq!(over.iterations().counts.failed, 0);
}

#[tokio::test]
async fn a_request_is_sent_at_most_once_more_and_the_second_answer_decides() {
    let steps = "\
  - group: all
    steps:
    - { get: /status/401, on: { 401: { call: log in, with: { who: ann }, then: retry } } }
";
    let (paths, over) = play(steps).await;
    assert_eq!(paths, ["/status/401", "/login/ann", "/status/401"]);
    assert_eq!(over.totals.counts(Subject::Requests).failed, 2);
    assert_eq!(over.totals.counts(Subject::Groups).failed, 1);
}

#[tokio::test]
async fn the_first_reaction_that_fits_decides() {
    let steps = "\
  - get: /status/404
    on:
      503: { steps: [ { get: /busy } ] }
      404: { steps: [ { get: '/gone/${response.status}' } ] }
      4xx: { steps: [ { get: /other } ] }
      any: fail
  - get: /status/418
    on: { 404: fail, 4xx: continue }
  - get: /count
    check: { json: $.n, is: '> 7' }
    on: { check: { steps: [ { get: /unchecked } ] } }
  - get: /a
    capture: { x: { json: $.none } }
    on: { capture: continue }
  - { get: /status/202, on: { 2xx: { steps: [ { get: /accepted } ] } } }
  - { get: /fine, on: { any: fail } }
";
    let (paths, over) = play(steps).await;
    let expected = [
        "/status/404",
        "/gone/404",
        "/status/418",
        "/count",
        "/unchecked",
        "/a",
        "/status/202",
        "/accepted",
        "/fine",
    ];
    assert_eq!(paths, expected);
    assert_eq!(over.totals.counts(Subject::Requests).failed, 4);
    assert_eq!(over.iterations().counts.failed, 0);
}

#[tokio::test]
async fn a_reaction_ends_the_iteration_with_or_without_a_failure() {
    for (then, outcomes) in [
        ("fail", BTreeMap::from([(Outcome::Fail, 1)])),
        ("stop_iteration", BTreeMap::new()),
    ] {
        let steps = format!("  - {{ get: /status/404, on: {{ 404: {then} }} }}\n  - get: /never\n");
        let (paths, over) = play(&steps).await;
        assert_eq!(paths, ["/status/404"], "{then}");
        assert_eq!(over.iterations().counts.outcomes, outcomes, "{then}");
    }
}

#[tokio::test]
async fn a_reaction_comes_before_a_retry_around_it() {
    let steps = "\
  - retry: { times: 2, on: [ 401, 503 ], wait: none }
    steps:
    - { get: /first/401/1/a, on: { 401: { call: log in, with: { who: ann }, then: retry } } }
    - { get: /first/503/1/b, on: { 401: fail } }
";
    let (paths, over) = play(steps).await;
    let (a, b) = ("/first/401/1/a", "/first/503/1/b");
    assert_eq!(paths, [a, "/login/ann", a, b, a, b]);
    assert_eq!(over.iterations().counts.failed, 0);
}

#[tokio::test]
async fn setup_reacts_too() {
    let server = Server::start().await;
    let body = "load: { iterations: 1, users: 1 }\n\
         setup:\n- { get: /status/404, on: { 404: { steps: [ { post: /create } ] } } }\n\
         - { get: /status/409, on: { 404: continue, 409: fail } }\n\
         flows: [ { name: main, steps: [ { get: / } ] } ]\n";
    let plan = plan(&server.url, body);
    let log = Log::default();
    let (_, ended) = engine::setup(&plan, &transport(&plan), &log, std::future::pending()).await;
    let Err(CutShort::Failed(failure)) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(failure.detail, "`GET /status/409` ended with status 409");
    let seen = server.seen();
    let paths: Vec<&str> = seen.iter().map(Seen::path).collect();
    assert_eq!(paths, ["/status/404", "/create", "/status/409"]);
}
