//! CSV and TSV.

use std::collections::HashSet;
use std::io::{self, Read};

use super::FeedFault;
use super::open::Bytes;
use super::rows::Rows;

/// Reads rows of fields with this separator. Without given columns, the first line names them.
pub(super) fn read(
    bytes: Bytes,
    separator: u8,
    columns: Option<Vec<String>>,
) -> Result<(Vec<String>, Rows), FeedFault> {
    let quotes = QuoteCheck {
        inner: bytes.reader,
        separator,
        place: Place::Start,
        line: 1,
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .buffer_capacity(64 << 10)
        .from_reader(quotes);
    let mut record = csv::StringRecord::new();
    let columns = match columns {
        Some(columns) => columns,
        None if reader.read_record(&mut record).map_err(fault)? => header_names(&record)?,
        None => return Err(FeedFault::Empty),
    };
    let mut rows = Rows::of_width(columns.len());
    rows.reserve(bytes.size);
    while reader.read_record(&mut record).map_err(fault)? {
        if record.len() != columns.len() {
            return Err(FeedFault::Ragged {
                row: rows.len() + 1,
                found: record.len(),
                expected: columns.len(),
            });
        }
        rows.push_texts(&record)?;
    }
    Ok((columns, rows))
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

fn fault(error: csv::Error) -> FeedFault {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => FeedFault::of(error),
        csv::ErrorKind::Utf8 { pos, .. } => FeedFault::NotUtf8 {
            line: pos.map_or(1, |position| position.line() as usize),
        },
        other => FeedFault::Unreadable(io::Error::other(format!("{other:?}"))),
    }
}

/// A reader that fails at a quoted field without a closing quote. The CSV parser would read the text up to the next quote
/// as one field.
struct QuoteCheck<R> {
    inner: R,
    separator: u8,
    place: Place,
    line: usize,
}

/// Where the next byte stands.
#[derive(Clone, Copy)]
enum Place {
    /// At the beginning of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// In a field with quotes, which begins in this line.
    Quoted(usize),
    /// After a quote in such a field: its end, or the first of two quotes.
    AfterQuote(usize),
    /// After spaces behind the end of such a field; many files have them, any other text belongs to another field.
    AfterField(usize),
}

impl<R> QuoteCheck<R> {
    /// The line of a quoted field that is not closed.
    fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        for &byte in bytes {
            self.line += usize::from(byte == b'\n');
            let is_end = byte == self.separator || matches!(byte, b'\n' | b'\r');
            self.place = match (self.place, byte) {
                (Place::Start, b'"') => Place::Quoted(self.line),
                (Place::Start | Place::Plain | Place::AfterQuote(_) | Place::AfterField(_), _)
                    if is_end =>
                {
                    Place::Start
                }
                (Place::Start | Place::Plain, _) => Place::Plain,
                (Place::Quoted(at), b'"') => Place::AfterQuote(at),
                (Place::Quoted(at), _) | (Place::AfterQuote(at), b'"') => Place::Quoted(at),
                (Place::AfterQuote(at) | Place::AfterField(at), b' ' | b'\t') => {
                    Place::AfterField(at)
                }
                (Place::AfterQuote(at) | Place::AfterField(at), _) => return Some(at),
            };
        }
        match self.place {
            Place::Quoted(at) if bytes.is_empty() => Some(at),
            Place::Start
            | Place::Plain
            | Place::Quoted(_)
            | Place::AfterQuote(_)
            | Place::AfterField(_) => None,
        }
    }
}

impl<R: Read> Read for QuoteCheck<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        match self.look(&buffer[..count]) {
            Some(line) => Err(FeedFault::UnclosedQuote { line }.into()),
            None => Ok(count),
        }
    }
}
