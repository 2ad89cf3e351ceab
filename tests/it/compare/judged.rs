//! `gander run --baseline`: the verdict on a run against earlier ones.

use serde_json::Value;

use crate::support::{Bench, Lab, Run, gander};

/// A scenario with these thresholds.
fn bench(lab: &Lab, thresholds: &str) -> Bench {
    Bench::with(&format!(
        "name: judged\nkind: custom\ntarget: {}\nload: {{ iterations: 80, users: 2 }}\n\
         flows: [ {{ name: f, steps: [ {{ get: /health }}, {{ think: 2ms }} ] }} ]\nthresholds:\n{thresholds}",
        lab.url()
    ))
}

/// Three runs go into the baseline `main`.
fn with_baseline(bench: &Bench) {
    for number in 1..=3 {
        let out = format!("run-{number}");
        let run = gander()
            .current_dir(bench.folder.path())
            .args(["run", "scenario.yaml", "--quiet", "--out", &out])
            .output()
            .expect("gander runs");
        // Without a baseline its threshold cannot be judged.
        assert_eq!(run.status.code(), Some(95), "{run:?}");
        let added = gander()
            .current_dir(bench.folder.path())
            .args(["baseline", "add", &out])
            .output()
            .expect("gander runs");
        assert!(added.status.success(), "{added:?}");
    }
}

fn row<'a>(run: &'a Run, expression: &str) -> &'a Value {
    let rows = run.summary["thresholds"].as_array().expect("thresholds");
    let mut rows = rows.iter();
    rows.find(|row| row["expression"] == expression)
        .unwrap_or_else(|| panic!("no {expression} in {:#}", run.summary))
}

const LOOSE: &str = "p50(response_time) vs baseline < +900%";
const HARD: &str = "p50(response_time) vs baseline < -95%";

#[test]
fn a_run_is_judged_against_its_baseline_and_a_rebuilt_report_agrees() {
    let lab = Lab::start();
    let bench = bench(&lab, &format!("  - {LOOSE}\n"));
    with_baseline(&bench);
    let run = bench.run(&["--baseline", "main"]).expect_code(0);
    let judged = row(&run, LOOSE);
    assert_eq!(judged["verdict"], "pass", "{judged:#}");
    assert!(
        judged["observed"].is_number() && judged["interval"].is_array(),
        "{judged:#}"
    );
    assert_eq!(run.summary["baseline"]["answer"], "nothing worse");
    assert_eq!(
        run.summary["baseline"]["runs"].as_array().map(Vec::len),
        Some(3)
    );
    assert!(
        run.stdout.contains("Against the baseline of 3 runs"),
        "{}",
        run.stdout
    );
    let before = std::fs::read(bench.path("out/summary.json")).expect("a summary");
    // The baseline has gone, but the run keeps it.
    std::fs::remove_file(bench.path("baselines/main.json")).expect("removed");
    let report = gander()
        .current_dir(bench.folder.path())
        .args(["report", "out", "--quiet"])
        .output()
        .expect("gander runs");
    assert!(report.status.success(), "{report:?}");
    let after = std::fs::read(bench.path("out/summary.json")).expect("a summary");
    assert!(before == after, "the rebuilt report differs");
}

#[test]
fn a_figure_beyond_its_limit_ends_the_run_with_96() {
    let lab = Lab::start();
    let bench = bench(&lab, &format!("  - {HARD}\n"));
    with_baseline(&bench);
    let run = bench.run(&["--baseline", "main"]).expect_code(96);
    assert_eq!(run.summary["verdict"], "regressed");
    assert_eq!(row(&run, HARD)["verdict"], "fail");
    let reason = run.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("p50(response_time) regressed"), "{reason}");
    let junit = std::fs::read_to_string(bench.path("out/junit.xml")).expect("a file");
    assert!(junit.contains("<failure"), "{junit}");
}

#[test]
fn without_a_baseline_the_run_is_inconclusive_unless_that_is_allowed() {
    let lab = Lab::start();
    let bench = bench(&lab, &format!("  - {LOOSE}\n"));
    let none = bench.run(&[]).expect_code(95);
    let reason = none.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("give one with --baseline"), "{reason}");
    let missing = bench
        .run(&["--overwrite", "--baseline", "main"])
        .expect_code(95);
    let reason = missing.summary["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("there is no baseline baselines/main.json yet"),
        "{reason}"
    );
    let allowed = [
        "--overwrite",
        "--baseline",
        "main",
        "--baseline-missing",
        "ok",
    ];
    let allowed = bench.run(&allowed).expect_code(0);
    let warnings = allowed.summary["warnings"].to_string();
    assert!(warnings.contains("there is no baseline"), "{warnings}");
}

#[test]
fn a_faulty_baseline_is_refused_before_the_run() {
    let lab = Lab::start();
    let bench = bench(&lab, &format!("  - {LOOSE}\n"));
    std::fs::create_dir(bench.path("baselines")).expect("a folder");
    std::fs::write(bench.path("baselines/main.json"), "{ \"schema\": 7 }").expect("written");
    let run = bench.run(&["--baseline", "main"]).expect_code(104);
    assert!(run.stderr.contains("baselines/main.json"), "{}", run.stderr);
    assert!(!bench.path("out/run.json").exists());
}
