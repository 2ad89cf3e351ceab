//! A run with unfinished work never passes, and every output reports that work.

use crate::support::{Bench, Lab, Run};

fn played(lab: &Lab, rest: &str) -> (Bench, Run) {
    let target = lab.url();
    let bench = Bench::with(&format!("name: undone\ntarget: {target}\n{rest}"));
    std::fs::write(bench.path("rows.csv"), "n\n1\n2\n3\n").expect("written");
    let run = bench.run(&["--junit", "junit.xml", "--grace", "1s"]);
    (bench, run)
}

#[test]
fn a_request_that_cannot_be_sent_fails_the_run_and_is_told_in_every_output() {
    let lab = Lab::start();
    let (bench, run) = played(
        &lab,
        "load: { iterations: 6, users: 2 }\nvars: { bad: 'no://where' }\nflows: [ { name: a, steps: [ { get: /health \
         }, { get: '${bad}', name: never sent }, { get: /health, name: never reached } ] } ]\nthresholds: [ \
         p95(response_time) < 1m ]\n",
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
    let warnings = run.summary["warnings"].as_array().expect("warnings");
    let [warning] = &warnings[..] else {
        panic!("one warning: {warnings:?}");
    };
    let warning = warning.as_str().unwrap_or_default();
    assert!(
        warning.starts_with("step `never reached` never ran; "),
        "{warning}"
    );
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
fn a_rendered_url_that_names_no_place_is_sent_nowhere() {
    let lab = Lab::start();
    for (vars, url, told) in [
        ("u: 'http://127.0.0.1:99999/a'", "${u}", "whose port"),
        ("u: 'https://127.0.0.1:8o80/a'", "${u}", "whose port"),
        ("u: 'http://127.0.0.1:+80/a'", "${u}", "whose port"),
        ("u: abc", "http://127.0.0.1:${u}/x", "whose port"),
        ("u: ''", "http://127.0.0.1:${u}/x", "whose port"),
        ("u: ''", "http://${u}/evil/a'b", "which has no host"),
        ("u: \"http://127.0.0.1:8\\n0/\"", "${u}", "white space"),
    ] {
        let (_, run) = played(
            &lab,
            &format!(
                "load: {{ iterations: 2, users: 1 }}\nvars: {{ {vars} }}\n\
                 flows: [ {{ name: a, steps: [ {{ get: \"{url}\" }} ] }} ]\n"
            ),
        );
        let run = run.expect_code(99);
        assert_eq!(run.count("/totals/errors/unsendable"), 2, "{vars} {url}");
        let detail = run.summary["failures"][0]["detail"].to_string();
        assert!(detail.contains(told), "{detail}");
    }
}

#[test]
fn a_setup_that_reaches_nothing_is_a_target_that_cannot_be_reached() {
    let lab = Lab::start();
    let scenario = |path: &str| {
        format!(
            "load: {{ iterations: 1, users: 1 }}\nsetup: [ {{ get: '{path}' }} ]\n\
             flows: [ {{ name: a, steps: [ {{ get: /health }} ] }} ]\n"
        )
    };
    let run = played(&lab, &scenario("http://127.0.0.1:1/")).1;
    let run = run.expect_code(107);
    let reason = run.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("cannot be reached: setup: "), "{reason}");
    assert_eq!(run.count("/totals/requests"), 0);
    drop(played(&lab, &scenario("/absent")).1.expect_code(99));
}

#[test]
fn a_condition_on_values_without_an_order_is_told() {
    let lab = Lab::start();
    let (_, run) = played(
        &lab,
        "load: { iterations: 3, users: 1 }\nvars: { l: [1, 2], m: {} }\nflows: [ { name: a, steps: [ { get: /health, \
         if: '${m}' }, { get: /health, name: never, if: '${l} > 1' } ] } ]\n",
    );
    let run = run.expect_code(99);
    let requests = ["requests", "sent", "failed"];
    let requests = requests.map(|key| run.count(&format!("/totals/{key}")));
    assert_eq!(requests, [6, 3, 3]);
    let detail = run.summary["failures"][0]["detail"].to_string();
    assert!(
        detail.contains("a list or a mapping and a number have no order"),
        "{detail}"
    );
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
        reason.starts_with("the run ended before its planned end, after "),
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
        reason.starts_with("the run ended before its planned end, after "),
        "{reason}"
    );
    assert!(
        reason.contains("as `when_used_up: end` allows: 2 of 2 users"),
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

/// An endpoint that never answers: its requests fail at the end of the grace period, which is kept.
#[test]
fn requests_that_have_no_answer_when_the_grace_period_is_over_fail_the_run() {
    let lab = Lab::start();
    let (_, run) = played(
        &lab,
        "load: { rate: 50/s, for: 1s, max_users: 60 }\n\
         flows:\n  \
         - { name: bad, weight: 10, steps: [ { get: '/lab/delay?law=constant&value=60s', name: hang } ] }\n  \
         - { name: good, weight: 90, steps: [ { get: /lab/status/200, name: fine } ] }\n\
         thresholds: [ ratio(failed) == 0%, max(response_time) < 800ms, 'count(requests{step=\"hang\"}) > 0' ]\n",
    );
    let run = run.expect_code(99);
    let hung = run.count("/totals/errors/grace_timeout");
    let step = &run.summary["steps"][0];
    assert!(
        hung > 0 && step["requests"] == hung && step["failed"] == hung,
        "{step:#}"
    );
    assert_eq!(run.count("/totals/requests"), 50);
    let begun = lab.counters()["begun"].as_u64();
    assert_eq!(Some(run.count("/totals/sent")), begun);
    let broken: Vec<_> = (0..3)
        .map(|rule| run.summary["thresholds"][rule]["verdict"].as_str())
        .collect();
    assert_eq!(broken, [Some("fail"), Some("fail"), Some("pass")]);
    assert!(run.number("/thresholds/1/observed") >= 1e6);
    let failure = &run.summary["failures"][0];
    assert_eq!(failure["outcome"], "grace_timeout");
    let detail = failure["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the grace period ended"), "{detail}");
    assert!(run.stdout.contains("grace_timeout"), "{}", run.stdout);
    // One second of load, one of grace.
    let lasted = run.number("/duration_s");
    assert!((2.0..2.6).contains(&lasted), "{lasted}");
}

/// Requests that an iteration of the load sends after its end are no load: they count, and are in no rate.
#[test]
fn what_is_begun_after_the_load_raises_no_rate() {
    let lab = Lab::start();
    let (_, run) = played(
        &lab,
        "load: { users: 5, for: 500ms }\nflows: [ { name: a, steps: [ { get: /health, name: first }, { think: 700ms }, \
         { repeat: 20, steps: [ { get: /health, name: more } ] } ] } ]\nthresholds: [ rate(requests) > 50/s, \
         'rate(requests{step=\"more\"}) < 1/s', 'rate(bytes_in{step=\"first\"}) > 1kB/s', count(requests) == 105 ]\n",
    );
    let run = run.expect_code(99);
    let verdicts: Vec<_> = (0..4)
        .map(|rule| run.summary["thresholds"][rule]["verdict"].as_str())
        .collect();
    assert_eq!(
        verdicts,
        [Some("fail"), Some("pass"), Some("pass"), Some("pass")]
    );
    assert!((run.number("/totals/requests_per_s") - 10.0).abs() < 0.01);
    assert_eq!(run.count("/totals/after_load"), 100);
    let said = "100 of them started after the end of the load";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    assert!(run.stdout.contains("(10/s)"), "{}", run.stdout);
}

/// started + those of the warm-up = ended + interrupted, and the console says which are which.
#[test]
fn iterations_that_were_started_and_did_not_end_are_told_and_those_of_the_warm_up_too() {
    let lab = Lab::start();
    let balance = |run: &Run| {
        assert_eq!(
            run.count("/load/started") + run.count("/load/carried"),
            run.count("/totals/iterations") + run.count("/totals/interrupted_iterations"),
            "{:#}",
            run.summary
        );
    };
    let (_, run) = played(
        &lab,
        "load: { users: 2, for: 1h }\n\
         data: { d: { file: rows.csv, pick: unique, when_used_up: end } }\n\
         flows: [ { name: a, steps: [ { get: '/health?n=${d.n}' } ] } ]\n\
         thresholds: [ count(iterations) == 3 ]\n",
    );
    let run = run.expect_code(0);
    balance(&run);
    assert_eq!(run.count("/totals/out_of_rows"), 2);
    let said =
        "5 started, 0 failed (0 %), 0 never started; 2 stopped because no feeder row was left";
    assert!(run.stdout.contains(said), "{}", run.stdout);

    let (_, run) = played(
        &lab,
        "load: { users: 3, for: 1s }\nwarm_up: 300ms\n\
         flows: [ { name: a, steps: [ { get: '/lab/delay?law=constant&value=500ms' } ] } ]\n\
         thresholds: [ ratio(failed) == 0% ]\n",
    );
    balance(&run);
    assert_eq!(run.count("/load/carried"), 3);
    let said = "; 3 more started in the warm-up and ended after it";
    let stdout = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(stdout.contains(said), "{}", run.stdout);
}
