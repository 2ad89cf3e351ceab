//! What makes a response a failed one, and what is taken from it.

use std::collections::BTreeMap;

use super::plans::{plan, plan_with_files};
use super::{Outcome, run};
use crate::transport::{ok, responder};
use gander::outcome::Outcome as Ended;
use gander::plan::{Plan, Segment, Timing};
use gander::scenario;
use gander::verdict::Standing;

/// Answers `/status/404` with that status, `/go` with a redirect to `/there`, `/page` with HTML, the rest with JSON.
async fn target() -> String {
    let server = responder(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        if let Some(status) = path.strip_prefix("/status/") {
            return format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        }
        match path {
            "/go" => {
                "HTTP/1.1 302 Found\r\nlocation: /there?a=1\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
            "/page" => ok("<a class=next href='/found?a=1&amp;b=2'>Next &amp; last</a>"),
            _ => ok(r#"{"id": 7}"#),
        }
    })
    .await;
    format!("http://{server}")
}

/// A target that refuses every connection.
fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

async fn steps(steps: &str) -> Outcome {
    steps_with("", steps).await
}

/// One iteration of these steps.
async fn steps_with(http: &str, steps: &str) -> Outcome {
    let body = format!(
        "load: {{ iterations: 1, users: 1 }}\nhttp: {{ {http} }}\nflows: [ {{ name: main, steps: [ {steps} ] }} ]"
    );
    run(plan(&target().await, &body)).await
}

/// The failed requests, by outcome.
fn failed(over: &Outcome) -> BTreeMap<Ended, u64> {
    over.totals.measured().requests.outcomes.clone()
}

#[tokio::test]
async fn the_statuses_that_fail_are_those_that_the_scenario_names() {
    for (http, step, fails) in [
        ("", "get: /status/404", true),
        ("", "get: /status/399", false),
        ("", "get: /status/404, check: { status: 404 }", false),
        ("fail_on: 5xx", "get: /status/404", false),
        ("fail_on: 5xx", "get: /status/503", true),
        (
            "fail_on: 5xx",
            "get: /status/404, fail_on: [ 404, 500..502 ]",
            true,
        ),
        (
            "fail_on: 5xx",
            "get: /status/502, fail_on: [ 404, 500..501 ]",
            false,
        ),
        ("", "get: /status/500, fail_on: none", false),
        ("", "get: /status/404, expect: 404", false),
        ("", "get: /status/200, expect: 404", true),
        ("fail_on: none", "get: /status/500, expect: 2xx", true),
        // `expect` is the last word.
        (
            "",
            "get: /status/404, expect: 200, check: { status: 404 }",
            true,
        ),
    ] {
        let over = steps_with(http, &format!("{{ {step} }}")).await;
        let expected = [(Ended::Status, 1)].into_iter().take(usize::from(fails));
        assert_eq!(failed(&over), expected.collect(), "{http} {step}");
    }
}

#[tokio::test]
async fn a_check_may_end_the_iteration() {
    for (check, requests, failed_iterations) in [
        ("{ status: 500 }", 2, 0),
        ("{ status: 500, on_fail: count }", 2, 0),
        ("{ status: 500, on_fail: stop_iteration }", 1, 1),
        ("{ status: 200, on_fail: stop_iteration }", 2, 0),
    ] {
        let over = steps(&format!("{{ get: /a, check: {check} }}, {{ get: /b }}")).await;
        let measured = over.totals.measured();
        assert_eq!(measured.requests.ended, requests, "{check}");
        assert_eq!(measured.iterations.failed, failed_iterations, "{check}");
    }
}

#[tokio::test]
async fn a_check_that_ends_the_iteration_ends_it_without_a_response_too() {
    let body = "load: { iterations: 1, users: 1 }\nflows: [ { name: main, steps: [ \
                { get: /a, check: { status: 200, on_fail: stop_iteration } }, { get: /b } ] } ]";
    let over = run(plan(&closed(), body)).await;
    assert_eq!(over.totals.measured().requests.ended, 1);
}

#[tokio::test]
async fn what_is_missing_has_its_default_without_a_response_too() {
    let body = "load: { iterations: 1, users: 1 }\nflows: [ { name: main, steps: [ \
                { get: /a, capture: { id: { json: $.id, default: 5 }, gone: { json: $.x, optional: true } } }, \
                { get: /b, if: 'id == 5 and (gone ?? 9) == 9', capture: { must: { json: $.id } } }, \
                { get: /c } ] } ]";
    let over = run(plan(&closed(), body)).await;
    // The capture of the second step has no default, so the third one does not run.
    assert_eq!(over.totals.measured().requests.ended, 2);
}

#[tokio::test]
async fn pages_give_values_and_what_is_missing_has_a_default() {
    let over = steps(
        "{ get: /page, capture: { next: { css: { select: a.next, attr: href } }, code: { status: true }, \
           none: { json: $.none, default: 5 }, gone: { regex: nothing, optional: true } } }, \
         { get: '${next}', if: '(gone ?? 9) == 9 and none == 5 and code == 200', \
           check: { url: { matches: '/found[?]a=1&b=2$' } } }, \
         { get: /go, capture: { at: { url: true } }, check: { url: { contains: '/there?a=1' } } }, \
         { get: '${at}', name: there, check: { not: { url: { contains: /go } } } }",
    )
    .await;
    assert_eq!(failed(&over), BTreeMap::new());
    let measured = over.totals.measured();
    assert_eq!(
        (measured.requests.ended, measured.iterations.failed),
        (4, 0)
    );
}

#[tokio::test]
async fn an_optional_capture_forgets_the_value_of_the_pass_before() {
    let page = "{ repeat: 2, steps: [ { get: /page, if: 'not (id ?? false)', capture: { id: { json: $.id, optional: true } } }, \
                { get: /item, if: 'not (id ?? false)', capture: { id: { json: $.id, optional: true } } }, \
                { get: /page, name: again, capture: { id: { json: $.id, optional: true } } } ] }";
    // Each pass begins without an id, finds one in the second request, and loses it in the third.
    let over = steps(page).await;
    assert_eq!(over.totals.measured().requests.ended, 6);
    assert_eq!(failed(&over), BTreeMap::new());
}

#[tokio::test]
async fn a_schema_is_read_from_a_file_and_part_of_one() {
    let files = [(
        "api.json",
        r#"{"defs": {"order": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}},
            "name": {"type": "string"}}}"#,
    )];
    let body = "load: { iterations: 1, users: 1 }\nflows: [ { name: main, steps: [ \
                { get: /a, check: { schema: 'api.json#/defs/order' } }, \
                { get: /b, check: { schema: 'api.json#/defs/name' } } ] } ]";
    let over = run(plan_with_files(&target().await, body, &files)).await;
    assert_eq!(failed(&over), [(Ended::Check, 1)].into());
}

