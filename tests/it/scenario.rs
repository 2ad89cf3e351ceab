//! The shipped scenarios are valid, and the command line changes them as documented.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gander::scenario::program::{Passes, Wait, requests};
use gander::scenario::{
    Action, Delay, Kind, LoadModel, Overrides, Scenario, Shape, Share, Target, Window, load,
};

pub(crate) const SHIPPED: [&str; 5] = ["smoke", "baseline", "stress", "spike", "soak"];

pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"))
}

fn read(name: &str, overrides: &Overrides) -> Scenario {
    load(&shipped(name), overrides).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn stages(scenario: &Scenario) -> Vec<(u32, u64, Shape)> {
    let load = scenario.load.as_ref().expect("a shared load");
    let LoadModel::Users { stages } = &load.model else {
        panic!("{load:?} is not of users");
    };
    stages
        .iter()
        .map(|stage| {
            let level = stage.level as u32;
            (level, stage.duration.as_secs(), stage.shape.clone())
        })
        .collect()
}

fn expressions(scenario: &Scenario) -> Vec<&str> {
    scenario
        .thresholds
        .iter()
        .map(|threshold| threshold.expression.as_str())
        .collect()
}

#[test]
fn smoke_is_five_users_for_a_minute_without_a_single_failure() {
    let smoke = read("smoke", &Overrides::default());
    assert_eq!((smoke.kind, &smoke.target), (Kind::Smoke, &Target::Bundled));
    assert_eq!(stages(&smoke), [(5, 60, Shape::Hold)]);
    assert_eq!(
        expressions(&smoke),
        ["ratio(failed) == 0%", "ratio(checks) == 100%"]
    );
}

#[test]
fn baseline_is_twenty_users_for_five_minutes() {
    let baseline = read("baseline", &Overrides::default());
    assert_eq!(stages(&baseline), [(20, 300, Shape::Hold)]);
    assert_eq!(
        expressions(&baseline),
        [
            "p95(response_time) < 500ms",
            "p99(response_time) < 1s",
            "ratio(failed) < 1%"
        ]
    );
}

#[test]
fn stress_rises_to_150_users_in_three_steps_and_returns_to_none() {
    let stress = read("stress", &Overrides::default());
    let levels: Vec<u32> = stages(&stress).iter().map(|(users, ..)| *users).collect();
    assert_eq!(levels, [50, 50, 100, 100, 150, 150, 0]);
    assert_eq!(
        expressions(&stress),
        ["p95(response_time) < 1s", "ratio(failed) < 5%"]
    );
}

#[test]
fn spike_surges_from_20_to_200_users_and_back() {
    let spike = read("spike", &Overrides::default());
    let levels: Vec<u32> = stages(&spike).iter().map(|(users, ..)| *users).collect();
    assert_eq!(levels, [20, 200, 20, 20]);
    assert_eq!(
        expressions(&spike),
        [
            "ratio(failed) < 5%",
            r#"p95(response_time{stage="after"}) < 1.5 * p95(response_time{stage="before"})"#
        ]
    );
}

#[test]
fn soak_is_thirty_users_for_two_hours() {
    let soak = read("soak", &Overrides::default());
    assert_eq!(stages(&soak), [(30, 7_200, Shape::Hold)]);
    assert_eq!(
        expressions(&soak)[..2],
        ["p95(response_time) < 500ms", "ratio(failed) < 1%"]
    );
    assert_eq!(
        expressions(&soak)[3..],
        [
            "slope(p95(response_time)) < 5%/h",
            "slope(target.rss) < 5MB/h",
            "slope(generator.rss) < 5MB/h"
        ]
    );
}

#[test]
fn the_soak_of_a_target_that_gander_does_not_start_leaves_its_memory_out() {
    let elsewhere = Overrides {
        target: Some("http://127.0.0.1:1".to_owned()),
        ..Overrides::default()
    };
    let soak = read("soak", &elsewhere);
    let kept = expressions(&soak);
    assert!(
        kept.iter().all(|rule| !rule.contains("target.")),
        "{kept:?}"
    );
    assert!(
        kept.iter().any(|rule| rule.contains("generator.rss")),
        "{kept:?}"
    );
    let told = "slope(target.rss) < 5MB/h left out: Gander does not start this target";
    assert!(
        soak.overridden.iter().any(|change| change == told),
        "{:?}",
        soak.overridden
    );
}

#[test]
fn every_shipped_scenario_pauses_between_steps_and_checks_its_responses() {
    for name in SHIPPED {
        let scenario = read(name, &Overrides::default());
        assert!(scenario.think_time.is_some(), "{name}");
        assert!(scenario.description.is_some(), "{name}");
        let checks: usize = scenario
            .flows
            .iter()
            .flat_map(|flow| requests(&flow.steps))
            .map(|(request, _)| request.checks.len())
            .sum();
        assert!(checks >= 5, "{name}");
    }
}

/// A scenario in a folder of its own.
pub(crate) fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, text).expect("a scenario file");
    (folder, path)
}

