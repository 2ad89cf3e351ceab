//! The statements that one request made again and again.

use std::cell::Cell;

/// The same statement as often as this in one request is a loop that should be a list.
const REPEATED: u32 = 10;
/// Statements of one request that are counted apart.
const COUNTED: usize = 8;

/// How often one request made each statement; lives with the request.
#[derive(Default)]
pub(crate) struct Repeats {
    counts: Cell<[(&'static str, u32); COUNTED]>,
}

impl Repeats {
    /// For a part of the request that runs as a task of its own.
    pub(crate) fn swap(&self, other: &Self) {
        self.counts.swap(&other.counts);
    }

    pub(crate) fn count(&self, name: &'static str) {
        let mut counts = self.counts.get();
        let place = counts
            .iter_mut()
            .find(|(known, count)| *count == 0 || std::ptr::eq(*known, name));
        // A request with more kinds of statements than there is room for loops over one of the first, if at all.
        if let Some((known, count)) = place {
            *known = name;
            *count += 1;
        }
        self.counts.set(counts);
    }

    /// Those that look like a loop.
    pub(crate) fn loops(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.counts
            .get()
            .into_iter()
            .filter(|(_, count)| *count >= REPEATED)
    }
}
