//! Requests at the same time: `parallel` and `assets`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use gander::engine;
use gander::outcome::Outcome;
use gander::plan::Subject;
use gander::record::Log;

use super::plans::plan;
use super::server::Server;
use super::{Driven, run, transport};
use crate::transport::{ok, responder};

const ONCE: &str = "load: { iterations: 1, users: 1 }";

fn paths(server: &Server) -> Vec<String> {
    let seen = server.seen();
    seen.iter().map(|seen| seen.path().to_owned()).collect()
}

#[tokio::test]
async fn as_many_requests_as_allowed_are_sent_at_the_same_time() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows:\n- name: main\n  steps:\n\
         \x20 - parallel: 3\n    steps: [ {{ repeat: 5, steps: [ {{ get: /hold }} ] }}, {{ get: /hold/last }} ]\n\
         \x20 - get: /after\n"
    );
    let driven = Driven::launch(plan(&server.url, &body)).await;
    server.has_seen(3).await;
    assert_eq!(paths(&server), ["/hold"; 3]);
    server.release();
    let over = driven.until_the_end().await;
    assert_eq!(server.peak(), 3);
    let sent = over.totals.counts(Subject::Requests);
    assert_eq!((sent.sent(), sent.failed), (7, 0));
    let paths = paths(&server);
    assert_eq!(paths.len(), 7);
    assert_eq!(paths.last().map(String::as_str), Some("/after"));
}

#[tokio::test]
async fn a_user_keeps_its_connections_and_the_requests_are_prepared_in_order() {
    let server = Server::start().await;
    let body = "load: { iterations: 3, users: 1 }
vars: { ids: [ 7, 8, 9 ], word: red }
flows:
- name: main
  steps:
  - group: page
    steps:
    - parallel: 2
      steps:
      - foreach: ${ids}
        as: id
        index: n
        steps:
        - set: { path: '${id}-${n}' }
        - get: /item/${path}
          name: item
      - if: word == 'red'
        steps: [ { get: /red } ]
        else: [ { get: /other } ]
      - get: /never
        if: word == 'blue'
      - choose: [ { weight: 1, steps: [ { get: /chosen } ] } ]
";
    let over = run(plan(&server.url, body)).await;
    let expected = ["/item/7-0", "/item/8-1", "/item/9-2", "/red", "/chosen"];
    let seen = paths(&server);
    assert_eq!(seen.len(), 15);
    for iteration in seen.chunks(5) {
        // The server's tasks may see two requests that are sent at the same time in either order.
        let iteration: BTreeSet<&str> = iteration.iter().map(String::as_str).collect();
        assert_eq!(iteration, BTreeSet::from(expected));
    }
    let groups = over.totals.counts(Subject::Groups);
    assert_eq!((groups.ended, groups.failed), (3, 0));
    let connects = over.totals.counts(Subject::Requests).connections;
    assert_eq!(connects, 2);
}

#[tokio::test]
async fn captures_have_values_after_the_block_and_the_response_is_the_one_before_it() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows:\n- name: main\n  steps:\n\
         \x20 - get: /count/page\n\
         \x20 - parallel: 4\n    steps:\n\
         \x20   - {{ get: /slow, capture: {{ a: {{ json: $.id }} }}, check: [ {{ that: response.json.id == 42 }} ] }}\n\
         \x20   - {{ get: /count/b, capture: {{ b: {{ json: $.n }} }}, check: [ {{ that: response.json.n == 1 }} ] }}\n\
         \x20 - get: /${{a}}/${{b}}/${{response.json.items[0]}}\n"
    );
    let over = run(plan(&server.url, &body)).await;
    assert_eq!(over.iterations().counts.failed, 0);
    assert_eq!(paths(&server).last().map(String::as_str), Some("/42/1/a"));
}

#[tokio::test]
async fn of_several_captures_of_one_name_the_last_one_written_counts() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows:\n- name: main\n  steps:\n\
         \x20 - parallel: 2\n    steps:\n\
         \x20   - {{ get: /slow, capture: {{ a: {{ json: $.id }} }} }}\n\
         \x20   - {{ get: /count, capture: {{ a: {{ json: $.n }} }} }}\n\
         \x20 - get: /${{a}}\n"
    );
    run(plan(&server.url, &body)).await;
    assert_eq!(paths(&server).last().map(String::as_str), Some("/1"));
}

