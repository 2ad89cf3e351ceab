//! Every feature of the format is read correctly.

use std::time::Duration;

use gander::expr::{Expression, TemplateSegment};
use gander::scenario::program::Passes;
use gander::scenario::{
    Action, ArrivalLaw, Auth, Body, Bounds, CapturePick, CheckRule, Comparator, Compression,
    Condition, Cookies, Delay, JsonRule, LoadModel, OnError, Overrides, Request, RequestAuth,
    Scenario, Scope, Severity, Sharing, Step, TextRule, Trust, Window, load,
};
use gander::units::ByteSize;

use crate::scenario::written;

const WHOLE: &str = r#"
name: whole
kind: custom
target: http://127.0.0.1:${GANDER_TEST_NO_SUCH_PORT:-8080}/base/
load: { stages: [ { rate: 60/min, over: 10s }, { rate: 5/s, for: 20s } ], max_users: 9, arrivals: poisson }
think_time: { normal: 2s, sd: 500ms }
on_error: stop_user
http:
  headers: &common { accept: application/json, x-size: "${size}" }
  timeout: { connect: 1s, total: 9s }
  redirects: 0
  cookies: false
  compression: true
  body_limit: 2MiB
  resend: false
  tls: { insecure: true }
vars: { size: 5, name: 'a b' }
setup:
  - post: /login
    auth: { basic: { user: root, password: "" } }
    capture: { admin: { json: $.token } }
teardown:
  - delete: /session
    auth: { bearer: "${admin}" }
flows:
  - name: one
    weight: 3
    start:
      - post: /login
        form: { user: me, tag: [ a, b ] }
        capture: { session: { cookie: sid } }
    steps:
      - get: /items/${name}?size=${size}
        query: { q: "x y" }
        headers: { <<: *common, accept: "*/*" }
        timeout: 2s
        tags: { area: items }
        check:
          - { status: [ 200, 3xx ] }
          - { header: Content-Type, matches: "^application/" }
          - { body: { contains: "${name}" } }
          - { json: $.total, is: ">= ${size}", name: enough }
          - { json: $.items, length: 3 }
          - { size: "< 64KiB" }
          - { time: "<= 1.5s" }
        capture:
          id: { json: "$.items[*].id", pick: random }
          all: { regex: 'id="(\d+)"', pick: all }
      - think: 1s..2s
        if: ${id} != "none"
      - repeat: 2
        steps:
          - put: https://other.test/items/${id}
            if: ${id}
            json: { id: "${id}", "size": 5, note: "n ${size}" }
      - patch: /text
        body: plain ${session}
thresholds:
  - ratio(failed) < 1%
  - { expect: p95(response_time) < 1s, window: { rolling: 10s }, min_samples: 50, abort: { after: 5s } }
  - { expect: count(failed) < 9, severity: warn }
"#;

fn whole() -> Scenario {
    let (_folder, path) = written(WHOLE);
    load(&path, &Overrides::default()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn request(step: &Step) -> &Request {
    match &step.action {
        Action::Request(request) => request,
        other => panic!("{other:?} is not a request"),
    }
}

#[test]
fn stages_of_a_rate_and_the_defaults_of_requests_are_read() {
    let scenario = whole();
    let load = scenario.load.as_ref().expect("a shared load");
    let LoadModel::Arrivals {
        stages,
        max_users,
        law,
    } = &load.model
    else {
        panic!("{load:?}");
    };
    assert_eq!(
        (stages.len(), *max_users, *law),
        (2, 9, ArrivalLaw::Poisson)
    );
    let (mean, sd) = (Duration::from_secs(2), Duration::from_millis(500));
    assert_eq!(
        scenario.think_time,
        Some(Delay::Normal(mean, sd, Bounds::default()))
    );
    assert_eq!(scenario.on_error, OnError::StopUser);
    let http = &scenario.http;
    assert_eq!(
        (http.redirects, http.cookies, http.compression),
        (0, Cookies::Off, Compression::Accept)
    );
    assert_eq!(
        (http.body_limit, http.resend, &http.tls.trust),
        (ByteSize(2 << 20), false, &Trust::Anything)
    );
    assert_eq!(http.timeouts.connect, Duration::from_secs(1));
    assert_eq!(http.timeouts.idle, Duration::from_secs(30));
    assert_eq!(http.timeouts.total, Duration::from_secs(9));
}

#[test]
fn the_environment_fills_in_what_it_has_a_default_for() {
    let target = format!("{:?}", whole().target);
    assert!(target.contains("8080"), "{target}");
}

#[test]
fn variables_live_as_long_as_what_sets_them() {
    let scenario = whole();
    let scope = |name: &str| {
        let variable = scenario
            .variables
            .iter()
            .find(|variable| variable.name == name);
        variable.map(|variable| (variable.scope, variable.initial.clone()))
    };
    assert_eq!(scope("size"), Some((Scope::Run, Some(5_i64.into()))));
    assert_eq!(scope("name"), Some((Scope::Run, Some("a b".into()))));
    assert_eq!(scope("admin"), Some((Scope::Run, None)));
    assert_eq!(scope("session"), Some((Scope::User, None)));
    assert_eq!(scope("id"), Some((Scope::Iteration, None)));
}

#[test]
fn a_request_is_read_with_its_query_headers_and_own_limits() {
    let scenario = whole();
    let get = request(&scenario.flows[0].steps[0]);
    assert_eq!(get.name, "GET /items/${name}");
    assert_eq!(&*get.url.source, "/items/${name}?size=${size}");
    assert_eq!(get.query[0].1.literal(), Some("x%20y"));
    let headers: Vec<&str> = get.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(headers, ["accept", "x-size"]);
    assert_eq!(get.headers[0].1.literal(), Some("*/*"));
    assert_eq!(get.timeouts.total, Duration::from_secs(2));
    assert_eq!(get.tags.get("area").map(String::as_str), Some("items"));
    let put = scenario.flows[0].steps[2].clone();
    let Action::Loop(repeated) = put.action else {
        panic!("a repetition");
    };
    assert_eq!(repeated.passes, Passes::Times(2));
    let steps = repeated.steps;
    assert!(matches!(
        steps[0].condition,
        Some(Condition(Expression::Slot(_)))
    ));
    assert_eq!(
        request(&steps[0]).name,
        "PUT https://other.test/items/${id}"
    );
}

#[test]
fn bodies_are_read_as_text_form_or_json() {
    let scenario = whole();
    let flow = &scenario.flows[0];
    let Body::Form(pairs) = &request(&flow.start[0]).body else {
        panic!("a form");
    };
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["user", "tag", "tag"]);
    assert!(matches!(&request(&flow.steps[3]).body, Body::Text(text) if text.literal().is_none()));
    let Action::Loop(repeated) = &flow.steps[2].action else {
        panic!("a repetition");
    };
    let steps = &repeated.steps;
    let Body::Json(json) = &request(&steps[0]).body else {
        panic!("JSON");
    };
    let slots = json
        .segments
        .iter()
        .filter(|segment| matches!(segment, TemplateSegment::Expression(Expression::Slot(_), _)));
    assert_eq!(slots.count(), 2);
    assert!(
        matches!(&request(&scenario.setup[0]).auth, RequestAuth::Own(Auth::Basic(user, _)) if user.literal() == Some("root"))
    );
    assert!(matches!(
        &request(&scenario.teardown[0]).auth,
        RequestAuth::Own(Auth::Bearer(_))
    ));
}

#[test]
fn checks_are_named_for_what_they_ask() {
    let scenario = whole();
    let get = request(&scenario.flows[0].steps[0]);
    let names: Vec<&str> = get.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "status is 200 or 3xx",
            "header content-type matches ^application/",
            "body contains ${name}",
            "enough",
            "$.items length == 3",
            "size < 64 KiB",
            "time <= 1.5s",
        ]
    );
    assert!(matches!(&get.checks[0].rule, CheckRule::Status(ranges) if ranges[1].last == 399));
    assert!(matches!(
        &get.checks[1].rule,
        CheckRule::Header(_, TextRule::Matches(_))
    ));
    assert!(matches!(
        &get.checks[3].rule,
        CheckRule::Json(_, JsonRule::Compare(Comparator::GreaterOrEqual, value)) if value.literal().is_none()
    ));
    assert_eq!(get.captures[0].pick, CapturePick::Random.into());
    assert_eq!(get.captures[1].pick, CapturePick::All.into());
}

