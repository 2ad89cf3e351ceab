//! The steps of a user in an iteration.

use std::collections::BTreeMap;

use gander::engine;
use gander::outcome::Outcome;
use gander::plan::{CheckId, Segment, Subject};
use gander::record::{CheckCounts, Log};

use super::plans::{plan, plan_with_files};
use super::server::{Seen, Server};
use super::{Driven, run, transport};

const ONCE: &str = "load: { iterations: 1, users: 1 }";

/// The paths that arrived, in order.
fn paths(server: &Server) -> Vec<String> {
    let seen = server.seen();
    seen.iter().map(|seen| seen.path().to_owned()).collect()
}

async fn play(server: &Server, body: &str) -> super::Outcome {
    run(plan(&server.url, body)).await
}

#[tokio::test]
async fn setup_leaves_values_that_all_users_see_and_teardown_too() {
    let server = Server::start().await;
    let plan = plan(
        &server.url,
        "load: { iterations: 3, per_user: true, users: 3 }\n\
         setup: [ { post: /login, capture: { admin: { json: $.token } } } ]\n\
         teardown: [ { get: '/bye/${admin}' } ]\n\
         flows: [ { name: main, steps: [ { get: '/as/${admin}', auth: { bearer: '${admin}' } } ] } ]",
    );
    let shared = transport(&plan);
    let (values, ended) =
        engine::setup(&plan, &shared, &Log::default(), std::future::pending()).await;
    ended.expect("setup");
    let driven = Driven::launch_with(plan.clone(), shared.clone(), values.clone());
    let over = driven.until_the_end().await;
    engine::teardown(
        &plan,
        &shared,
        &values,
        &Log::default(),
        std::future::pending(),
    )
    .await
    .expect("teardown");

    assert_eq!(over.requests().counts.ended, 9, "setup is not measured");
    let seen = server.seen();
    assert_eq!(seen.first().map(Seen::path), Some("/login"));
    assert_eq!(seen.last().map(Seen::path), Some("/bye/t0"));
    for seen in &seen[1..10] {
        assert_eq!(seen.path(), "/as/t0");
        let head = seen.head.to_lowercase();
        assert!(head.contains("\r\nauthorization: bearer t0\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_setup_that_fails_says_at_which_step_and_why() {
    let server = Server::start().await;
    let plan = plan(
        &server.url,
        &format!(
            "{ONCE}\nsetup: [ {{ get: /status/503, name: prepare }} ]\n\
             flows: [ {{ name: main, steps: [ {{ get: / }} ] }} ]"
        ),
    );
    let (_, ended) = engine::setup(
        &plan,
        &transport(&plan),
        &Log::default(),
        std::future::pending(),
    )
    .await;
    let Err(engine::CutShort::Failed(failure)) = ended else {
        panic!("expected a failure, found {ended:?}");
    };
    assert_eq!(
        (&*failure.step, failure.outcome),
        ("prepare", Outcome::Status)
    );
    assert_eq!(failure.status, Some(503));
}

#[tokio::test]
async fn steps_are_repeated_and_left_out_as_written() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nvars: {{ on: 1, off: 0 }}\n\
         flows:\n\
         - name: main\n\
         \x20 start: [ {{ get: /start }} ]\n\
         \x20 steps:\n\
         \x20 - {{ get: /item, capture: {{ id: {{ json: $.id }} }} }}\n\
         \x20 - {{ get: '/item/${{id}}', if: '${{on}}' }}\n\
         \x20 - {{ get: /never, if: '${{off}}' }}\n\
         \x20 - repeat: 2\n\
         \x20   steps: [ {{ get: /a }}, {{ repeat: 2, steps: [ {{ get: /b }} ] }} ]\n"
    );
    let over = play(&server, &body).await;
    let expected = [
        "/start", "/item", "/item/42", "/a", "/b", "/b", "/a", "/b", "/b",
    ];
    assert_eq!(paths(&server), expected);
    assert_eq!(over.iterations().counts.failed, 0);
}

#[tokio::test]
async fn a_condition_is_an_expression_and_nothing_else() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nvars: {{ flag: 'false', zero: '0', word: red }}\n\
         flows:\n\
         - name: main\n\
         \x20 steps:\n\
         \x20 - {{ get: /literal, if: false }}\n\
         \x20 - {{ get: /environment, if: '${{GANDER_TEST_NO_SUCH_FLAG:-false}}' }}\n\
         \x20 - {{ get: /text, if: '${{GANDER_TEST_NO_SUCH_FLAG:-red}} == word' }}\n\
         \x20 - {{ get: /number, if: '${{GANDER_TEST_NO_SUCH_FLAG:-5}} > 10' }}\n\
         \x20 - {{ get: /flag, if: '${{flag}}' }}\n\
         \x20 - {{ get: /zero, if: zero }}\n\
         \x20 - {{ get: /not, if: 'not ${{flag}}' }}\n\
         \x20 - {{ get: /both, if: 'word == \"red\" and user() < 1' }}\n\
         \x20 - {{ get: /none, if: 'word == \"red\" and not user() == 0' }}\n"
    );
    play(&server, &body).await;
    assert_eq!(paths(&server), ["/text", "/not", "/both"]);
}

