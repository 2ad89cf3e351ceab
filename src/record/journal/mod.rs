//! The journal of a run. It is written while the run goes on, and reports are built from it.
//!
//! A run's directory contains `run.json` (facts known before the first request), `journal.bins.gz` (counts and
//! histograms of the series, one gzip member per interval) and `events.jsonl` (load and health of every interval, and
//! events). The series of an interval are written before its line, and the interval exists only if both are complete.
//! Every write reaches the operating system before it returns, so a killed process loses at most the current
//! interval. `run.json` and the end of the run are also synced to the disk, so only a power failure loses more.

mod agreement;
mod append;
mod encoding;
mod error;
mod event;
mod header;
mod interval_log;
mod lines;
mod members;
pub(in crate::record) mod number_keys;
mod pack;
mod reader;
mod scan;
mod writer;

pub use error::{JournalError, JournalWarning};
pub use event::{Event, IntervalCounts};
pub use header::{BaselineRecord, RunHeader, SCHEMA};
pub use reader::{Ending, Intervals, Journal};
pub use writer::Writer;

pub use crate::plan::schedule::StageMark;
pub use crate::probe::Machine;

/// The name of the header file.
pub const RUN_FILE: &str = "run.json";

/// The name of the file with counts and histograms.
pub const HISTOGRAMS_FILE: &str = "journal.bins.gz";

/// The name of the events file.
pub const EVENTS_FILE: &str = "events.jsonl";
