//! The format's tables and the reader agree.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{FORMAT, Overrides, load};
use crate::format::{Field, Mapping, Problems, Secrecy, Type};
use crate::source::{self, FileId};

/// A folder with a scenario and the files that the examples name.
struct ExampleFolder {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl ExampleFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for (name, text) in [
            ("gander.toml", ""),
            ("fixtures/users.csv", "email\na@b\n"),
            ("fixtures/order.schema.json", "{}"),
            ("fixtures/item.graphql", "{ item { name } }"),
            (
                "scenarios/helpers.js",
                "export const sign = (body, key) => hmac('sha256', key, body);",
            ),
            ("scenarios/shape.csv", "time,users\n0,1\n1m,9\n"),
            ("fixtures/token.txt", "a token\n"),
            ("fixtures/ca.pem", "-----BEGIN CERTIFICATE-----\n"),
            ("scenarios/flows/shop.yaml", "vars: { size: 7 }\n"),
            ("scenarios/example.yaml", ""),
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Self {
            path: root.join("scenarios/example.yaml"),
            _folder: folder,
        }
    }

    /// The result of the real reader.
    fn refusal(&self, scenario: &Value) -> Option<String> {
        std::fs::write(&self.path, scenario.to_string()).expect("a file");
        let read = load(&self.path, &Overrides::default());
        read.err().map(|diagnostics| diagnostics.to_string())
    }
}

fn yaml(text: &str) -> Value {
    let mut problems = Vec::new();
    let node = source::parse(text, FileId::default(), &mut problems);
    assert!(problems.is_empty(), "{text}: {problems:?}");
    let text = node.map(|node| crate::expr::Value::from(&node).to_string());
    text.map_or(Value::Null, |text| {
        serde_json::from_str(&text).expect("JSON")
    })
}

/// A mapping with the other entries that `entries` needs.
fn completed(table: &Mapping, mut entries: Map<String, Value>) -> Map<String, Value> {
    let Value::Object(rest) = yaml(table.rest) else {
        return entries;
    };
    for (key, value) in rest {
        let has_another = table.choices.iter().any(|choice| {
            choice.keys.contains(&key.as_str())
                && choice.keys.iter().any(|key| entries.contains_key(*key))
        });
        if !has_another {
            entries.entry(key).or_insert(value);
        }
    }
    entries
}

/// A complete mapping that contains the example of a field.
fn example(table: &Mapping, field: &Field) -> Map<String, Value> {
    let value = yaml(field.example);
    let entries = match value {
        Value::Object(entries) if entries.contains_key(field.key) => entries,
        value => Map::from_iter([(field.key.to_owned(), value)]),
    };
    completed(table, entries)
}

/// A value of a type that contains this mapping; `None` if the type cannot contain it.
fn wrapped(kind: Type, table: &Mapping, value: &Value) -> Option<Value> {
    match kind {
        Type::Mapping(inner) => (inner.name == table.name).then(|| value.clone()),
        Type::Step => {
            let is_step = FORMAT.steps.iter().any(|step| step.name == table.name);
            is_step.then(|| value.clone())
        }
        Type::List(inner) => wrapped(*inner, table, value).map(|value| json!([value])),
        Type::Map(inner) => wrapped(*inner, table, value).map(|value| json!({ "any": value })),
        Type::OneOf(several) => several.iter().find_map(|one| wrapped(*one, table, value)),
        Type::Any
        | Type::Text
        | Type::Simple(_)
        | Type::Positive
        | Type::Flag
        | Type::Integer(..)
        | Type::Literal(_)
        | Type::Words(_)
        | Type::Nothing => None,
    }
}

