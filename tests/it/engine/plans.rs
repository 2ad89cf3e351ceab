//! Plans from the text of a scenario, without its first lines.

use std::path::Path;

use gander::plan::{Plan, Segment};
use gander::scenario::{self, Overrides};

/// The plan of a scenario against a target; `body` is all but the name, the kind and the target.
pub(crate) fn plan(target: &str, body: &str) -> Plan {
    plan_with_files(target, body, &[])
}

/// The same, with files beside the scenario.
pub(crate) fn plan_with_files(target: &str, body: &str, files: &[(&str, &str)]) -> Plan {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    plan_in(folder.path(), target, body)
}

/// The same, in a folder with the scenario's files.
pub(crate) fn plan_in(folder: &Path, target: &str, body: &str) -> Plan {
    let path = folder.join("scenario.yaml");
    let text = format!("name: test\nkind: custom\ntarget: {target}\n{body}");
    std::fs::write(&path, text).expect("a scenario");
    let scenario = scenario::load(&path, &Overrides::default());
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
    let target = target.parse().expect("a URL");
    Plan::compile(&scenario, &target, 7, Segment::WHOLE)
        .unwrap_or_else(|problems| panic!("{problems}"))
}
