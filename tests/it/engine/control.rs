//! Steps that decide which steps run, and how often: the target's counts are exactly what the scenario says.

use std::collections::BTreeMap;
use std::time::Duration;

use gander::engine;
use gander::outcome::Outcome;
use gander::plan::Subject;
use gander::record::{Log, StopReason};

use super::plans::plan;
use super::server::Server;
use super::{Driven, run, transport};

/// Runs one flow with these steps, indented by two; returns the paths in order, and the outcome.
async fn play(load: &str, steps: &str) -> (Vec<String>, super::Outcome) {
    let server = Server::start().await;
    let body = format!(
        "load: {{ {load} }}\nvars: {{ ids: [ 7, 8, 9 ], none: [], word: red, four: 4 }}\n\
         flows:\n- name: main\n  steps:\n  {}",
        steps.trim_start()
    );
    let over = run(plan(&server.url, &body)).await;
    let paths = server.seen();
    let paths = paths.iter().map(|seen| seen.path().to_owned()).collect();
    let sent = over.totals.counts(Subject::Requests);
    assert_eq!(sent.sent(), server.seen().len() as u64, "{steps}");
    (paths, over)
}

const ONCE: &str = "iterations: 1, users: 1";

async fn paths(steps: &str) -> Vec<String> {
    let (paths, over) = play(ONCE, steps).await;
    assert_eq!(over.iterations().counts.failed, 0, "{steps}");
    paths
}

#[tokio::test]
async fn a_condition_runs_its_steps_or_the_others() {
    let steps = "\
  - if: word == 'red'
    steps: [ { get: /red } ]
    else: [ { get: /not-red } ]
  - if: word == 'blue'
    steps: [ { get: /blue } ]
    else:
      - if: word == 'green'
        steps: [ { get: /green } ]
        else: [ { get: /neither }, { get: /last } ]
  - if: word == 'blue'
    steps: [ { get: /never } ]
";
    assert_eq!(paths(steps).await, ["/red", "/neither", "/last"]);
}

#[tokio::test]
async fn a_repetition_takes_its_number_from_an_expression() {
    let steps = "\
  - { get: /count, capture: { n: { json: $.n } } }
  - repeat: ${four}
    steps: [ { get: /a } ]
  - repeat: ${n}
    steps: [ { get: /b } ]
";
    assert_eq!(paths(steps).await, ["/count", "/a", "/a", "/a", "/a", "/b"]);
    for wrong in ["word", "ids"] {
        let steps = format!("  - repeat: ${{{wrong}}}\n    steps: [ {{ get: /a }} ]\n");
        let (paths, over) = play(ONCE, &steps).await;
        assert!(paths.is_empty(), "{wrong}");
        assert_eq!(over.iterations().counts.failed, 1, "{wrong}");
    }
}

#[tokio::test]
async fn a_while_loop_ends_with_its_condition_or_its_maximum() {
    let steps = "\
  - set: { n: 0 }
  - while: n < 3
    steps: [ { get: /count, capture: { n: { json: $.n } } } ]
  - while: word == 'red'
    max: 2
    steps: [ { get: /max } ]
  - while: word == 'blue'
    steps: [ { get: /never } ]
  - get: /after
";
    let expected = ["/count", "/count", "/count", "/max", "/max", "/after"];
    assert_eq!(paths(steps).await, expected);
}

#[tokio::test]
async fn a_while_loop_without_a_maximum_fails_when_its_condition_never_becomes_false() {
    let steps = "  - while: word == 'red'\n    steps: [ { set: { n: 1 } } ]\n  - get: /after\n";
    let (paths, over) = play(ONCE, steps).await;
    assert!(paths.is_empty());
    let outcomes = &over.iterations().counts.outcomes;
    assert_eq!(*outcomes, BTreeMap::from([(Outcome::Step, 1)]));
}

#[tokio::test]
async fn a_step_that_cannot_run_fails_the_iteration_and_says_why() {
    for (step, reason) in [
        (
            "set: { y: '${none[0]}' }",
            "`set` could not run: no value for `none[0]`",
        ),
        (
            "log: 'it is ${none[0]}'",
            "`log` could not run: no value for `none[0]`",
        ),
        (
            "repeat: '${word}', steps: [ { get: /never } ]",
            "`repeat` could not run: ",
        ),
        (
            "foreach: '${word}', steps: [ { get: /never } ]",
            "`foreach` could not run: ",
        ),
        (
            "group: g, if: 'none[0] > 1', steps: [ { get: /never } ]",
            "the `if` of `group`: no value for `none[0]`",
        ),
    ] {
        let server = Server::start().await;
        let body = format!(
            "load: {{ {ONCE} }}\nvars: {{ none: [], word: red }}\nflows:\n- name: main\n  steps:\n\x20 - {{ {step} }}\n"
        );
        let driven = Driven::launch(plan(&server.url, &body)).await;
        let recorder = std::sync::Arc::clone(&driven.recorder);
        let over = driven.until_the_end().await;
        assert!(server.seen().is_empty(), "{step}");
        let sent = over.totals.counts(Subject::Requests);
        assert_eq!((sent.ended, sent.failed), (0, 0), "{step}");
        let outcomes = &over.iterations().counts.outcomes;
        assert_eq!(*outcomes, BTreeMap::from([(Outcome::Step, 1)]), "{step}");
        let examples = recorder.take_failures();
        assert!(
            examples[0].detail.starts_with(reason),
            "{:?}",
            examples[0].detail
        );
    }
}

