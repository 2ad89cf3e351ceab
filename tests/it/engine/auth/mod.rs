//! Credentials: each scheme is verified by what a server receives.

mod digest;
mod secrecy;
mod server;
mod signatures;
mod tokens;

use self::server::{Recording, answer, answer_with};
use gander::plan::SeriesId;
use gander::record::Counts;

use super::plans::plan;
use super::{Outcome, run};

/// One iteration of these steps, with more keys of the scenario.
fn once(steps: &str, more: &str) -> String {
    format!(
        "load: {{ iterations: 1, users: 1 }}\n{more}\nflows: [ {{ name: main, steps: [ {steps} ] }} ]"
    )
}

/// The counts of a step.
fn counts(over: &Outcome, step: &str) -> Counts {
    let place = over.series.iter().position(|series| series.name == step);
    let place = place.unwrap_or_else(|| panic!("no step {step}"));
    over.totals.series(SeriesId(place as u32)).counts.clone()
}

#[tokio::test]
async fn a_key_goes_into_its_header_or_into_the_query() {
    let server = Recording::start(|_| answer(200, "")).await;
    let steps = "{ get: /h, auth: { api_key: { header: X-Api-Key, value: 'Token ${k}' } } }, \
                 { get: /literal, auth: { api_key: { header: x-api-key, value: k1 } } }, \
                 { get: '/q?a=1', auth: { api_key: { query: api key, value: 'a&b=${k}' } } }";
    run(plan(&server.url, &once(steps, "vars: { k: k1 }"))).await;
    let arrived = server.arrived();
    assert_eq!(arrived[0].header("x-api-key"), "Token k1");
    assert_eq!(arrived[1].header("x-api-key"), "k1");
    assert_eq!(arrived[2].uri.to_string(), "/q?a=1&api+key=a%26b%3Dk1");
}

#[tokio::test]
async fn a_default_reaches_the_targets_and_no_other_host() {
    let other = Recording::start(|_| answer(200, "")).await;
    let cdn = Recording::start(|_| answer(200, "")).await;
    let link = format!(
        "{{ \"next\": \"{}/linked\", \"here\": \"/here\" }}",
        other.url
    );
    let server = Recording::start(move |_| answer(200, link.clone())).await;
    for auth in ["{ bearer: t1 }", "{ bearer: '${t}' }"] {
        let more = format!(
            "vars: {{ t: t1 }}\nhttp: {{ auth: {auth} }}\ntargets: {{ cdn: '{}' }}",
            cdn.url
        );
        let steps = format!(
            "{{ get: /, capture: {{ next: {{ json: $.next }}, here: {{ json: $.here }} }} }}, \
             {{ get: '${{next}}' }}, {{ get: '${{here}}' }}, {{ get: '{}/absolute' }}, {{ get: 'cdn:/a' }}, \
             {{ get: /none, auth: none }}, {{ get: /own, auth: {{ bearer: t2 }} }}, \
             {{ get: /header, headers: {{ authorization: mine }} }}",
            other.url
        );
        let before = server.arrived().len();
        run(plan(&server.url, &once(&steps, &more))).await;
        let sent: Vec<_> = server.arrived()[before..]
            .iter()
            .map(|arrived| format!("{} {}", arrived.uri, arrived.header("authorization")))
            .collect();
        let expected = [
            "/ Bearer t1",
            "/here Bearer t1",
            "/none ",
            "/own Bearer t2",
            "/header mine",
        ];
        assert_eq!(sent, expected, "{auth}");
    }
    assert_eq!(other.arrived().len(), 4);
    for arrived in other.arrived() {
        assert_eq!(arrived.header("authorization"), "", "{}", arrived.uri);
    }
    assert!(
        cdn.arrived()
            .iter()
            .all(|arrived| arrived.header("authorization") == "Bearer t1")
    );
}

#[tokio::test]
async fn the_default_of_a_flow_may_use_what_its_start_captures() {
    let server = Recording::start(|_| answer(200, "{ \"token\": \"t7\" }")).await;
    let flows = "load: { iterations: 2, users: 1 }\nhttp: { auth: { bearer: of the file } }\n\
        flows: [ { name: main, auth: { bearer: '${token}' }, \
        start: [ { post: /login, auth: none, capture: { token: { json: $.token } } } ], steps: [ { get: /a } ] } ]";
    run(plan(&server.url, flows)).await;
    let sent: Vec<_> = server.arrived();
    let sent: Vec<_> = sent
        .iter()
        .map(|arrived| arrived.header("authorization"))
        .collect();
    assert_eq!(sent, ["", "Bearer t7", "Bearer t7"]);
}

#[tokio::test]
async fn a_redirect_to_another_origin_drops_every_header_of_the_scheme() {
    let other = Recording::start(|_| answer(200, "")).await;
    let away = format!("{}/elsewhere", other.url);
    let server = Recording::start(move |arrived| match arrived.uri.path() {
        "/here" => answer_with(302, "location", "/landed"),
        "/away" => answer_with(302, "location", &away),
        _ => answer(200, ""),
    })
    .await;
    let key = "{ api_key: { header: x-api-key, value: k1 } }";
    let hmac = "{ hmac: { key: '${k}', sign: '${request.path}', headers: { x-time: '${request.timestamp}', x-sig: '${request.signature}' } } }";
    let aws = "{ aws_sigv4: { access_key: a1, secret_key: s1, session_token: st1, region: r1, service: s3 } }";
    let steps = [key, hmac, aws].map(|auth| {
        format!("{{ get: /here, headers: {{ x-own: o1 }}, auth: {auth} }}, {{ get: /away, headers: {{ x-own: o1 }}, auth: {auth} }}")
    });
    run(plan(
        &server.url,
        &once(&steps.join(", "), "vars: { k: k1 }"),
    ))
    .await;
    let secret = [
        "x-api-key",
        "x-time",
        "x-sig",
        "authorization",
        "x-amz-security-token",
        "x-amz-date",
        "x-amz-content-sha256",
    ];
    assert_eq!(other.arrived().len(), 3);
    for arrived in other.arrived() {
        assert_eq!(arrived.header("x-own"), "o1");
        for name in secret {
            assert_eq!(arrived.header(name), "", "{name}");
        }
    }
    let landed = server.arrived();
    let landed: Vec<_> = landed
        .iter()
        .filter(|arrived| arrived.uri.path() == "/landed")
        .collect();
    assert_eq!(landed[0].header("x-api-key"), "k1");
    assert!(!landed[1].header("x-sig").is_empty());
    assert_eq!(landed[2].header("x-amz-security-token"), "st1");
}
