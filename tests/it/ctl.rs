//! Control of a running test by `gander ctl`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bench, Lab, gander};

/// A scenario with this load against a lab.
fn bench(lab: &Lab, load: &str) -> Bench {
    Bench::with(&format!(
        "name: controlled\ntarget: {}\nload: {{ {load} }}\n\
         flows: [ {{ name: read, steps: [ {{ get: /lab/status/200 }} ] }} ]\n",
        lab.url()
    ))
}

fn ctl(run: &Path, request: &[&str]) -> Output {
    let run = run.to_str().expect("a name");
    let mut command = gander();
    command.args(["ctl", "--json", "--run", run]).args(request);
    command.output().expect("gander ctl runs")
}

/// The state of the run after a request.
fn state(run: &Path, request: &[&str]) -> Value {
    let output = ctl(run, request);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{request:?}: {told}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn refusal(run: &Path, request: &[&str]) -> String {
    let output = ctl(run, request);
    assert_eq!(output.status.code(), Some(104), "{request:?}");
    String::from_utf8(output.stderr).expect("a text")
}

/// A run whose load has begun.
fn begun(bench: &Bench) -> Child {
    let child = bench.spawn(&[]);
    let limit = Instant::now() + Duration::from_secs(30);
    while !ctl(&bench.path("out"), &["status"]).status.success() {
        assert!(Instant::now() < limit, "the run takes no requests");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn ten_changes_are_ten_events_and_the_run_is_no_longer_that_of_its_plan() {
    let lab = Lab::start();
    let bench = bench(&lab, "rate: 20/s, for: 1m, max_users: 20");
    let (child, run) = (begun(&bench), bench.path("out"));
    let named = std::fs::read_to_string(run.join("control.path")).expect("a path");
    let mode = std::fs::metadata(named.trim_end())
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    assert_eq!(state(&run, &["pause"])["phase"], "paused");
    assert!(refusal(&run, &["pause"]).contains("paused already"));
    assert!(refusal(&run, &["users", "5"]).contains("gander ctl rate"));
    assert!(refusal(&run, &["rate", "5"]).contains("not a rate"));
    assert!(refusal(&run, &["rate", "5/s", "--flow", "read"]).contains("leave --flow out"));
    assert_eq!(state(&run, &["resume"])["phase"], "running");
    for rate in ["30/s", "40/s", "0/s", "50/s", "60/s"] {
        state(&run, &["rate", rate]);
    }
    state(&run, &["tag", "deployed \u{1b}[31mv2"]);
    state(&run, &["pause"]);
    state(&run, &["resume"]);
    assert_eq!(state(&run, &["stop"])["phase"], "ending");
    let over = bench.wait(child).expect_code(105);
    assert!(refusal(&run, &["status"]).contains("is over"));

    let changes = over.summary["changes"].as_array().expect("changes").clone();
    assert_eq!(changes.len(), 10);
    let kinds: Vec<&str> = changes
        .iter()
        .filter_map(|change| change["change"].as_str())
        .collect();
    assert_eq!(kinds[..3], ["pause", "resume", "rate"]);
    assert_eq!(changes[7]["text"], "deployed [31mv2");
    let events = std::fs::read_to_string(run.join("events.jsonl")).expect("events");
    assert_eq!(events.matches("\"event\":\"change\"").count(), 10);
    let hash = over.summary["plan_hash"].as_str().expect("a hash");
    assert!(hash.contains("changed by hand"), "{hash}");
    let page = std::fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(page.contains("the load was changed while it ran"));
    assert!(page.contains("deployed [31mv2"));

    // The same file without changes is another load.
    let mut plain = gander();
    plain.args(["run", "--quiet", "--for", "1s", "--out"]);
    plain
        .arg(bench.path("plain"))
        .arg(bench.path("scenario.yaml"));
    plain.output().expect("a run");
    let mut compare = gander();
    compare.arg("compare").args([bench.path("plain"), run]);
    let compared = compare.output().expect("a comparison");
    assert_eq!(compared.status.code(), Some(95));
    let told = String::from_utf8_lossy(&compared.stdout);
    assert!(told.contains("changed by hand in"), "{told}");
}

#[test]
fn a_pause_stops_new_iterations_and_is_in_no_response_time() {
    let lab = Lab::start();
    let bench = bench(&lab, "rate: 100/s, for: 1m, max_users: 50");
    let (child, run) = (begun(&bench), bench.path("out"));
    let asked = || lab.counters()["begun"].as_u64().expect("a count");
    state(&run, &["pause"]);
    let paused = settled(asked);
    let pause = Duration::from_secs(2);
    std::thread::sleep(pause);
    assert_eq!(asked(), paused, "iterations started in the pause");
    state(&run, &["resume"]);
    let limit = Instant::now() + Duration::from_secs(30);
    while asked() < paused + 50 {
        assert!(Instant::now() < limit, "nothing starts after the pause");
        std::thread::sleep(Duration::from_millis(20));
    }
    state(&run, &["stop"]);
    let over = bench.wait(child).expect_code(105);
    assert_eq!(over.count("/load/unstarted"), 0);
    assert_eq!(over.count("/load/offered"), over.count("/totals/requests"));
    let longest = Duration::from_micros(over.count("/totals/response_time/max"));
    assert!(
        longest < pause,
        "{longest:?}: the pause is in no response time"
    );
}

/// A number once it no longer changes.
fn settled(read: impl Fn() -> u64) -> u64 {
    let limit = Instant::now() + Duration::from_secs(30);
    let mut before = read();
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let now = read();
        if now == before {
            return now;
        }
        assert!(Instant::now() < limit, "iterations still start");
        before = now;
    }
}

#[test]
fn a_pause_holds_back_what_is_late_already() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: late\ntarget: {}\nload: {{ rate: 100/s, for: 1m, max_users: 1 }}\n\
         flows: [ {{ name: slow, steps: [ {{ get: '/lab/delay?law=constant&value=50ms' }} ] }} ]\n",
        lab.url()
    ));
    let (child, run) = (begun(&bench), bench.path("out"));
    let asked = || lab.counters()["begun"].as_u64().expect("a count");
    let limit = Instant::now() + Duration::from_secs(20);
    // By then some eighty iterations are late, which take four seconds.
    while asked() < 20 {
        assert!(Instant::now() < limit, "nothing was sent");
        std::thread::sleep(Duration::from_millis(20));
    }
    state(&run, &["pause"]);
    let paused = asked();
    std::thread::sleep(Duration::from_secs(1));
    // One may have been on its way.
    assert!(
        asked() <= paused + 1,
        "late iterations started in the pause"
    );
    state(&run, &["stop"]);
    bench.wait(child).expect_code(105);
}

#[test]
fn users_change_within_the_room_that_the_scenario_gives() {
    let lab = Lab::start();
    let bench = bench(&lab, "users: 1, for: 1m, max_users: 3, throughput: 200/s");
    let (child, run) = (begun(&bench), bench.path("out"));
    assert!(refusal(&run, &["users", "4"]).contains("`max_users`"));
    let has_users = |users: u64| {
        let limit = Instant::now() + Duration::from_secs(20);
        while state(&run, &["status"])["users"] != users {
            assert!(Instant::now() < limit, "not {users} users");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    state(&run, &["users", "3"]);
    has_users(3);
    state(&run, &["users", "0"]);
    has_users(0);
    state(&run, &["stop"]);
    let over = bench.wait(child).expect_code(105);
    assert_eq!(over.count("/load/peak_users"), 3);
}