#[tokio::test]
async fn an_until_loop_ends_when_its_condition_becomes_true() {
    let steps = "\
  - until: n == 3
    max: 5
    steps: [ { get: /count, capture: { n: { json: $.n } } } ]
  - get: /after
";
    let expected = ["/count", "/count", "/count", "/after"];
    assert_eq!(paths(steps).await, expected);
}

#[tokio::test]
async fn an_until_loop_fails_with_an_outcome_of_its_own_when_its_passes_are_used_up() {
    for (on_error, after) in [("stop_iteration", 0), ("continue", 1)] {
        let server = Server::start().await;
        let body = format!(
            "load: {{ {ONCE} }}\non_error: {on_error}\nflows:\n- name: main\n  steps:\n\
             \x20 - {{ until: n == 99, max: 4, steps: [ {{ get: /count, capture: {{ n: {{ json: $.n }} }} }} ] }}\n\
             \x20 - get: /after\n"
        );
        let driven = Driven::launch(plan(&server.url, &body)).await;
        let recorder = std::sync::Arc::clone(&driven.recorder);
        let over = driven.until_the_end().await;
        assert_eq!(server.seen().len(), 4 + after, "{on_error}");
        let outcomes = &over.iterations().counts.outcomes;
        assert_eq!(
            *outcomes,
            BTreeMap::from([(Outcome::Until, 1)]),
            "{on_error}"
        );
        let examples = recorder.take_failures();
        assert_eq!(examples.len(), 1, "{on_error}");
        assert_eq!(
            examples[0].detail, "the condition of `until` is still false after 4 passes",
            "{on_error}"
        );
    }
}

#[tokio::test]
async fn an_until_loop_starts_its_passes_at_its_interval() {
    let server = Server::start().await;
    let body = format!(
        "load: {{ {ONCE} }}\nthink_time: 30s\nflows:\n- name: main\n  steps:\n\
         \x20 - {{ until: n == 4, every: 100ms, steps: [ {{ get: /count/slow, capture: {{ n: {{ json: $.n }} }} }} ] }}\n"
    );
    run(plan(&server.url, &body)).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for pair in seen.windows(2) {
        // Timers have a resolution of a millisecond; the start of a pass is before its request arrives.
        assert!(
            pair[1].at - pair[0].at > Duration::from_millis(60),
            "{pair:?}"
        );
    }
}

#[tokio::test]
async fn a_foreach_loop_passes_each_item_once() {
    let steps = "\
  - foreach: ${ids}
    as: id
    index: n
    steps: [ { get: '/${n}/${id}' } ]
  - foreach: [ small, '${word}' ]
    steps: [ { get: '/${item}' } ]
  - foreach: ${none}
    steps: [ { get: /never } ]
  - { get: /count, capture: { letters: { json: $.items } } }
  - foreach: ${letters}
    steps: [ { get: '/${item}' } ]
";
    let expected = [
        "/0/7", "/1/8", "/2/9", "/small", "/red", "/count", "/a", "/b", "/c",
    ];
    assert_eq!(paths(steps).await, expected);
}

#[tokio::test]
async fn a_shuffled_foreach_loop_has_an_order_of_the_seed() {
    let steps = "  - { foreach: [ 1, 2, 3, 4, 5, 6, 7, 8 ], shuffle: true, steps: [ { get: '/${item}' } ] }\n";
    let (first, _) = play("iterations: 2, users: 1", steps).await;
    let (second, _) = play("iterations: 2, users: 1", steps).await;
    assert_eq!(first, second, "the seed decides");
    let (one, other) = first.split_at(8);
    assert_ne!(one, other, "each iteration has an order of its own");
    for order in [one, other] {
        let mut sorted = order.to_vec();
        sorted.sort();
        let all: Vec<String> = (1..=8).map(|n| format!("/{n}")).collect();
        assert_eq!(sorted, all);
        assert_ne!(order, all);
    }
}