#[tokio::test]
async fn numbers_of_the_scenario_and_of_responses_are_sent_with_their_digits() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nvars: {{ id: 123456789012345678901, price: 10.00 }}\n\
         flows: [ {{ name: main, steps: [ {{ get: '/${{id}}/${{price}}' }} ] }} ]\n"
    );
    play(&server, &body).await;
    assert_eq!(paths(&server), ["/123456789012345678901/10.00"]);
}

#[tokio::test]
async fn start_is_gone_through_once_by_each_user() {
    let server = Server::start().await;
    let body = "load: { iterations: 3, per_user: true, users: 2 }\n\
                flows:\n\
                - name: main\n\
                \x20 start: [ { get: /start, capture: { token: { json: $.token } } } ]\n\
                \x20 steps: [ { get: '/with/${token}' } ]\n";
    play(&server, body).await;
    let mut paths = paths(&server);
    paths.sort();
    assert_eq!(paths, [vec!["/start"; 2], vec!["/with/t0"; 6]].concat());
}

#[tokio::test]
async fn values_that_are_set_are_drawn_once_and_live_as_captured_ones_do() {
    let server = Server::start().await;
    let body = "load: { iterations: 2, per_user: true, users: 2 }\n\
                flows:\n\
                - name: main\n\
                \x20 start: [ { set: { me: '${user()}', tag: 'u-${me}' } } ]\n\
                \x20 steps:\n\
                \x20 - set: { n: '${iteration()}', drawn: '${uuid()}' }\n\
                \x20 - { get: '/${tag}/${n}/${drawn}' }\n\
                \x20 - { get: '/${tag}/${n}/${drawn}' }\n";
    play(&server, body).await;
    let mut paths = paths(&server);
    paths.sort();
    let starts: Vec<&str> = paths.iter().map(|path| &path[..7]).collect();
    let expected = ["/u-0/0/", "/u-0/1/", "/u-1/0/", "/u-1/1/"];
    assert_eq!(starts, expected.map(|start| [start; 2]).concat());
    assert!(paths.chunks(2).all(|pair| pair[0] == pair[1]), "{paths:?}");
}

#[tokio::test]
async fn a_value_that_cannot_be_set_ends_the_iteration() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows:\n\
         - name: main\n\
         \x20 steps:\n\
         \x20 - {{ get: /, if: user() > 9, capture: {{ id: {{ json: $.id }} }} }}\n\
         \x20 - set: {{ x: '${{id}}' }}\n\
         \x20 - get: /never\n"
    );
    let over = play(&server, &body).await;
    let counts = over.totals.counts(gander::plan::Subject::Iterations);
    assert_eq!((counts.ended, counts.failed), (1, 1));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_status_of_400_and_above_fails_unless_a_check_asks_for_it() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows:\n\
         - name: main\n\
         \x20 steps:\n\
         \x20 - {{ get: /status/404 }}\n\
         \x20 - {{ get: /status/404, check: [ {{ status: 404 }} ] }}\n\
         \x20 - {{ get: /, check: [ {{ status: 201 }}, {{ json: $.id, equals: 42 }} ] }}\n"
    );
    let over = play(&server, &body).await;
    let counts = over.totals.counts(gander::plan::Subject::Requests);
    assert_eq!((counts.ended, counts.failed), (3, 2));
    let expected = BTreeMap::from([(Outcome::Status, 1), (Outcome::Check, 1)]);
    assert_eq!(counts.outcomes, expected);
    let held = |passed, failed| CheckCounts { passed, failed };
    let checks = [0, 1, 2].map(|check| over.totals.check(CheckId(check)));
    assert_eq!(checks, [held(1, 0), held(0, 1), held(1, 0)]);
}

