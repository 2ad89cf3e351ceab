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
