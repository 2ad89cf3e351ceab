//! A JSON Schema validator for the keywords that Gander's schemas use; it panics at a keyword that it does not know.

use regex::Regex;
use serde_json::Value;

/// A schema; a strict one also refuses keys that it does not describe.
pub(crate) struct JsonSchema {
    pub(crate) root: Value,
    is_strict: bool,
}

impl JsonSchema {
    pub(crate) fn parse(text: &str) -> Self {
        Self {
            root: serde_json::from_str(text).expect("the schema is JSON"),
            is_strict: false,
        }
    }

    pub(crate) fn strict(self) -> Self {
        Self {
            is_strict: true,
            ..self
        }
    }

    /// The first fault of a document, with its place.
    pub(crate) fn fault(&self, document: &Value) -> Option<String> {
        self.check(&self.root, document, "")
    }

    /// The first fault of a value against a part of the schema.
    pub(crate) fn check(&self, schema: &Value, value: &Value, place: &str) -> Option<String> {
        let rules = schema.as_object()?;
        let inside = |key: &dyn std::fmt::Display| format!("{place}/{key}");
        let entries = || value.as_object().into_iter().flatten();
        let items = || value.as_array().into_iter().flatten().enumerate();
        let length = |holds: fn(usize, usize) -> bool, rule: &Value| {
            let limit = rule.as_u64().expect("a number") as usize;
            value
                .as_array()
                .is_none_or(|items| holds(items.len(), limit))
        };
        rules.iter().find_map(|(keyword, rule)| {
            let holds = match keyword.as_str() {
                "$ref" => {
                    let pointer = rule.as_str().and_then(|text| text.strip_prefix('#'));
                    let target = self.root.pointer(pointer.expect("a local reference"));
                    return self.check(target.expect("a definition"), value, place);
                }
                "items" => {
                    return items()
                        .find_map(|(index, item)| self.check(rule, item, &inside(&index)));
                }
                "properties" => {
                    let is_closed = self.is_strict && !rules.contains_key("additionalProperties");
                    return entries().find_map(|(key, value)| match rule.get(key) {
                        Some(rule) => self.check(rule, value, &inside(key)),
                        None => is_closed.then(|| format!("{} is not described", inside(key))),
                    });
                }
                "additionalProperties" => {
                    let known = rules.get("properties");
                    let is_other = |key: &str| known.and_then(|known| known.get(key)).is_none();
                    let mut others = entries().filter(|(key, _)| is_other(key));
                    return others.find_map(|(key, value)| match rule {
                        Value::Bool(may_be) => {
                            (!may_be).then(|| format!("{} is unknown", inside(key)))
                        }
                        rule => self.check(rule, value, &inside(key)),
                    });
                }
                "propertyNames" => {
                    return entries()
                        .find_map(|(key, _)| self.check(rule, &key.as_str().into(), &inside(key)));
                }
                "type" => match rule {
                    Value::Array(several) => several.iter().any(|one| is_of_type(value, one)),
                    one => is_of_type(value, one),
                },
                "const" => value == rule,
                "enum" => rule.as_array().is_some_and(|words| words.contains(value)),
                "pattern" => value.as_str().is_none_or(|text| matches(rule, text)),
                "minimum" => value
                    .as_f64()
                    .is_none_or(|number| Some(number) >= rule.as_f64()),
                "maximum" => value
                    .as_f64()
                    .is_none_or(|number| Some(number) <= rule.as_f64()),
                "minItems" => length(|length, limit| length >= limit, rule),
                "maxItems" => length(|length, limit| length <= limit, rule),
                "required" => value.as_object().is_none_or(|entries| {
                    let keys = rule.as_array().expect("keys");
                    keys.iter()
                        .all(|key| entries.contains_key(key.as_str().expect("a key")))
                }),
                "anyOf" => self.count(rule, value) > 0,
                "oneOf" => self.count(rule, value) == 1,
                "allOf" => self.count(rule, value) == rule.as_array().map_or(0, Vec::len),
                "not" => self.check(rule, value, place).is_some(),
                "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "examples" => {
                    true
                }
                other => panic!("{place}: this validator does not know `{other}`"),
            };
            (!holds).then(|| format!("{place}: {value} against {keyword} {rule}"))
        })
    }

    fn count(&self, rules: &Value, value: &Value) -> usize {
        let rules = rules.as_array().expect("a list");
        rules
            .iter()
            .filter(|rule| self.check(rule, value, "").is_none())
            .count()
    }
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

/// The crate `regex` has no look-ahead; the schemas use one only to exclude `${`.
fn matches(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().expect("a pattern");
    let plain = pattern.replace(r"(?!.*\$\{)", "");
    if plain.len() < pattern.len() && text.contains("${") {
        return false;
    }
    Regex::new(&plain).expect(pattern).is_match(text)
}
