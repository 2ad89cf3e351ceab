//! Rows from objects: JSON, JSONL and rows in the scenario itself.

use std::collections::HashMap;
use std::io::{BufRead, Read as _};

use super::FeedFault;
use super::fault::MAX_JSON;
use super::rows::Rows;
use crate::scenario::Value;

/// Reads a JSON list of objects.
pub(super) fn json(bytes: impl BufRead) -> Result<(Vec<String>, Rows), FeedFault> {
    let mut text = Vec::new();
    bytes
        .take(MAX_JSON.0 + 1)
        .read_to_end(&mut text)
        .map_err(FeedFault::of)?;
    if text.len() as u64 > MAX_JSON.0 {
        return Err(FeedFault::LargeJson);
    }
    let text = std::str::from_utf8(&text).map_err(|error| {
        let valid = &text[..error.valid_up_to()];
        let line = valid.split(|&byte| byte == b'\n').count();
        FeedFault::NotUtf8 { line }
    })?;
    if text.trim().is_empty() {
        return Err(FeedFault::Empty);
    }
    match Value::from_json(text).map_err(FeedFault::NotJson)? {
        Value::List(items) => of_values(items),
        other => Err(FeedFault::NotAList {
            found: kind(&other),
        }),
    }
}

/// Reads one JSON object on each line.
pub(super) fn json_lines(mut bytes: impl BufRead) -> Result<(Vec<String>, Rows), FeedFault> {
    let mut objects = Objects::default();
    let mut line = Vec::new();
    let mut number = 0;
    while bytes.read_until(b'\n', &mut line).map_err(FeedFault::of)? > 0 {
        number += 1;
        let text = std::str::from_utf8(&line).map_err(|_| FeedFault::NotUtf8 { line: number })?;
        if !text.trim().is_empty() {
            let item = Value::from_json(text).map_err(|cause| FeedFault::RowNotJson {
                row: objects.rows.len() + 1,
                cause,
            })?;
            objects.push(item)?;
        }
        line.clear();
    }
    Ok(objects.into_table())
}

/// The rows of these objects.
pub(super) fn of_values(items: Vec<Value>) -> Result<(Vec<String>, Rows), FeedFault> {
    let mut objects = Objects::default();
    for item in items {
        objects.push(item)?;
    }
    Ok(objects.into_table())
}

/// Rows from objects, which must all have the same members, in any order.
#[derive(Default)]
struct Objects {
    /// The members of the first object, in its order.
    columns: Vec<String>,
    rows: Rows,
}

impl Objects {
    fn push(&mut self, item: Value) -> Result<(), FeedFault> {
        let row = self.rows.len() + 1;
        let members = match item {
            Value::Map(members) => members,
            other => {
                return Err(FeedFault::NotAnObject {
                    row,
                    found: kind(&other),
                });
            }
        };
        let is_first = self.rows.is_empty();
        if is_first {
            self.columns = members.iter().map(|(name, _)| name.clone()).collect();
            self.rows = Rows::of_width(self.columns.len());
        }
        if members.iter().map(|(name, _)| name).eq(&self.columns) {
            return self.rows.push(members.iter().map(|(_, value)| value));
        }
        let named = members.iter().map(|(name, value)| (name, value));
        let mut rest: HashMap<&String, &Value> = named.collect();
        let values: Vec<_> = self.columns.iter().map(|name| rest.remove(name)).collect();
        if let Some((name, _)) = members.iter().find(|(name, _)| rest.contains_key(name)) {
            return Err(FeedFault::MissingColumn {
                row: 1,
                column: name.clone(),
            });
        }
        if let Some(absent) = values.iter().position(Option::is_none) {
            return Err(FeedFault::MissingColumn {
                row,
                column: self.columns[absent].clone(),
            });
        }
        self.rows.push(values.into_iter().flatten())
    }

    fn into_table(self) -> (Vec<String>, Rows) {
        (self.columns, self.rows)
    }
}

/// The name of a value's type, for messages.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
    }
}
