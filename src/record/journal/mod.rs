//! The journal of a run, written as it goes, and all that a report is built from.
//!
//! A run's directory holds `run.json` (what is known before the first request), `journal.bins.gz` (the counts and
//! histograms of each interval's series, a member of a gzip file for each) and `events.jsonl` (the load and the health
//! of every interval, and what happened). An interval's series are written before its line, and it exists only when both
//! are whole. Every write reaches the operating system before it returns, so a killed process loses at most the interval
//! it was recording; `run.json` and the end of the run are forced to the disk too, so only a power cut loses more.

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
pub use header::{RunHeader, SCHEMA};
pub use reader::{Ending, Intervals, Journal};
pub use writer::Writer;

pub use crate::plan::schedule::StageMark;
pub use crate::probe::Machine;

/// The header's file.
pub const RUN_FILE: &str = "run.json";

/// The file of counts and histograms.
pub const HISTOGRAMS_FILE: &str = "journal.bins.gz";

/// The events' file.
pub const EVENTS_FILE: &str = "events.jsonl";
