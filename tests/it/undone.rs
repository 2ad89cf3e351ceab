//! The command never passes a run whose work was not done, and says everywhere what was not.

use crate::support::{Bench, Lab, Run};

fn played(lab: &Lab, rest: &str) -> (Bench, Run) {
    let target = lab.url();
    let bench = Bench::with(&format!("name: undone\ntarget: {target}\n{rest}"));
    std::fs::write(bench.path("rows.csv"), "n\n1\n2\n3\n").expect("written");
    let run = bench.run(&["--junit", "junit.xml"]);
    (bench, run)
}

#[test]
fn a_request_that_cannot_be_sent_fails_the_run_and_is_told_in_every_output() {
    let lab = Lab::start();
    let (bench, run) = played(
        &lab,
        "load: { iterations: 6, users: 2 }\n\
         vars: { bad: 'no://where' }\n\
         flows: [ { name: a, steps: [ { get: /health }, { get: '${bad}', name: never sent }, { get: /health, name: never reached } ] } ]\n\
         thresholds: [ p95(response_time) < 1m ]\n",
    );
    let run = run.expect_code(99);
    let reason = run.summary["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("ratio(failed_iterations) was 100 %"),
        "{reason}"
    );
    let counts = [
        "requests",
        "sent",
        "failed",
        "iterations",
        "failed_iterations",
    ];
    let counts = counts.map(|key| run.count(&format!("/totals/{key}")));
    assert_eq!(counts, [12, 6, 6, 6, 6]);
    assert_eq!(run.count("/totals/errors/unsendable"), 6);
    assert_eq!(run.summary["warnings"], serde_json::json!([]));
    let failure = &run.summary["failures"][0];
    assert_eq!(
        (failure["step"].as_str(), failure["outcome"].as_str()),
        (Some("never sent"), Some("unsendable"))
    );
    let junit = std::fs::read_to_string(bench.path("out/junit.xml")).expect("junit");
    let events = std::fs::read_to_string(bench.path("out/events.jsonl")).expect("events");
    for (name, text) in [
        ("stdout", &run.stdout),
        ("junit", &junit),
        ("events", &events),
    ] {
        assert!(
            text.contains("never sent") || name == "events",
            "{name}: {text}"
        );
        assert!(text.contains("unsendable"), "{name}: {text}");
        assert!(
            text.contains("was rendered to `no://where`"),
            "{name}: {text}"
        );
    }
    assert!(run.stdout.contains("6 failed (50 %)"), "{}", run.stdout);
}

#[test]
fn a_run_that_ends_before_its_schedule_passes_only_if_the_scenario_says_that_it_may() {
    let lab = Lab::start();
    let scenario = |rule: &str| {
        format!(
            "load: {{ users: 2, for: 1h }}\n\
             data: {{ d: {{ file: rows.csv, pick: unique{rule} }} }}\n\
             flows: [ {{ name: a, steps: [ {{ get: '/health?n=${{d.n}}' }} ] }} ]\n\
             thresholds: [ ratio(failed) == 0% ]\n"
        )
    };
    let said = |run: &Run| {
        run.summary["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let (_, run) = played(&lab, &scenario(""));
    let run = run.expect_code(99);
    let reason = said(&run);
    assert!(
        reason.starts_with("the run ended before its schedule, after "),
        "{reason}"
    );
    assert!(
        reason.ends_with(": 2 of 2 users left early, 2 because the rows of `d` were used up"),
        "{reason}"
    );

    let (_, run) = played(&lab, &scenario(", when_used_up: end"));
    let run = run.expect_code(0);
    let reason = said(&run);
    assert!(
        reason.starts_with("the run ended before its schedule, after "),
        "{reason}"
    );
    assert!(
        reason.contains("as `when_used_up: end` lets it: 2 of 2 users"),
        "{reason}"
    );
    assert!(reason.ends_with("; both thresholds hold"), "{reason}");
}

#[test]
fn users_that_leave_early_are_told_in_a_verdict_that_passes() {
    let lab = Lab::start();
    let (_, run) = played(
        &lab,
        "load: { users: 4, for: 1s }\n\
         data: { d: { file: rows.csv, pick: unique } }\n\
         flows: [ { name: a, start: [ { get: '/health?n=${d.n}' } ], steps: [ { get: /health }, { think: 20ms } ] } ]\n\
         thresholds: [ ratio(failed) == 0% ]\n",
    );
    let run = run.expect_code(0);
    let reason = run.summary["reason"].as_str().expect("a reason");
    assert!(
        reason.ends_with("; 1 of 4 users left early, 1 because the rows of `d` were used up"),
        "{reason}"
    );
}

#[test]
fn iterations_that_the_time_does_not_suffice_for_fail_the_run_unless_a_rule_of_its_own_lets_them() {
    let lab = Lab::start();
    let scenario = |rule: &str| {
        format!(
            "load: {{ iterations: 1000, users: 1, max_duration: 300ms }}\n\
             flows: [ {{ name: a, steps: [ {{ get: /health }}, {{ think: 50ms }} ] }} ]\n\
             thresholds: [ ratio(failed) == 0%{rule} ]\n"
        )
    };
    let (_, run) = played(&lab, &scenario(""));
    let run = run.expect_code(99);
    assert_eq!(
        run.count("/load/started") + run.count("/load/unstarted"),
        1_000
    );
    played(
        &lab,
        &scenario(", ratio(started) > 0%, 'ratio(failed_iterations{flow=\"a\"}) < 1%'"),
    )
    .1
    .expect_code(0);
}
