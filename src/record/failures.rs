//! One complete example per group of failures: the first failure of each series and outcome (or status) in the run.
//! It shows the cause, and a flood of failures costs no more than its counts.
//!
//! Every example of a run comes through [`Failures::offer`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::shard::lock;
use crate::outcome::Outcome;
use crate::plan::SeriesId;
use crate::units::Micros;

/// The maximum length of a request's text, in characters.
const MAX_REQUEST: usize = 200;

/// The maximum length of a detail: the quoted part of a body and the words around it.
const MAX_DETAIL: usize = 400;

/// The maximum number of examples in a run.
const MAX_EXAMPLES: usize = 1_000;

/// Failed requests are grouped by status; statuses from 999 on share one group.
const FIRST_STATUS: u16 = 400;
const LAST_STATUS: u16 = 999;

/// The number of 64-bit words, with one bit per status.
const WORDS: usize = ((LAST_STATUS - FIRST_STATUS) as usize + 1).div_ceil(u64::BITS as usize);

const _: () = assert!(Outcome::ALL.len() <= u32::BITS as usize);

/// One complete example of a group; secrets are already redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureExample {
    /// The time on the run's clock.
    pub at: Micros,
    /// The series; `None` in setup and teardown.
    pub series: Option<SeriesId>,
    /// The outcome.
    pub outcome: Outcome,
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// Method and URL as sent, at most 200 characters.
    pub request: String,
    /// The cause, at most 400 characters: the error, the result of a check, or the beginning of the body.
    pub detail: String,
}

/// Examples that were not taken yet, and the groups that already have an example.
#[derive(Debug)]
pub(super) struct Failures {
    /// By series; the last entry is for requests without one.
    seen: Box<[Seen]>,
    count: AtomicUsize,
    examples: Mutex<Vec<FailureExample>>,
}

/// The groups of a series that have an example.
#[derive(Debug, Default)]
struct Seen {
    /// One bit per outcome.
    outcomes: AtomicU32,
    /// One bit per status, for [`Outcome::Status`].
    statuses: [AtomicU64; WORDS],
}

impl Seen {
    /// True if this is the first failure of its group.
    fn is_first(&self, outcome: Outcome, status: Option<u16>) -> bool {
        // Load before writing: once the group is known, a flood of its failures does not write to a shared cache
        // line.
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

pub(super) fn clip(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}
