//! `summary.json` against its JSON Schema, which must describe every key.

use gander::report::{JSON_SCHEMA, Renderer, SummaryJson};
use serde_json::Value;

use super::fixture::{Recipe, report};
use crate::json_schema::JsonSchema;

fn fault(document: &Value) -> Option<String> {
    JsonSchema::parse(JSON_SCHEMA).strict().fault(document)
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
        assert_eq!(fault(&summary(&recipe)), None);
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
        assert!(fault(&document).is_some(), "{place}");
    }
    let mut document = summary(&Recipe::SMALL);
    document["totals"]["undescribed"] = 1.into();
    assert!(fault(&document).is_some_and(|fault| fault.contains("is not described")));
    let mut document = summary(&Recipe::SMALL);
    let totals = document["totals"].as_object_mut().expect("an object");
    totals.shift_remove("failed");
    assert!(fault(&document).is_some_and(|fault| fault.contains("required")));
}
