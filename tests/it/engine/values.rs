//! Expressions in a run: arithmetic, parts of values, the names of the run and of the last response.

use std::sync::Arc;

use gander::outcome::Outcome;
use gander::plan::CheckId;

use super::plans::plan;
use super::server::Server;
use super::{Driven, run};

const ONCE: &str = "load: { iterations: 1, users: 1 }";

async fn paths(steps: &str) -> (Vec<String>, super::Outcome) {
    let server = Server::start().await;
    let mut plan = plan(&server.url, &format!("{ONCE}\n{steps}"));
    plan.workload.run_id = "run-7".to_owned();
    let over = run(plan).await;
    let seen = server.seen();
    let paths = seen.iter().map(|seen| seen.path().to_owned()).collect();
    (paths, over)
}

#[tokio::test]
async fn values_are_calculated_and_taken_apart() {
    let (paths, _) = paths(
        "vars: { price: 9.90, order: { lines: [ { id: a }, { id: b } ] }, word: red wine }\n\
         flows:\n\
         - name: main\n\
         \x20 steps:\n\
         \x20 - set: { total: '${price * 3 + 0.30}', last: '${order.lines[-1]}', list: '${[1, 2]}' }\n\
         \x20 - get: /${total}/${last.id}/${list[1] + 1}/${upper(slice(word, 0, 3))}\n\
         \x20 - get: \"/${total > 30 ? 'dear' : 'cheap'}/${'a' ~ 1 + 1}\"\n\
         \x20 - get: /list?${raw(join(['a=1', 'b=2'], '&'))}\n\
         \x20 - get: /${(price / 0) ?? 'none'}\n",
    )
    .await;
    let expected = ["/30.00/b/3/RED", "/cheap/a2", "/list?a=1&b=2", "/none"];
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn what_cannot_be_calculated_fails_the_request_with_its_reason() {
    let (paths, over) = paths(
        "vars: { word: red }\non_error: continue\n\
         flows: [ { name: main, steps: [ { get: '/${word + 1}' }, { get: /next } ] } ]",
    )
    .await;
    assert_eq!(paths, ["/next"]);
    assert_eq!(over.iterations().counts.failed, 1);
}

#[tokio::test]
async fn the_run_the_user_and_the_iteration_have_names() {
    let (paths, _) = paths(
        "flows:\n\
         - name: main\n\
         \x20 steps:\n\
         \x20 - get: /${iteration.id}/${iteration.number}/${user.id}/${flow.name}\n\
         \x20 - get: /${run.id}/${run.segment}/${run.elapsed < 60}/${run.seed == 7}\n",
    )
    .await;
    assert_eq!(paths[0], "/0-0/0/0/main");
    assert_eq!(paths[1], "/run-7/0/true/true");
}

#[tokio::test]
async fn the_last_response_can_be_read_until_the_next() {
    let (paths, over) = paths(
        "on_error: continue\n\
         flows:\n\
         - name: main\n\
         \x20 steps:\n\
         \x20 - get: /before/${response.status ?? 'none'}\n\
         \x20   check: [ { that: response.json.id == 42 and response.size > 0 and response.time < 60000 } ]\n\
         \x20 - get: /${response.json.id}/${response.headers['Content-Type'] ?? 'none'}/${len(response.body) > 2}\n\
         \x20 - get: /status/404\n\
         \x20 - get: /${response.status}/${response.url =~ '/status/404$'}\n\
         \x20   if: response.status == 404\n",
    )
    .await;
    assert_eq!(paths[0], "/before/none");
    assert!(
        paths[1].starts_with("/42/") && paths[1].ends_with("/true"),
        "{paths:?}"
    );
    assert_eq!(paths[3], "/404/true");
    let counts = over.totals.counts(gander::plan::Subject::Requests);
    assert_eq!((counts.ended, counts.failed), (4, 1));
}

#[tokio::test]
async fn a_condition_on_the_response_that_fails_shows_the_values_of_its_names() {
    let server = Server::start().await;
    let plan = plan(
        &server.url,
        &format!(
            "{ONCE}\nvars: {{ wanted: 41 }}\n\
             flows:\n\
             - name: main\n\
             \x20 steps:\n\
             \x20 - get: /\n\
             \x20   check: [ {{ that: response.json.id == wanted or response.status > 299 }} ]\n"
        ),
    );
    let checks = &plan.workload.checks;
    assert_eq!(
        checks[0].name,
        "response.json.id == wanted or response.status > 299"
    );
    let driven = Driven::launch(plan).await;
    let recorder = Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    assert_eq!(over.totals.check(CheckId(0)).failed, 1);
    let failures = recorder.take_failures();
    assert_eq!(failures[0].outcome, Outcome::Check);
    let shown = "found response.json.id = 42, wanted = 41, response.status = 200";
    assert!(
        failures[0].detail.ends_with(shown),
        "{}",
        failures[0].detail
    );
}
