//! Scenarios compile into plans: requests, series and thresholds.

use std::fs;

use gander::plan::{
    MeasuredRequest, Plan, PlannedRequest, ReadsBody, RequestBody, RequestUrl, Segment, Subject,
};
use gander::scenario::program::requests;
use gander::scenario::{Diagnostics, Overrides, Scenario, load};
use url::Url;

use crate::scenario::{SHIPPED, shipped};

/// A scenario of this text.
pub(crate) fn scenario(text: &str) -> Scenario {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.yaml");
    fs::write(&path, text).expect("a writable temporary folder");
    load(&path, &Overrides::default()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

pub(crate) fn compile(scenario: &Scenario, target: &str, seed: u64) -> Result<Plan, Diagnostics> {
    Plan::compile(
        scenario,
        &Url::parse(target).expect(target),
        seed,
        Segment::WHOLE,
    )
}

/// The plan of a scenario that has this load and these lines.
pub(crate) fn plan(load: &str, lines: &str) -> Plan {
    let text = format!("name: test\nkind: custom\ntarget: bundled\nload: {load}\n{lines}");
    compile(&scenario(&text), "http://127.0.0.1:8080", 1)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn measured(plan: &Plan) -> Vec<&MeasuredRequest> {
    let each = requests(&plan.workload.flows[0].steps);
    each.map(|(measured, _)| measured).collect()
}

fn planned(plan: &Plan) -> Vec<&PlannedRequest> {
    let each = measured(plan).into_iter();
    each.map(|measured| &measured.request).collect()
}

const CLOSED: &str = "{ users: 2, for: 10s }";

#[test]
fn every_shipped_scenario_compiles() {
    for name in SHIPPED {
        let scenario = load(&shipped(name), &Overrides::default())
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        let plan = compile(&scenario, "http://127.0.0.1:1", 1)
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        assert_eq!(
            plan.thresholds.len(),
            scenario.thresholds.len() + 1,
            "{name}: closed loads have one built-in rule"
        );
        assert!(
            plan.workload
                .series
                .iter()
                .any(|series| series.subject == Subject::Requests),
            "{name}"
        );
    }
}

#[test]
fn urls_are_resolved_below_the_base_and_rendered_only_where_they_must_be() {
    let text = "name: urls\nkind: custom\ntarget: bundled\nload: { users: 1, for: 1s }\nvars: { id: 7, there: /x }\n\
        flows:\n- name: f\n  steps:\n\
        \x20 - get: /a?x=1\n    query: { q: two words, 'k&': y }\n\
        \x20 - get: /b/${id}\n    query: { n: '${id}' }\n\
        \x20 - get: http://other.test:81/c\n\
        \x20 - get: /d?x&\n    query: { q: 1 }\n\
        \x20 - get: http://Bücher.test:80/a/../ü\n\
        \x20 - get: https://other.test?q=ü\n\
        \x20 - get: ${there}\n\
        \x20 - get: /snö|x\n";
    let plan = compile(&scenario(text), "http://127.0.0.1:8080/base/", 1)
        .unwrap_or_else(|d| panic!("{d}"));
    let shown: Vec<String> = planned(&plan)
        .iter()
        .map(|request| match &request.url {
            RequestUrl::Literal(uri) => format!("literal {uri}"),
            RequestUrl::Path(template) => format!("path {}", template.source),
            RequestUrl::Whole(template) => format!("whole {}", template.source),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "literal http://127.0.0.1:8080/base/a?x=1&q=two%20words&k%26=y",
            "path /base/b/${id}?n=${id}",
            "literal http://other.test:81/c",
            "literal http://127.0.0.1:8080/base/d?x&q=1",
            "literal http://xn--bcher-kva.test/a/../%C3%BC",
            "literal https://other.test/?q=%C3%BC",
            "whole ${there}",
            "literal http://127.0.0.1:8080/base/sn%C3%B6%7Cx",
        ]
    );
}

#[test]
fn a_request_is_shown_as_written_and_without_what_may_be_a_secret() {
    // An environment variable that tests have.
    let text = "name: shown\nkind: custom\ntarget: bundled\nload: { users: 1, for: 1s }\nvars: { id: 7 }\n\
        flows:\n- name: f\n  steps:\n\
        \x20 - get: /a/${id}?key=canary&flag&page=${id}\n\
        \x20 - get: /hook/${env(CARGO_PKG_NAME)}\n\
        \x20 - get: /hook/${CARGO_PKG_NAME}/x?${CARGO_PKG_NAME}\n\
        \x20 - post: http://me:canary${id}@other.test/x?key=canary\n\
        \x20 - get: ${id}\n";
    let plan = compile(&scenario(text), "http://127.0.0.1:8080/base/", 1)
        .unwrap_or_else(|d| panic!("{d}"));
    let found = planned(&plan);
    let shown: Vec<&str> = found.iter().map(|request| &*request.shown).collect();
    assert_eq!(
        shown,
        [
            "GET /base/a/${id}?key=…&…&page=…",
            "GET http://127.0.0.1:8080/base/hook/${env(CARGO_PKG_NAME)}",
            "GET http://127.0.0.1:8080/base/hook/${CARGO_PKG_NAME}/x?…",
            "POST http://other.test/x?key=…",
            "GET ${id}",
        ]
    );
    assert_eq!(found[3].name, "POST http://other.test/x");
}

#[test]
fn headers_that_are_literal_are_in_their_final_form() {
    let plan = plan(
        CLOSED,
        "vars: { token: t }\nhttp:\n  headers: { accept: text/plain, x-all: a }\n  compression: true\nflows:\n- name: f\n  steps:\n\
         \x20 - post: /a\n    json: { n: 1 }\n    headers: { accept: application/json, x-user: 'u${user()}' }\n    \
         auth: { basic: { user: ann, password: pw } }\n\
         \x20 - get: /b\n    auth: { bearer: '${token}' }\n\
         \x20 - post: /c\n    form: { a: '1 2', b: '${token}' }\n    headers: { user-agent: me, content-type: text/x }\n",
    );
    let found = planned(&plan);
    let header = |request: &PlannedRequest, name: &str| {
        let value = request
            .headers
            .get(name)
            .map(|value| value.to_str().expect("ASCII").to_owned());
        value.unwrap_or_default()
    };
    let first = found[0];
    for (name, value) in [
        ("accept", "application/json"),
        ("x-all", "a"),
        ("content-type", "application/json"),
        ("accept-encoding", "gzip, br, zstd"),
        ("user-agent", concat!("gander/", env!("CARGO_PKG_VERSION"))),
        ("authorization", "Basic YW5uOnB3"),
    ] {
        assert_eq!(header(first, name), value, "{name}");
    }
    assert!(first.headers["authorization"].is_sensitive());
    assert_eq!(first.rendered_headers[0].0, "x-user");
    assert!(
        matches!(&first.body, RequestBody::Literal(body) if body == "{\"n\":1}"),
        "{:?}",
        first.body
    );
    assert!(found[1].auth.is_some() && !found[1].headers.contains_key("authorization"));
    assert!(
        matches!(found[1].body, RequestBody::Empty)
            && !found[1].headers.contains_key("content-type")
    );
    assert_eq!(
        (
            header(found[2], "user-agent").as_str(),
            header(found[2], "content-type").as_str()
        ),
        ("me", "text/x")
    );
    assert!(
        matches!(&found[2].body, RequestBody::Rendered(body) if &*body.source == "a=1 2&b=${token}")
    );
}

#[test]
fn steps_of_one_name_share_a_series_within_their_flow() {
    let plan = plan(
        CLOSED,
        "setup:\n- get: /setup\nflows:\n- name: one\n  steps:\n  - get: /a\n    name: read\n    check: [ { status: 200 } ]\n\
         \x20 - get: /b\n    name: read\n    check: [ { status: 200 }, { body: { contains: x } } ]\n\
         - name: two\n  start:\n  - get: /c\n    name: read\n  steps:\n  - get: /d\n",
    );
    let named: Vec<_> = plan
        .workload
        .series
        .iter()
        .map(|series| (series.flow.as_str(), series.name.as_str(), series.subject))
        .collect();
    assert_eq!(
        named,
        [
            ("one", "one", Subject::Iterations),
            ("two", "two", Subject::Iterations),
            ("one", "read", Subject::Requests),
            ("two", "read", Subject::Requests),
            ("two", "GET /d", Subject::Requests),
        ]
    );
    assert_eq!(plan.workload.checks.len(), 2, "{:?}", plan.workload.checks);
    let one = measured(&plan);
    assert_eq!(one[0].checks[0], one[1].checks[0]);
    assert_eq!(
        (one[0].request.reads_body, one[1].request.reads_body),
        (ReadsBody::No, ReadsBody::Yes)
    );
}

#[test]
fn series_beyond_the_cap_are_recorded_together() {
    let steps: Vec<String> = (0..1_005)
        .map(|index| format!("  - get: /{index}\n"))
        .collect();
    let steps = steps.concat();
    let plan = plan(CLOSED, &format!("flows:\n- name: f\n  steps:\n{steps}"));
    assert_eq!(plan.workload.series.len(), 1_000);
    assert_eq!(plan.workload.series[999].name, "__other__");
    let in_other = measured(&plan)
        .iter()
        .filter(|measured| measured.series.0 == 999)
        .count();
    assert_eq!(
        in_other,
        1_005 - 998,
        "one series is the flow's, one the other's"
    );
}

#[test]
fn the_hash_tells_what_is_sent_and_nothing_else() {
    let text = |path: &str, threshold: &str| {
        format!(
            "name: n\nkind: custom\ntarget: bundled\nload: {CLOSED}\nflows:\n- name: f\n  steps:\n  - get: {path}\n\
             thresholds: [ '{threshold}' ]\n"
        )
    };
    let hash = |path: &str, threshold: &str, target: &str, seed: u64| {
        let plan = compile(&scenario(&text(path, threshold)), target, seed);
        let plan = plan.unwrap_or_else(|d| panic!("{d}"));
        (plan.workload_hash, plan.hash)
    };
    let (one, other) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    let base = hash("/a", "ratio(failed) < 1%", one, 1);
    assert_eq!((base.0.len(), base.1.len()), (64, 64));
    assert_eq!(base, hash("/a", "ratio(failed) < 2%", other, 1));
    let of_another_path = hash("/b", "ratio(failed) < 1%", one, 1);
    assert_ne!(base.0, of_another_path.0);
    assert_ne!(base.1, of_another_path.1);
    let of_another_seed = hash("/a", "ratio(failed) < 1%", one, 2);
    assert_eq!(base.0, of_another_seed.0);
    assert_ne!(base.1, of_another_seed.1);
}

#[test]
fn a_load_is_judged_by_what_it_achieved() {
    let flows = "flows: [ { name: f, steps: [ { get: /a } ] } ]\n";
    let built_in = plan("{ rate: 10/s, for: 10s, max_users: 5 }", flows);
    let said: Vec<_> = built_in
        .thresholds
        .iter()
        .map(|rule| (rule.expression.as_str(), rule.line))
        .collect();
    let ended_well = "ratio(failed_iterations) < 5%";
    assert_eq!(said, [("ratio(started) >= 99%", None), (ended_well, None)]);
    let own = plan(
        "{ rate: 10/s, for: 10s, max_users: 5 }",
        &format!("{flows}thresholds: [ 'ratio(started) > 50%' ]\n"),
    );
    assert_eq!(own.thresholds.len(), 2);
    let closed = plan(CLOSED, flows).thresholds;
    assert_eq!(
        (closed.len(), closed[0].expression.as_str()),
        (1, ended_well)
    );
    let own = "thresholds: [ 'count(failed_iterations) < 9' ]\n";
    assert_eq!(plan(CLOSED, &format!("{flows}{own}")).thresholds.len(), 1);
    assert_eq!(
        plan("{ iterations: 9, users: 1 }", flows).thresholds.len(),
        2
    );
}
