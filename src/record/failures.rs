//! One failure in full for each class: the first of a series and outcome in the run, so that a report can show what
//! went wrong and a flood of failures costs no more than their counts.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::journal::FailureExample;
use super::shard::lock;
use crate::outcome::Outcome;
use crate::plan::SeriesId;

/// The longest text of an example, in characters.
const MAX_TEXT: usize = 200;

const _: () = assert!(Outcome::ALL.len() <= u32::BITS as usize);

/// The examples not yet taken, and which classes have had theirs.
#[derive(Debug)]
pub(super) struct Failures {
    /// A bit an outcome; by series, and last the requests without one.
    seen: Box<[AtomicU32]>,
    examples: Mutex<Vec<FailureExample>>,
}

impl Failures {
    pub(super) fn new(series: usize) -> Self {
        Self {
            seen: (0..=series).map(|_| AtomicU32::new(0)).collect(),
            examples: Mutex::new(Vec::new()),
        }
    }

    /// Builds and keeps the example if it is the first of its class.
    pub(super) fn offer(
        &self,
        series: Option<SeriesId>,
        outcome: Outcome,
        example: impl FnOnce() -> FailureExample,
    ) {
        let last = self.seen.len() - 1;
        let seen = &self.seen[series.map_or(last, |series| (series.0 as usize).min(last))];
        let bit = 1 << outcome as u32;
        // The load first: once the class is seen, a flood of its failures writes to no shared line.
        if seen.load(Relaxed) & bit != 0 || seen.fetch_or(bit, Relaxed) & bit != 0 {
            return;
        }
        let mut example = example();
        clip(&mut example.request);
        clip(&mut example.detail);
        lock(&self.examples).push(example);
    }

    pub(super) fn take(&self) -> Vec<FailureExample> {
        std::mem::take(&mut *lock(&self.examples))
    }
}

fn clip(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
    }
}
