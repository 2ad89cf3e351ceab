//! Renders the format as JSON Schema (draft 2020-12), for editors and for programs that write scenarios.
//!
//! The schema checks the shape: keys, words, forms, units. It cannot check the meaning, such as a name that no step
//! captures; the reader does that.

use serde_json::{Map, Value, json};

use super::types::{EXPLAINED, Simple};
use super::{Choice, Field, Format, Mapping, Presence, Type};
use crate::source::{self, FileId};

/// The definition of a value that contains an environment reference. Its type is known only when the file is read.
const ENVIRONMENT: &str = "environment";

/// Renders the schema as indented JSON.
pub(crate) fn render(format: &Format) -> String {
    let mut root = Map::new();
    root.insert(
        "$schema".to_owned(),
        "https://json-schema.org/draft/2020-12/schema".into(),
    );
    root.insert("title".to_owned(), "Gander scenario".into());
    let (first, rest) = match &*format.mappings() {
        [first, rest @ ..] => (*first, rest.to_vec()),
        [] => return String::new(),
    };
    root.extend(mapping(first));
    let mut definitions = Map::new();
    for table in rest {
        definitions.insert(table.name.to_owned(), Value::Object(mapping(table)));
    }
    let steps = format.steps.iter().map(|step| reference(step.name));
    definitions.insert(
        "step".to_owned(),
        json!({ "oneOf": steps.collect::<Vec<_>>() }),
    );
    for scalar in EXPLAINED {
        definitions.insert(scalar.name.to_owned(), simple(scalar));
    }
    definitions.insert(
        ENVIRONMENT.to_owned(),
        json!({
            "description": "An environment variable: `${NAME}` or `${NAME:-default}`.",
            "type": "string",
            "pattern": r"\$\{",
        }),
    );
    root.insert("$defs".to_owned(), Value::Object(definitions));
    let mut text = serde_json::to_string_pretty(&Value::Object(root)).unwrap_or_default();
    text.push('\n');
    text
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn mapping(table: &Mapping) -> Map<String, Value> {
    let properties: Map<String, Value> = table
        .fields
        .iter()
        .map(|field| (field.key.to_owned(), property(field)))
        .collect();
    let required: Vec<&str> = table
        .fields
        .iter()
        .filter(|field| field.presence == Presence::Required)
        .map(|field| field.key)
        .collect();
    let mut schema = Map::new();
    schema.insert("description".to_owned(), table.doc.into());
    schema.insert("type".to_owned(), "object".into());
    // Keys before values: a validator then knows the kind of a step before it enters its child steps. Otherwise nested
    // steps would be checked against every kind, at each level again.
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !table.forms.is_empty() {
        let forms = table.forms.iter().map(|form| {
            let keys = [form.needs, form.may].concat();
            json!({ "required": form.needs, "propertyNames": { "enum": keys } })
        });
        schema.insert("oneOf".to_owned(), forms.collect());
    }
    if !table.choices.is_empty() {
        let choices = table.choices.iter().map(|one| choice(one));
        schema.insert("allOf".to_owned(), choices.collect());
    }
    let example = value(table.example);
    if !example.is_null() {
        schema.insert("examples".to_owned(), json!([example]));
    }
    schema
}

fn choice(choice: &Choice) -> Value {
    let one = |key: &&str| json!({ "required": [key] });
    let each: Vec<Value> = choice.keys.iter().map(one).collect();
    if choice.is_required {
        return json!({ "oneOf": each });
    }
    let none = json!({ "not": { "anyOf": each } });
    let each = [each, vec![none]].concat();
    json!({ "oneOf": each })
}

fn property(field: &Field) -> Value {
    let mut schema = match of(field.kind) {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    schema.insert("description".to_owned(), field.doc.into());
    if let Presence::Default(text) = field.presence {
        schema.insert("default".to_owned(), value(text));
    }
    let example = value(field.example);
    let example = match example.get(field.key) {
        Some(inside) => inside.clone(),
        None => example,
    };
    schema.insert("examples".to_owned(), json!([example]));
    Value::Object(schema)
}

/// The schema of a type.
fn of(kind: Type) -> Value {
    if let Some(simple) = kind.simple() {
        return if simple.pattern.is_empty() && simple.name == "text" {
            scalar(simple)
        } else {
            reference(simple.name)
        };
    }
    match kind {
        Type::Flag => json!({ "anyOf": [{ "type": "boolean" }, reference(ENVIRONMENT)] }),
        Type::Integer(least, most) => json!({ "anyOf": [
            { "type": "integer", "minimum": least, "maximum": most },
            { "type": "string", "pattern": "^[0-9][0-9_]*$" },
            reference(ENVIRONMENT),
        ] }),
        Type::Literal("true") => json!({ "const": true }),
        Type::Literal(word) => json!({ "const": word }),
        Type::Words(set) => {
            let words = set.words.iter();
            let words =
                words.map(|word| json!({ "const": word.word, "description": word.doc.trim() }));
            json!({ "anyOf": words.chain([reference(ENVIRONMENT)]).collect::<Vec<_>>() })
        }
        Type::List(items) => json!({ "type": "array", "minItems": 1, "items": of(*items) }),
        Type::Nothing => json!({ "type": "array", "maxItems": 0 }),
        Type::Map(values) => json!({ "type": "object", "additionalProperties": of(*values) }),
        Type::Mapping(table) => reference(table.name),
        Type::Step => reference("step"),
        Type::OneOf(several) => {
            let several = several.iter().map(|one| of(*one));
            json!({ "anyOf": several.collect::<Vec<_>>() })
        }
        // Any value; scalar types are handled above.
        Type::Any | Type::Text | Type::Simple(_) | Type::Positive => json!({}),
    }
}

/// The definition of a named scalar type.
fn simple(simple: &Simple) -> Value {
    let mut schema = match scalar(simple) {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    schema.insert("description".to_owned(), simple.doc.into());
    schema.insert("examples".to_owned(), simple.examples.into());
    Value::Object(schema)
}

/// The JSON types of a text: without quotes, YAML may read it as a number or a flag.
fn scalar(simple: &Simple) -> Value {
    let mut types = vec!["string", "number", "boolean"];
    if simple.may_be_empty {
        types.push("null");
    }
    if simple.pattern.is_empty() {
        return json!({ "type": types });
    }
    let is_number = matches!(simple.name, "status" | "length" | "name");
    let pattern = json!({ "type": "string", "pattern": simple.pattern });
    let mut accepted = vec![pattern, reference(ENVIRONMENT)];
    if is_number {
        accepted.push(json!({ "type": "number" }));
    }
    json!({ "anyOf": accepted })
}

/// Converts YAML text to JSON.
fn value(text: &str) -> Value {
    let node = source::parse(text, FileId::default(), &mut Vec::new());
    let value = node.map(|node| crate::expr::Value::from(&node).to_string());
    value
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}
