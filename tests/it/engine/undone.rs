//! Unfinished work is counted: requests that cannot be built, users that leave early, a target that is gone.

use std::net::TcpListener;

use gander::outcome::Outcome;
use gander::plan::Subject;
use gander::record::FailureExample;

use super::plans::{plan, plan_with_files};
use super::server::Server;
use super::{Driven, run};

/// The result of a run, and its failures.
async fn played(server: &Server, body: &str, rows: &str) -> (super::Outcome, Vec<FailureExample>) {
    let plan = plan_with_files(&server.url, body, &[("rows.json", rows)]);
    let driven = Driven::launch(plan).await;
    let recorder = driven.recorder.clone();
    let over = driven.until_the_end().await;
    (over, recorder.take_failures())
}

#[tokio::test]
async fn a_request_that_cannot_be_built_has_failed_and_says_what_was_rendered() {
    let server = Server::start().await;
    for (step, found) in [
        (
            "{ get: /, auth: { bearer: '${r.none}' } }",
            "no value for `r.none`: it is null",
        ),
        (
            "{ get: '/of/${r.none}' }",
            "no value for `r.none`: it is null",
        ),
        (
            "{ get: /, headers: { x-a: '${r.lines}' } }",
            "header x-a was rendered to `one\r\ntwo`, whose character 4",
        ),
        (
            "{ get: '${r.url}' }",
            "was rendered to `nowhere:80`, which is neither a path nor an http://",
        ),
    ] {
        let body = format!(
            "load: {{ iterations: 4, users: 2 }}\n\
             data: {{ r: {{ file: rows.json }} }}\n\
             flows: [ {{ name: main, steps: [ {step}, {{ get: /after }} ] }} ]"
        );
        let rows = r#"[ { "none": null, "lines": "one\r\ntwo", "url": "nowhere:80" } ]"#;
        let (over, failures) = played(&server, &body, rows).await;
        let counts = &over.requests().counts;
        assert_eq!(
            (counts.ended, counts.failed, counts.sent()),
            (4, 4, 0),
            "{step}"
        );
        assert_eq!(counts.outcomes, [(Outcome::Unsendable, 4)].into(), "{step}");
        assert_eq!(over.iterations().counts.failed_iterations(), 4, "{step}");
        assert_eq!(failures.len(), 1, "{step}");
        assert!(
            failures[0].detail.contains(found),
            "{step}: {}",
            failures[0].detail
        );
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn an_iteration_that_went_on_without_a_value_has_failed_all_the_same() {
    let server = Server::start().await;
    let body = "load: { iterations: 3, users: 1 }\non_error: continue\n\
                flows: [ { name: main, steps: [ { get: /, capture: { x: { json: $.none } } }, { get: /after } ] } ]";
    let over = run(plan(&server.url, body)).await;
    assert_eq!(server.seen().len(), 6);
    let iterations = &over.iterations().counts;
    assert_eq!((iterations.ended, iterations.failed_iterations()), (3, 3));
}

#[tokio::test]
async fn users_for_which_there_is_no_row_are_told_and_what_they_leave_undone() {
    let server = Server::start().await;
    let rows = r#"[ { "n": 1 }, { "n": 2 }, { "n": 3 } ]"#;
    for load in [
        "{ users: 2, for: 1h }",
        "{ iterations: 9, users: 2 }",
        "{ rate: 100/s, for: 90ms, max_users: 2 }",
    ] {
        for (rule, may_end, failed) in [("fail", false, 2), ("end", true, 0)] {
            let body = format!(
                "load: {load}\n\
                 data: {{ r: {{ file: rows.json, pick: unique, when_used_up: {rule} }} }}\n\
                 flows: [ {{ name: main, steps: [ {{ get: '/of/${{r.n}}' }} ] }} ]"
            );
            let (over, _) = played(&server, &body, rows).await;
            let lost = &over.ended.lost;
            assert_eq!(
                (lost.of, lost.out_of_rows, lost.stopped),
                (2, 2, 0),
                "{load} {rule}"
            );
            assert_eq!(lost.feeder.as_deref(), Some("r"));
            assert_eq!(
                (lost.ended_the_load, lost.may_end_the_load),
                (true, may_end),
                "{load} {rule}"
            );
            assert_eq!(
                over.iterations().counts.failed_iterations(),
                failed,
                "{load} {rule}"
            );
            if !load.contains("1h") {
                assert_eq!(over.load.started + over.load.unstarted, 9, "{load} {rule}");
            }
        }
    }
}

#[tokio::test]
async fn rows_for_some_users_only_do_not_end_the_load() {
    let server = Server::start().await;
    let body = "load: { users: 3, for: 300ms }\n\
                data: { r: { file: rows.json, pick: unique } }\n\
                flows: [ { name: main, start: [ { get: '/of/${r.n}' } ], steps: [ { get: / }, { think: 10ms } ] } ]";
    let (over, _) = played(&server, body, r#"[ { "n": 1 }, { "n": 2 } ]"#).await;
    assert_eq!(
        (over.ended.lost.count(), over.ended.lost.ended_the_load),
        (1, false)
    );
    assert!(over.load.started > 10, "{:?}", over.load);
}

#[tokio::test]
async fn users_that_stop_on_an_error_are_lost() {
    let server = Server::start().await;
    let body = "load: { users: 2, for: 1h }\non_error: stop_user\n\
                flows: [ { name: main, steps: [ { get: /, capture: { x: { json: $.none } } } ] } ]";
    let over = run(plan(&server.url, body)).await;
    let lost = &over.ended.lost;
    assert_eq!(
        (lost.stopped, lost.ended_the_load, lost.may_end_the_load),
        (2, true, false)
    );
}

#[tokio::test]
async fn users_back_off_from_a_target_that_is_gone() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let url = format!("http://{}", closed.expect("a port"));
    for load in ["{ users: 2, for: 1s }", "{ iterations: 8, users: 2 }"] {
        let body = format!(
            "load: {load}\nflows: [ {{ name: main, steps: [ {{ repeat: 2, steps: [ {{ get: / }} ] }} ] }} ]"
        );
        let over = run(plan(&url, &body)).await;
        let counts = over.totals.counts(Subject::Requests);
        assert_eq!((counts.sent(), counts.failed), (0, counts.ended), "{load}");
        // At 0, 100, 300 and 700 ms, and once more at most when the load is over; or 16 by 2 users.
        let most = if load.contains("for") { 10 } else { 16 };
        assert!((4..=most).contains(&counts.ended), "{load}: {counts:?}");
        let waited = over.totals.duration();
        assert!(waited.0 >= 900_000, "{load}: {waited}");
    }
}

#[tokio::test]
async fn failures_are_told_apart_by_status_and_quote_a_body_that_nothing_reads() {
    let server = Server::start().await;
    let body = "load: { iterations: 30, users: 1 }\n\
                flows: [ { name: main, steps: [ { get: '/status/${choice(404, 503)}', name: any } ] } ]";
    let (over, mut failures) = played(&server, body, "[ {} ]").await;
    let counts = &over.requests().counts;
    let statuses: Vec<u16> = counts.failed_statuses.keys().copied().collect();
    assert_eq!(statuses, [404, 503]);
    assert_eq!(counts.failed_statuses.values().sum::<u64>(), 30);
    failures.sort_by_key(|failure| failure.status);
    let details: Vec<_> = failures
        .iter()
        .map(|failure| failure.detail.as_str())
        .collect();
    assert_eq!(
        details,
        [
            r#"404 Not Found: {"id": 42, "token": [redacted]}"#,
            r#"503 Service Unavailable: {"id": 42, "token": [redacted]}"#,
        ]
    );
}
