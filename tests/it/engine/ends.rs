//! Runs that end before their planned end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gander::engine::Stop;
use gander::outcome::Outcome;
use gander::plan::SeriesId;
use gander::record::{StopReason, Timing};

use super::plans::plan;
use super::server::Server;
use super::{Driven, run};

/// Far below an hour, far above what any machine needs.
const SOON: Duration = Duration::from_secs(20);

const HELD: &str =
    "load: { users: 5, for: 1h }\nflows: [ { name: main, steps: [ { get: /hold } ] } ]";

#[tokio::test]
async fn a_graceful_stop_lets_requests_end_and_starts_no_more() {
    let server = Server::start().await;
    let driven = Driven::launch(plan(&server.url, HELD)).await;
    server.has_seen(5).await;
    assert_eq!(driven.recorder.in_flight(), 5);
    driven.running.stop(Stop::Graceful);
    assert!(!driven.running.is_finished());
    server.release();
    let over = driven.until_the_end().await;
    assert_eq!(server.seen().len(), 5);
    let requests = &over.requests().counts;
    assert_eq!((requests.ended, requests.interrupted), (5, 0));
    assert_eq!(over.ended.interrupted, 0);
}

#[tokio::test]
async fn a_stop_at_once_counts_every_request_in_flight_exactly_once() {
    let server = Server::start().await;
    let driven = Driven::launch(plan(&server.url, HELD)).await;
    server.has_seen(5).await;
    driven.running.stop(Stop::AtOnce);
    let over = driven.until_the_end().await;
    let requests = &over.requests().counts;
    assert_eq!((requests.ended, requests.interrupted), (0, 5));
    assert_eq!((requests.sent(), requests.connections), (5, 5));
    assert!(requests.bytes_out > 0);
    assert_eq!(over.ended.interrupted, 5);
    let iterations = &over.iterations().counts;
    assert_eq!(
        (iterations.interrupted, iterations.failed_iterations()),
        (5, 5)
    );
}

#[tokio::test]
async fn what_has_no_answer_at_the_end_of_the_grace_period_has_failed() {
    let server = Server::start().await;
    let driven = Driven::launch(plan(&server.url, HELD)).await;
    server.has_seen(5).await;
    driven.running.stop(Stop::Graceful);
    tokio::time::sleep(Duration::from_millis(50)).await;
    driven.running.stop(Stop::GraceOver);
    let recorder = Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    assert_eq!(over.ended.interrupted, 5);
    let requests = &over.requests().counts;
    assert_eq!((requests.ended, requests.sent()), (5, 5));
    assert_eq!(requests.by_outcome(Outcome::GraceTimeout), 5);
    // At least its age, from when it was due.
    let waited = over.totals.timing(Timing::TimedOut, &[]);
    assert_eq!(waited.len(), 5);
    assert!(waited.min() >= 50_000, "{}", waited.min());
    let iterations = &over.iterations().counts;
    assert_eq!((iterations.ended, iterations.failed_iterations()), (0, 5));
    let examples = recorder.take_failures();
    assert_eq!(examples.len(), 1);
    assert!(examples[0].request.ends_with("/hold"), "{examples:?}");
    assert!(examples[0].detail.contains("--grace"), "{examples:?}");
}

#[tokio::test]
async fn an_iteration_that_thinks_at_the_end_of_the_grace_period_was_cut_off() {
    let server = Server::start().await;
    let body = "load: { rate: 50/s, for: 100ms, max_users: 5 }\n\
                flows: [ { name: main, steps: [ { get: / }, { think: 1h }, { get: /never } ] } ]";
    let driven = Driven::launch(plan(&server.url, body)).await;
    server.has_seen(5).await;
    driven.running.stop(Stop::GraceOver);
    let over = driven.until_the_end().await;
    let iterations = &over.iterations().counts;
    assert_eq!((iterations.ended, iterations.failed_iterations()), (0, 5));
    assert_eq!(over.requests().counts.ended, 5);
}

