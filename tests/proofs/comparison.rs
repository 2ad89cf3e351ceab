//! `gander ab` finds a target that is 10 % slower, and nothing where nothing changed.

use serde_json::Value;

use crate::support::{Bench, alone, gander};

/// Reads of Folio without its cache, so that the modelled cost of a statement is most of a response.
const SCENARIO: &str = "name: rtt\nkind: custom\ntarget: bundled\nload: { users: 8, for: 25s }\nwarm_up: 5s\n\
     think_time: 10ms\n\
     flows: [ { name: read, steps: [ { get: \"/api/v1/documents/${random(1, 1000)}\", name: read } ] } ]\n";

/// Six pairs: five minutes of load.
fn sitting(rtt_of_b: &str, seed: &str) -> (Option<i32>, Value) {
    let bench = Bench::with(SCENARIO);
    let output = gander()
        .current_dir(bench.folder.path())
        .args([
            "ab",
            "scenario.yaml",
            "--out",
            "sat",
            "--seed",
            seed,
            "--quiet",
        ])
        .args(["--target-set", "cache.mode=off"])
        .args(["--a", "target_set.db.rtt_ms=20"])
        .args(["--b", &format!("target_set.db.rtt_ms={rtt_of_b}")])
        .output()
        .expect("gander runs");
    let text = std::fs::read_to_string(bench.path("sat/compare.json")).unwrap_or_default();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    assert!(
        json.is_object(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code(), json)
}

#[test]
#[ignore = "five minutes of load"]
fn a_target_that_is_ten_percent_slower_is_found() {
    let _alone = alone();
    let (code, json) = sitting("22", "1");
    assert_eq!(code, Some(96), "{json:#}");
    // The tail of so short runs is wider than its change on a busy machine.
    let median = &json["gates"][0];
    assert_eq!(median["figure"], "p50(response_time)");
    assert_eq!(median["verdict"], "regressed", "{median:#}");
    let change = median["change"].as_f64().expect("a change");
    assert!((0.05..0.15).contains(&change), "{median:#}");
}

#[test]
#[ignore = "fifteen minutes of load"]
fn the_same_target_twice_does_not_regress() {
    let _alone = alone();
    for seed in ["1", "2", "3"] {
        let (code, json) = sitting("20", seed);
        assert!(matches!(code, Some(0 | 95)), "seed {seed}: {json:#}");
    }
}
