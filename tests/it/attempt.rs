//! `gander try`: what it shows, and how it ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{Bench, Lab, gander, send_signal};

fn command(bench: &Bench, more: &[&str]) -> Command {
    let mut command = gander();
    command
        .current_dir(bench.folder.path())
        .args(["try", "scenario.yaml", "--seed", "1", "--no-color"])
        .args(more);
    command
}

/// What `gander try` prints, and its exit code.
fn tried(bench: &Bench, more: &[&str]) -> (String, Option<i32>) {
    let output = command(bench, more).output().expect("gander runs");
    (printed(&output), output.status.code())
}

fn printed(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

/// Each of these texts, in this order.
#[track_caller]
fn has_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part);
        let at = at.unwrap_or_else(|| panic!("no `{part}` where it is expected in\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

fn scenario(lab: &Lab, rest: &str) -> Bench {
    Bench::with(&format!(
        "name: x\ntarget: {}\nload: {{ users: 3, for: 1h }}\n{rest}",
        lab.url()
    ))
}

#[test]
fn three_planted_mistakes_can_be_seen() {
    let lab = Lab::start();
    let bench = scenario(
        &lab,
        r"flows:
  - name: wrong capture
    steps:
      - get: /api/v1/documents?limit=2
        name: list documents
        capture: { id: { json: '$.item[0].id' } }
      - group: read
        steps: [ { get: '/api/v1/documents/${id}', name: read document } ]
      - log: read ${id}
  - name: wrong header
    steps:
      - post: /api/v1/auth/login
        headers: { content-type: text/plain }
        json: { email: user1@folio.test, password: folio-demo, device: gander }
  - name: wrong check
    steps:
      - get: /api/v1/documents?limit=2
        check: [ { status: 200 }, { json: '$.items', length: 3 } ]
",
    );
    let (text, code) = tried(&bench, &[]);
    assert_eq!(code, Some(99), "{text}");
    has_in_order(
        &text,
        &[
            "flow wrong capture",
            "✗ list documents  scenario.yaml:7\n",
            "> GET /api/v1/documents?limit=2 HTTP/1.1\n",
            "> host: 127.0.0.1",
            "< HTTP/1.1 200 OK\n",
            "\"items\": [\n",
            "✗ capture id has no value: nothing at JSON path $.item[0].id",
            "These steps did not run, because `list documents` captured no `id`",
            "- group read  scenario.yaml:10\n",
            "- read document  scenario.yaml:11\n",
            "- log  scenario.yaml:12\n",
            "flow wrong header",
            "> content-type: text/plain\n",
            "> content-length: ",
            "\"email\": \"user1@folio.test\"",
            "< HTTP/1.1 415 Unsupported Media Type\n",
            "✗ failed: status 415 Unsupported Media Type",
            "flow wrong check",
            "✓ status is 200: found 200 OK\n",
            "✗ expected $.items length == 3, found length 2\n",
            "✗ 3 requests, 3 failures, 3 steps did not run\n",
        ],
    );
    assert!(!text.contains("folio-demo"), "{text}");
}

#[test]
fn the_way_through_the_steps_is_told() {
    let lab = Lab::start();
    let bench = scenario(
        &lab,
        r"metrics: { basket: trend }
setup: [ { set: { first: '${1}' } }, { get: /health } ]
teardown: [ { log: the end } ]
blocks: { read: { with: [id], steps: [ { get: '/api/v1/documents/${id}', name: read } ] } }
flows:
  - name: way
    start: [ { set: { mode: x } } ]
    steps:
      - foreach: [ 1, 2 ]
        as: id
        steps: [ { call: read, with: { id: '${id}' } } ]
      - if: ${mode == 'y'}
        steps: [ { get: /never } ]
        else: [ { log: it is not y } ]
      - { get: /never, if: '${first > 5}' }
      - think: 1h
      - rendezvous: { users: 3, within: 1h }
      - parallel: 2
        steps: [ { repeat: 2, steps: [ { get: /health, record: { basket: '${3}' } } ] } ]
      - { get: /nowhere, name: lost, on: { 404: { then: continue } } }
      - until: ${response.status == 200}
        max: 3
        steps: [ { get: /health, name: poll } ]
      - { get: /health, capture: { none: { json: $.none, default: 7 } } }
      - choose: [ { steps: [ { set: { z: 1 } } ] } ]
      - stop: iteration
      - get: /never
    stop: [ { get: /health, name: leave } ]
  - name: other
    load: { users: 2, for: 1h }
    steps: [ { get: /health, name: one more } ]
",
    );
    let (text, code) = tried(&bench, &[]);
    assert_eq!(code, Some(0), "{text}");
    has_in_order(
        &text,
        &[
            "── setup\n",
            "· set: first = 1  scenario.yaml:5\n",
            "✓ GET /health  scenario.yaml:5\n",
            "── start of flow way\n· set: mode = \"x\"",
            "── flow way, one iteration of user 0\n",
            "· foreach: pass 1, id = 1  scenario.yaml:12\n· call: with id = 1",
            "✓ read  scenario.yaml:7\n",
            "> GET /api/v1/documents/1 HTTP/1.1\n",
            "· foreach: pass 2, id = 2  scenario.yaml:12\n",
            "· if: false (mode = \"x\"): its `else` runs",
            "log: it is not y",
            "· if: false (first = 1): `GET /never` is skipped",
            "· pause: 1h left out",
            "· rendezvous: the meeting of 3 users is left out",
            "· parallel: 2 requests, at most 2 at once",
            "✓ GET /health",
            "· record: basket = 3",
            "✗ lost",
            "· on: `lost` ended with status 404: the flow goes on",
            "· until: pass 1 of at most 3",
            "✓ poll",
            "· until: true (response.status = 200)",
            "- capture none has its default, 7: nothing at JSON path $.none",
            "· choose: number 1 of 1 was drawn",
            "· stop: iteration",
            "These steps did not run, because the scenario ended the iteration before them:\n",
            "- GET /never",
            "── stop of flow way\n",
            "✓ leave",
            "── flow other, one iteration of user 3\n",
            "✓ one more",
            "── teardown\n  log: the end",
            "1 step did not run: all good\n",
        ],
    );
    // The target saw these requests and no others: one iteration of each flow.
    let requests = text.matches("> GET ").count();
    assert_eq!(requests, 10, "{text}");

    let (text, code) = tried(&bench, &["--flow", "other"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("✓ 2 requests: all good"), "{text}");
}

#[test]
fn what_goes_wrong_outside_requests_counts_too() {
    let lab = Lab::start();
    for (rest, expected) in [
        (
            "on_error: continue\nvars: { x: null }\nflows: [ { name: f, steps: [ { get: '/${x.y}', name: a }, { fail: no } ] } ]\n",
            &[
                "✗ a: not sent: ",
                "✗ fail: no  scenario.yaml:6\n",
                "✗ 0 requests, 2 failures\n",
            ][..],
        ),
        (
            "setup: [ { get: /nowhere }, { get: /health } ]\nflows: [ { name: f, steps: [ { get: / } ] } ]\n",
            &[
                "✗ GET /nowhere",
                "These steps did not run, because `GET /nowhere` failed (status)",
                "- GET /health",
                "flows that did not run: setup failed: f\n",
            ],
        ),
        (
            "flows: [ { name: f, steps: [ { stop: run } ] }, { name: g, steps: [ { fail: x } ] } ]\n",
            &[
                "flows that did not run: flow f stopped the run: g\n",
                "all good",
            ],
        ),
        (
            "flows: [ { name: f, steps: [ { retry: { times: 2, on: [ 404 ], wait: 1ms }, steps: [ { get: /nowhere } ] } ] } ]\n",
            &[
                "· retry: `GET /nowhere` ended with status 404",
                "· retry: attempt 2 of 2 in 1ms",
                "✗ retry: the last of 2 attempts failed",
                "✗ 2 requests, 1 failure\n",
            ],
        ),
    ] {
        let (text, code) = tried(&scenario(&lab, rest), &[]);
        has_in_order(&text, expected);
        let is_good = text.contains("all good");
        assert_eq!(code, Some(if is_good { 0 } else { 99 }), "{text}");
    }
}

#[test]
fn redirects_are_shown_one_by_one_and_the_archive_has_them_without_secrets() {
    let lab = Lab::start();
    let bench = scenario(
        &lab,
        r"vars: { password: folio-demo }
flows:
  - name: buy
    steps:
      - post: /api/v1/auth/login
        name: log in
        headers: { X-Shop-Token: canary-key }
        json: { email: user1@folio.test, password: '${password}', device: gander }
        cookies: { theme: canary-cookie }
        capture: { token: { json: $.access_token } }
      - get: /api/v1/me?token=canary-token&page=2
        auth: { bearer: '${token}' }
        expect: [ 200, 401, 404 ]
      - get: /lab/redirect/2
        name: redirected
",
    );
    let (text, code) = tried(&bench, &["--har", "out.har", "--full"]);
    assert_eq!(code, Some(0), "{text}");
    has_in_order(
        &text,
        &[
            "> X-Shop-Token: [redacted]\n",
            "> cookie: theme=[redacted]\n",
            "\"password\": [redacted]",
            "✓ capture token = [redacted]  from JSON path $.access_token\n",
            "> GET /api/v1/me?token=[redacted]&page=2 HTTP/1.1\n",
            "> authorization: Bearer [redacted]\n",
        ],
    );
    let archive = fs::read_to_string(bench.path("out.har")).expect("an archive");
    for secret in ["canary", "folio-demo", "eyJ"] {
        assert!(!text.contains(secret), "{secret}: {text}");
        assert!(!archive.contains(secret), "{secret}: {archive}");
    }
    let archive: Value = serde_json::from_str(&archive).expect("JSON");
    is_an_archive(&archive["log"]);
    let entries = archive["log"]["entries"].as_array().expect("a list");
    let of = |number: usize, pointer: &str| entries[number].pointer(pointer).expect("a member");
    assert_eq!(of(0, "/request/method"), "POST");
    assert_eq!(of(0, "/request/postData/mimeType"), "application/json");
    assert_eq!(of(0, "/response/status"), 200);
    assert_eq!(of(0, "/comment"), "log in (scenario.yaml:8)");
    assert_eq!(of(1, "/request/queryString/1/value"), "2");

    // One entry for each hop.
    has_in_order(
        &text,
        &[
            "✓ redirected",
            "> GET /lab/redirect/2 ",
            "< HTTP/1.1 302 ",
            "* redirect 1\n",
            "> GET /lab/redirect/1 ",
            "* redirect 2\n",
            "< HTTP/1.1 200 ",
            "with redirects ",
        ],
    );
    assert_eq!(entries.len(), 5);
    assert_eq!(of(2, "/response/status"), 302);
    assert_eq!(of(2, "/response/redirectURL"), "/lab/redirect/1");

    // An existing archive stays, unless it may be replaced.
    let (text, code) = tried(&bench, &["--har", "out.har"]);
    assert_eq!(code, Some(104), "{text}");
    let (text, code) = tried(&bench, &["--har", "out.har", "--overwrite"]);
    assert_eq!(code, Some(0), "{text}");
    // What the command reads is never replaced.
    let (text, code) = tried(&bench, &["--har", "scenario.yaml", "--overwrite"]);
    assert_eq!(code, Some(104), "{text}");
    assert!(text.contains("is an input file"), "{text}");
}

/// The members that HAR 1.2 requires, and their types.
fn is_an_archive(log: &Value) {
    assert_eq!(log["version"], "1.2");
    assert!(log["creator"]["name"].is_string() && log["creator"]["version"].is_string());
    for entry in log["entries"].as_array().expect("a list") {
        for (pointer, is) in [
            ("/startedDateTime", Value::is_string as fn(&Value) -> bool),
            ("/time", Value::is_number),
            ("/cache", Value::is_object),
            ("/timings/send", Value::is_number),
            ("/timings/wait", Value::is_number),
            ("/timings/receive", Value::is_number),
            ("/request/method", Value::is_string),
            ("/request/url", Value::is_string),
            ("/request/httpVersion", Value::is_string),
            ("/request/cookies", Value::is_array),
            ("/request/headers", Value::is_array),
            ("/request/queryString", Value::is_array),
            ("/request/headersSize", Value::is_i64),
            ("/request/bodySize", Value::is_i64),
            ("/response/status", Value::is_u64),
            ("/response/statusText", Value::is_string),
            ("/response/httpVersion", Value::is_string),
            ("/response/cookies", Value::is_array),
            ("/response/headers", Value::is_array),
            ("/response/content/size", Value::is_u64),
            ("/response/content/mimeType", Value::is_string),
            ("/response/redirectURL", Value::is_string),
            ("/response/headersSize", Value::is_i64),
            ("/response/bodySize", Value::is_i64),
        ] {
            let found = entry.pointer(pointer).unwrap_or(&Value::Null);
            assert!(is(found), "{pointer}: {entry:#}");
        }
    }
}

#[test]
fn the_exit_code_tells_an_invalid_file_from_a_target_that_is_gone() {
    let bench = Bench::with(
        "name: x\ntarget: http://127.0.0.1:1\nload: { users: 1, for: 1s }\nflows: [ { name: f, steps: [ { get: / } ] } ]\n",
    );
    let (text, code) = tried(&bench, &[]);
    assert_eq!(code, Some(107), "{text}");
    assert!(text.contains("refused"), "{text}");
    let (text, code) = tried(&bench, &["--set", "load.for=never"]);
    assert_eq!(code, Some(104), "{text}");
    let (text, code) = tried(&bench, &["--flow", "g"]);
    assert_eq!(code, Some(104), "{text}");
}

#[test]
fn a_signal_ends_a_trial_in_order() {
    let lab = Lab::start();
    let bench = scenario(
        &lab,
        r"flows:
  - name: waits
    steps:
      - get: /health
        name: begins
      - until: false
        max: 100
        every: 1h
        steps: [ { get: /health, name: asks } ]
      - get: /never
  - name: other
    steps: [ { get: /never } ]
teardown: [ { log: cleaned up } ]
",
    );
    let mut child = command(&bench, &[])
        .stdout(Stdio::piped())
        .spawn()
        .expect("gander runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let waits = lines
        .by_ref()
        .any(|line| line.expect("UTF-8").contains("· until: false"));
    assert!(waits);
    send_signal(&child, "INT");
    let rest: Vec<String> = lines.map(|line| line.expect("UTF-8")).collect();
    let rest = rest.join("\n");
    assert_eq!(child.wait().expect("it ends").code(), Some(105), "{rest}");
    has_in_order(
        &rest,
        &[
            "did not run, because it was stopped",
            "- GET /never",
            "cleaned up",
            "flows that did not run: other",
        ],
    );
}

#[test]
fn the_log_of_a_command_leaves_no_folder_behind() {
    let folders = |name: &str| Path::new(name).exists();
    let lab = Lab::start();
    let bench = scenario(
        &lab,
        "flows: [ { name: f, steps: [ { get: /health } ] } ]\n",
    );
    let child = command(&bench, &[])
        .stdout(Stdio::null())
        .spawn()
        .expect("gander runs");
    let folder = std::env::temp_dir().join(format!("gander-try-{}", child.id()));
    child.wait_with_output().expect("it ends");
    assert!(!folders(&folder.to_string_lossy()), "{}", folder.display());
    // Nothing is written beside the scenario.
    let files = fs::read_dir(bench.folder.path()).expect("a folder").count();
    assert_eq!(files, 1);
}
