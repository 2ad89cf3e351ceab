//! Reads a feeder's file into columns and rows; stops at the first fault.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::rows::Rows;
use super::{FeedFault, MAX_SIZE};
use crate::scenario::Value;

/// The content of a feeder's file: each row has one value for each column.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Rows,
}

/// Reads the whole file.
pub(super) fn table(path: &Path) -> Result<Table, FeedFault> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let parse = match extension.to_ascii_lowercase().as_str() {
        "csv" => csv,
        "json" => json,
        "jsonl" | "ndjson" => json_lines,
        _ => return Err(FeedFault::UnknownFormat),
    };
    let mut table = parse(&text(path)?)?;
    if table.rows.is_empty() {
        return Err(FeedFault::Empty);
    }
    table.rows.shrink();
    Ok(table)
}

/// The file's text, without a byte order mark.
fn text(path: &Path) -> Result<String, FeedFault> {
    // Checked before opening, because opening a pipe blocks until its other end is open.
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
        let line = valid.split(|&byte| byte == b'\n').count();
        FeedFault::NotUtf8 { line }
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

fn csv(text: &str) -> Result<Table, FeedFault> {
    if let Some(line) = unclosed_quote(text) {
        return Err(FeedFault::UnclosedQuote { line });
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    // Cannot fail: the text is UTF-8 and in memory, and rows of any length are allowed.
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).map_err(unreadable)? {
        return Err(FeedFault::Empty);
    }
    let columns = header_names(&record)?;
    let mut rows = Rows::of_width(columns.len());
    while reader.read_record(&mut record).map_err(unreadable)? {
        if record.len() != columns.len() {
            return Err(FeedFault::Ragged {
                row: rows.len() + 1,
                found: record.len(),
                expected: columns.len(),
            });
        }
        rows.push_texts(&record)?;
    }
    Ok(Table { columns, rows })
}

/// The line of an opening quote whose field does not end with a quote. The CSV parser would read the text up to the
/// next quote as one field.
fn unclosed_quote(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().peekable();
    let (mut line, mut opened) = (1, None);
    let mut is_start = true;
    while let Some(byte) = bytes.next() {
        line += usize::from(byte == b'\n');
        match (opened, byte) {
            (None, b'"') if is_start => opened = Some(line),
            (Some(_), b'"') if bytes.peek() == Some(&b'"') => {
                bytes.next();
            }
            (Some(at), b'"') => {
                // Many files have spaces after a quote; any other text belongs to another field.
                while bytes.next_if(|byte| matches!(byte, b' ' | b'\t')).is_some() {}
                if !matches!(bytes.peek(), None | Some(b',' | b'\r' | b'\n')) {
                    return Some(at);
                }
                opened = None;
            }
            _ => {}
        }
        is_start = matches!(byte, b',' | b'\n' | b'\r');
    }
    opened
}

/// The columns' names. A name that is empty, a number or a duplicate shows that the first line is not a header.
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
    let items = match Value::from_json(text).map_err(FeedFault::NotJson)? {
        Value::List(items) => items,
        other => {
            return Err(FeedFault::NotAList {
                found: kind(&other),
            });
        }
    };
    let mut objects = Objects::default();
    for item in items {
        objects.push(item)?;
    }
    Ok(objects.into_table())
}

fn json_lines(text: &str) -> Result<Table, FeedFault> {
    let mut objects = Objects::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let item = Value::from_json(line).map_err(|cause| FeedFault::RowNotJson {
            row: objects.rows.len() + 1,
            cause,
        })?;
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

    fn into_table(self) -> Table {
        Table {
            columns: self.columns,
            rows: self.rows,
        }
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

#[cfg(test)]
mod tests;