#[tokio::test]
async fn a_capture_that_fails_does_what_the_scenario_says() {
    for (on_error, expected) in [
        ("stop_iteration", vec!["/a", "/a", "/a"]),
        ("continue", vec!["/a", "/b", "/a", "/b", "/a", "/b"]),
        ("stop_user", vec!["/a"]),
        ("abort", vec!["/a"]),
    ] {
        let server = Server::start().await;
        let body = format!(
            "load: {{ iterations: 3, users: 1 }}\non_error: {on_error}\n\
             flows:\n\
             - name: main\n\
             \x20 steps: [ {{ get: /a, name: first, capture: {{ x: {{ json: $.none }} }} }}, {{ get: /b }}, \
             {{ get: '/c/${{x}}' }} ]\n"
        );
        let over = play(&server, &body).await;
        assert_eq!(paths(&server), expected, "{on_error}");
        let failed = over.iterations().counts.failed;
        let expected = match on_error {
            "stop_iteration" | "continue" => 3,
            _ => 1,
        };
        assert_eq!(failed, expected, "{on_error}");
        assert_eq!(over.ended.stop.is_some(), on_error == "abort", "{on_error}");
    }
}

#[tokio::test]
async fn a_user_ends_when_a_unique_feeder_is_used_up() {
    let server = Server::start().await;
    let body = "load: { iterations: 100, users: 3 }\n\
                data: { people: { file: people.csv, pick: unique } }\n\
                flows: [ { name: main, steps: [ { get: '/${people.name}' } ] } ]";
    let people = "name\nann\nbob\ncid\ndee\neve\n";
    let over = run(plan_with_files(
        &server.url,
        body,
        &[("people.csv", people)],
    ))
    .await;
    let mut seen = paths(&server);
    seen.sort();
    assert_eq!(seen, ["/ann", "/bob", "/cid", "/dee", "/eve"]);
    assert_eq!(over.requests().counts.failed, 0);
    let iterations = &over.iterations().counts;
    assert_eq!(
        (iterations.ended, iterations.failed),
        (8, 3),
        "each user finds out once"
    );
    assert_eq!(over.load.unstarted, 92);
}

#[tokio::test]
async fn one_seed_gives_one_sequence_of_flows_and_values() {
    let body = "load: { iterations: 80, users: 1 }\n\
                flows:\n\
                - { name: many, weight: 7, steps: [ { get: '/many/${user()}/${iteration()}/${random(1,1000)}' } ] }\n\
                - { name: few, weight: 1, steps: [ { get: '/few/${user()}/${iteration()}/${random(1,1000)}' } ] }\n";
    let played = async |seed| {
        let server = Server::start().await;
        let mut plan = plan(&server.url, body);
        plan.workload.seed = seed;
        assert_eq!(plan.workload.segment, Segment::WHOLE);
        run(plan).await;
        paths(&server)
    };
    let once = played(7).await;
    assert_eq!(once, played(7).await);
    assert_ne!(once, played(8).await);
    let few = once.iter().filter(|path| path.starts_with("/few")).count();
    assert_eq!(few, 10, "an eighth of 80");
}