#[tokio::test]
async fn cookies_and_random_numbers_do_not_depend_on_the_order_of_responses() {
    let sent = || async {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let noted = Arc::clone(&seen);
        let server = responder(move |request| {
            let line = request.lines().next().unwrap_or_default().to_owned();
            let cookie = request.lines().find(|line| line.starts_with("cookie: "));
            let cookie = cookie.unwrap_or_default().to_owned();
            noted.lock().expect("no panic").insert((line, cookie));
            if request.starts_with("GET /in") {
                return "HTTP/1.1 200 OK\r\nset-cookie: session=7; Path=/\r\ncontent-length: 2\r\n\r\n[]"
                    .to_owned();
            }
            ok("[1, 2, 3, 4, 5, 6, 7, 8, 9]")
        })
        .await;
        let body = format!(
            "{ONCE}\nflows:\n- name: main\n  steps:\n\
             \x20 - parallel: 3\n    steps:\n\
             \x20   - get: /in\n\
             \x20   - {{ get: '/a/${{random(1, 1000000)}}', name: a, capture: {{ a: {{ json: '$[*]', pick: random }} }} }}\n\
             \x20   - {{ get: '/b/${{random(1, 1000000)}}', name: b, capture: {{ b: {{ json: '$[*]', pick: random }} }} }}\n\
             \x20 - parallel: 2\n    steps: [ {{ get: '/c/${{a}}/${{b}}/${{random(1, 1000000)}}' }}, {{ get: /d }} ]\n"
        );
        let over = run(plan(&format!("http://{server}"), &body)).await;
        assert_eq!(over.iterations().counts.failed, 0);
        let seen = seen.lock().expect("no panic").clone();
        assert_eq!(seen.len(), 5);
        for (line, cookie) in &seen {
            if ["GET /c", "GET /d"]
                .iter()
                .any(|start| line.starts_with(start))
            {
                assert_eq!(cookie, "cookie: session=7", "{line}");
            }
        }
        let lines: BTreeSet<String> = seen.into_iter().map(|(line, _)| line).collect();
        lines
    };
    assert_eq!(sent().await, sent().await);
}

#[tokio::test]
async fn an_early_end_starts_no_further_request_and_counts_those_in_flight() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows:\n- name: main\n  steps:\n\
         \x20 - parallel: 2\n    steps:\n\
         \x20   - {{ get: /status/500, check: [ {{ status: 200, on_fail: stop_iteration }} ] }}\n\
         \x20   - get: /slow\n    - get: /third\n    - get: /fourth\n\
         \x20 - get: /after\n"
    );
    let over = run(plan(&server.url, &body)).await;
    let seen: BTreeSet<String> = paths(&server).into_iter().collect();
    let expected = ["/status/500", "/slow"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(expected));
    let sent = over.totals.counts(Subject::Requests);
    assert_eq!((sent.sent(), sent.failed), (2, 1));
    assert_eq!(over.iterations().counts.failed, 1);
}

#[tokio::test]
async fn a_request_that_cannot_be_prepared_fails_before_anything_is_sent() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\non_error: stop_iteration\nvars: {{ list: [ a ] }}\nflows:\n- name: main\n  steps:\n\
         \x20 - parallel: 2\n    steps: [ {{ get: /first }}, {{ get: '/${{list[3]}}' }} ]\n"
    );
    let over = run(plan(&server.url, &body)).await;
    assert!(server.seen().is_empty());
    let counts = over.totals.counts(Subject::Requests);
    assert_eq!((counts.sent(), counts.failed), (0, 1));
    assert_eq!(over.iterations().counts.failed, 1);
}

#[tokio::test]
async fn a_stop_lets_the_requests_in_flight_end() {
    let server = Server::start().await;
    let body = "load: { users: 1, for: 1m }\nflows:\n- name: main\n  steps:\n\
                \x20 - parallel: 2\n    steps: [ { get: /hold/1 }, { get: /hold/2 }, { get: /hold/3 } ]\n";
    let driven = Driven::launch(plan(&server.url, body)).await;
    server.has_seen(2).await;
    driven.running.stop(engine::Stop::Graceful);
    server.release();
    let over = driven.until_the_end().await;
    assert_eq!(server.seen().len(), 2);
    let counts = over.totals.counts(Subject::Requests);
    assert_eq!((counts.sent(), counts.failed), (2, 0));
    assert_eq!(over.ended.interrupted, 0);
}

#[tokio::test]
async fn setup_sends_requests_at_the_same_time_and_fails_with_one_of_them() {
    let server = Server::start().await;
    let load = "load: { iterations: 1, users: 1 }\nflows: [ { name: main, steps: [ { get: '/${a}/${b}' } ] } ]\n";
    let setup = "setup:\n- parallel: 2\n  steps:\n\
                 \x20 - { get: /hold/a, capture: { a: { json: $.id } } }\n\
                 \x20 - { get: /hold/b, capture: { b: { json: $.id } } }\n";
    let both = {
        let server = server.clone();
        tokio::spawn(async move {
            server.has_seen(2).await;
            server.release();
        })
    };
    run(plan(&server.url, &format!("{setup}{load}"))).await;
    both.await.expect("no panic");
    assert_eq!(paths(&server).last().map(String::as_str), Some("/42/42"));

    let setup = "setup: [ { parallel: 2, steps: [ { get: /a }, { get: /status/500 } ] } ]\n";
    let load =
        "load: { iterations: 1, users: 1 }\nflows: [ { name: main, steps: [ { get: / } ] } ]\n";
    let plan = plan(&server.url, &format!("{setup}{load}"));
    let transport = transport(&plan);
    let log = Log::default();
    let (_, ended) = engine::setup(&plan, &transport, &log, std::future::pending()).await;
    let engine::CutShort::Failed(failure) = ended.expect_err("a failed step") else {
        panic!("it was not stopped");
    };
    assert_eq!(failure.outcome, Outcome::Status);
    assert_eq!(failure.step, "GET /status/500");
}