#[tokio::test]
async fn a_silent_request_counts_in_the_totals_alone() {
    let body = "load: { iterations: 1, users: 1 }\n\
                thresholds: [ count(requests) < 2, ratio(failed) < 1%, ratio(checks) == 100%, count(response_time) < 2 ]\n\
                flows: [ { name: main, steps: [ { get: /b, check: { status: 200 } }, \
                { get: /status/500, silent: true, check: { status: 200 } }, \
                { get: /page, silent: true, capture: { next: { css: { select: a, attr: href } } } }, \
                { get: '${next}', name: next, silent: true } ] } ]";
    let over = run(plan(&target().await, body)).await;
    let measured = over.totals.measured();
    assert_eq!((measured.requests.ended, measured.requests.failed), (4, 1));
    assert_eq!(measured.requests.statuses, [(200, 3), (500, 1)].into());
    assert_eq!(over.totals.timing(Timing::ResponseTime, &[]).len(), 1);
    for judged in over.judge.standings() {
        assert_eq!(judged.standing, Standing::Pass, "{judged:?}");
    }
}

#[test]
fn one_name_is_not_of_a_silent_and_a_loud_step() {
    let text = "name: x\ntarget: http://127.0.0.1:1\nload: { users: 1, for: 1s }\n\
                flows: [ { name: f, steps: [ { get: /a, name: n }, { get: /b, name: n, silent: true } ] } ]\n";
    let (_folder, path) = crate::scenario::written(text);
    let scenario = scenario::load(&path, &scenario::Overrides::default()).expect("a scenario");
    let target = "http://127.0.0.1:1".parse().expect("a URL");
    let told = Plan::compile(&scenario, &target, 1, Segment::WHOLE).expect_err("an error");
    assert!(
        told.to_string().contains("only one of them is silent"),
        "{told}"
    );
}