#[tokio::test]
async fn whoever_waits_leaves_at_once() {
    let server = Server::start().await;
    for body in [
        // Thinking, parked by the curve, waiting for pacing, queued for an arrival.
        "load: { users: 3, for: 1h }\nflows: [ { name: main, steps: [ { get: / }, { think: 1h } ] } ]",
        "load: { stages: [ { users: 1, for: 1h }, { users: 9, for: 1h } ] }\n\
         flows: [ { name: main, steps: [ { get: / }, { think: 1h } ] } ]",
        "load: { users: 3, for: 2h }\npacing: 1h\nflows: [ { name: main, steps: [ { get: / } ] } ]",
        "load: { rate: 1/h, for: 10h, max_users: 3 }\nflows: [ { name: main, steps: [ { get: / } ] } ]",
    ] {
        let driven = Driven::launch(plan(&server.url, body)).await;
        let begun = Instant::now();
        while driven.running.clock().now().0 < 100_000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        driven.running.stop(Stop::Graceful);
        let over = driven.until_the_end().await;
        assert!(begun.elapsed() < SOON, "{body}");
        assert!(over.load.started >= 1, "{body}");
        assert_eq!(over.iterations().counts.failed, 0, "{body}");
    }
}

#[tokio::test]
async fn a_stopped_open_run_accounts_for_what_was_due() {
    let server = Server::start().await;
    let body = "load: { rate: 100/s, for: 1h, max_users: 2 }\n\
                flows: [ { name: main, steps: [ { get: /hold } ] } ]";
    let driven = Driven::launch(plan(&server.url, body)).await;
    server.has_seen(2).await;
    while driven.running.clock().now().0 < 300_000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    driven.running.stop(Stop::AtOnce);
    let over = driven.until_the_end().await;
    assert_eq!(over.load.started, 2);
    assert!(
        (25..1_000).contains(&over.load.unstarted),
        "{:?}",
        over.load
    );
    assert_eq!(over.load.backlog, 0);
}

#[tokio::test]
async fn a_panic_ends_the_run_and_says_so() {
    let server = Server::start().await;
    let mut plan = plan(
        &server.url,
        "load: { users: 3, for: 1h }\nflows: [ { name: main, steps: [ { get: / } ] } ]",
    );
    // A series that the recorder does not have: the plan was changed behind its back.
    plan.workload.series.truncate(1);
    let over = run(plan).await;
    assert!((1..=3).contains(&over.ended.panics), "{:?}", over.ended);
    assert!(matches!(over.ended.stop, Some(StopReason::Panic { .. })));
    assert_eq!(over.totals.series(SeriesId(0)).counts.ended, 0);
}

#[tokio::test]
async fn several_runs_may_share_a_process() {
    let server = Server::start().await;
    let body =
        "load: { iterations: 20, users: 4 }\nflows: [ { name: main, steps: [ { get: / } ] } ]";
    let (one, other) = tokio::join!(run(plan(&server.url, body)), run(plan(&server.url, body)));
    assert_eq!((one.load.started, other.load.started), (20, 20));
}

#[tokio::test]
async fn users_that_have_nothing_to_wait_for_leave_room_for_each_other() {
    let server = Server::start().await;
    let body = "load: { users: 8, for: 300ms }\nvars: { off: 0 }\n\
                flows: [ { name: main, steps: [ { get: /, if: '${off}' } ] } ]";
    let over = run(plan(&server.url, body)).await;
    // Each user gets a turn, and the event loop is sampled in between.
    assert!(over.load.started > 8, "{:?}", over.load);
    assert!(over.totals.duration().0 < 20_000_000);
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn nothing_of_a_run_is_printed() {
    // This binary, running one test whose output is not captured.
    let test = std::env::current_exe().expect("this test's binary");
    let played = std::process::Command::new(test)
        .args([
            "engine::ends::several_runs_may_share_a_process",
            "--exact",
            "--nocapture",
        ])
        .output()
        .expect("it runs");
    assert!(played.status.success());
    assert_eq!(String::from_utf8_lossy(&played.stderr), "");
    let stdout = String::from_utf8_lossy(&played.stdout);
    let of_the_harness =
        |line: &str| line.is_empty() || line.starts_with("running ") || line.starts_with("test ");
    assert!(stdout.lines().all(of_the_harness), "{stdout}");
}
