//! Several loads in a run of the command line.

use crate::support::{Bench, Lab};

#[test]
fn a_load_that_starts_too_little_fails_the_run_though_the_others_start_enough() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: loads\ntarget: {}\nload: {{ users: 2, for: 2s }}\nflows:\n\
         \x20 - {{ name: browse, steps: [ {{ get: /lab/status/200 }} ] }}\n\
         \x20 - name: import\n\
         \x20   load: {{ rate: 5/s, for: 2s, max_users: 1, grace: 200ms }}\n\
         \x20   steps: [ {{ get: '/lab/delay?law=constant&value=1s' }} ]\n",
        lab.url()
    ));
    let run = bench.run(&[]).expect_code(99);
    let told = run.summary["reason"].as_str().expect("a reason");
    assert!(told.contains("the load of flow `import` started"), "{told}");
    assert!(told.contains("of 10 iterations that were due"), "{told}");
    assert_eq!(
        run.count("/load/offered"),
        run.count("/load/started") + run.count("/load/unstarted")
    );
}

#[test]
fn options_that_change_a_load_ask_which_if_there_are_several() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: loads\ntarget: {}\nflows:\n\
         \x20 - {{ name: a, load: {{ users: 2, for: 1s }}, steps: [ {{ get: / }} ] }}\n\
         \x20 - {{ name: b, load: {{ users: 1, for: 2s }}, steps: [ {{ get: / }} ] }}\n",
        lab.url()
    ));
    let refused = bench.wait(bench.spawn(&["--users", "5"]));
    assert_eq!(refused.code, Some(104));
    let told = &refused.stderr;
    assert!(told.contains("--set flows.a.load.users=…"), "{told}");
}

#[test]
fn thresholds_select_requests_by_their_status() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: statuses\ntarget: {}\nload: {{ iterations: 3, users: 1 }}\nflows:\n\
         \x20 - name: main\n\
         \x20   steps: [ {{ get: /lab/status/200 }}, {{ get: /lab/status/503 }}, {{ get: /lab/status/404, expect: 404 }} ]\n\
         thresholds:\n\
         \x20 - count(requests{{status=\"503\"}}) < 4\n\
         \x20 - count(requests{{status=~\"4..\",step=\"GET /lab/status/404\"}}) > 2\n\
         \x20 - ratio(failed{{status=~\"4..\"}}) == 0%\n\
         \x20 - ratio(failed{{status!=\"200\"}}) < 33%\n",
        lab.url()
    ));
    let run = bench.run(&[]).expect_code(99);
    let rows = run.summary["thresholds"].as_array().expect("thresholds");
    let told: Vec<_> = rows
        .iter()
        .take(4)
        .map(|row| (&row["verdict"], row["observed"].as_f64()))
        .collect();
    let standings: Vec<&str> = told
        .iter()
        .filter_map(|(standing, _)| standing.as_str())
        .collect();
    assert_eq!(standings, ["pass", "pass", "pass", "fail"], "{told:?}");
    let observed: Vec<f64> = told.iter().filter_map(|(_, observed)| *observed).collect();
    assert_eq!(observed, [3.0, 3.0, 0.0, 1.0 / 3.0]);
}
