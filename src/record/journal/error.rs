//! Faults of a journal: errors if no report is possible, warnings if the report is incomplete.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{EVENTS_FILE, HISTOGRAMS_FILE, RUN_FILE, SCHEMA};
use crate::record::Timing;

/// The reason why a journal could not be written or opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system reported an error, for example a full disk.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action: `write to`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The directory already holds a run.
    #[error("{} already holds a run; name a directory that is empty or does not exist", .0.display())]
    Occupied(PathBuf),
    /// The directory holds no run.
    #[error("{} holds no run: there is no {RUN_FILE} in it; name the directory that `gander run` wrote", .0.display())]
    NoRun(PathBuf),
    /// The path is not a regular file: opening a pipe would block.
    #[error("{} is not a file; name the directory that `gander run` wrote", .0.display())]
    NotAFile(PathBuf),
    /// The header cannot be parsed.
    #[error("{} is not the header of a run, so the journal cannot be read; restore it from a copy", path.display())]
    Header {
        /// The header's path.
        path: PathBuf,
        /// The parse error.
        source: serde_json::Error,
    },
    /// The header has another version.
    #[error("{} has the schema \"{found}\", expected \"{SCHEMA}\"; read it with the version that wrote it, Gander \
        {gander}", path.display())]
    Schema {
        /// The header's path.
        path: PathBuf,
        /// The version found.
        found: String,
        /// The version of Gander that wrote it.
        gander: String,
    },
    /// A value could not be encoded.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// The value.
        what: &'static str,
        /// The reason.
        reason: String,
    },
}

impl JournalError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(super) fn encode(what: &'static str) -> impl FnOnce(&dyn fmt::Display) -> Self {
        move |reason| Self::Encode {
            what,
            reason: reason.to_string(),
        }
    }
}

/// The missing parts of a journal that can still be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalWarning {
    /// The file ends inside a record, as when the writer was killed.
    Torn {
        /// The file's name.
        file: &'static str,
        /// Bytes after the last complete record.
        bytes: u64,
    },
    /// A complete line is invalid; the rest of this file is ignored.
    Corrupt {
        /// The file's name.
        file: &'static str,
        /// The line's number, from 1.
        line: u64,
        /// The error in it.
        reason: String,
    },
    /// The series of an interval are missing; it and the later intervals are ignored.
    SeriesMissing {
        /// The first such interval.
        interval: u64,
    },
    /// The series of an interval are invalid; it and the later intervals are ignored.
    SeriesCorrupt {
        /// The first such interval.
        interval: u64,
        /// The error in them.
        reason: String,
    },
    /// An interval's histogram contains another number of times than its counts.
    Disagreement {
        /// The first such interval.
        interval: u64,
        /// The series: "step `search`".
        place: String,
        /// The histogram.
        timing: Timing,
        /// Times in the histogram.
        recorded: u64,
        /// The number according to the counts.
        counted: u64,
        /// The total number of such differences, over all series and intervals.
        times: u64,
    },
    /// More events than a report can show; the later ones are ignored.
    EventsLeftOut {
        /// The number of ignored events.
        events: u64,
    },
}

impl fmt::Display for JournalWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn { file, bytes } => write!(
                f,
                "the end of {file} is cut off ({bytes} bytes left out): the run was cut short while it was writing"
            ),
            Self::Corrupt { file, line, reason } => write!(
                f,
                "line {line} of {file} cannot be read ({reason}); the lines after it are left out"
            ),
            Self::SeriesMissing { interval } => write!(
                f,
                "the results of interval {interval} are missing from {HISTOGRAMS_FILE}; it and later intervals are \
                 left out"
            ),
            Self::SeriesCorrupt { interval, reason } => write!(
                f,
                "the results of interval {interval} cannot be read from {HISTOGRAMS_FILE} ({reason}); it and later \
                 intervals are left out"
            ),
            Self::Disagreement {
                interval,
                place,
                timing,
                recorded,
                counted,
                times,
            } => write!(
                f,
                "in interval {interval}, {place} has {recorded} samples of {} where its counts say {counted} \
                 ({times} such differences in all); do not rely on its percentiles",
                timing.name()
            ),
            Self::EventsLeftOut { events } => {
                write!(f, "{events} more events in {EVENTS_FILE} are left out")
            }
        }
    }
}