#[test]
fn a_condition_compares_an_expression_with_a_text_in_quotes() {
    let scenario = whole();
    let pause = &scenario.flows[0].steps[1];
    let Some(Condition(Expression::Compare(sides))) = &pause.condition else {
        panic!("{:?}", pause.condition);
    };
    assert!(matches!(sides.left, Expression::Slot(_)));
    assert_eq!(sides.comparator, Comparator::NotEqual);
    assert_eq!(sides.right, Expression::Literal("none".into()));
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(2));
    assert!(matches!(pause.action, Action::Think(delay) if delay == Delay::Uniform(least, most)));
}

#[test]
fn thresholds_keep_their_text_place_and_terms() {
    let scenario = whole();
    let [plain, full, warning] = &scenario.thresholds[..] else {
        panic!("three thresholds");
    };
    assert_eq!(
        (plain.expression.as_str(), plain.min_samples),
        ("ratio(failed) < 1%", 0)
    );
    let quoted = WHOLE
        .lines()
        .nth(full.span.line as usize - 1)
        .expect("a line");
    assert!(quoted[full.span.column as usize - 1..].starts_with("p95(response_time) < 1s"));
    assert_eq!(full.window, Window::Rolling(Duration::from_secs(10)));
    assert_eq!((full.min_samples, full.severity), (50, Severity::Fail));
    assert_eq!(warning.severity, Severity::Warn);
    assert_eq!(full.abort_after, Some(Duration::from_secs(5)));
}

#[test]
fn iterations_are_shared_or_each_users_own() {
    for (text, sharing) in [
        ("{ iterations: 1_000, users: 10 }", Sharing::Shared),
        (
            "{ iterations: 1000, users: 10, per_user: true, max_duration: 1m }",
            Sharing::PerUser,
        ),
    ] {
        let (_folder, path) = written(&format!(
            "name: n\ntarget: bundled\nload: {text}\nflows: [ {{ name: f, steps: [ {{ get: / }} ] }} ]\n"
        ));
        let scenario = load(&path, &Overrides::default()).expect("a scenario");
        assert!(
            matches!(
                scenario.load.expect("a load").model,
                LoadModel::Iterations { count: 1_000, users: 10, sharing: found, .. } if found == sharing
            ),
            "{text}"
        );
    }
}

#[test]
fn a_question_mark_in_an_expression_does_not_end_the_path_of_a_name() {
    let (_folder, path) = crate::scenario::written(
        "
name: names
target: http://127.0.0.1:8080
load: { users: 1, for: 1m }
vars: { old: a }
flows: [ { name: f, steps: [ { get: \"/w/${old ?? 'gone'}?x=1\" } ] } ]
",
    );
    let scenario = load(&path, &Overrides::default()).unwrap_or_else(|told| panic!("{told}"));
    let get = request(&scenario.flows[0].steps[0]);
    assert_eq!(get.name, "GET /w/${old ?? 'gone'}");
}
