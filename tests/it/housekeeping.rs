//! What a run costs beside its requests.

use serde_json::Value;

use crate::support::{Bench, Lab};

#[test]
fn users_that_pace_themselves_share_one_timer() {
    const USERS: u64 = 60;
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: paced\ntarget: {}\nload: {{ users: {USERS}, for: 1500ms }}\npacing: 200ms\n\
         flows: [ {{ name: read, steps: [ {{ get: /health }} ] }} ]\n",
        lab.url()
    ));
    let run = bench.run(&["--quiet"]);
    assert!(run.count("/totals/connections") >= USERS, "{}", run.stderr);
    let events = std::fs::read_to_string(bench.path("out/events.jsonl")).expect("a journal");
    let open = events.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        event.pointer("/health/open_fds")?.as_u64()
    });
    let most = open.max().expect("an interval");
    assert!(
        (USERS..USERS + 40).contains(&most),
        "{most} descriptors for {USERS} connections"
    );
}
