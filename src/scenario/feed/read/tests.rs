use serde_json::json;
use tempfile::TempDir;

use super::super::{Feed, MAX_SIZE, Pick};
use super::*;
use crate::scenario::Value;

/// Reads a file of that name and content.
fn read(name: &str, content: &[u8]) -> Result<Table, FeedFault> {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a writable folder");
    file(&path, None, None)
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
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_fault_says_where_it_is_and_what_to_do() {
    let header = "which is not a column name; add a first line with unique column \
                  names, or name them with `columns`";
    let empty = "has no rows; a feeder needs at least one (below the header, in a CSV file)";
    let ragged = "complete it, or quote a field that contains a separator";
    let unclosed = "has no closing quote; close it, and double each quote inside it";
    let missing = "which other rows have; add it, or set it to null";
    for (name, content, expected) in [
        (
            "a.txt",
            &b"x"[..],
            "has an unknown file extension; expected .csv, .tsv, .json or .jsonl, also with .gz, or give its `format`"
                .to_owned(),
        ),
        ("a.csv", b"", empty.to_owned()),
        ("a.csv", b"id,name\n", empty.to_owned()),
        ("a.json", b"[]", empty.to_owned()),
        ("a.json", b" ", empty.to_owned()),
        ("a.jsonl", b"\n\n", empty.to_owned()),
        (
            "a.csv",
            b"a,b\n1,2\n3\n",
            format!("row 2 has 1 fields, but there are 2 columns; {ragged}"),
        ),
        (
            "a.csv",
            b"a,b\n1,2,3\n",
            format!("row 1 has 3 fields, but there are 2 columns; {ragged}"),
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
    let read = |path: &Path| file(path, None, None);
    assert!(matches!(read(&path), Err(FeedFault::Unreadable(_))));

    let sparse = std::fs::File::create(&path).expect("a writable folder");
    sparse.set_len(MAX_SIZE.0 + 1).expect("a sparse file");
    assert!(matches!(read(&path), Err(FeedFault::TooLarge)));

    let inner = folder.path().join("b.json");
    std::fs::create_dir(&inner).expect("a writable folder");
    assert!(matches!(read(&inner), Err(FeedFault::NotAFile)));
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