const TIMED: &str = "
name: timed
target: http://127.0.0.1:1
load: { stages: [ {users: 10, over: 20s}, {users: 40, for: 80s}, {users: 0, over: 20s} ] }
warm_up: 10s
think_time: 1s..3s
pacing: 4s
http: { timeout: 30s }
flows:
  - name: only
    steps:
      - get: /
        check: [ {time: '< 500ms'} ]
      - repeat: 3
        steps: [ {think: 2s} ]
thresholds:
  - { expect: ratio(failed) < 1%, window: {sustained: 20s}, abort: {after: 30s} }
";

#[test]
fn the_time_scale_shortens_the_load_and_not_what_judges_the_target() {
    let (_folder, path) = written(TIMED);
    let overrides = Overrides {
        time_scale: Some(0.1),
        ..Overrides::default()
    };
    let scenario = load(&path, &overrides).expect("a scenario");
    assert_eq!(
        stages(&scenario),
        [
            (10, 2, Shape::Ramp(None)),
            (40, 8, Shape::Hold),
            (0, 2, Shape::Ramp(None))
        ]
    );
    assert_eq!(scenario.warm_up, Duration::from_secs(1));
    assert_eq!(scenario.http.timeouts.total, Duration::from_secs(30));
    assert_eq!(
        scenario.thresholds[0].window,
        Window::Sustained(Duration::from_secs(2))
    );
    assert_eq!(
        scenario.thresholds[0].abort_after,
        Some(Duration::from_secs(3))
    );
    assert_eq!(scenario.overridden, ["time_scale = 0.1"]);
    assert_eq!(pauses(&scenario), [4_000, 1_000, 3_000, 2_000]);
}

#[test]
fn the_time_scale_shortens_pauses_only_when_it_is_told_to() {
    let (_folder, path) = written(TIMED);
    let overrides = Overrides {
        time_scale: Some(0.1),
        scale_pauses: true,
        ..Overrides::default()
    };
    let scenario = load(&path, &overrides).expect("a scenario");
    assert_eq!(pauses(&scenario), [400, 100, 300, 200]);
    assert_eq!(
        scenario.overridden,
        ["time_scale = 0.1", "scale_pauses = true"]
    );
}

/// The pauses of [`TIMED`], in milliseconds: its pacing, its think time from least to most, and that of its repetition.
fn pauses(scenario: &Scenario) -> [u128; 4] {
    let Action::Loop(repeated) = &scenario.flows[0].steps[1].action else {
        panic!("a repetition");
    };
    assert_eq!(repeated.passes, Passes::Times(3));
    let steps = &repeated.steps;
    let (
        Some(Delay::Constant(pacing)),
        Some(Delay::Uniform(least, most)),
        Action::Think(Delay::Constant(own)),
    ) = (scenario.pacing, scenario.think_time, &steps[0].action)
    else {
        panic!("{scenario:?}");
    };
    [pacing, least, most, *own].map(|pause| pause.as_millis())
}

#[test]
fn waits_between_attempts_are_pauses_and_the_wait_of_a_rendezvous_has_a_limit() {
    let second = Duration::from_secs(1);
    let (_folder, path) = written(
        "
name: waits
target: http://127.0.0.1:1
load: { users: 2, for: 20s }
flows:
  - name: only
    steps:
      - { retry: { wait: 1s }, steps: [ { get: / } ] }
      - { retry: { wait: { exponential: 1s, at_most: 5s } }, steps: [ { get: / } ] }
      - rendezvous: { users: 2, within: 1s }
",
    );
    let overrides = Overrides {
        time_scale: Some(0.1),
        scale_pauses: true,
        ..Overrides::default()
    };
    let scenario = load(&path, &overrides).expect("a scenario");
    let [fixed, growing, meeting] = &*scenario.flows[0].steps else {
        panic!("three steps");
    };
    let (Action::Retry(fixed), Action::Retry(growing), Action::Rendezvous(meeting)) =
        (&fixed.action, &growing.action, &meeting.action)
    else {
        panic!("{:?}", scenario.flows);
    };
    assert_eq!(fixed.wait, Wait::Pause(Delay::Constant(second / 10)));
    let backoff = Wait::Backoff {
        first: second / 10,
        at_most: second / 2,
    };
    assert_eq!(growing.wait, backoff);
    assert_eq!(meeting.within, second);
}

