//! `rendezvous`: users go on together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gander::engine;
use gander::plan::{Plan, Segment};
use gander::record::Timing;
use gander::scenario::{Overrides, load};

use super::plans::plan;
use super::server::Server;
use super::{Driven, run};

/// The longest time of a test: much less than the waits of an hour in its scenarios, much more than a busy machine needs.
const SOON: Duration = Duration::from_secs(20);

/// A scenario with one flow of these steps, indented by two.
fn body(load: &str, steps: &str) -> String {
    format!(
        "load: {{ {load} }}\nflows:\n- name: main\n  steps:\n  {}",
        steps.trim_start()
    )
}

fn paths(server: &Server) -> Vec<String> {
    let seen = server.seen();
    seen.iter().map(|seen| seen.path().to_owned()).collect()
}

#[tokio::test]
async fn users_go_on_when_all_are_there_and_again_in_each_pass() {
    let server = Server::start().await;
    let steps = "\
  - foreach: [ a, b, c ]
    steps:
    - { think: 50ms, if: user() == 0 }
    - get: /${item}
    - rendezvous: 4
";
    let over = run(plan(&server.url, &body("iterations: 8, users: 4", steps))).await;
    assert_eq!(over.iterations().counts.failed, 0);
    let seen = paths(&server);
    let rounds: Vec<&[String]> = seen.chunks(4).collect();
    assert_eq!(rounds.len(), 6);
    for (index, round) in rounds.into_iter().enumerate() {
        let expected = ["/a", "/b", "/c"][index % 3];
        assert!(round.iter().all(|path| path == expected), "{seen:?}");
    }
}

#[tokio::test]
async fn those_that_are_there_go_on_without_the_others_after_a_while() {
    let server = Server::start().await;
    let steps = "\
  - { rendezvous: { users: 3, within: 100ms }, if: user() < 2 }
  - get: /after
  - { think: 1s, if: user() == 2 }
";
    let plan = plan(&server.url, &body("iterations: 3, users: 3", steps));
    let driven = Driven::launch(plan).await;
    let recorder = Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    assert_eq!(over.iterations().counts.failed, 0);
    assert_eq!(server.seen().len(), 3);
    assert_eq!(over.iterations().counts.incomplete_rendezvous, 1);
    let lines = recorder.log().take();
    let texts: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
    assert_eq!(texts, ["rendezvous: 2 of 3 users went on after 100ms"]);
}

#[tokio::test]
async fn nobody_waits_for_users_that_have_left_or_for_the_end_of_the_load() {
    for (load, steps) in [
        // Four, four and two.
        (
            "iterations: 10, users: 4",
            "  - rendezvous: { users: 4, within: 1h }\n  - get: /after\n",
        ),
        (
            "users: 3, for: 500ms",
            "  - { rendezvous: { users: 3, within: 1h }, if: user() < 2 }\n  - get: /slow\n",
        ),
    ] {
        let server = Server::start().await;
        let begun = Instant::now();
        let driven = Driven::launch(plan(&server.url, &body(load, steps))).await;
        let recorder = Arc::clone(&driven.recorder);
        let over = driven.until_the_end().await;
        assert!(begun.elapsed() < SOON, "{load}");
        assert_eq!(over.load.unstarted, 0, "{load}");
        assert_eq!(over.iterations().counts.failed, 0, "{load}");
        assert!(recorder.log().take().is_empty(), "{load}");
    }
}

#[tokio::test]
async fn a_stop_of_the_run_ends_the_wait() {
    let server = Server::start().await;
    let steps = "  - { get: /hold, if: user() == 0 }\n  - get: /a\n  - rendezvous: { users: 3, within: 1h }\n";
    let driven = Driven::launch(plan(&server.url, &body("users: 3, for: 1h", steps))).await;
    server.has_seen(3).await;
    let begun = Instant::now();
    driven.running.stop(engine::Stop::Graceful);
    server.release();
    driven.until_the_end().await;
    assert!(begun.elapsed() < SOON);
}

#[tokio::test]
async fn no_time_of_a_request_contains_the_wait() {
    let server = Server::start().await;
    let steps = "  - { think: 3s, if: user() == 0 }\n  - rendezvous: 2\n  - get: /after\n";
    let over = run(plan(&server.url, &body("iterations: 2, users: 2", steps))).await;
    let times = over.requests().histogram(Timing::ResponseTime);
    let longest = times.expect("times").max();
    assert!(longest < 1_500_000, "{longest} µs");
    let iterations = over.iterations().histogram(Timing::IterationTime);
    assert!(iterations.expect("times").min() >= 2_900_000);
}

#[test]
fn a_rendezvous_is_of_the_users_of_one_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scenario.yaml");
    let head = "name: test\ntarget: http://127.0.0.1:1\n";
    let text = format!(
        "{head}{}",
        body("users: 10, for: 1s", "  - rendezvous: 5\n  - get: /\n")
    );
    std::fs::write(&path, text).expect("a scenario");
    let scenario = load(&path, &Overrides::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let target = "http://127.0.0.1:1".parse().expect("a URL");
    for (count, is_possible) in [(1, true), (2, true), (3, false)] {
        let segment = Segment { index: 0, count };
        let plan = Plan::compile(&scenario, &target, 1, segment);
        assert_eq!(plan.is_ok(), is_possible, "{count}");
        if let Err(errors) = plan {
            let text = errors.to_string();
            assert!(text.contains("at most 4 play the flow `main`"), "{text}");
            assert!(text.contains("on this machine"), "{text}");
        }
    }
}
