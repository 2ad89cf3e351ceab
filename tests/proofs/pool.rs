//! A pool of a known size, each connection held for a known time: what Gander measures is one divided by the other,
//! whatever the machine.

use crate::support::{Bench, Run, alone, undisturbed};

/// The time for which each request holds its connection, in ms.
const HOLD_MS: f64 = 50.0;
/// The tolerance, as a part of the model's throughput.
const TOLERANCE: f64 = 0.1;
/// More users than the largest pool has connections, so that some always wait.
const USERS: u32 = 100;
const SECONDS: f64 = 4.0;
/// Connections that are kept, and those that are made beyond them under load.
const POOLS: [(u32, u32); 3] = [(25, 0), (50, 0), (20, 40)];

/// Folio on the profile, its documents read through a pool of `size` connections and `overflow` more.
fn run(profile: &str, size: u32, overflow: u32) -> Run {
    let scenario = format!(
        "name: pool\nkind: custom\ntarget: bundled\nload: {{ users: {USERS}, for: {}s }}\nwarm_up: 1s\nthink_time: none\n\
         flows:\n  - name: read\n    steps:\n      - get: /api/v1/documents/${{random(1,500)}}\n        name: read\n        \
         check: [ {{ status: 200 }} ]\n",
        SECONDS + 1.0
    );
    Bench::with(&scenario).run(&[
        "--quiet",
        "--target-profile",
        profile,
        "--target-set",
        "cache.mode=off",
        "--target-set",
        &format!("db.hold_ms={HOLD_MS}"),
        "--target-set",
        &format!("pool.size={size}"),
        "--target-set",
        &format!("pool.overflow={overflow}"),
    ])
}

/// The steps' requests leave out the warm-up, in which connections are made.
fn carries_its_size_over_the_hold(profile: &str, size: u32, overflow: u32) -> Result<(), String> {
    let run = run(profile, size, overflow).valid()?;
    let failed = run.count("/totals/failed");
    assert_eq!(failed, 0, "{profile}, {size} + {overflow}");
    let throughput = run.count("/steps/0/requests") as f64 / SECONDS;
    let model = f64::from(size + overflow) * 1e3 / HOLD_MS;
    if (throughput - model).abs() <= TOLERANCE * model {
        return Ok(());
    }
    Err(format!(
        "{profile}: {size} + {overflow} connections held for {HOLD_MS} ms carried {throughput:.0}/s, {model:.0}/s ± {:.0} % expected",
        TOLERANCE * 100.0
    ))
}

#[test]
fn an_embedded_pool_carries_its_size_over_the_hold() {
    let _turn = alone();
    for (size, overflow) in POOLS {
        undisturbed(|| carries_its_size_over_the_hold("embedded", size, overflow));
    }
}

#[test]
fn a_full_pool_carries_its_size_over_the_hold() {
    let _turn = alone();
    for (size, overflow) in POOLS {
        undisturbed(|| carries_its_size_over_the_hold("full", size, overflow));
    }
}
