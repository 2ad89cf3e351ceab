//! Reads the rows of a feeder into columns and rows; stops at the first fault.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::rows::Rows;
use super::{FeedFault, objects, open, separated};
use crate::format::words::RowFormat;

/// The content of a feeder: each row has one value for each column.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Arc<Rows>,
}

/// Reads a file. Its name decides the format if none is given; `columns` are those of a file without a header.
pub(super) fn file(
    path: &Path,
    format: Option<RowFormat>,
    columns: Option<Vec<String>>,
) -> Result<Table, FeedFault> {
    let (implied, is_compressed) = open::format_of(path);
    let format = format.or(implied).ok_or(FeedFault::UnknownFormat)?;
    parse(open::file(path, is_compressed)?, format, columns)
}

/// The rows of standard input, with the format and the columns by which they were read.
type Input = (RowFormat, Option<Vec<String>>, Table);

static INPUT: Mutex<Option<Input>> = Mutex::new(None);

/// Reads standard input. It can be read only once, but a comparison reads its scenario for each arm.
pub(super) fn input(format: RowFormat, columns: Option<Vec<String>>) -> Result<Table, FeedFault> {
    let mut input = INPUT
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((known_format, known_columns, table)) = &*input {
        return if (*known_format, known_columns) == (format, &columns) {
            Ok(table.clone())
        } else {
            Err(FeedFault::ReadOtherwise)
        };
    }
    let table = parse(open::input()?, format, columns.clone())?;
    Ok(input.insert((format, columns, table)).2.clone())
}

fn parse(
    bytes: open::Bytes,
    format: RowFormat,
    columns: Option<Vec<String>>,
) -> Result<Table, FeedFault> {
    let (columns, mut rows) = match format {
        RowFormat::Csv => separated::read(bytes, b',', columns),
        RowFormat::Tsv => separated::read(bytes, b'\t', columns),
        RowFormat::Json => objects::json(bytes.reader),
        RowFormat::Jsonl => objects::json_lines(bytes.reader),
    }?;
    if rows.is_empty() {
        return Err(FeedFault::Empty);
    }
    rows.shrink();
    Ok(Table {
        columns,
        rows: Arc::new(rows),
    })
}

#[cfg(test)]
mod tests;
