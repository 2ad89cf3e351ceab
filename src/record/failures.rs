//! One failure in full for each group: the first of a series and outcome, or status, in the run, so that a report can
//! show what went wrong and a flood of failures costs no more than their counts.
//!
//! Every example there is of a run comes through [`Failures::offer`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::shard::lock;
use crate::outcome::Outcome;
use crate::plan::SeriesId;
use crate::units::Micros;

/// The longest text of a request, in characters.
const MAX_REQUEST: usize = 200;

/// The longest detail: as much of a body as is quoted, and the words around it.
const MAX_DETAIL: usize = 400;

/// The most examples of a run.
const MAX_EXAMPLES: usize = 1_000;

/// The statuses that fail a request are told apart; those from 999 on are one.
const FIRST_STATUS: u16 = 400;
const LAST_STATUS: u16 = 999;

/// So many words of 64 bits, a bit a status.
const WORDS: usize = ((LAST_STATUS - FIRST_STATUS) as usize + 1).div_ceil(u64::BITS as usize);

const _: () = assert!(Outcome::ALL.len() <= u32::BITS as usize);

/// One failure in full, standing for its group; secrets are already redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureExample {
    /// When, on the run's clock.
    pub at: Micros,
    /// The series; none in setup and teardown.
    pub series: Option<SeriesId>,
    /// How it ended.
    pub outcome: Outcome,
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// Method and URL as sent, at most 200 characters.
    pub request: String,
    /// What went wrong, at most 400 characters: the error, what a check found, or how the body begins.
    pub detail: String,
}

/// The examples not yet taken, and which groups have had theirs.
#[derive(Debug)]
pub(super) struct Failures {
    /// By series, and last the requests without one.
    seen: Box<[Seen]>,
    count: AtomicUsize,
    examples: Mutex<Vec<FailureExample>>,
}

/// The groups of a series that have had their example.
#[derive(Debug, Default)]
struct Seen {
    /// A bit an outcome.
    outcomes: AtomicU32,
    /// A bit a status, for [`Outcome::Status`].
    statuses: [AtomicU64; WORDS],
}

impl Seen {
    /// Whether this is the first of its group.
    fn is_first(&self, outcome: Outcome, status: Option<u16>) -> bool {
        // The load first: once the group is seen, a flood of its failures writes to no shared line.
        match status {
            Some(status) if outcome == Outcome::Status => {
                let index = usize::from(status.clamp(FIRST_STATUS, LAST_STATUS) - FIRST_STATUS);
                let word = &self.statuses[index / u64::BITS as usize];
                let bit = 1 << (index % u64::BITS as usize);
                word.load(Relaxed) & bit == 0 && word.fetch_or(bit, Relaxed) & bit == 0
            }
            _ => {
                let bit = 1 << outcome as u32;
                self.outcomes.load(Relaxed) & bit == 0
                    && self.outcomes.fetch_or(bit, Relaxed) & bit == 0
            }
        }
    }
}

impl Failures {
    pub(super) fn new(series: usize) -> Self {
        Self {
            seen: (0..=series).map(|_| Seen::default()).collect(),
            count: AtomicUsize::new(0),
            examples: Mutex::new(Vec::new()),
        }
    }

    /// Builds and keeps the example if it is the first of its group.
    pub(super) fn offer(
        &self,
        series: Option<SeriesId>,
        outcome: Outcome,
        status: Option<u16>,
        example: impl FnOnce() -> FailureExample,
    ) {
        let last = self.seen.len() - 1;
        let seen = &self.seen[series.map_or(last, |series| (series.0 as usize).min(last))];
        if !seen.is_first(outcome, status) || self.count.fetch_add(1, Relaxed) >= MAX_EXAMPLES {
            return;
        }
        let mut example = example();
        clip(&mut example.request, MAX_REQUEST);
        clip(&mut example.detail, MAX_DETAIL);
        lock(&self.examples).push(example);
    }

    pub(super) fn take(&self) -> Vec<FailureExample> {
        std::mem::take(&mut *lock(&self.examples))
    }
}

fn clip(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}
