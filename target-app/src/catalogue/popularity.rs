//! Read counts of documents, kept in the process until the database has them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Documents counted between two additions to the database; reads of further ones are ignored.
const MOST_COUNTED: usize = 20_000;
/// Documents added to the database at a time, the most-read ones: a few statements' worth of work.
const MOST_ADDED: usize = 1_000;

/// Reads per document since the last call of `take`.
#[derive(Default)]
pub(super) struct Popularity(Mutex<HashMap<i64, u64>>);

impl Popularity {
    /// Counts a read of a document.
    pub(super) fn read(&self, id: i64) {
        let mut reads = self.lock();
        if let Some(count) = reads.get_mut(&id) {
            *count += 1;
        } else if reads.len() < MOST_COUNTED {
            reads.insert(id, 1);
        }
    }

    /// The most-read documents since the last call, with their counts; counting restarts.
    pub(super) fn take(&self) -> Vec<(i64, u64)> {
        let reads = std::mem::take(&mut *self.lock());
        let mut reads: Vec<_> = reads.into_iter().collect();
        reads.sort_unstable_by_key(|(id, count)| (std::cmp::Reverse(*count), *id));
        reads.truncate(MOST_ADDED);
        reads
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
