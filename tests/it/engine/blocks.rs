//! Blocks, and files that a scenario uses.

use gander::plan::{Plan, Segment};
use gander::scenario::{Overrides, load};

use super::plans::{plan, plan_with_files};
use super::run;
use super::server::Server;

fn paths(server: &Server) -> Vec<String> {
    let seen = server.seen();
    seen.iter().map(|seen| seen.path().to_owned()).collect()
}

#[tokio::test]
async fn a_call_runs_its_block_with_its_values_and_leaves_captures() {
    let server = Server::start().await;
    let body = "load: { iterations: 2, users: 1 }
vars: { base: v, email: of-the-file }
blocks:
  log in:
    with: [ email, times ]
    steps:
      - repeat: ${times}
        steps: [ { get: '/${base}/${email}', capture: { token: { json: $.token } } } ]
      - { call: note, with: { text: '${email}!' } }
  note: { with: [ text ], steps: [ { get: '/note/${text}' } ] }
flows:
- name: main
  steps:
  - { call: log in, with: { email: ann, times: 1 } }
  - { get: '/with/${token}/${email}' }
  - { call: log in, with: { email: '${token}', times: 2 }, if: iteration() == 1 }
";
    let over = run(plan(&server.url, body)).await;
    let once = ["/v/ann", "/note/ann%21", "/with/t0/of-the-file"];
    let second = ["/v/t0", "/v/t0", "/note/t0%21"];
    assert_eq!(paths(&server), [&once[..], &once[..], &second[..]].concat());
    assert_eq!(over.iterations().counts.failed, 0);
}

#[tokio::test]
async fn a_scenario_uses_parts_of_other_files() {
    let server = Server::start().await;
    let body = "use: [ parts.yaml ]
load: { iterations: 4, users: 1 }
vars: { own: 1 }
http: { headers: { x-own: a } }
flows: [ { name: own, steps: [ { call: visit, with: { page: own } } ] } ]
";
    let parts = "use: deeper.yaml
vars: { shared: 2 }
http: { headers: { x-shared: b } }
flows: [ { name: shared, weight: 3, steps: [ { call: visit, with: { page: '${shared}-${people.name}' } } ] } ]
";
    let deeper = "data: { people: { file: people.csv } }
blocks: { visit: { with: [ page ], steps: [ { get: '/${page}' } ] } }
";
    let files = [
        ("parts.yaml", parts),
        ("deeper.yaml", deeper),
        ("people.csv", "name\nann\n"),
    ];
    let plan = plan_with_files(&server.url, body, &files);
    run(plan).await;
    let mut paths = paths(&server);
    paths.sort();
    assert_eq!(paths, ["/2-ann", "/2-ann", "/2-ann", "/own"]);
    for seen in server.seen() {
        let head = seen.head.to_lowercase();
        assert!(
            head.contains("\r\nx-own: a\r\n") && head.contains("\r\nx-shared: b\r\n"),
            "{head}"
        );
    }
}

#[test]
fn files_of_a_used_file_are_relative_to_it_and_below_the_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    };
    write("gander.toml", "");
    write("data/people.csv", "name\nann\n");
    let flows = "flows: [ { name: all, steps: [ { get: '/${people.name}' } ] } ]\n";
    write(
        "flows/all.yaml",
        &format!("data: {{ people: {{ file: ../data/people.csv }} }}\n{flows}"),
    );
    write(
        "flows/outside.yaml",
        &format!("data: {{ people: {{ file: ../../people.csv }} }}\n{flows}"),
    );
    let read = |used: &str| {
        let head = "name: a\ntarget: http://127.0.0.1:1\nload: { users: 1, for: 1s }\n";
        let path = write("scenarios/a.yaml", &format!("{head}use: {used}\n"));
        let scenario = load(&path, &Overrides::default())?;
        let target = "http://127.0.0.1:1".parse().expect("a URL");
        Plan::compile(&scenario, &target, 1, Segment::WHOLE)
    };
    let plan = read("../flows/all.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(plan.workload.feeds[0].rows.len(), 1);
    let errors = read("../flows/outside.yaml")
        .expect_err("outside")
        .to_string();
    // The place is in the used file.
    assert!(errors.contains("flows/outside.yaml:1:"), "{errors}");
    let errors = read("/etc/hostname").expect_err("absolute").to_string();
    assert!(errors.contains("absolute path"), "{errors}");
}

#[test]
fn a_file_that_several_use_is_merged_once_and_changes_the_hash() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let scenario = "name: a\ntarget: http://127.0.0.1:1\nload: { users: 1, for: 1s }\nuse: [ b.yaml, c.yaml ]\n";
    let path = write("a.yaml", scenario);
    write("b.yaml", "use: d.yaml\n");
    write(
        "c.yaml",
        "use: d.yaml\nflows: [ { name: all, steps: [ { get: '/${size}' } ] } ]\n",
    );
    let digest = |size: u32| {
        write("d.yaml", &format!("vars: {{ size: {size} }}\n"));
        let scenario = load(&path, &Overrides::default());
        let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
        let target = "http://127.0.0.1:1".parse().expect("a URL");
        let plan = Plan::compile(&scenario, &target, 1, Segment::WHOLE).expect("a plan");
        (scenario.source.sha256, plan.workload_hash)
    };
    let (first, second) = (digest(1), digest(2));
    assert!(first.0 != second.0 && first.1 != second.1);
    assert_eq!(first, digest(1));
}

#[test]
fn files_use_each_other_at_most_eight_deep() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    write(
        "used9.yaml",
        "flows: [ { name: all, steps: [ { get: / } ] } ]\n",
    );
    for number in 1..9 {
        let text = format!("use: used{}.yaml\n", number + 1);
        write(&format!("used{number}.yaml"), &text);
    }
    let head = "name: a\ntarget: http://127.0.0.1:1\nload: { users: 1, for: 1s }\n";
    let of = |first: u32| {
        let path = write("a.yaml", &format!("{head}use: used{first}.yaml\n"));
        load(&path, &Overrides::default())
    };
    assert!(of(2).is_ok(), "eight files");
    let errors = of(1).expect_err("nine files").to_string();
    assert!(errors.contains("more than 8 files deep"), "{errors}");
    assert!(errors.contains("used8.yaml:1:6"), "{errors}");
}
