//! `gander schema` and what it prints: the committed files are true, and the schema says yes and no where the reader does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

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

/// The keywords that the schema uses, judged.
struct Judge {
    schema: Value,
}

impl Judge {
    fn accepts(&self, schema: &Value, value: &Value) -> bool {
        let Value::Object(rules) = schema else {
            return true;
        };
        rules.iter().all(|(keyword, rule)| match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|text| text.strip_prefix('#'));
                let target = self.schema.pointer(pointer.expect("a local reference"));
                self.accepts(target.expect("a definition"), value)
            }
            "type" => match rule {
                Value::Array(several) => several.iter().any(|one| is_of_type(value, one)),
                one => is_of_type(value, one),
            },
            "const" => value == rule,
            "enum" => rule.as_array().is_some_and(|words| words.contains(value)),
            "pattern" => value.as_str().is_none_or(|text| matches(rule, text)),
            "minimum" => value.as_u64() >= rule.as_u64(),
            "maximum" => value.as_u64() <= rule.as_u64(),
            "minItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 >= number(rule)),
            "maxItems" => value
                .as_array()
                .is_none_or(|items| items.len() as u64 <= number(rule)),
            "items" => value
                .as_array()
                .is_none_or(|items| items.iter().all(|item| self.accepts(rule, item))),
            "properties" => value.as_object().is_none_or(|entries| {
                let known = entries
                    .iter()
                    .filter_map(|(key, value)| Some((rule.get(key)?, value)));
                known
                    .into_iter()
                    .all(|(rule, value)| self.accepts(rule, value))
            }),
            "additionalProperties" => value.as_object().is_none_or(|entries| {
                let known = rules.get("properties");
                let other = entries
                    .iter()
                    .filter(|(key, _)| known.and_then(|known| known.get(key)).is_none());
                other.into_iter().all(|(_, value)| match rule {
                    Value::Bool(may_be) => *may_be,
                    rule => self.accepts(rule, value),
                })
            }),
            "propertyNames" => value.as_object().is_none_or(|entries| {
                entries
                    .keys()
                    .all(|key| self.accepts(rule, &Value::from(key.as_str())))
            }),
            "required" => value.as_object().is_none_or(|entries| {
                let keys = rule.as_array().expect("keys");
                keys.iter()
                    .all(|key| entries.contains_key(key.as_str().expect("a key")))
            }),
            "anyOf" => self.count(rule, value) > 0,
            "oneOf" => self.count(rule, value) == 1,
            "allOf" => self.count(rule, value) == rule.as_array().map_or(0, Vec::len),
            "not" => !self.accepts(rule, value),
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" => true,
            other => panic!("the schema uses `{other}`, which this test does not judge"),
        })
    }

    fn count(&self, rules: &Value, value: &Value) -> usize {
        let rules = rules.as_array().expect("a list");
        rules
            .iter()
            .filter(|rule| self.accepts(rule, value))
            .count()
    }

    fn accepts_file(&self, path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        serde_yaml::from_str::<Value>(&text).is_ok_and(|value| self.accepts(&self.schema, &value))
    }
}

fn number(rule: &Value) -> u64 {
    rule.as_u64().expect("a number")
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("there is no type {other}"),
    }
}

/// A look-ahead for `${` is all that the crate cannot do.
fn matches(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().expect("a pattern");
    let plain = pattern.replace(r"(?!.*\$\{)", "");
    if plain.len() < pattern.len() && text.contains("${") {
        return false;
    }
    Regex::new(&plain).expect(pattern).is_match(text)
}

fn judge() -> Judge {
    Judge {
        schema: serde_json::from_str(&printed(&["schema"])).expect("JSON"),
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
    let judge = judge();
    let files = yaml_files("scenarios");
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        assert!(judge.accepts_file(&path), "{}", path.display());
    }
}

/// Fixtures that are wrong by what they mean, which only the reader can know.
const WRONG_BY_MEANING: [&str; 25] = [
    "capture_never_set",
    "capture_of_two_lives",
    "condition_grammar",
    "data_column",
    "duplicate_flow",
    "environment",
    "kind_does_not_fit",
    "load_of_nothing",
    "load_without_end",
    "missing_data_file",
    "pacing_with_a_rate",
    "path_leaves_the_root",
    "ratios",
    "repeat_without_end",
    "smoke_with_a_crowd",
    "stages_mixed",
    "tag",
    "template_not_closed",
    "threshold_of_an_unknown_step",
    "threshold_that_is_never_judged",
    "threshold_that_warns_and_aborts",
    "unknown_function",
    "values_as_other_tools_insert_them",
    "variable_names",
    "warm_up_longer_than_the_load",
];

#[test]
fn what_is_wrong_by_shape_is_refused() {
    let judge = judge();
    let accepted: BTreeSet<String> = yaml_files("fixtures/invalid")
        .iter()
        .filter(|path| judge.accepts_file(path))
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
    fn visit(judge: &Judge, schema: &Value, seen: &mut usize) {
        let examples = schema.get("examples").and_then(Value::as_array);
        for value in examples.into_iter().flatten().chain(schema.get("default")) {
            *seen += 1;
            assert!(judge.accepts(schema, value), "{value} of {schema}");
        }
        match schema {
            Value::Object(entries) => entries
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), "examples" | "default"))
                .for_each(|(_, inner)| visit(judge, inner, seen)),
            Value::Array(items) => items.iter().for_each(|inner| visit(judge, inner, seen)),
            _ => {}
        }
    }
    let judge = judge();
    let mut seen = 0;
    visit(&judge, &judge.schema, &mut seen);
    assert!(seen > 100, "{seen} examples");
}
