//! The search for the capacity.

use serde_json::Value;

use crate::support::{Bench, Lab, Run, gander};

/// A search with this load; every response takes 20 ms.
fn bench(lab: &Lab, load: &str) -> Bench {
    Bench::with(&format!(
        "name: capacity\nkind: breakpoint\ntarget: {}\nload: {{ {load} }}\n\
         flows: [ {{ name: read, steps: [ {{ get: '/lab/delay?law=constant&value=20ms' }} ] }} ]\n",
        lab.url()
    ))
}

fn rate(run: &Run, key: &str) -> f64 {
    run.summary["capacity"][key].as_f64().expect(key)
}

#[test]
fn the_capacity_of_a_target_lies_between_what_holds_and_what_breaks() {
    // Folio reads a document over one of its connections, which each read holds for 40 ms.
    const CONNECTIONS: f64 = 4.0;
    let bench = Bench::with(
        "name: capacity\nkind: breakpoint\ntarget: bundled\n\
         load: { rate: 20/s.., step: 60%, every: 3s, confirm: 4s, max_users: 200, precision: 5%, at_least: 500/s, \
                 until: [ p95(response_time) < 400ms ] }\n\
         flows: [ { name: read, steps: [ { get: '/api/v1/documents/${random(1, 500)}' } ] } ]\n",
    );
    let stack = ["cache.mode=off", "pool.size=4", "db.hold_ms=40"];
    let stack = stack.map(|change| ["--target-set", change]).concat();
    let run = bench.run(&stack).expect_code(99);
    let (holds, breaks) = (rate(&run, "holds"), rate(&run, "breaks"));
    let most = CONNECTIONS / 0.040;
    let capacity = &run.summary["capacity"];
    // Other work on this machine makes Folio slower, but nothing makes it faster.
    assert!((0.75 * most..=1.03 * most).contains(&holds), "{capacity:#}");
    assert!(breaks <= holds * 1.05 + 1e-9, "{capacity:#}");
    let levels = run.summary["capacity"]["levels"]
        .as_array()
        .expect("levels");
    let results: Vec<&str> = levels
        .iter()
        .filter_map(|level| level["result"].as_str())
        .collect();
    assert!(results.contains(&"held") && results.contains(&"broke"));
    assert_eq!(
        levels.last().map(|level| &level["purpose"]),
        Some(&Value::from("confirm"))
    );
    assert!(run.stdout.contains("the target holds"), "{}", run.stdout);
    assert!(run.summary["reason"].as_str().is_some_and(
        |told| told.contains("breaks at") && told.contains("at least 500/s is needed")
    ));
}

#[test]
fn users_that_are_too_few_are_no_capacity_of_the_target() {
    let lab = Lab::start();
    let load =
        "rate: 20/s.., step: 100%, every: 2s, max_users: 2, until: [ p95(response_time) < 200ms ]";
    let run = bench(&lab, load).run(&[]);
    assert_eq!(run.code, Some(94), "{}", run.stdout);
    assert_eq!(run.summary["capacity"]["result"], "generator");
    assert!(run.stdout.contains("max_users"), "{}", run.stdout);
}

#[test]
fn a_search_that_is_stopped_has_no_result() {
    let lab = Lab::start();
    let load =
        "rate: 10/s.., step: 10/s, every: 2s, max_users: 50, until: [ p95(response_time) < 1s ]";
    let bench = bench(&lab, load);
    let child = bench.spawn(&[]);
    let out = bench.path("out");
    let out = out.to_str().expect("a name");
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let stop = || {
        let mut ctl = gander();
        ctl.args(["ctl", "--run", out, "stop"])
            .output()
            .expect("ctl")
    };
    while !stop().status.success() {
        assert!(
            std::time::Instant::now() < limit,
            "the run takes no requests"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let run = bench.wait(child).expect_code(105);
    let capacity = &run.summary["capacity"];
    assert_eq!(capacity["result"], "stopped");
    assert_eq!(capacity["levels"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_search_has_a_limit_a_goal_and_an_end() {
    let lab = Lab::start();
    let until = "until: [ p95(response_time) < 1s ], max_users: 50, every: 1s";
    let ends = [
        (
            format!("rate: 10/s..20/s, step: 10/s, {until}"),
            0,
            "at_least",
        ),
        (
            format!("rate: 10/s.., step: 10/s, max_duration: 2s, {until}"),
            95,
            "out_of_time",
        ),
    ];
    for (load, code, result) in ends {
        let run = bench(&lab, &load).run(&[]).expect_code(code);
        assert_eq!(run.summary["capacity"]["result"], result, "{load}");
    }
    let load =
        "rate: 50/s.., step: 50/s, every: 1s, max_users: 20, until: [ p95(response_time) < 5ms ]";
    let run = bench(&lab, load).run(&[]).expect_code(99);
    assert_eq!(run.summary["capacity"]["result"], "nothing_held");
}
