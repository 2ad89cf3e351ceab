//! Which documents are read, counted in the process until the database has it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Documents that are counted between two additions to the database; further ones are not.
const MOST_COUNTED: usize = 20_000;
/// Documents that are added to the database at a time, the most read ones: few statements' worth of work.
const MOST_ADDED: usize = 1_000;

/// Reads of documents since they were last taken.
#[derive(Default)]
pub(super) struct Popularity(Mutex<HashMap<i64, u64>>);

impl Popularity {
    /// A document was read.
    pub(super) fn read(&self, id: i64) {
        let mut reads = self.lock();
        if let Some(count) = reads.get_mut(&id) {
            *count += 1;
        } else if reads.len() < MOST_COUNTED {
            reads.insert(id, 1);
        }
    }

    /// The most read documents since the last call, with how often; counting begins anew.
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