#[tokio::test]
async fn a_foreach_over_something_else_fails_the_iteration() {
    let (paths, over) = play(
        ONCE,
        "  - foreach: ${word}\n    steps: [ { get: /never } ]\n",
    )
    .await;
    assert!(paths.is_empty());
    assert_eq!(over.iterations().counts.failed, 1);
}

#[tokio::test]
async fn a_choice_runs_one_alternative_by_weight() {
    let steps = "\
  - choose:
      - weight: 9
        steps: [ { get: /often }, { get: /often-too } ]
      - steps: [ { get: /rarely } ]
";
    let (first, _) = play("iterations: 200, users: 2, per_user: true", steps).await;
    let count = |path: &str| first.iter().filter(|seen| *seen == path).count();
    let (often, rarely) = (count("/often"), count("/rarely"));
    assert_eq!(often + rarely, 400, "each iteration chooses once");
    assert_eq!(count("/often-too"), often);
    // Three standard deviations of 400 draws with a probability of a tenth.
    assert!((22..=58).contains(&rarely), "{rarely}");
    let (second, _) = play("iterations: 200, users: 2, per_user: true", steps).await;
    let again = second.iter().filter(|seen| *seen == "/rarely").count();
    assert_eq!(again, rarely, "the seed decides");
}

#[tokio::test]
async fn a_fail_step_ends_its_iteration_in_words() {
    let server = Server::start().await;
    let body = "load: { iterations: 6, users: 1 }\nflows:\n- name: main\n  steps:\n\
         \x20 - get: /before\n\
         \x20 - { fail: 'no stock in ${iteration()}', if: iteration() > 3 }\n\
         \x20 - get: /after\n";
    let driven = Driven::launch(plan(&server.url, body)).await;
    let recorder = std::sync::Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    let counts = &over.iterations().counts;
    assert_eq!((counts.ended, counts.failed), (6, 2));
    assert_eq!(counts.outcomes, BTreeMap::from([(Outcome::Fail, 2)]));
    assert_eq!(server.seen().len(), 6 + 4);
    let examples = recorder.take_failures();
    assert_eq!(examples.len(), 1, "the first of its flow");
    assert_eq!(examples[0].detail, "no stock in 4");
}

#[tokio::test]
async fn on_error_decides_what_a_fail_step_ends_besides_its_iteration() {
    for (on_error, sent) in [("continue", 3), ("stop_user", 1), ("abort", 1)] {
        let server = Server::start().await;
        let body = format!(
            "load: {{ iterations: 3, users: 1 }}\non_error: {on_error}\nflows:\n- name: main\n  steps:\n\
             \x20 - get: /before\n\
             \x20 - fail: never mind\n\
             \x20 - get: /never\n"
        );
        run(plan(&server.url, &body)).await;
        assert_eq!(server.seen().len(), sent, "{on_error}");
    }
}

#[tokio::test]
async fn a_stop_ends_the_iteration_the_user_or_the_run() {
    let steps = |scope: &str| {
        format!(
            "  - get: /a/${{user()}}\n  - repeat: 9\n    steps: [ {{ stop: {scope}, if: user() == 0 }} ]\n  - get: /b\n"
        )
    };
    let load = "iterations: 3, per_user: true, users: 2";
    let (paths, over) = play(load, &steps("iteration")).await;
    assert_eq!(paths.len(), 3 + 6, "{paths:?}");
    assert_eq!(over.iterations().counts.ended, 6);
    assert_eq!(over.iterations().counts.failed, 0);

    let (paths, over) = play(load, &steps("user")).await;
    assert_eq!(paths.len(), 1 + 6, "{paths:?}");
    assert_eq!((over.load.started, over.load.unstarted), (4, 2));
    assert_eq!(over.iterations().counts.failed, 0);
    assert_eq!((over.ended.lost.left, over.ended.lost.stopped), (1, 0));
    assert!(over.ended.lost.may_end_the_load);

    let (paths, over) = play("iterations: 9, users: 1", &steps("run")).await;
    assert_eq!(paths, ["/a/0"]);
    assert_eq!(over.load.unstarted, 8);
    let flow = "main".to_owned();
    assert_eq!(over.ended.stop, Some(StopReason::ByScenario { flow }));
}

