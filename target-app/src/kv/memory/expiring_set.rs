//! A set whose members expire one by one, ordered by expiry: the counterpart of a Redis sorted set.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// Approximate bytes of a member beyond its text: its places in the order and in the map.
const OVERHEAD: usize = 128;

/// See the module documentation.
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

    /// Sets the expiry of `member` to `end`, adding it if needed.
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

    /// Removes expired members.
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
    fn members_expire_at_their_last_expiry_and_weigh_nothing_afterwards() {
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
