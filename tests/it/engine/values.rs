//! Expressions in a run: arithmetic, parts of values, the names of the run and of the last response.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gander::outcome::Outcome;
use gander::plan::CheckId;
use gander::record::FailureExample;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::plans::{plan, plan_with_files};
use super::server::Server;
use super::{Driven, run};

const ONCE: &str = "load: { iterations: 1, users: 1 }";

async fn paths(steps: &str) -> (Vec<String>, super::Outcome) {
    let server = Server::start().await;
    let mut plan = plan(&server.url, &format!("{ONCE}\n{steps}"));
    "run-7".clone_into(&mut plan.workload.run_id);
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

#[tokio::test]
async fn variables_are_drawn_once_from_the_seed() {
    let server = Server::start().await;
    let body = "load: { iterations: 2, per_user: true, users: 2 }\n\
                vars: { a: '${random(1, 1000000)}', b: '${a + 1}', tags: [ '${b}', { of: 'x${a}' } ] }\n\
                flows: [ { name: main, steps: [ { get: '/${a}/${b - a}/${tags[0] == b}/${tags[1].of}' } ] } ]";
    let plans = [plan(&server.url, body), plan(&server.url, body)];
    assert_eq!(plans[0].workload_hash, plans[1].workload_hash);
    assert_eq!(plans[0].workload.variables, plans[1].workload.variables);
    let [plan, _] = plans;
    let a = plan.workload.variables[0].initial.clone().expect("a value");
    run(plan).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for seen in seen {
        assert_eq!(seen.path(), format!("/{a}/1/true/x{a}"));
    }
}

const HELPERS: &str = "\
export function sign(body, key) {\n  return hmac('sha256', key, body, 'base64url');\n}\n\
export const is_even = (n) => n % 2 === 0;\n\
export function fail() {\n  throw new Error('no luck');\n}\n\
export const drawn = () => Math.floor(Math.random() * 1e9);\n";

async fn with_helpers(steps: &str) -> (Vec<String>, Vec<FailureExample>) {
    let server = Server::start().await;
    let body = format!("{ONCE}\nfunctions: helpers.js\non_error: continue\n{steps}");
    let plan = plan_with_files(&server.url, &body, &[("helpers.js", HELPERS)]);
    let driven = Driven::launch(plan).await;
    let recorder = Arc::clone(&driven.recorder);
    driven.until_the_end().await;
    let seen = server.seen();
    let paths = seen.iter().map(|seen| seen.path().to_owned()).collect();
    (paths, recorder.take_failures())
}

/// Of HMAC-SHA-256, in base64 for URLs.
fn hmac_of(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key");
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn functions_of_ones_own_are_called_in_every_expression() {
    let steps = "vars: { of_run: \"${sign('run', 'k')}\" }\n\
                 flows:\n\
                 - name: main\n\
                 \x20 steps:\n\
                 \x20 - get: \"/${sign('body', 'key')}/${drawn()}\"\n\
                 \x20   check: [ { that: is_even(response.json.id) } ]\n\
                 \x20 - { get: /even, if: is_even(4) }\n\
                 \x20 - { get: /odd, if: is_even(3) }\n\
                 \x20 - { get: '/${of_run}' }\n";
    let (paths, failures) = with_helpers(steps).await;
    let (again, _) = with_helpers(steps).await;
    assert_eq!(failures, []);
    assert_eq!(paths, again, "random numbers come from the seed");
    let expected = hmac_of("key", "body");
    assert!(paths[0].starts_with(&format!("/{expected}/")), "{paths:?}");
    assert_eq!(paths[1], "/even");
    assert_eq!(paths[2..], [format!("/{}", hmac_of("k", "run"))]);
}

#[tokio::test]
async fn a_function_that_fails_is_a_failed_step_with_its_place() {
    let steps = "flows: [ { name: main, steps: [ { get: '/${fail()}', name: failing }, { get: /next } ] } ]";
    let (paths, failures) = with_helpers(steps).await;
    assert_eq!(paths, ["/next"]);
    assert_eq!(failures[0].outcome, Outcome::Unsendable);
    assert_eq!(
        failures[0].detail,
        "no value for `fail(…)`: helpers.js:6:13: Error: no luck"
    );
}

#[tokio::test]
async fn the_text_of_a_script_is_a_part_of_the_workload() {
    let body = format!(
        "{ONCE}\nfunctions: helpers.js\nflows: [ {{ name: main, steps: [ {{ get: '/${{f()}}' }} ] }} ]"
    );
    let hash = |text: &str| {
        let plan = plan_with_files("http://127.0.0.1:1", &body, &[("helpers.js", text)]);
        plan.workload_hash
    };
    let first = hash("export const f = () => 1;");
    assert_eq!(first, hash("export const f = () => 1;"));
    assert_ne!(first, hash("export const f = () => 2;"));
}

#[tokio::test]
async fn the_text_of_a_file_is_read_before_the_run() {
    let server = Server::start().await;
    let body = format!(
        "{ONCE}\nflows: [ {{ name: main, steps: [ {{ get: \"/${{trim(file('name.txt'))}}\" }} ] }} ]"
    );
    run(plan_with_files(
        &server.url,
        &body,
        &[("name.txt", "read\n")],
    ))
    .await;
    assert_eq!(server.seen()[0].path(), "/read");
}
