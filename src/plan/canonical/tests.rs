use std::fs;

use crate::plan::{Plan, Segment};
use crate::scenario::{self, Overrides};

use super::write;

/// A step of each kind, each part of a request, and secrets in all their places.
const SCENARIO: &str = "\
name: shop
kind: custom
target: bundled
load: { rate: 2/s, for: 10s, max_users: 4 }
think_time: 1s..3s
http: { headers: { user-agent: test } }
vars: { page: 20, words: [ tea, { size: 1.50 } ], api_token: canary-b }
data: { users: { file: users.json, pick: shuffled } }
setup:
  - get: /ready
flows:
  - name: browse
    weight: 2
    start:
      - post: /login
        auth: { basic: { user: ann, password: canary-c } }
        capture: { sid: { cookie: sid } }
    steps:
      - get: /items?limit=${page}
        headers: { cookie: a=canary-d, accept: text/plain, x-user: 'u${users.name}' }
        check: [ { status: 200 } ]
        capture: { id: { json: '$.items[*].id', pick: random } }
      - set: { amount: '${random(1, 3)}' }
      - repeat: 2
        if: id != null and users.name =~ '^a'
        steps:
          - post: /orders
            json: { id: '${id}', amount: '${amount}', password: canary-e }
            auth: { bearer: '${api_token}' }
          - think: 500ms
";

const USERS: &str =
    r#"[ { "name": "ann", "password": "canary-f" }, { "name": "bob", "password": "canary-g" } ]"#;

fn plan(target: &str, seed: u64) -> Plan {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scenario.yaml");
    fs::write(&path, SCENARIO).expect("a scenario");
    fs::write(folder.path().join("users.json"), USERS).expect("a feeder");
    let scenario = scenario::load(&path, &Overrides::default()).unwrap_or_else(|d| panic!("{d}"));
    let target = target.parse().expect("a URL");
    Plan::compile(&scenario, &target, seed, Segment::WHOLE).unwrap_or_else(|d| panic!("{d}"))
}

fn canonical(target: &str, seed: u64) -> String {
    let plan = plan(target, seed);
    let mut text = String::new();
    write(&plan.workload, &plan.secrets, &mut text).expect("a String takes everything");
    text
}

#[test]
fn the_canonical_text_is_what_it_was() {
    // A change here changes the hashes of all scenarios: reports of earlier versions no longer match.
    insta::assert_snapshot!(canonical("http://127.0.0.1:1", 1));
}

#[test]
fn neither_seed_nor_address_nor_secret_is_in_it() {
    let text = canonical("http://127.0.0.1:1", 1);
    assert_eq!(text, canonical("http://127.0.0.1:2", 2));
    assert!(!text.contains("127.0.0.1"), "{text}");
    let secrets = [
        "canary-b", "canary-c", "canary-d", "canary-e", "canary-f", "canary-g",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}
