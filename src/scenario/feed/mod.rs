//! Feeders: rows of a file, of standard input, of the scenario itself or of expressions, distributed to users by a
//! deterministic rule.
//!
//! A feeder is read completely when the scenario is checked, so that a run never waits for a file and a ragged row is
//! found before the load starts. The row of a draw depends only on the draw's number and the run's seed.

mod computed;
mod deal;
mod fault;
mod objects;
mod open;
mod read;
mod rows;
mod separated;

use std::path::Path;
use std::sync::Arc;

pub use fault::{FeedError, FeedFault, MAX_JSON, MAX_SIZE};
pub use rows::{RowValues, Rows};

use super::{Condition, Template, Value};
use crate::format::words::{Per, Pick, RowFormat, WhenUsedUp};

/// A feeder, read completely when the scenario is checked.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The name before the dot in `${users.email}`.
    pub name: String,
    /// The column names, in the order of a row's values.
    pub columns: Vec<String>,
    /// The rows; at least one.
    pub rows: Arc<Rows>,
    /// The order in which rows are used.
    pub pick: Pick,
    /// How long a row is kept.
    pub per: Per,
    /// The effect when the rows of a [`Pick::Unique`] feeder are used up.
    pub when_used_up: WhenUsedUp,
}

impl Feed {
    /// Reads a feeder from a file. Its extension decides the format: CSV, TSV, JSON (a list of objects) or JSONL (one object
    /// per line), perhaps compressed by gzip.
    ///
    /// The values of a CSV file are texts, so that `007` stays `007`; JSON values keep their types.
    pub fn read(name: &str, path: &Path, pick: Pick) -> Result<Self, FeedError> {
        let feed = Self::from_file(name, path, None, None);
        let feed = feed.map_err(|fault| FeedError {
            path: path.to_owned(),
            fault,
        })?;
        Ok(Self { pick, ..feed })
    }

    /// Reads a file in this format, or in that of its name; `columns` are those of a file without a header.
    pub(crate) fn from_file(
        name: &str,
        path: &Path,
        format: Option<RowFormat>,
        columns: Option<Vec<String>>,
    ) -> Result<Self, FeedFault> {
        read::file(path, format, columns).map(|table| Self::of(name, table.columns, table.rows))
    }

    /// Reads standard input.
    pub(crate) fn from_input(
        name: &str,
        format: RowFormat,
        columns: Option<Vec<String>>,
    ) -> Result<Self, FeedFault> {
        read::input(format, columns).map(|table| Self::of(name, table.columns, table.rows))
    }

    /// The format that the name of a file implies.
    pub(crate) fn format_of(path: &Path) -> Option<RowFormat> {
        open::format_of(path).0
    }

    /// A feeder of these objects.
    pub(crate) fn from_values(name: &str, items: Vec<Value>) -> Result<Self, FeedFault> {
        objects::of_values(items).map(|(columns, rows)| Self::of(name, columns, Arc::new(rows)))
    }

    /// A feeder of `count` rows with a value of each template; in them, slot 0 is the row's number from 1, and slot c is
    /// the column before column c.
    pub(crate) fn generated(
        name: &str,
        count: u64,
        columns: Vec<(String, Template)>,
    ) -> Result<Self, FeedFault> {
        let rows = computed::generate(name, count, &columns)?;
        let columns = columns.into_iter().map(|(name, _)| name).collect();
        Ok(Self::of(name, columns, Arc::new(rows)))
    }

    /// Keeps the rows for which the condition holds; in it, slot c is column c.
    pub(crate) fn filter(&mut self, condition: &Condition) -> Result<(), FeedFault> {
        let rows = Arc::make_mut(&mut self.rows);
        computed::filter(&self.name, rows, &self.columns, condition)
    }

    fn of(name: &str, columns: Vec<String>, rows: Arc<Rows>) -> Self {
        Self {
            name: name.to_owned(),
            columns,
            rows,
            pick: Pick::Sequential,
            per: Per::Iteration,
            when_used_up: WhenUsedUp::Fail,
        }
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
            pick,
            ..Feed::of(name, vec!["n".to_owned()], Arc::new(rows))
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