#[tokio::test]
async fn each_user_runs_the_stop_of_the_flows_that_it_has_begun_once_when_it_leaves() {
    let server = Server::start().await;
    let body = "load: { iterations: 3, per_user: true, users: 2 }\n\
                flows:\n\
                - name: main\n\
                \x20 start: [ { get: '/in/${user()}', name: in, capture: { token: { json: $.token } } } ]\n\
                \x20 steps: [ { get: /a } ]\n\
                \x20 stop: [ { get: '/out/${user()}/${token}', name: out }, { think: 50ms }, { get: /last } ]\n\
                - name: never\n\
                \x20 start: [ { get: /broken, capture: { no: { json: $.nothing } } } ]\n\
                \x20 steps: [ { get: /b } ]\n\
                \x20 stop: [ { get: /never } ]\n";
    let over = play(&server, body).await;
    let paths = paths(&server);
    let count = |path: &str| paths.iter().filter(|seen| *seen == path).count();
    for user in 0..2 {
        assert_eq!(count(&format!("/out/{user}/t0")), 1);
    }
    assert_eq!((count("/last"), count("/never")), (2, 0));
    assert_eq!(over.totals.counts(Subject::Iterations).ended, 6);
    let requests = over.totals.counts(Subject::Requests);
    assert_eq!(requests.sent(), paths.len() as u64);
}

#[tokio::test]
async fn stop_runs_after_the_end_of_the_load_without_pauses_and_within_the_grace_period() {
    let server = Server::start().await;
    let body = "load: { users: 2, for: 1h }\n\
                flows:\n\
                - name: main\n\
                \x20 steps: [ { get: /a }, { think: 1h } ]\n\
                \x20 stop: [ { think: 1h }, { get: /out }, { get: /hold } ]\n";
    let driven = Driven::launch(plan(&server.url, body)).await;
    server.has_seen(2).await;
    driven.running.stop(engine::Stop::Graceful);
    server.has_seen(6).await;
    driven.running.stop(engine::Stop::GraceOver);
    let over = driven.until_the_end().await;
    let paths = paths(&server);
    let count = |path: &str| paths.iter().filter(|seen| *seen == path).count();
    assert_eq!((count("/a"), count("/out"), count("/hold")), (2, 2, 2));
    let requests = over.totals.counts(Subject::Requests);
    assert_eq!((requests.ended, requests.failed), (6, 2));
    assert_eq!(over.ended.interrupted, 2);
}

#[tokio::test]
async fn a_user_that_stops_early_runs_stop_and_a_flow_that_never_began_does_not() {
    let server = Server::start().await;
    let body = "load: { iterations: 4, per_user: true, users: 1 }\n\
                on_error: stop_user\n\
                flows:\n\
                - name: main\n\
                \x20 start: [ { get: /in, capture: { no: { json: $.nothing } } } ]\n\
                \x20 steps: [ { get: /a } ]\n\
                \x20 stop: [ { get: /out } ]\n";
    play(&server, body).await;
    assert_eq!(paths(&server), ["/in"]);

    let server = Server::start().await;
    let body = "load: { iterations: 4, per_user: true, users: 1 }\n\
                flows:\n\
                - name: main\n\
                \x20 steps: [ { get: /a }, { stop: user } ]\n\
                \x20 stop: [ { get: /out } ]\n";
    play(&server, body).await;
    assert_eq!(paths(&server), ["/a", "/out"]);
}

#[tokio::test]
async fn stop_skips_its_pauses_after_the_planned_end_and_tells_what_failed() {
    let server = Server::start().await;
    let body = "load: { users: 1, for: 200ms }\nvars: { none: [] }\nflows:\n- name: main\n\
                \x20 steps: [ { get: /a }, { think: 10ms } ]\n\
                \x20 stop: [ { think: 1h }, { get: /out }, { set: { x: '${none[0]}' } } ]\n";
    let driven = Driven::launch(plan(&server.url, body)).await;
    let recorder = std::sync::Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    assert_eq!(paths(&server).last().map(String::as_str), Some("/out"));
    assert_eq!(over.totals.counts(Subject::Iterations).failed, 0);
    let examples = recorder.take_failures();
    assert_eq!(examples.len(), 1);
    assert_eq!(examples[0].request, "`stop` of flow main");
    assert_eq!(examples[0].series, None);
}