#[test]
fn flags_scale_the_level_and_the_length_of_every_stage() {
    let (_folder, path) = written(TIMED);
    let overrides = Overrides {
        target: Some("https://example.test/base".to_owned()),
        users: Some(20),
        duration: Some(Duration::from_mins(1)),
        ..Overrides::default()
    };
    let scenario = load(&path, &overrides).expect("a scenario");
    assert_eq!(
        stages(&scenario),
        [
            (5, 10, Shape::Ramp(None)),
            (20, 40, Shape::Hold),
            (0, 10, Shape::Ramp(None))
        ]
    );
    assert!(matches!(&scenario.target, Target::Url(url) if url.path() == "/base"));
    assert_eq!(
        scenario.overridden,
        [
            "target = https://example.test/base",
            "users = 20",
            "for = 1m"
        ]
    );
}

#[test]
fn set_changes_any_value_by_its_path_and_the_value_is_yaml() {
    let (_folder, path) = written(TIMED);
    let set = [
        ("load", "{iterations: 90, users: 7}"),
        ("flows[0].weight", "3"),
        ("flows.only.steps[0].get", "/other"),
        ("http.redirects", "0"),
        ("vars.size", "5"),
    ];
    let overrides = Overrides {
        set: set
            .map(|(path, value)| (path.to_owned(), value.to_owned()))
            .to_vec(),
        ..Overrides::default()
    };
    let scenario = load(&path, &overrides).expect("a scenario");
    assert!(matches!(
        scenario.load.expect("a load").model,
        LoadModel::Iterations {
            count: 90,
            users: 7,
            ..
        }
    ));
    assert_eq!(scenario.flows[0].share, Share::Weight(3));
    assert_eq!(scenario.http.redirects, 0);
    assert!(
        matches!(&scenario.flows[0].steps[0].action, Action::Request(request) if request.name == "GET /other")
    );
    assert_eq!(scenario.variables[0].initial, Some(5_i64.into()));
    assert_eq!(scenario.overridden[1], "flows[0].weight = 3");
}

#[test]
fn what_the_command_line_got_wrong_is_named_by_its_argument() {
    let (_folder, path) = written(TIMED);
    for (set, expected) in [
        (("flow[0].weight", "3"), "`flow` is not a list"),
        (("flows[7].weight", "3"), "there is no [7]"),
        (("flows.0.weight", "3"), "items are `flows[0]`"),
        (("warmup", "3s"), "`warmup` is not a key of a scenario"),
        (("flows[0].weight", "0"), "a flow with weight 0"),
        (("flows[0].weight", "[1"), "never closed"),
        (("name.first", "x"), "`name` is not a mapping"),
        ((".", "x"), "is not a path"),
    ] {
        let argument = format!("--set {}=…", set.0);
        let overrides = Overrides {
            set: vec![(set.0.to_owned(), set.1.to_owned())],
            ..Overrides::default()
        };
        let shown = load(&path, &overrides).expect_err(&argument).to_string();
        assert!(shown.contains(expected), "{shown}");
        assert!(shown.contains(&argument), "{shown}");
    }
}

#[test]
fn flags_that_do_not_fit_the_load_are_refused() {
    let (_folder, path) = written(TIMED);
    let rate = Overrides {
        rate: "5/s".parse().ok(),
        ..Overrides::default()
    };
    let none = Overrides {
        time_scale: Some(0.0),
        ..Overrides::default()
    };
    for (overrides, expected) in [(rate, "--rate does not fit"), (none, "--time-scale")] {
        let shown = load(&path, &overrides).expect_err(expected).to_string();
        assert!(shown.contains(expected), "{shown}");
    }
}
