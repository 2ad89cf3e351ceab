//! The log of a run: the first texts of its `log` steps.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::shard::lock;
use crate::units::Micros;

/// The maximum number of texts that are kept.
const MAX_LINES: usize = 20;

/// The maximum length of a text, in characters.
const MAX_TEXT: usize = 400;

/// A text of a `log` step; secrets are already redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The time on the run's clock; zero in setup.
    pub at: Micros,
    /// The flow and the user; `None` in setup and teardown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<LoggedBy>,
    /// The text, at most 400 characters.
    pub text: String,
}

/// The writer of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedBy {
    /// The flow.
    pub flow: String,
    /// The user's number, from 0.
    pub user: u64,
    /// The user's iteration, from 0.
    pub iteration: u64,
}

/// Texts that were not taken yet. After the first ones of a run, a text costs one atomic read.
#[derive(Debug, Default)]
pub struct Log {
    count: AtomicUsize,
    lines: Mutex<Vec<LogLine>>,
}

impl Log {
    /// Keeps the line if it is one of the first; `line` is built only then.
    pub fn write(&self, line: impl FnOnce() -> LogLine) {
        if self.count.load(Relaxed) >= MAX_LINES || self.count.fetch_add(1, Relaxed) >= MAX_LINES {
            return;
        }
        let mut line = line();
        if let Some((end, _)) = line.text.char_indices().nth(MAX_TEXT) {
            line.text.truncate(end);
        }
        lock(&self.lines).push(line);
    }

    /// The lines kept since the last call, in chronological order.
    pub fn take(&self) -> Vec<LogLine> {
        let mut lines = std::mem::take(&mut *lock(&self.lines));
        lines.sort_by_key(|line| line.at);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_texts_are_kept_and_long_ones_cut() {
        let log = Log::default();
        for at in 0..100 {
            log.write(|| LogLine {
                at: Micros(at),
                by: None,
                text: "é".repeat(1_000),
            });
        }
        let lines = log.take();
        assert_eq!(lines.len(), MAX_LINES);
        assert!(
            lines
                .iter()
                .all(|line| line.text.chars().count() == MAX_TEXT)
        );
        assert!(log.take().is_empty());
    }
}
