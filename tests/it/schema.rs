//! `gander schema`: the committed files are current, and the schema accepts and refuses the same files as the reader.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::json_schema::JsonSchema;
use crate::support::gander;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn printed(arguments: &[&str]) -> String {
    let output = gander().args(arguments).output().expect("gander runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_committed_schema_and_reference_are_what_gander_prints() {
    for (file, arguments) in [
        ("docs/scenario.schema.json", &["schema"][..]),
        ("docs/scenario.md", &["schema", "--markdown"]),
    ] {
        let committed = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(
            committed == printed(arguments),
            "{file} is out of date; write it anew: cargo run -- {} > {file}",
            arguments.join(" ")
        );
    }
}

fn schema() -> JsonSchema {
    JsonSchema::parse(&printed(&["schema"]))
}

/// The schema's objection to a file.
fn fault(schema: &JsonSchema, path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match serde_yaml::from_str(&text) {
        Ok(document) => schema.fault(&document),
        Err(error) => Some(error.to_string()),
    }
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect()
}

#[test]
fn every_shipped_scenario_is_valid() {
    let schema = schema();
    let files = yaml_files("scenarios");
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        assert_eq!(fault(&schema, &path), None, "{}", path.display());
    }
}

/// Fixtures whose errors only the reader can find, because their shape is valid.
const WRONG_BY_MEANING: [&str; 47] = [
    "capture_never_set",
    "capture_of_two_lives",
    "condition_grammar",
    "count_at_a_rate",
    "count_leaves_users_idle",
    "count_of_all_users",
    "count_of_more_users",
    "data_column",
    "duplicate_flow",
    "environment",
    "group_of_another_name",
    "groups_of_one_name",
    "kind_does_not_fit",
    "load_of_nothing",
    "load_without_end",
    "load_without_flow",
    "metric_defined_twice",
    "metric_of_another_name",
    "metric_that_is_never_judged",
    "missing_data_file",
    "monitor_thresholds",
    "pacing_with_a_rate",
    "path_leaves_the_root",
    "ratios",
    "rendezvous_of_more_users",
    "repeat_without_end",
    "script_names",
    "script_syntax",
    "server_timing",
    "share_of_seconds",
    "share_of_too_few_seconds",
    "smoke_with_a_crowd",
    "stages_mixed",
    "tag",
    "template_not_closed",
    "threshold_forms",
    "threshold_of_an_unknown_step",
    "threshold_that_is_never_judged",
    "threshold_that_warns_and_aborts",
    "trace_url_credentials",
    "trace_url_names",
    "trace_url_scheme",
    "unknown_function",
    "values_as_other_tools_insert_them",
    "variable_names",
    "vars_before_the_run",
    "warm_up_longer_than_the_load",
];

#[test]
fn what_is_wrong_by_shape_is_refused() {
    let schema = schema();
    let accepted: BTreeSet<String> = yaml_files("fixtures/invalid")
        .iter()
        .filter(|path| fault(&schema, path).is_none())
        .map(|path| {
            path.file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let expected: BTreeSet<String> = WRONG_BY_MEANING
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    assert_eq!(accepted, expected);
}

#[test]
fn every_example_and_default_in_it_is_valid() {
    fn visit(root: &JsonSchema, schema: &Value, seen: &mut usize) {
        let examples = schema.get("examples").and_then(Value::as_array);
        for value in examples.into_iter().flatten().chain(schema.get("default")) {
            *seen += 1;
            assert_eq!(root.check(schema, value, ""), None, "{value} of {schema}");
        }
        match schema {
            Value::Object(entries) => {
                for (key, inner) in entries {
                    match key.as_str() {
                        "examples" | "default" => {}
                        // Its keys are names, which may be those of keywords.
                        "properties" => {
                            let properties = inner.as_object().into_iter().flatten();
                            properties.for_each(|(_, inner)| visit(root, inner, seen));
                        }
                        _ => visit(root, inner, seen),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|inner| visit(root, inner, seen)),
            _ => {}
        }
    }
    let schema = schema();
    let mut seen = 0;
    visit(&schema, &schema.root, &mut seen);
    assert!(seen > 100, "{seen} examples");
}
