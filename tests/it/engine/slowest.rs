//! The slowest requests of a run: the values that made them, and what became of them.

use std::sync::Arc;

use gander::mask::Mask;
use gander::outcome::Outcome;
use gander::plan::Plan;
use gander::record::SlowRequest;
use gander::units::Micros;

use super::Driven;
use super::plans::{plan, plan_with_files};
use super::server::Server;

const ONCE: &str = "load: { iterations: 1, users: 1 }\n";

/// The slow requests of a run, in the order of recording.
async fn slowest(plan: Plan) -> Vec<SlowRequest> {
    let mask = plan.secrets.mask.clone();
    let driven = Driven::launch(plan).await;
    let recorder = Arc::clone(&driven.recorder);
    driven.until_the_end().await;
    recorder.take_slowest(Micros::ZERO, true, &mask)
}

/// The slow requests of one iteration with these steps.
async fn of_steps(before: &str, steps: &str) -> Vec<SlowRequest> {
    let server = Server::start().await;
    let body = format!("{ONCE}{before}flows: [ {{ name: main, steps: [ {steps} ] }} ]");
    slowest(plan(&server.url, &body)).await
}

fn values(request: &SlowRequest) -> Vec<(&str, &str)> {
    let values = request.values.iter();
    values.map(|(name, value)| (&**name, &**value)).collect()
}

#[tokio::test]
async fn a_request_has_the_values_that_it_inserted_not_those_that_it_captured() {
    let found = of_steps(
        "vars: { page: 3, words: [ tea, milk ] }\n",
        "{ get: '/count/${page}/${words[0]}', capture: { page: { json: $.n } } }, \
         { post: '/x', json: { page: '${page}' }, headers: { x-page: '${page}' } }",
    )
    .await;
    let [first, second] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        values(first),
        [("page", "3"), ("words", "[\"tea\",\"milk\"]")]
    );
    assert_eq!(values(second), [("page", "1")]);
    assert!(
        first.request.ends_with("/count/${page}/${words[0]}"),
        "{first:?}"
    );
    assert_eq!((first.user, first.iteration), (0, 0));
    assert_eq!((first.outcome, first.status), (Outcome::Ok, Some(200)));
    for request in &found {
        let parts: Micros = request
            .phases
            .each()
            .fold(Micros::ZERO, |sum, (_, part)| sum + part);
        // Each part is rounded to a microsecond.
        let difference = request.response_time.0.abs_diff(parts.0);
        assert!(difference <= 3, "{request:?}");
    }
    assert!(first.phases.connect.is_some() && second.phases.connect.is_none());
}

#[tokio::test]
async fn rows_are_shown_by_column_and_secrets_are_not() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}data: {{ people: {{ file: people.csv }} }}\nflows:\n- name: main\n  steps:\n\
         \x20 - get: /greet/${{people.name}}?key=${{people.pin}}\n\
         \x20   capture: {{ ticket: {{ json: $.token }} }}\n\
         \x20 - get: /timing/db;dur=1;desc=t0\n\
         \x20   auth: {{ bearer: '${{ticket}}' }}\n\
         \x20   headers: {{ x-api-token: '${{ticket}}' }}\n"
    );
    let files = [("people.csv", "name,pin\nada,hunter2\n")];
    let found = slowest(plan_with_files(&server.url, &body, &files)).await;
    assert_eq!(found.len(), 2);
    let expected = [("people.name", "ada"), ("people.pin", "[redacted]")];
    assert_eq!(values(&found[0]), expected);
    assert_eq!(values(&found[1]), [("ticket", "[redacted]")]);
    assert!(found[1].server_timing.is_some());
    assert!(!format!("{found:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_row_that_was_not_drawn_is_not_drawn_to_show_it() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}vars: {{ yes: true }}\ndata: {{ ids: {{ rows: [ {{ id: a }}, {{ id: b }} ] }} }}\nflows:\n- name: main\n  steps:\n\
         \x20 - get: \"/${{yes ? 'fixed' : ids.id}}\"\n\
         \x20 - get: /${{ids.id}}\n"
    );
    let found = slowest(plan_with_files(&server.url, &body, &[])).await;
    assert_eq!(values(&found[0]), [("yes", "true")]);
    assert_eq!(values(&found[1]).len(), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_show_only_values_that_cannot_have_changed() {
    let found = of_steps(
        "vars: { size: 5, ids: [ a, b ] }\n",
        "{ parallel: 2, steps: [ { foreach: '${ids}', as: id, steps: [ { get: '/${id}/${size}' } ] } ] }",
    )
    .await;
    assert_eq!(found.len(), 2);
    for request in &found {
        assert_eq!(values(request), [("size", "5")]);
    }
}

#[tokio::test]
async fn a_request_that_timed_out_is_a_slow_one() {
    let found = of_steps("http: { timeout: 100ms }\n", "{ get: /hold }, { get: /x }").await;
    let outcomes: Vec<Outcome> = found.iter().map(|request| request.outcome).collect();
    assert_eq!(outcomes, [Outcome::Timeout, Outcome::Ok]);
    let [slow, _] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(slow.response_time >= Micros(100_000), "{slow:?}");
    assert!(slow.phases.waiting >= Some(Micros(90_000)), "{slow:?}");
    assert_eq!(slow.phases.receiving, None);
}

#[tokio::test]
async fn nothing_of_the_warm_up_is_among_them() {
    let server = Server::start().await;
    let body = "load: { rate: 50/s, for: 400ms, max_users: 9 }\nwarm_up: 300ms\nflows: [ { name: main, steps: [ { get: /slow } ] } ]";
    let found = slowest(plan(&server.url, body)).await;
    assert!(!found.is_empty());
    for request in &found {
        // It ended after the warm-up, in which it may have been due.
        let end = request.intended + request.response_time;
        assert!(end >= Micros(295_000), "{request:?}");
    }
    assert!(server.seen().len() > found.len() + 5);
}

#[tokio::test]
async fn a_run_keeps_the_slowest_twenty_and_each_step_its_slowest_five() {
    let server = Server::start().await;
    let body = "load: { iterations: 60, users: 1 }\nflows: [ { name: main, steps: [ { get: /quick }, { get: /slow } ] } ]";
    let driven = Driven::launch(plan(&server.url, body)).await;
    let recorder = Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    let found = recorder.take_slowest(Micros::ZERO, true, &Mask::default());
    // All twenty of the run are those that wait, so the others are kept for their step alone.
    let (slow, quick): (Vec<_>, Vec<_>) = found.iter().partition(|request| request.series.0 == 2);
    assert_eq!((slow.len(), quick.len()), (20, 5), "{found:?}");
    for (series, kept) in [(1, quick), (2, slow)] {
        let longest = kept.iter().map(|request| request.response_time.0).max();
        let times = over.totals.series(gander::plan::SeriesId(series));
        let highest = times.histogram(gander::plan::Timing::ResponseTime);
        let highest = highest
            .map(|times| times.to_histogram().max())
            .expect("times");
        // Histograms have three significant digits.
        let difference = longest.expect("some").abs_diff(highest) as f64;
        assert!(
            difference <= highest as f64 / 500.0,
            "{longest:?} {highest}"
        );
    }
}