#[tokio::test]
async fn texts_are_logged_with_their_user_and_without_secrets() {
    let server = Server::start().await;
    let body = "load: { iterations: 50, users: 1 }\nsetup: [ { log: ready } ]\n\
         vars: { api_token: canary-1 }\nflows:\n- name: main\n  steps:\n\
         \x20 - log: 'n ${iteration()} with ${api_token}'\n\
         \x20 - get: /\n";
    let plan = plan(&server.url, body);
    let log = Log::default();
    let (values, ended) =
        engine::setup(&plan, &transport(&plan), &log, std::future::pending()).await;
    ended.expect("setup");
    let lines = log.take();
    assert_eq!(lines.len(), 1);
    assert_eq!((&*lines[0].text, &lines[0].by), ("ready", &None));

    let shared = transport(&plan);
    let driven = Driven::launch_with(plan, shared, values);
    let recorder = std::sync::Arc::clone(&driven.recorder);
    driven.until_the_end().await;
    let lines = recorder.log().take();
    assert_eq!(lines.len(), 20, "the first ones");
    for (n, line) in lines.iter().enumerate() {
        let by = line.by.as_ref().expect("a user");
        assert_eq!((&*by.flow, by.user, by.iteration), ("main", 0, n as u64));
        assert!(line.text.starts_with(&format!("n {n} with ")), "{line:?}");
        assert!(!line.text.contains("canary"), "{line:?}");
    }
}

#[tokio::test]
async fn a_loop_without_requests_stops_with_the_run() {
    let server = Server::start().await;
    let body = "load: { users: 1, for: 1m }\nflows:\n- name: main\n  steps:\n\
         \x20 - get: /\n\
         \x20 - repeat: 100000\n\
         \x20   steps: [ { repeat: 10000, steps: [ { set: { n: 1 } } ] } ]\n";
    let driven = Driven::launch(plan(&server.url, body)).await;
    server.has_seen(1).await;
    driven.running.stop(engine::Stop::Graceful);
    driven.until_the_end().await;
}

#[tokio::test]
async fn a_group_is_measured_as_a_whole_with_the_groups_in_it() {
    let server = Server::start().await;
    let body = "load: { iterations: 5, users: 1 }\nflows:\n- name: main\n  steps:\n\
         \x20 - group: checkout\n\
         \x20   steps:\n\
         \x20   - get: /slow/a\n\
         \x20   - group: pay\n\
         \x20     steps: [ { get: /slow/b }, { get: /status/500, name: bad, if: iteration() == 2 } ]\n\
         \x20   - { fail: never mind, if: iteration() == 3 }\n\
         \x20 - { group: rest, steps: [ { get: /c }, { stop: iteration, if: iteration() == 4 } ] }\n\
         \x20 - get: /d\n\
         thresholds: [ 'count(group_time{group=\"checkout / pay\"}) == 4', 'ratio(failed_groups{group=\"checkout\"}) < 50%' ]\n";
    let over = run(plan(&server.url, body)).await;
    let group = |name: &str| {
        let series = over.series.iter().position(|series| series.name == name);
        let id = gander::plan::SeriesId(series.expect(name) as u32);
        (over.totals.series(id).clone(), id)
    };
    let counts = |name: &str| {
        let (group, _) = group(name);
        (
            group.counts.ended,
            group.counts.failed,
            group.counts.interrupted,
        )
    };
    // The failed request fails the groups around it, but not the iteration.
    assert_eq!(counts("checkout / pay"), (5, 1, 0));
    assert_eq!(counts("checkout"), (5, 2, 0));
    assert_eq!(counts("rest"), (4, 0, 0));
    assert_eq!(over.iterations().counts.failed, 1);
    let outcomes = group("checkout").0.counts.outcomes;
    let expected = BTreeMap::from([(Outcome::Status, 1), (Outcome::Fail, 1)]);
    assert_eq!(outcomes, expected);
    // Two slow requests, 50 ms each.
    let times = over
        .totals
        .timing(gander::record::Timing::GroupTime, &[group("checkout").1]);
    assert_eq!(times.len(), 3);
    assert!(times.min() >= 100_000, "{} µs", times.min());
    let all = over.totals.counts(Subject::Groups);
    assert_eq!((all.ended, all.failed), (14, 3));
    let standings: Vec<_> = over
        .judge
        .standings()
        .iter()
        .map(|judged| judged.standing)
        .collect();
    assert_eq!(standings[..2], [gander::record::Standing::Pass; 2]);
}

#[tokio::test]
async fn a_group_that_is_cut_off_is_interrupted() {
    let server = Server::start().await;
    let body = "load: { users: 1, for: 1m }\nflows:\n- name: main\n  steps:\n\
         \x20 - { group: outer, steps: [ { group: inner, steps: [ { get: /hold } ] } ] }\n";
    let driven = Driven::launch(plan(&server.url, body)).await;
    server.has_seen(1).await;
    driven.running.stop(engine::Stop::AtOnce);
    let over = driven.until_the_end().await;
    let counts = over.totals.counts(Subject::Groups);
    assert_eq!((counts.ended, counts.interrupted), (0, 2));
}
