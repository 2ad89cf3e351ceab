//! A set whose members run out one by one, in the order of their ends.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// What a member weighs beyond its text, in bytes: its places in the order and in the map, about.
const OVERHEAD: usize = 128;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ExpiringSet {
    by_end: BTreeSet<(Instant, Arc<str>)>,
    ends: HashMap<Arc<str>, Instant>,
    /// Bytes of all texts.
    text: usize,
}

impl ExpiringSet {
    pub(super) fn holds(&self, member: &str) -> bool {
        self.ends.contains_key(member)
    }

    /// Keeps `member` until `end`, whatever its end was.
    pub(super) fn put(&mut self, member: &str, end: Instant) {
        self.remove(member);
        let member: Arc<str> = member.into();
        self.text += member.len();
        self.by_end.insert((end, Arc::clone(&member)));
        self.ends.insert(member, end);
    }

    pub(super) fn remove(&mut self, member: &str) {
        if let Some((member, end)) = self.ends.remove_entry(member) {
            self.text -= member.len();
            self.by_end.remove(&(end, member));
        }
    }

    /// Removes what has run out.
    pub(super) fn sweep(&mut self, now: Instant) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now)
            && let Some((_, member)) = self.by_end.pop_first()
        {
            self.text -= member.len();
            self.ends.remove(&member);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.text + self.len() * OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn members_run_out_at_their_last_end_and_weigh_nothing_after() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut set = ExpiringSet::default();
        for (member, end) in [("a", 1), ("bb", 2), ("ccc", 3), ("a", 4)] {
            set.put(member, at(end));
        }
        assert_eq!((set.len(), set.weight()), (3, 6 + 3 * OVERHEAD));
        set.sweep(at(2));
        assert_eq!(set.len(), 2);
        assert!(set.holds("a") && !set.holds("bb"));
        set.remove("ccc");
        set.remove("unknown");
        set.sweep(at(4));
        assert_eq!((set.len(), set.weight()), (0, 0));
    }
}
