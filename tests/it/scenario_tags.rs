//! Tags of the file, of a flow and of a step.

use gander::plan::{Plan, Segment};
use gander::scenario::program::requests;
use gander::scenario::{Overrides, Scenario, load};

use crate::scenario::written;
use crate::support::{Bench, gander};

fn read(set: &[(&str, &str)]) -> Scenario {
    let (_folder, path) = written(
        "
name: tags
target: http://127.0.0.1:8080
tags: { team: shop, area: all }
load: { users: 2, for: 10m }
flows:
  - name: browse
    tags: { area: catalogue }
    start: [ { get: /login } ]
    steps:
      - { get: /items }
      - { get: /items/1, tags: { area: detail } }
  - name: buy
    steps: [ { post: /orders } ]
",
    );
    let set = set
        .iter()
        .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
    let overrides = Overrides {
        set: set.collect(),
        ..Overrides::default()
    };
    load(&path, &overrides).unwrap_or_else(|told| panic!("{told}"))
}

#[test]
fn tags_are_joined_and_the_nearest_counts() {
    let scenario = read(&[]);
    let mut found = Vec::new();
    for flow in &scenario.flows {
        for (request, _) in requests(&flow.start).chain(requests(&flow.steps)) {
            found.push((request.tags["team"].as_str(), request.tags["area"].as_str()));
        }
    }
    assert_eq!(
        found,
        [
            ("shop", "catalogue"),
            ("shop", "catalogue"),
            ("shop", "detail"),
            ("shop", "all")
        ]
    );
}

#[test]
fn a_tag_of_the_command_line_is_one_of_the_file() {
    let scenario = read(&[("tags.team", "other"), ("tags.build", "\"7\"")]);
    let (request, _) = requests(&scenario.flows[1].steps)
        .next()
        .expect("a request");
    assert_eq!(request.tags["team"], "other");
    assert_eq!(request.tags["build"], "7");

    let bench = Bench::with(
        "name: x\nkind: custom\ntarget: http://127.0.0.1:1\nload: { iterations: 1, users: 1 }\n\
         flows: [ { name: f, steps: [ { get: / } ] } ]\nthresholds: [ 'p95(response_time{build=\"7\"}) < 9s' ]\n",
    );
    let plan = |words: &[&str]| {
        let mut command = gander();
        command.args(["plan", "scenario.yaml"]).args(words);
        let output = command
            .current_dir(&bench.folder)
            .output()
            .expect("gander runs");
        output.status.code()
    };
    assert_eq!(plan(&["--tag", "build=7"]), Some(0));
    assert_eq!(plan(&["--tag", "build=8"]), Some(104));
    assert_eq!(plan(&["--tag", "build"]), Some(104));
}

#[test]
fn groups_flows_and_the_steps_of_blocks_have_tags_that_thresholds_select_by() {
    let (_folder, path) = written(
        "
name: tags
target: http://127.0.0.1:8080
tags: { team: shop, area: all }
load: { users: 2, for: 10m }
blocks:
  log in: { steps: [ { get: /login }, { group: token, tags: { area: token }, steps: [ { get: /token } ] } ] }
flows:
  - name: buy
    tags: { area: cart }
    steps:
      - call: log in
      - group: pay
        tags: { team: pay, slow: yes }
        steps:
          - get: /pay
          - { get: /done, tags: { slow: no } }
          - group: thanks
            steps: [ { get: / } ]
      - assets: html
thresholds:
  - p95(iteration_time{area='cart', team='shop'}) < 9s
  - count(groups{team='shop', area='token'}) > 0
  - count(groups{team='pay', area='cart', slow='yes'}) > 0
  - count(requests{slow='yes', team='pay', area='cart'}) > 0
",
    );
    let scenario = load(&path, &Overrides::default()).unwrap_or_else(|told| panic!("{told}"));
    let target = "http://127.0.0.1:1".parse().expect("a URL");
    let plan = Plan::compile(&scenario, &target, 1, Segment::WHOLE);
    let plan = plan.unwrap_or_else(|told| panic!("{told}"));
    let found = plan.workload.series.iter().map(|series| {
        let tags = series
            .tags
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        format!("{}: {}", series.name, tags.collect::<Vec<_>>().join(" "))
    });
    let found: Vec<String> = found.collect();
    let expected = [
        "buy: area=cart team=shop",
        "GET /login: area=cart team=shop",
        "GET /token: area=token team=shop",
        "GET /pay: area=cart slow=yes team=pay",
        "GET /done: area=cart slow=no team=pay",
        "GET /: area=cart slow=yes team=pay",
        "assets: area=cart team=shop",
        "token: area=token team=shop",
        "pay: area=cart slow=yes team=pay",
        "pay / thanks: area=cart slow=yes team=pay",
    ];
    assert_eq!(found, expected);
    let selected = plan
        .thresholds
        .iter()
        .map(|threshold| threshold.series.len());
    assert_eq!(selected.collect::<Vec<_>>()[..4], [1, 1, 2, 2]);
}
