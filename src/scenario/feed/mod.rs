//! Feeders: rows of a CSV, JSON or JSONL file, distributed to users by a deterministic rule.
//!
//! A feeder is read completely when the scenario is checked, so that a run never waits for a file and a ragged row is
//! found before the load starts. The row of a draw depends only on the draw's number and the run's seed.

mod deal;
mod read;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use rows::Rows;

use crate::format::words::{Pick, WhenUsedUp};
use crate::units::ByteSize;

/// A feeder, read completely when the scenario is checked.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The name before the dot in `${users.email}`.
    pub name: String,
    /// The path of its file.
    pub path: PathBuf,
    /// The column names, in the order of a row's values.
    pub columns: Vec<String>,
    /// The rows; at least one.
    pub rows: Arc<Rows>,
    /// The order in which rows are used.
    pub pick: Pick,
    /// The effect when the rows of a [`Pick::Unique`] feeder are used up.
    pub when_used_up: WhenUsedUp,
}

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

/// A fault of a feeder's file; rows are counted from 1, without the header.
#[derive(Debug, thiserror::Error)]
pub enum FeedFault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// A folder, a device, a pipe.
    #[error("is not a file; name a .csv, .json or .jsonl file")]
    NotAFile,
    /// The file extension is unknown.
    #[error("has an unknown file extension; expected .csv, .json or .jsonl")]
    UnknownFormat,
    /// Larger than [`MAX_SIZE`].
    #[error(
        "is larger than {MAX_SIZE}, the most a feeder may have; split it, or keep only the columns that are used"
    )]
    TooLarge,
    /// Bytes that are not UTF-8.
    #[error("line {line} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// From 1.
        line: usize,
    },
    /// No rows.
    #[error("has no rows; a feeder needs at least one (below the header, in a CSV file)")]
    Empty,
    /// The first line of a CSV file does not name the columns.
    #[error(
        "column {column} of the header is {found:?}, which is not a column name; add a first line with unique column \
         names"
    )]
    NoHeader {
        /// From 1.
        column: usize,
        /// The text found instead of a name.
        found: String,
    },
    /// A CSV row of another length than the header.
    #[error(
        "row {row} has {found} fields, the header has {expected}; complete it, or quote a field that contains a comma"
    )]
    Ragged {
        /// From 1.
        row: usize,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
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

/// The maximum size of a feeder's file.
pub const MAX_SIZE: ByteSize = ByteSize(64 * 1024 * 1024);

impl Feed {
    /// Reads a feeder. The file extension decides the format: CSV, JSON (a list of objects) or JSONL (one object per
    /// line).
    ///
    /// The values of a CSV file are texts, so that `007` stays `007`; JSON values keep their types.
    pub fn read(name: &str, path: &Path, pick: Pick) -> Result<Self, FeedError> {
        let table = read::table(path).map_err(|fault| FeedError {
            path: path.to_owned(),
            fault,
        })?;
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            columns: table.columns,
            rows: Arc::new(table.rows),
            pick,
            when_used_up: WhenUsedUp::Fail,
        })
    }

    /// The row of the run's `draw`-th draw, from 0; `None` when the rows of a [`Pick::Unique`] feeder are used up.
    ///
    /// A pure function: machines that share a run and its seed divide the draws, and so the rows, without talking to
    /// each other.
    pub fn row(&self, draw: u64, seed: u64) -> Option<usize> {
        let rows = self.rows.len() as u64;
        if rows == 0 {
            return None;
        }
        let row = match self.pick {
            Pick::Sequential => draw % rows,
            Pick::Shuffled => {
                let pass = draw / rows;
                deal::shuffled(draw % rows, rows, deal::key(seed, &self.name, pass))
            }
            Pick::Random => deal::any(rows, deal::key(seed, &self.name, draw)),
            Pick::Unique if draw < rows => draw,
            Pick::Unique => return None,
        };
        Some(row as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn feed(name: &str, count: u64, pick: Pick) -> Feed {
        let mut rows = Rows::of_width(1);
        for number in 0..count {
            rows.push([&number.into()]).expect("there is room");
        }
        Feed {
            name: name.to_owned(),
            path: PathBuf::new(),
            columns: vec!["n".to_owned()],
            rows: Arc::new(rows),
            pick,
            when_used_up: WhenUsedUp::Fail,
        }
    }

    /// The rows of the draws of one pass.
    fn pass(feed: &Feed, pass: u64, seed: u64) -> Vec<usize> {
        let rows = feed.rows.len() as u64;
        let draws = pass * rows..(pass + 1) * rows;
        draws.filter_map(|draw| feed.row(draw, seed)).collect()
    }

    #[test]
    fn sequential_rows_go_round_and_round() {
        let feed = feed("users", 3, Pick::Sequential);
        let dealt: Vec<_> = (0..7).map(|draw| feed.row(draw, 9)).collect();
        assert_eq!(dealt, [0, 1, 2, 0, 1, 2, 0].map(Some));
        assert_eq!(feed.row(u64::MAX, 9), Some((u64::MAX % 3) as usize));
    }

    #[test]
    fn unique_rows_are_dealt_once() {
        let feed = feed("users", 2, Pick::Unique);
        let dealt: Vec<_> = (0..4).map(|draw| feed.row(draw, 9)).collect();
        assert_eq!(dealt, [Some(0), Some(1), None, None]);
    }

    #[test]
    fn every_pass_of_a_shuffled_feeder_deals_every_row_once() {
        for rows in [1, 2, 3, 4, 5, 15, 16, 17, 64, 100, 257, 1_000] {
            let feed = feed("users", rows, Pick::Shuffled);
            for number in [0, 1, 2, 77, u64::MAX / rows - 1] {
                let mut dealt = pass(&feed, number, 42);
                dealt.sort_unstable();
                let every: Vec<usize> = (0..rows as usize).collect();
                assert_eq!(dealt, every, "{rows} rows, pass {number}");
            }
        }
    }

    #[test]
    fn orders_differ_by_pass_seed_and_feeder_and_repeat_with_all_three() {
        let users = feed("users", 100, Pick::Shuffled);
        let goods = feed("goods", 100, Pick::Shuffled);
        let orders = [
            pass(&users, 0, 1),
            pass(&users, 1, 1),
            pass(&users, 0, 2),
            pass(&goods, 0, 1),
        ];
        let distinct: HashSet<&Vec<usize>> = orders.iter().collect();
        assert_eq!(distinct.len(), orders.len());
        assert_eq!(pass(&users, 0, 1), orders[0]);
    }

    #[test]
    fn every_order_of_a_few_rows_comes_about_as_often() {
        let feed = feed("users", 4, Pick::Shuffled);
        let passes = 24_000;
        let mut counts: HashMap<Vec<usize>, u32> = HashMap::new();
        for number in 0..passes {
            *counts.entry(pass(&feed, number, 42)).or_default() += 1;
        }
        assert_eq!(counts.len(), 24, "4! orders");
        // 1,000 expected of each, with a standard deviation of 31.
        for (order, count) in counts {
            assert!((800..=1_200).contains(&count), "{order:?}: {count}");
        }
    }

    #[test]
    fn random_rows_are_dealt_evenly_and_independently_of_the_others() {
        let feed = feed("users", 10, Pick::Random);
        let mut counts = [0_u32; 10];
        let mut repeats = 0;
        for draw in 0..10_000 {
            let row = feed.row(draw, 42).expect("random rows are never used up");
            counts[row] += 1;
            repeats += u32::from(feed.row(draw + 1, 42) == Some(row));
        }
        // 1,000 expected, with a standard deviation of 30.
        assert!(
            counts.iter().all(|n| (850..=1_150).contains(n)),
            "{counts:?}"
        );
        assert!((850..=1_150).contains(&repeats), "{repeats}");
    }

    #[test]
    fn a_feeder_without_rows_deals_none() {
        for pick in [Pick::Sequential, Pick::Shuffled, Pick::Random, Pick::Unique] {
            assert_eq!(feed("users", 0, pick).row(0, 1), None);
        }
    }
}