const PAGE: &str = r#"<!doctype html><base href="/static/"><link rel=stylesheet href="a.css?v=1">
<script src="app.js"></script><img src="app.js"><img src="/logo.png"><img src="data:image/png;base64,AAAA">
<img src="http://other.test/x.png">"#;

#[tokio::test]
async fn the_assets_of_a_page_are_loaded_once_each_and_from_its_host_alone() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let server = responder(move |request| {
        let line = request.lines().next().unwrap_or_default();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        noted.lock().expect("no panic").push(path.clone());
        match &*path {
            "/shop/page" => ok(PAGE),
            "/static/app.js" => "HTTP/1.1 404 None\r\ncontent-length: 0\r\n\r\n".to_owned(),
            _ => ok("asset"),
        }
    })
    .await;
    let body = format!(
        "{ONCE}\nflows:\n- name: main\n  steps:\n\
         \x20 - get: /shop/page\n\
         \x20 - assets: html\n    name: static\n\
         \x20 - get: /${{response.status}}\n"
    );
    let driven = Driven::launch(plan(&format!("http://{server}"), &body)).await;
    let recorder = Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen.first().map(String::as_str), Some("/shop/page"));
    assert_eq!(seen.last().map(String::as_str), Some("/200"));
    let assets: BTreeSet<&str> = seen[1..seen.len() - 1].iter().map(String::as_str).collect();
    let expected = ["/logo.png", "/static/a.css?v=1", "/static/app.js"];
    assert_eq!(assets, BTreeSet::from(expected));
    assert_eq!(seen.len(), 5);
    let series = over
        .series
        .iter()
        .position(|series| series.name == "static");
    let id = gander::plan::SeriesId(series.expect("a series") as u32);
    let counts = &over.totals.series(id).counts;
    assert_eq!((counts.ended, counts.failed), (3, 1));
    let examples = recorder.take_failures();
    let [example] = &*examples else {
        panic!("{examples:?}");
    };
    assert_eq!(
        example.request,
        format!("GET http://{server}/static/app.js")
    );
}

#[tokio::test]
async fn assets_of_what_is_no_page_fail_the_iteration_with_the_reason() {
    let deep = "<div>".repeat(2_000);
    let server = responder(move |request| {
        if request.starts_with("GET /json") {
            return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
                .to_owned();
        }
        ok(&deep)
    })
    .await;
    for (path, reason) in [
        ("/json", "the last response is application/json, not HTML"),
        ("/deep", "more than 1,000 elements inside each other"),
    ] {
        let body = format!(
            "{ONCE}\nflows: [ {{ name: main, steps: [ {{ get: {path} }}, {{ assets: html }} ] }} ]\n"
        );
        let driven = Driven::launch(plan(&format!("http://{server}"), &body)).await;
        let recorder = Arc::clone(&driven.recorder);
        let over = driven.until_the_end().await;
        let outcomes = &over.iterations().counts.outcomes;
        assert_eq!(outcomes.get(&Outcome::Step), Some(&1), "{path}");
        let examples = recorder.take_failures();
        assert!(examples[0].detail.contains(reason), "{examples:?}");
    }
}

#[tokio::test]
async fn assets_without_a_page_fail_the_iteration() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows: [ {{ name: main, steps: [ {{ assets: {{ parallel: 2, same_host: false }} }} ] }} ]\n"
    );
    let over = run(plan(&server.url, &body)).await;
    assert!(server.seen().is_empty());
    assert_eq!(over.iterations().counts.failed, 1);
}

#[tokio::test]
async fn a_block_of_too_many_steps_fails_before_anything_is_sent() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows:\n- name: main\n  steps:\n\
         \x20 - parallel: 2\n    steps: [ {{ repeat: '${{len(range(0, 300))}}', steps: [ {{ repeat: 100, steps: [ {{ get: /a }} ] }} ] }} ]\n"
    );
    let driven = Driven::launch(plan(&server.url, &body)).await;
    let recorder = Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    assert!(server.seen().is_empty());
    assert_eq!(over.iterations().counts.failed, 1);
    let examples = recorder.take_failures();
    assert!(examples[0].detail.contains("more than 20000 steps"));
}
