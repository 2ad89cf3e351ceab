//! What can be wrong with a journal: errors, when there is nothing to report from, and warnings, when there is less.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{EVENTS_FILE, HISTOGRAMS_FILE, RUN_FILE, SCHEMA};
use crate::record::Timing;

/// Why a journal could not be written or opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system refused, for example because the disk is full.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `write to`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory already holds a run.
    #[error("{} already holds a run; name a directory that is empty or does not exist", .0.display())]
    Occupied(PathBuf),
    /// The directory holds no run.
    #[error("{} holds no run: there is no {RUN_FILE} in it; name the directory that `gander run` wrote", .0.display())]
    NoRun(PathBuf),
    /// One of the files is none: opening a pipe would wait for its other end.
    #[error("{} is not a file; name the directory that `gander run` wrote", .0.display())]
    NotAFile(PathBuf),
    /// The header is not one.
    #[error("{} is not the header of a run, so there is nothing to tell what was recorded; restore it from a copy", path.display())]
    Header {
        /// The header's path.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
    /// The header is of another version.
    #[error("{} has the schema \"{found}\", expected \"{SCHEMA}\"; read it with the version that wrote it, Gander {gander}", path.display())]
    Schema {
        /// The header's path.
        path: PathBuf,
        /// What it says.
        found: String,
        /// The version that wrote it.
        gander: String,
    },
    /// Something could not be put into its written form.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// What.
        what: &'static str,
        /// Why.
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

/// What a journal lacks that can still be reported from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalWarning {
    /// The file ends within what was being written, as when the writer was killed.
    Torn {
        /// The file's name.
        file: &'static str,
        /// Bytes after what is whole.
        bytes: u64,
    },
    /// A whole line makes no sense; what follows it in this file is left out.
    Corrupt {
        /// The file's name.
        file: &'static str,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An interval is there, its series are not; it and the later ones are left out.
    SeriesMissing {
        /// The first such interval.
        interval: u64,
    },
    /// An interval's series make no sense; it and the later ones are left out.
    SeriesCorrupt {
        /// The first such interval.
        interval: u64,
        /// What is wrong with them.
        reason: String,
    },
    /// An interval's histogram holds another number of times than its counts say.
    Disagreement {
        /// The first such interval.
        interval: u64,
        /// Where: "step `search`".
        place: String,
        /// The histogram.
        timing: Timing,
        /// Times in the histogram.
        recorded: u64,
        /// What the counts say.
        counted: u64,
        /// How many series and intervals have such a difference in all.
        times: u64,
    },
    /// More events than a report can show; the later ones are left out.
    EventsLeftOut {
        /// How many.
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
                "line {line} of {file} cannot be read ({reason}); what follows it is left out"
            ),
            Self::SeriesMissing { interval } => write!(
                f,
                "what ended in interval {interval} is missing from {HISTOGRAMS_FILE}; it and later intervals are left out"
            ),
            Self::SeriesCorrupt { interval, reason } => write!(
                f,
                "what ended in interval {interval} cannot be read from {HISTOGRAMS_FILE} ({reason}); it and later intervals \
                 are left out"
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
