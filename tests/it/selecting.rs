//! Options that choose an environment, change values by name, or run a part of a scenario.

use std::fs;
use std::process::Output;

use gander::scenario::{LoadModel, Overrides, load};
use serde_json::Value;

use crate::secrets::target;
use crate::support::{Bench, gander};

const SCENARIO: &str = "
name: parts
kind: custom
target: http://127.0.0.1:1
load: { iterations: 20, users: 2 }
vars: { size: 1 }
setup: [ { post: /echo, json: { t: \"a token\" }, capture: { token: { json: $.t } } } ]
teardown: [ { post: /echo, body: bye } ]
flows:
  - name: browse
    weight: 3
    steps:
      - get: /documents?size=${size}
        tags: { area: catalogue }
      - repeat: 2
        steps:
          - get: /documents/a.b
            name: read document
  - name: buy
    steps:
      - post: /echo
        name: order
        tags: { area: checkout }
        json: { token: '${token}' }
thresholds:
  - p95(response_time{step=\"order\"}) < 5s
  - p95(response_time{flow=\"browse\"}) < 5s
  - ratio(failed) < 1%
environments:
  ci: { load.iterations: 3, vars.size: \"${SIZE_OF_CI:-7}\", 'flows.buy.steps.order.timeout': 2s }
  staging: { target: \"http://${HOST_OF_STAGING}/\" }
";

fn bench() -> Bench {
    Bench::with(SCENARIO)
}

fn gander_in(bench: &Bench, words: &[&str]) -> Output {
    gander()
        .args(words)
        .env_remove("SIZE_OF_CI")
        .env_remove("HOST_OF_STAGING")
        .current_dir(&bench.folder)
        .output()
        .expect("gander runs")
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `gander run scenario.yaml … --target` an echo server; `run.json`, and the flows and steps that the report has.
fn run(words: &[&str]) -> (Value, Value) {
    let bench = bench();
    let url = target();
    let all = [
        &["run", "scenario.yaml", "--out", "out", "--target", &url],
        words,
    ]
    .concat();
    let output = gander_in(&bench, &all);
    // On a busy machine the run may be invalid (94), with the same outputs.
    assert!(
        matches!(output.status.code(), Some(0 | 94)),
        "{}",
        says(&output)
    );
    let read = |name: &str| {
        let text = fs::read_to_string(bench.path("out").join(name)).expect("an output");
        serde_json::from_str(&text).expect("JSON")
    };
    (read("run.json"), read("summary.json"))
}

fn overrides_of(header: &Value) -> Vec<String> {
    let list = header["overrides"].as_array().expect("overrides");
    let texts = list.iter().map(|text| text.as_str().expect("a text"));
    texts.map(str::to_owned).collect()
}

/// The hash of the workload that `gander run` with these words would have.
fn workload(words: &[&str]) -> String {
    let (header, _) = run(words);
    header["workload_hash"].as_str().expect("a hash").to_owned()
}

#[test]
fn an_environment_changes_values_by_their_paths_and_set_counts_more() {
    let bench = bench();
    let path = bench.path("scenario.yaml");
    let read = |environment: Option<&str>, set: &[(&str, &str)]| {
        let overrides = Overrides {
            environment: environment.map(str::to_owned),
            set: set
                .iter()
                .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
                .collect(),
            ..Overrides::default()
        };
        load(&path, &overrides).map_err(|diagnostics| diagnostics.to_string())
    };
    let iterations = |scenario: &gander::scenario::Scenario| match scenario
        .load
        .clone()
        .expect("a load")
        .model
    {
        LoadModel::Iterations { count, .. } => count,
        LoadModel::Users { .. } | LoadModel::Arrivals { .. } | LoadModel::Search(_) => {
            panic!("a load by iterations")
        }
    };
    let plain = read(None, &[]).expect("a scenario");
    assert_eq!(iterations(&plain), 20);
    assert!(plain.overridden.is_empty());
    let ci = read(Some("ci"), &[]).expect("a scenario");
    assert_eq!(iterations(&ci), 3);
    assert_eq!(ci.variables[0].initial, Some("7".into()));
    assert_eq!(ci.overridden, ["environment = ci"]);
    let set = read(Some("ci"), &[("load.iterations", "4")]).expect("a scenario");
    assert_eq!(iterations(&set), 4);

    let unknown = read(Some("cii"), &[]).expect_err("no such environment");
    assert!(unknown.contains("did you mean `ci`?"), "{unknown}");
    // The environment's own line is shown, and only if it is chosen.
    let unset = read(Some("staging"), &[]).expect_err("a variable is not set");
    assert!(unset.contains("`HOST_OF_STAGING` is not set"), "{unset}");
    assert!(unset.contains("staging: { target"), "{unset}");
    let refused = read(None, &[("environments.ci.load.for", "5s")]).expect_err("not a value");
    assert!(refused.contains("choose one with --env"), "{refused}");
}

#[test]
fn check_examines_every_environment() {
    let bench = bench();
    let output = gander_in(&bench, &["check", "scenario.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", says(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("except for HOST_OF_STAGING,"), "{told}");
    let wrong = SCENARIO.replace("load.iterations: 3", "load.iterations: three");
    fs::write(bench.path("scenario.yaml"), wrong).expect("written");
    let output = gander_in(&bench, &["check", "scenario.yaml"]);
    assert_eq!(output.status.code(), Some(104));
    let told = says(&output);
    assert!(told.contains("with --env ci:"), "{told}");
    assert!(told.contains("load.iterations: three"), "{told}");
    let output = gander_in(&bench, &["check", "scenario.yaml", "--env", "staging"]);
    assert_eq!(output.status.code(), Some(0), "{}", says(&output));
}

#[test]
fn set_reaches_steps_by_name_at_any_depth() {
    let bench = bench();
    let path = bench.path("scenario.yaml");
    let read = |set: &str| {
        let output = gander_in(&bench, &["check", "scenario.yaml", "--set", set]);
        (output.status.code(), says(&output))
    };
    for set in [
        "flows.buy.weight=3",
        "flows.browse.steps.\"read document\".timeout=1s",
        "flows.browse.steps.'GET /documents'.timeout=1s",
        "flows.buy.steps.order.json.\"a.b=c\"=1",
    ] {
        let (code, told) = read(set);
        assert_eq!(code, Some(0), "{set}: {told}");
    }
    for (set, expected) in [
        ("flows.buy.steps.oder.timeout=1s", "did you mean `order`?"),
        ("flows.byu.weight=3", "did you mean `buy`?"),
        ("flows.buy.steps.\"order.timeout=1s", "expected PATH=VALUE"),
        ("flows..weight=3", "an empty part"),
    ] {
        let (code, told) = read(set);
        assert_eq!(code, Some(104), "{set}");
        assert!(told.contains(expected), "{set}: {told}");
    }
    let overrides = Overrides {
        set: vec![(
            "flows.browse.steps.\"read document\".name".to_owned(),
            "other".to_owned(),
        )],
        ..Overrides::default()
    };
    let scenario = load(&path, &overrides).expect("a scenario");
    let steps = format!("{:?}", scenario.flows[0].steps);
    assert!(
        steps.contains("name: \"other\"") && !steps.contains("read document"),
        "{steps}"
    );
}

#[test]
fn a_flow_runs_alone_with_the_whole_load() {
    let (header, summary) = run(&["--flow", "buy"]);
    let told = overrides_of(&header);
    for expected in [
        "flows = buy",
        "flows left out: browse",
        "p95(response_time{flow=\"browse\"}) < 5s left out: no flow that runs is measured by it",
    ] {
        assert!(told.iter().any(|text| text == expected), "{told:?}");
    }
    let text = summary.to_string();
    assert!(
        text.contains("\"order\"") && !text.contains("read document"),
        "{text}"
    );
    assert_eq!(summary["load"]["started"], 20, "{summary}");
    assert_ne!(workload(&["--flow", "buy"]), workload(&[]));
    // Both flows, in any order, are the whole scenario.
    assert_eq!(
        workload(&["--flow", "buy", "--flow", "browse"]),
        workload(&[])
    );
}

#[test]
fn a_tag_selects_the_flows_that_have_it_in_a_step() {
    let (header, summary) = run(&["--only", "area=catalogue"]);
    let told = overrides_of(&header);
    assert!(told.iter().any(|text| text == "flows = browse"), "{told:?}");
    // The flow runs whole: later steps may need what earlier ones capture.
    assert!(summary.to_string().contains("read document"), "{summary}");
    let bench = bench();
    for (words, expected) in [
        (
            &["--only", "area=catalog"][..],
            "did you mean `area=catalogue`?",
        ),
        (&["--only", "team=x"], "`area=catalogue`, `area=checkout`"),
        (&["--only", "area"], "expected TAG=VALUE"),
        (&["--flow", "by"], "did you mean `buy`?"),
        (
            &["--flow", "buy", "--only", "area=catalogue"],
            "nothing is left to run",
        ),
    ] {
        for command in ["plan", "check", "run"] {
            let output = gander_in(&bench, &[&[command, "scenario.yaml"], words].concat());
            assert_eq!(output.status.code(), Some(104), "{command} {words:?}");
            let told = says(&output);
            assert!(told.contains(expected), "{command} {words:?}: {told}");
        }
    }
    // A wrong threshold stays an error, whatever is left out.
    let set = "thresholds=[ 'p95(response_time{step=\"odrer\"}) < 1s' ]";
    let output = gander_in(
        &bench,
        &["plan", "scenario.yaml", "--flow", "browse", "--set", set],
    );
    assert_eq!(output.status.code(), Some(104));
    assert!(
        says(&output).contains("no step matches `odrer`"),
        "{}",
        says(&output)
    );
}

#[test]
fn setup_and_thresholds_can_be_left_out() {
    let bench = bench();
    let output = gander_in(&bench, &["plan", "scenario.yaml", "--no-setup"]);
    assert_eq!(output.status.code(), Some(104));
    let told = says(&output);
    assert!(told.contains("which --no-setup leaves out"), "{told}");
    assert!(told.contains("json: { token: '${token}' }"), "{told}");
    let words = ["--no-setup", "--set", "vars.token=mine", "--no-thresholds"];
    let (header, summary) = run(&words);
    let told = overrides_of(&header);
    for expected in ["setup and teardown left out", "thresholds left out"] {
        assert!(told.iter().any(|text| text == expected), "{told:?}");
    }
    let thresholds = summary["thresholds"].as_array().expect("a list");
    assert!(thresholds.is_empty(), "{thresholds:?}");
    assert_ne!(
        workload(&["--no-setup", "--set", "vars.token=mine"]),
        workload(&["--set", "vars.token=mine"])
    );
}

#[test]
fn a_file_gives_the_variables_that_the_environment_does_not_set() {
    let bench = bench();
    fs::write(
        bench.path("ci.env"),
        "# for CI\nexport SIZE_OF_CI='a $5 b'\nHOST_OF_STAGING=\"file.test:80\" # a comment\n",
    )
    .expect("written");
    fs::write(bench.path("more.env"), "HOST_OF_STAGING=later.test\n").expect("written");
    let plan = |more: &[&str], variable: Option<&str>| {
        let mut command = gander();
        command
            .args(["plan", "scenario.yaml", "--env", "staging"])
            .args(more)
            .env_remove("HOST_OF_STAGING")
            .current_dir(&bench.folder);
        if let Some(value) = variable {
            command.env("HOST_OF_STAGING", value);
        }
        let output = command.output().expect("gander runs");
        assert_eq!(output.status.code(), Some(0), "{}", says(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let files = ["--env-file", "ci.env"];
    assert!(plan(&files, None).contains("http://file.test/"));
    let both = ["--env-file", "ci.env", "--env-file", "more.env"];
    assert!(plan(&both, None).contains("http://later.test/"));
    assert!(plan(&files, Some("own.test")).contains("http://own.test/"));

    fs::write(bench.path("bad.env"), "A=b\n\nKEY='canary\n").expect("written");
    for (file, expected) in [
        ("none.env", "cannot read the environment file none.env"),
        (
            "bad.env",
            "the environment file bad.env is not valid in line 3",
        ),
    ] {
        let output = gander_in(&bench, &["plan", "scenario.yaml", "--env-file", file]);
        assert_eq!(output.status.code(), Some(104));
        let told = says(&output);
        assert!(
            told.contains(expected) && !told.contains("canary"),
            "{told}"
        );
    }
}