/// A scenario with this mapping in its proper place.
fn scenario_with(table: &'static Mapping, entries: Map<String, Value>) -> Value {
    if table.name == FORMAT.root.name {
        let mut root = entries;
        let vars = json!({ "id": 1, "token": "x", "minimum": 3, "total": 9.5 });
        root.entry("vars").or_insert(vars);
        let metrics = json!({ "basket": "trend", "paid": "rate" });
        root.entry("metrics").or_insert(metrics);
        let steps = json!([{ "post": "/login", "json": { "email": "${email}" } }]);
        let block = json!({ "log in": { "with": ["email"], "steps": steps } });
        root.entry("blocks").or_insert(block);
        let flows = root.get("flows").and_then(Value::as_array);
        if flows.is_some_and(|flows| flows.iter().all(|flow| flow.get("load").is_some())) {
            root.remove("load");
        }
        return Value::Object(root);
    }
    let value = Value::Object(entries);
    for parent in FORMAT.mappings() {
        for field in parent.fields {
            // Setup and teardown, the first places of steps, have nothing to stop, only one user, and record nothing.
            let is_in_flows =
                matches!(table.name, "stop" | "rendezvous") || value.get("record").is_some();
            if is_in_flows && matches!(field.key, "setup" | "teardown") {
                continue;
            }
            if let Some(inner) = wrapped(field.kind, table, &value) {
                let mut outer = Map::from_iter([(field.key.to_owned(), inner)]);
                // Stages with a rate need `max_users`.
                if field.key == "stages" && value.get("rate").is_some() {
                    outer.insert("max_users".to_owned(), 9.into());
                }
                return scenario_with(parent, completed(parent, outer));
            }
        }
    }
    panic!("no mapping holds {}", table.name)
}

#[test]
fn every_example_of_the_tables_is_read() {
    let folder = ExampleFolder::new();
    for table in FORMAT.mappings() {
        let Value::Object(whole) = yaml(table.example) else {
            panic!("{} has no example", table.name);
        };
        let refusal = folder.refusal(&scenario_with(table, whole));
        assert_eq!(refusal, None, "the example of {}", table.name);
        for field in table.fields {
            let refusal = folder.refusal(&scenario_with(table, example(table, field)));
            assert_eq!(refusal, None, "{} of {}", field.key, table.name);
        }
    }
}

#[test]
fn every_key_of_the_tables_is_read() {
    let folder = ExampleFolder::new();
    for table in FORMAT.mappings() {
        for field in table
            .fields
            .iter()
            .filter(|field| !matches!(field.kind, Type::Any))
        {
            let mut entries = example(table, field);
            entries.insert(field.key.to_owned(), json!({ "no such key": [[1]] }));
            let refusal = folder.refusal(&scenario_with(table, entries));
            assert!(
                refusal.is_some(),
                "{} of {} is not read",
                field.key,
                table.name
            );
        }
    }
}

#[test]
fn a_part_with_a_secret_key_is_not_public() {
    let is_secret = |field: &Field| field.secrecy == Secrecy::Secret;
    for field in FORMAT.root.fields {
        let mut within = Vec::new();
        FORMAT.walk_type(field.kind, &mut within);
        let mut keys = within.iter().flat_map(|mapping| mapping.fields);
        if keys.any(is_secret) {
            assert_ne!(field.secrecy, Secrecy::Public, "{}", field.key);
        }
    }
}

#[test]
fn forms_and_choices_are_of_keys_that_the_table_has() {
    for table in FORMAT.mappings() {
        let forms = table
            .forms
            .iter()
            .flat_map(|form| [form.needs, form.may].concat());
        let choices = table.choices.iter().flat_map(|choice| choice.keys).copied();
        for key in forms.chain(choices) {
            assert!(table.field(key).is_some(), "{key} of {}", table.name);
        }
    }
}

#[test]
fn the_same_word_means_what_fits_where_it_stands() {
    let problems = Problems::of(&FORMAT);
    let hint = |word, known: &[&str]| problems.meant(word, known).unwrap_or_default();
    assert_eq!(hint("duration", &["users", "for"]), "did you mean `for`?");
    assert_eq!(
        hint("duration", &["status", "time"]),
        "did you mean `time`?"
    );
    assert!(hint("duration", &["get", "post"]).contains("`for` under `load:`"));
    assert_eq!(
        hint("rampUp", &["over", "for"]),
        hint("ramp-up", &["over", "for"])
    );
    assert_eq!(hint("colour", &["nothing"]), "");
}
