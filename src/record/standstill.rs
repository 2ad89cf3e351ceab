//! Stretches of time in which the generator did nothing: told to the intervals in which they lie.

use crate::units::Micros;

/// A delay from which on the generator stood still; below, it was slow.
const SHORTEST: Micros = Micros(100_000);

/// How much of a standstill must lie in an interval for its length to be told there: one is seen a moment after it is
/// over, and the interval may have ended in between.
const PART: Micros = Micros(50_000);

/// Standstills that have not been told to an interval in full.
#[derive(Debug, Default)]
pub(super) struct Standstills {
    /// From and to.
    seen: Vec<(Micros, Micros)>,
    /// Until when the intervals have been told.
    told: Micros,
    /// Nothing before this counts for a length: the end of the warm-up.
    floor: Micros,
}

/// The standstills of an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Still {
    /// The whole length of the longest, as far as it is known.
    pub(super) longest: Micros,
    /// How much of the interval they take together.
    pub(super) together: Micros,
}

impl Standstills {
    /// Takes a delay in; false if it is too short for a standstill.
    pub(super) fn add(&mut self, from: Micros, to: Micros) -> bool {
        let is_still = to.saturating_sub(from) >= SHORTEST;
        if is_still {
            self.seen.push((from, to));
        }
        is_still
    }

    /// Ends an interval. What was `due` and has not happened by its end may stand still now.
    pub(super) fn take(&mut self, due: Micros, end: Micros, is_warm_up: bool) -> Still {
        let start = std::mem::replace(&mut self.told, end);
        let mut still = Still::default();
        let mut stretches = self.seen.clone();
        if end.saturating_sub(due) >= SHORTEST {
            stretches.push((due, end));
        }
        stretches.sort_unstable();
        let mut reached = start;
        for (from, to) in stretches {
            let (begin, stop) = (from.max(reached), to.min(end));
            still.together += stop.saturating_sub(begin);
            reached = reached.max(stop);
            let whole = to.saturating_sub(from.max(self.floor));
            let inside = stop.saturating_sub(from.max(start));
            if inside >= PART.min(whole) && inside > Micros::ZERO {
                still.longest = still.longest.max(whole);
            }
        }
        self.seen.retain(|(_, to)| *to > end);
        if is_warm_up {
            self.floor = end;
        }
        still
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Micros {
        Micros(millis * 1_000)
    }

    const NEVER: Micros = Micros(u64::MAX);

    fn still(longest: u64, together: u64) -> Still {
        Still {
            longest: ms(longest),
            together: ms(together),
        }
    }

    #[test]
    fn a_standstill_is_told_where_it_lies_and_in_its_whole_length() {
        let mut all = Standstills::default();
        assert!(!all.add(ms(10), ms(109)));
        assert!(all.add(ms(300), ms(500)));
        // Seen on another thread too.
        assert!(all.add(ms(350), ms(550)));
        assert_eq!(all.take(NEVER, ms(1_000), false), still(200, 250));
        assert!(all.add(ms(1_800), ms(2_500)));
        assert_eq!(all.take(NEVER, ms(2_000), false), still(700, 200));
        assert_eq!(all.take(NEVER, ms(3_000), false), still(700, 500));
        assert_eq!(all.take(NEVER, ms(4_000), false), still(0, 0));
    }

    #[test]
    fn one_that_goes_on_is_told_as_far_as_it_is_known() {
        let mut all = Standstills::default();
        assert_eq!(all.take(ms(600), ms(1_000), false), still(400, 400));
        assert_eq!(all.take(ms(600), ms(2_000), false), still(1_400, 1_000));
        // It was over when the interval was, and the ticker says so a moment later.
        assert!(all.add(ms(600), ms(2_001)));
        assert_eq!(all.take(NEVER, ms(3_000), false), still(0, 1));
    }

    #[test]
    fn the_warm_up_keeps_what_lies_in_it() {
        let mut all = Standstills::default();
        assert!(all.add(ms(500), ms(1_600)));
        assert_eq!(all.take(NEVER, ms(1_000), true), still(1_100, 500));
        assert_eq!(all.take(NEVER, ms(2_000), false), still(600, 600));
    }
}
