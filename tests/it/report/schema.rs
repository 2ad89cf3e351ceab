//! `summary.json` against its JSON Schema, by a validator of just the keywords that the schema uses: it refuses a
//! keyword that it does not know, and a key of the document that the schema does not describe.

use gander::report::{JSON_SCHEMA, Renderer, SummaryJson};
use regex::Regex;
use serde_json::{Map, Value};

use super::fixture::{Recipe, report};

fn schema() -> Value {
    serde_json::from_str(JSON_SCHEMA).expect("the schema is JSON")
}

fn summary(recipe: &Recipe) -> Value {
    let bytes = SummaryJson
        .render(&report(recipe))
        .expect("the report renders");
    serde_json::from_slice(&bytes).expect("the summary is JSON")
}

#[test]
fn summaries_are_as_the_schema_says() {
    for recipe in [Recipe::SMALL, Recipe::SHORT, Recipe::EMPTY] {
        let faults = faults(&summary(&recipe), &schema());
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let spoil: [(&str, Value); 5] = [
        ("/schema", "gander.summary/9".into()),
        ("/totals/requests", (-1).into()),
        ("/thresholds/0/verdict", "maybe".into()),
        ("/totals/status", serde_json::json!({ "two hundred": 1 })),
        ("/steps/0/name", Value::Null),
    ];
    for (place, value) in spoil {
        let mut document = summary(&Recipe::SMALL);
        *document.pointer_mut(place).expect("the place is there") = value;
        assert_eq!(faults(&document, &schema()).len(), 1, "{place}");
    }
    let mut document = summary(&Recipe::SMALL);
    let totals = document["totals"].as_object_mut().expect("an object");
    totals.shift_remove("failed");
    totals.insert("undescribed".to_owned(), 1.into());
    assert_eq!(faults(&document, &schema()).len(), 2);
}

fn faults(document: &Value, schema: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, schema, "", &mut faults);
    faults
}

fn check(value: &Value, schema: &Value, root: &Value, place: &str, faults: &mut Vec<String>) {
    let Value::Object(rules) = schema else {
        panic!("{place}: a schema is an object");
    };
    for (keyword, rule) in rules {
        let holds = match keyword.as_str() {
            // The last two are followed below, key by key.
            "$schema"
            | "$id"
            | "$defs"
            | "title"
            | "description"
            | "properties"
            | "additionalProperties" => true,
            "$ref" => {
                let target = rule.as_str().and_then(|path| path.strip_prefix('#'));
                let target = target.and_then(|path| root.pointer(path));
                check(
                    value,
                    target.expect("a reference to a definition"),
                    root,
                    place,
                    faults,
                );
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_of(value, one)),
                one => is_of(value, one),
            },
            "const" => value == rule,
            "enum" => rule.as_array().is_some_and(|values| values.contains(value)),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| Some(number) >= rule.as_f64()),
            "pattern" => {
                let pattern = Regex::new(rule.as_str().expect("text")).expect("a pattern");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "required" => {
                let names = rule.as_array().expect("a list");
                names
                    .iter()
                    .all(|name| value.get(name.as_str().expect("text")).is_some())
            }
            "propertyNames" => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    check(
                        &name.clone().into(),
                        rule,
                        root,
                        &format!("{place}/{name}"),
                        faults,
                    );
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(item, rule, root, &format!("{place}/{index}"), faults);
                }
                true
            }
            unknown => panic!("{place}: this validator does not know {unknown}"),
        };
        if !holds {
            faults.push(format!("{place}: {value} against {keyword} {rule}"));
        }
    }
    let described = rules.get("properties").and_then(Value::as_object);
    let others = rules.get("additionalProperties");
    if described.is_none() && others.is_none() {
        return;
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{name}");
        match described
            .and_then(|described| described.get(name))
            .or(others)
        {
            Some(schema) => check(inner, schema, root, &place, faults),
            None => faults.push(format!("{place} is not described")),
        }
    }
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("the name of a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no such type: {other}"),
    }
}
