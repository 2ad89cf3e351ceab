//! Feeders: rows of a CSV, JSON or JSONL file, dealt to users by a deterministic rule.

use std::path::PathBuf;
use std::sync::Arc;

/// A feeder, read whole when the scenario is checked.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The name before the dot in `${users.email}`.
    pub name: String,
    /// Where it was read from.
    pub path: PathBuf,
    /// The column names; `rows[r][c]` belongs to `columns[c]`.
    pub columns: Vec<String>,
    /// The rows; at least one.
    pub rows: Arc<[Box<[serde_json::Value]>]>,
    /// How rows are dealt.
    pub pick: Pick,
}

/// How rows are dealt to iterations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pick {
    /// Row k for the k-th iteration of the run, round and round.
    #[default]
    Sequential,
    /// A new order from the seed, round and round.
    Shuffled,
    /// Any row, each time.
    Random,
    /// Each row once; the user ends when none is left.
    Unique,
}
