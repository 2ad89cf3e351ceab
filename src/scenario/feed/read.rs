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
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::super::{Feed, Pick};
    use super::*;

    /// Reads a file of that name and content.
    fn read(name: &str, content: &[u8]) -> Result<Table, FeedFault> {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a writable folder");
        table(&path)
    }

    #[test]
    fn each_format_gives_columns_and_rows() {
        let texts = |rows: &[[&str; 2]]| -> Vec<serde_json::Value> {
            rows.iter().map(|row| json!(row)).collect()
        };
        for (name, content, columns, rows) in [
            (
                "a.csv",
                "id, name \n007,Ann\n8, Bo \n",
                ["id", "name"],
                texts(&[["007", "Ann"], ["8", " Bo "]]),
            ),
            (
                "a.CSV",
                "\u{feff}id,name\r\n\r\n1,\"a, \"\"b\"\"\nc\"",
                ["id", "name"],
                texts(&[["1", "a, \"b\"\nc"]]),
            ),
            (
                "b.csv",
                "a,b\n\"\",5\" disk\n\"x\" ,\"\"\"\"\n",
                ["a", "b"],
                texts(&[["", "5\" disk"], ["x ", "\""]]),
            ),
            (
                "a.json",
                r#"[{"b": 1, "a": [2]}, {"a": null, "b": "x"}]"#,
                ["b", "a"],
                vec![json!([1, [2]]), json!(["x", null])],
            ),
            (
                "a.jsonl",
                "{\"a\": 1, \"b\": true}\n\n{\"b\": {}, \"a\": 2}\n",
                ["a", "b"],
                vec![json!([1, true]), json!([2, {}])],
            ),
            (
                "a.ndjson",
                "{\"a\": 1, \"b\": 2}",
                ["a", "b"],
                vec![json!([1, 2])],
            ),
            // Values next to each other in memory that could be read as one.
            (
                "a.jsonl",
                "{\"a\": \"\", \"b\": 12}\n{\"a\": 3, \"b\": \"3\"}",
                ["a", "b"],
                vec![json!(["", 12]), json!([3, "3"])],
            ),
        ] {
            let table = read(name, content.as_bytes()).expect(content);
            assert_eq!(table.columns, columns, "{content}");
            let value = |row, column| {
                let held = table.rows.get(row, column).expect("a value");
                held.into_value().into_owned()
            };
            let read: Vec<Value> = (0..table.rows.len())
                .map(|row| Value::List(vec![value(row, 0), value(row, 1)]))
                .collect();
            let rows: Vec<Value> = rows.into_iter().map(Value::from).collect();
            assert_eq!(read, rows, "{content}");
        }
    }

    #[test]
    fn a_fault_says_where_it_is_and_what_to_do() {
        let header = "which is not a column name; add a first line with unique column names";
        let empty = "has no rows; a feeder needs at least one (below the header, in a CSV file)";
        let ragged = "complete it, or quote a field that contains a comma";
        let unclosed = "has no closing quote; close it, and double each quote inside it";
        let missing = "which other rows have; add it, or set it to null";
        for (name, content, expected) in [
            (
                "a.txt",
                &b"x"[..],
                "has an unknown file extension; expected .csv, .json or .jsonl".to_owned(),
            ),
            ("a.csv", b"", empty.to_owned()),
            ("a.csv", b"id,name\n", empty.to_owned()),
            ("a.json", b"[]", empty.to_owned()),
            ("a.json", b" ", empty.to_owned()),
            ("a.jsonl", b"\n\n", empty.to_owned()),
            (
                "a.csv",
                b"a,b\n1,2\n3\n",
                format!("row 2 has 1 fields, the header has 2; {ragged}"),
            ),
            (
                "a.csv",
                b"a,b\n1,2,3\n",
                format!("row 1 has 3 fields, the header has 2; {ragged}"),
            ),
            (
                "a.csv",
                b"a,,b\n1,2,3\n",
                format!("column 2 of the header is \"\", {header}"),
            ),
            (
                "a.csv",
                b"1,x\n2,y\n",
                format!("column 1 of the header is \"1\", {header}"),
            ),
            (
                "a.csv",
                b"a,a\n1,2\n",
                format!("column 2 of the header is \"a\", {header}"),
            ),
            (
                "a.csv",
                b"a,b\n1,2\n3,\"4\n5,6\n",
                format!("the quoted field that begins in line 3 {unclosed}"),
            ),
            (
                "a.csv",
                b"a,b\r\n1,\"x\r\n2,\"y\"\r\n",
                format!("the quoted field that begins in line 2 {unclosed}"),
            ),
            (
                "a.csv",
                b"a\nx\n\xff\n",
                "line 3 is not UTF-8; save the file as UTF-8".to_owned(),
            ),
            (
                "a.json",
                b"[{]",
                "is not JSON: key must be a string at line 1 column 3".to_owned(),
            ),
            (
                "a.json",
                b"{\"a\": 1}",
                "contains an object, expected a list of objects; write [{…}, {…}], or one \
                object per line in a .jsonl file"
                    .to_owned(),
            ),
            (
                "a.json",
                b"[{\"a\": 1}, 2]",
                "row 2 is a number, expected an object; give each value a name: \
                {\"name\": …}"
                    .to_owned(),
            ),
            (
                "a.json",
                b"[{\"a\": 1}, {\"a\": 1, \"b\": 2}]",
                format!("row 1 has no `b`, {missing}"),
            ),
            (
                "a.jsonl",
                b"{\"a\": 1}\n{\"b\": 1}",
                format!("row 1 has no `b`, {missing}"),
            ),
            (
                "a.jsonl",
                b"{\"a\": 1, \"b\": 2}\n{\"b\": 1}",
                format!("row 2 has no `a`, {missing}"),
            ),
            (
                "a.jsonl",
                b"{}\n\nx\n",
                "row 2 is not JSON: expected value at line 1 column 1; put one object on each line"
                    .to_owned(),
            ),
        ] {
            let fault = read(name, content).expect_err(&expected);
            assert_eq!(fault.to_string(), expected);
        }
    }

    #[test]
    fn only_files_of_a_bounded_size_are_read() {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("a.csv");
        assert!(matches!(table(&path), Err(FeedFault::Unreadable(_))));

        let file = File::create(&path).expect("a writable folder");
        file.set_len(MAX_SIZE.0 + 1).expect("a sparse file");
        assert!(matches!(table(&path), Err(FeedFault::TooLarge)));

        let inner = folder.path().join("b.json");
        std::fs::create_dir(&inner).expect("a writable folder");
        assert!(matches!(table(&inner), Err(FeedFault::NotAFile)));
    }

    #[test]
    fn an_error_names_the_file() {
        let error = Feed::read("users", Path::new("no/such.csv"), Pick::Sequential);
        let error = error.expect_err("there is no such file");
        assert_eq!(
            error.to_string(),
            "no/such.csv: cannot be read: No such file or directory (os error 2)"
        );
    }
}
