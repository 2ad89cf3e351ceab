//! Reading: a file becomes columns and rows, or the first fault that makes it no feeder.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::{FeedFault, MAX_SIZE};

/// What is in a feeder's file: each row has one value for each column.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Box<[Value]>>,
}

/// Reads the file whole.
pub(super) fn table(path: &Path) -> Result<Table, FeedFault> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let parse = match extension.to_ascii_lowercase().as_str() {
        "csv" => csv,
        "json" => json,
        "jsonl" | "ndjson" => json_lines,
        _ => return Err(FeedFault::UnknownFormat),
    };
    let table = parse(&text(path)?)?;
    if table.rows.is_empty() {
        return Err(FeedFault::Empty);
    }
    Ok(table)
}

/// The file's text, without a byte order mark.
fn text(path: &Path) -> Result<String, FeedFault> {
    // Asked before opening: opening a pipe would wait for its other end.
    if !path.metadata().map_err(FeedFault::Unreadable)?.is_file() {
        return Err(FeedFault::NotAFile);
    }
    let file = File::open(path).map_err(FeedFault::Unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_SIZE.0 + 1)
        .read_to_end(&mut bytes)
        .map_err(FeedFault::Unreadable)?;
    if bytes.len() as u64 > MAX_SIZE.0 {
        return Err(FeedFault::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        FeedFault::NotUtf8 { line }
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

fn csv(text: &str) -> Result<Table, FeedFault> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    // The text is UTF-8 and in memory, and any length of row is allowed: nothing is left that could fail.
    let mut records = reader.records().map(|record| record.map_err(unreadable));
    let header = records.next().ok_or(FeedFault::Empty)??;
    let columns = header_names(&header)?;
    let mut rows = Vec::new();
    for record in records {
        let record = record?;
        if record.len() != columns.len() {
            return Err(FeedFault::Ragged {
                row: rows.len() + 1,
                found: record.len(),
                expected: columns.len(),
            });
        }
        rows.push(record.iter().map(Value::from).collect());
    }
    Ok(Table { columns, rows })
}

/// The columns' names; a name that is empty, a number or there twice shows that the first line is not a header.
fn header_names(header: &csv::StringRecord) -> Result<Vec<String>, FeedFault> {
    let mut seen = HashSet::new();
    let mut columns = Vec::with_capacity(header.len());
    for (index, name) in header.iter().map(str::trim).enumerate() {
        if name.is_empty() || name.parse::<f64>().is_ok() || !seen.insert(name) {
            return Err(FeedFault::NoHeader {
                column: index + 1,
                found: name.to_owned(),
            });
        }
        columns.push(name.to_owned());
    }
    Ok(columns)
}

fn unreadable(error: csv::Error) -> FeedFault {
    FeedFault::Unreadable(error.into())
}

fn json(text: &str) -> Result<Table, FeedFault> {
    if text.trim().is_empty() {
        return Err(FeedFault::Empty);
    }
    match serde_json::from_str(text).map_err(FeedFault::NotJson)? {
        Value::Array(items) => objects(items),
        other => Err(FeedFault::NotAList {
            found: kind(&other),
        }),
    }
}

fn json_lines(text: &str) -> Result<Table, FeedFault> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let items: Result<Vec<Value>, FeedFault> = lines
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|cause| FeedFault::RowNotJson {
                row: index + 1,
                cause,
            })
        })
        .collect();
    objects(items?)
}

/// Rows from objects, which all must have the same members, in any order.
fn objects(items: Vec<Value>) -> Result<Table, FeedFault> {
    let mut objects = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Value::Object(members) => objects.push(members),
            other => {
                return Err(FeedFault::NotAnObject {
                    row: index + 1,
                    found: kind(&other),
                });
            }
        }
    }
    let columns = members_of_all(&objects);
    let mut rows = Vec::with_capacity(objects.len());
    for (index, mut members) in objects.into_iter().enumerate() {
        let row: Result<Box<[Value]>, FeedFault> = columns
            .iter()
            .map(|column| {
                members
                    .get_mut(column)
                    .map(Value::take)
                    .ok_or_else(|| FeedFault::MissingColumn {
                        row: index + 1,
                        column: column.clone(),
                    })
            })
            .collect();
        rows.push(row?);
    }
    Ok(Table { columns, rows })
}

/// Every name that any object has, in the order of their first appearance.
fn members_of_all(objects: &[Map<String, Value>]) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = objects.iter().flat_map(Map::keys);
    names.filter(|name| seen.insert(*name)).cloned().collect()
}

/// A value's type, for a sentence.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
