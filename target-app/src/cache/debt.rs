//! Invalidations that the shared store has not taken, or the other instances have not been told.
//!
//! As long as there are any, this instance does not read the second level, which may hold what is void.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Sweep;

/// Keys and patterns that are owed by name; beyond them everything is.
const MOST_OWED: usize = 1_000;

/// See the module.
#[derive(Default)]
pub(super) struct Debt {
    is_owing: AtomicBool,
    owed: Mutex<Owed>,
}

#[derive(Default)]
struct Owed {
    sweep: Sweep,
    /// Rises with every addition.
    count: u64,
}

impl Debt {
    /// Whether the store may hold what was invalidated.
    pub(super) fn is_owing(&self) -> bool {
        self.is_owing.load(Ordering::Acquire)
    }

    /// Remembers that `sweep` has not been made in the store, or not been told to the other instances.
    pub(super) fn add(&self, sweep: &Sweep) {
        let mut owed = self.owed();
        owed.count += 1;
        owed.sweep.add(sweep);
        if owed.sweep.texts.len() + owed.sweep.patterns.len() > MOST_OWED {
            owed.sweep = Sweep::everything();
        }
        self.is_owing.store(true, Ordering::Release);
    }

    /// What is owed, and a receipt for [`Debt::paid`].
    pub(super) fn outstanding(&self) -> Option<(Sweep, u64)> {
        let owed = self.owed();
        self.is_owing().then(|| (owed.sweep.clone(), owed.count))
    }

    /// Forgets what was paid, if nothing has been added since.
    pub(super) fn paid(&self, receipt: u64) {
        let mut owed = self.owed();
        if owed.count == receipt {
            owed.sweep = Sweep::default();
            self.is_owing.store(false, Ordering::Release);
        }
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_only_settled_by_who_paid_all_of_it() {
        let debt = Debt::default();
        assert!(debt.outstanding().is_none());
        debt.add(&Sweep::documents([1].into_iter()));
        let (_, early) = debt.outstanding().expect("a debt");
        debt.add(&Sweep::documents([2].into_iter()));
        debt.paid(early);
        let (sweep, receipt) = debt.outstanding().expect("still a debt");
        assert_eq!(sweep.texts.len(), 2);
        debt.paid(receipt);
        assert!(!debt.is_owing());
        debt.add(&Sweep::documents(0..=MOST_OWED as i64));
        let (sweep, _) = debt.outstanding().expect("a debt");
        assert!(sweep.texts.is_empty() && sweep.patterns.contains("*"));
    }
}
