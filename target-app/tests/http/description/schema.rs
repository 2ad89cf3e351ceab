//! Validates values against JSON Schema, for the keywords that the document uses; other keywords are rejected, so that
//! none is ignored.

use serde_json::{Map, Value};

/// Keywords that do not restrict a value.
const ANNOTATIONS: [&str; 4] = ["description", "default", "example", "examples"];

/// The differences between `value` and `schema`, one line each; references point into `document`.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check {
        document,
        faults: Vec::new(),
    };
    check.value("$", schema, value);
    check.faults
}

/// The target of a reference, or the object itself.
pub(crate) fn resolved<'a>(document: &'a Value, object: &'a Value) -> &'a Value {
    let Some(reference) = object.get("$ref") else {
        return object;
    };
    let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
    let target = pointer.and_then(|pointer| document.pointer(pointer));
    target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

struct Check<'a> {
    document: &'a Value,
    faults: Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, at: &str, schema: &Value, value: &Value) {
        let rules = schema.as_object().expect("a schema is an object");
        if let Some(properties) = rules.get("properties") {
            assert!(
                rules.contains_key("additionalProperties"),
                "{at}: say whether there may be others than {properties}"
            );
        }
        for (keyword, rule) in rules {
            let holds = match keyword.as_str() {
                "$ref" => {
                    self.value(at, resolved(self.document, schema), value);
                    true
                }
                "oneOf" => {
                    let choices = rule.as_array().expect("choices").iter();
                    let fits = |choice: &&Value| faults(self.document, choice, value).is_empty();
                    choices.filter(fits).count() == 1
                }
                "properties" | "required" => {
                    self.members(at, keyword, rule, value);
                    true
                }
                "additionalProperties" => {
                    self.others(at, rules, value);
                    true
                }
                "items" => {
                    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.value(&format!("{at}[{place}]"), rule, item);
                    }
                    true
                }
                "type" => match rule {
                    Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                    kind => is_of(kind, value),
                },
                "enum" => rule.as_array().expect("values").contains(value),
                "const" => rule == value,
                "format" => is_formatted(rule, value),
                known if ANNOTATIONS.contains(&known) => true,
                bound => is_within(bound, rule, value),
            };
            if !holds {
                self.faults
                    .push(format!("{at}: expected {keyword} {rule}, found {value}"));
            }
        }
    }

    fn members(&mut self, at: &str, keyword: &str, rule: &Value, value: &Value) {
        let Some(object) = value.as_object() else {
            return;
        };
        if keyword == "required" {
            let names = rule.as_array().expect("names").iter();
            for name in names.filter_map(Value::as_str) {
                if !object.contains_key(name) {
                    self.faults.push(format!("{at}.{name} is missing"));
                }
            }
            return;
        }
        for (name, schema) in rule.as_object().expect("properties") {
            if let Some(member) = object.get(name) {
                self.value(&format!("{at}.{name}"), schema, member);
            }
        }
    }

    fn others(&mut self, at: &str, rules: &Map<String, Value>, value: &Value) {
        let known = rules.get("properties").and_then(Value::as_object);
        for (name, member) in value.as_object().into_iter().flatten() {
            if known.is_some_and(|known| known.contains_key(name)) {
                continue;
            }
            match &rules["additionalProperties"] {
                Value::Bool(true) => {}
                Value::Bool(false) => self.faults.push(format!("{at}.{name} is not described")),
                schema => self.value(&format!("{at}.{name}"), schema, member),
            }
        }
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("the name of a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn is_formatted(format: &Value, value: &Value) -> bool {
    match format.as_str().expect("the name of a format") {
        "date-time" => {
            let text = value.as_str().unwrap_or_default();
            chrono::DateTime::parse_from_rfc3339(text).is_ok()
        }
        "int64" => value.is_i64(),
        "password" => true,
        other => panic!("{other} is no format that is used here"),
    }
}

/// A bound applies only to values of its own type.
fn is_within(keyword: &str, bound: &Value, value: &Value) -> bool {
    let measured = match keyword {
        "minimum" | "maximum" => value.as_f64(),
        "minLength" | "maxLength" => value.as_str().map(|text| text.chars().count() as f64),
        "minItems" | "maxItems" => value.as_array().map(|items| items.len() as f64),
        "minProperties" | "maxProperties" => value.as_object().map(|object| object.len() as f64),
        other => panic!("{other} is no keyword that is used here"),
    };
    let bound = bound.as_f64().expect("a number");
    measured.is_none_or(|measured| {
        if keyword.starts_with("min") {
            measured >= bound
        } else {
            measured <= bound
        }
    })
}

#[test]
fn mismatches_are_reported() {
    let document = serde_json::json!({ "components": { "small": { "maximum": 2 } } });
    let schema = serde_json::json!({
        "type": "object",
        "required": ["a", "b"],
        "properties": {
            "a": { "$ref": "#/components/small" },
            "c": { "type": ["string", "null"], "enum": ["x", null], "minLength": 1 },
            "d": { "type": "array", "items": { "type": "integer" }, "maxItems": 1 },
        },
        "additionalProperties": false,
    });
    for (value, count) in [
        (serde_json::json!({ "a": 2, "b": 0 }), 1),
        (serde_json::json!({ "a": 3, "c": "x", "d": [1] }), 2),
        (serde_json::json!({ "a": 1, "c": null, "d": [1.5, 2] }), 3),
        (serde_json::json!({ "a": 1, "c": "", "z": 0 }), 4),
        (serde_json::json!([]), 1),
    ] {
        let found = faults(&document, &schema, &value);
        assert_eq!(found.len(), count, "{value}: {found:?}");
    }
}
