//! Detects statements that one request repeats.

use std::cell::Cell;

/// This many executions of the same statement in one request count as a loop that one statement could replace.
const REPEATED: u32 = 10;
/// Distinct statements of one request that are counted.
const COUNTED: usize = 8;

/// Executions of each statement by one request; lives with the request.
#[derive(Default)]
pub(crate) struct Repeats {
    counts: Cell<[(&'static str, u32); COUNTED]>,
}

impl Repeats {
    /// For a part of the request that runs in a separate task.
    pub(crate) fn swap(&self, other: &Self) {
        self.counts.swap(&other.counts);
    }

    pub(crate) fn count(&self, name: &'static str) {
        let mut counts = self.counts.get();
        let place = counts
            .iter_mut()
            .find(|(known, count)| *count == 0 || std::ptr::eq(*known, name));
        // In a request with more statements than places, a loop would most likely be over one of the first.
        if let Some((known, count)) = place {
            *known = name;
            *count += 1;
        }
        self.counts.set(counts);
    }

    /// The statements that look like a loop.
    pub(crate) fn loops(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.counts
            .get()
            .into_iter()
            .filter(|(_, count)| *count >= REPEATED)
    }
}
