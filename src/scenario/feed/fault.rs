//! The faults of a feeder's rows.

use std::io;
use std::path::PathBuf;

use crate::units::ByteSize;

/// The maximum size of a feeder's rows.
pub const MAX_SIZE: ByteSize = ByteSize(4 << 30);
/// The maximum size of a JSON file, which is parsed as a whole.
pub const MAX_JSON: ByteSize = ByteSize(64 << 20);
/// The size up to which a file may inflate whatever its own size.
pub(super) const ANY_RATIO: ByteSize = ByteSize(64 << 20);
/// The maximum ratio of inflated to compressed size above [`ANY_RATIO`].
pub(super) const MAX_RATIO: u64 = 100;

/// The reason why a file cannot be used as a feeder, and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", .path.display())]
pub struct FeedError {
    /// The file.
    pub path: PathBuf,
    /// The fault.
    #[source]
    pub fault: FeedFault,
}

/// A fault of a feeder's rows; they are counted from 1, without the header.
#[derive(Debug, thiserror::Error)]
pub enum FeedFault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A folder, a device, a pipe.
    #[error("is not a file; name a .csv, .tsv, .json or .jsonl file")]
    NotAFile,
    /// Standard input, which nothing is piped into.
    #[error("is a terminal; pipe the rows into it, such as `generate-rows | gander run …`")]
    IsATerminal,
    /// Two feeders want to read standard input differently.
    #[error("is already read in another format or with other columns; it can be read only once")]
    ReadOtherwise,
    /// The file extension is unknown.
    #[error(
        "has an unknown file extension; expected .csv, .tsv, .json or .jsonl, also with .gz, or give its `format`"
    )]
    UnknownFormat,
    /// Larger than [`MAX_SIZE`].
    #[error(
        "is larger than {MAX_SIZE}, the most a feeder may have; split it, or keep only the columns that are used"
    )]
    TooLarge,
    /// A JSON file larger than [`MAX_JSON`].
    #[error(
        "is larger than {MAX_JSON}, the most a .json file may have; use .jsonl, with one object on each line"
    )]
    LargeJson,
    /// A small file that inflates to a large one.
    #[error(
        "inflates to more than {ANY_RATIO} and to more than {MAX_RATIO} times its size; give it uncompressed if that is \
         intended"
    )]
    Bomb,
    /// Bytes that are not UTF-8.
    #[error("line {line} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// From 1.
        line: usize,
    },
    /// No rows.
    #[error("has no rows; a feeder needs at least one (below the header, in a CSV file)")]
    Empty,
    /// The filter keeps no row.
    #[error("has no row that the filter keeps, of {rows}")]
    NoneKept {
        /// The number of rows.
        rows: usize,
    },
    /// An expression has no value.
    #[error("row {row}: {cause}")]
    NoValue {
        /// From 1.
        row: usize,
        /// The missing value.
        #[source]
        cause: crate::expr::Missing,
    },
    /// The first line of a CSV file does not name the columns.
    #[error(
        "column {column} of the header is {found:?}, which is not a column name; add a first line with unique column \
         names, or name them with `columns`"
    )]
    NoHeader {
        /// From 1.
        column: usize,
        /// The text found instead of a name.
        found: String,
    },
    /// A row with more or fewer fields than columns.
    #[error(
        "row {row} has {found} fields, but there are {expected} columns; complete it, or quote a field that contains a \
         separator"
    )]
    Ragged {
        /// From 1.
        row: usize,
        /// Fields in the row.
        found: usize,
        /// The number of columns.
        expected: usize,
    },
    /// A CSV field that begins with a quote and does not end with one.
    #[error(
        "the quoted field that begins in line {line} has no closing quote; close it, and double each quote inside it"
    )]
    UnclosedQuote {
        /// From 1.
        line: usize,
    },
    /// The file is not valid JSON.
    #[error("is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// A line of a JSONL file that is not JSON.
    #[error("row {row} is not JSON: {cause}; put one object on each line")]
    RowNotJson {
        /// From 1, empty lines not counted.
        row: usize,
        /// The parser's error.
        #[source]
        cause: serde_json::Error,
    },
    /// A JSON file that does not contain a list.
    #[error(
        "contains {found}, expected a list of objects; write [{{…}}, {{…}}], or one object per line in a .jsonl file"
    )]
    NotAList {
        /// The type found.
        found: &'static str,
    },
    /// A row that is not an object.
    #[error("row {row} is {found}, expected an object; give each value a name: {{\"name\": …}}")]
    NotAnObject {
        /// From 1.
        row: usize,
        /// The type found.
        found: &'static str,
    },
    /// An object without a column that another has.
    #[error("row {row} has no `{column}`, which other rows have; add it, or set it to null")]
    MissingColumn {
        /// From 1.
        row: usize,
        /// The column.
        column: String,
    },
}

impl FeedFault {
    /// The fault that ended the reading, which a reader may have wrapped.
    pub(super) fn of(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(fault) => fault,
            Err(error) => Self::Unreadable(error),
        }
    }
}

/// For readers, which can return only this type.
impl From<FeedFault> for io::Error {
    fn from(fault: FeedFault) -> Self {
        Self::other(fault)
    }
}
