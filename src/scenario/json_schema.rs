//! JSON Schemas, compiled once. Only this file knows how they are compiled.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use boon::{CompileError, Compiler, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

/// The address of a schema's own file for the compiler; references are resolved against it.
const HERE: &str = "file:///schema.json";

/// A compiled schema.
#[derive(Clone)]
pub struct JsonSchema {
    /// As written: `order.schema.json`.
    written: Box<str>,
    compiled: Arc<(Schemas, SchemaIndex)>,
}

/// Refuses every file and URL, since a schema may come from someone else.
struct NothingElse;

impl UrlLoader for NothingElse {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("it refers to `{url}`").into())
    }
}

impl JsonSchema {
    /// Compiles the schema at `pointer` of a document; an empty pointer is the whole document. The error is the reason,
    /// in words.
    ///
    /// # Errors
    /// It is not a valid schema, or refers to another file.
    pub fn compile(written: &str, document: Value, pointer: &str) -> Result<Self, String> {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(NothingElse));
        compiler
            .add_resource(HERE, document)
            .map_err(|error| reason(&error))?;
        let index = compiler
            .compile(&format!("{HERE}#{pointer}"), &mut schemas)
            .map_err(|error| reason(&error))?;
        Ok(Self {
            written: written.into(),
            compiled: Arc::new((schemas, index)),
        })
    }

    /// The first fault of a value, with its place, in words.
    ///
    /// # Errors
    /// The value is not valid.
    pub fn validate(&self, value: &Value) -> Result<(), String> {
        let (schemas, index) = &*self.compiled;
        schemas
            .validate(value, *index)
            .map_err(|error| first(&error))
    }
}

fn reason(error: &CompileError) -> String {
    match error {
        CompileError::LoadUrlError { src, .. } => {
            format!("{src}, but a schema must be complete in its file")
        }
        CompileError::ValidationError { src, .. } => first(src),
        CompileError::JsonPointerNotFound(_) => "there is nothing at this place in it".to_owned(),
        other => other.to_string().replace(HERE, ""),
    }
}

/// The innermost cause: the value's fault, not the path through the schema.
fn first(error: &ValidationError<'_, '_>) -> String {
    let mut error = error;
    while let Some(cause) = error.causes.first() {
        error = cause;
    }
    let place = error.instance_location.to_string();
    let place = if place.is_empty() { "the top" } else { &place };
    format!("at {place}: {}", error.kind)
}

impl fmt::Display for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonSchema({self})")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_fault_is_told_with_its_place() {
        let document = json!({
            "$defs": { "item": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } } },
            "type": "object",
            "properties": { "items": { "type": "array", "items": { "$ref": "#/$defs/item" } } }
        });
        let whole = JsonSchema::compile("s.json", document.clone(), "").expect("a schema");
        assert_eq!(whole.validate(&json!({ "items": [ { "id": 1 } ] })), Ok(()));
        let told = whole.validate(&json!({ "items": [ { "id": 1 }, { "id": "x" } ] }));
        let told = told.expect_err("a fault");
        assert!(told.starts_with("at /items/1/id: "), "{told}");
        let part = JsonSchema::compile("s.json", document.clone(), "/$defs/item").expect("a part");
        assert!(part.validate(&json!({})).is_err());
        assert!(JsonSchema::compile("s.json", document, "/nowhere").is_err());
    }

    #[test]
    fn other_files_and_broken_schemas_are_refused() {
        for (document, told) in [
            (json!({ "$ref": "other.json" }), "other.json"),
            (json!({ "$ref": "https://a.test/s" }), "https://a.test/s"),
            (json!({ "type": "nonsense" }), "at /type"),
            (json!({ "pattern": "(" }), "("),
        ] {
            let refused = JsonSchema::compile("s.json", document, "").expect_err(told);
            assert!(refused.contains(told), "{refused}");
        }
    }
}
