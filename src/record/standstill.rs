//! Stalls of the generator, and their distribution over intervals.

use crate::units::Micros;

/// The minimum delay that counts as a stall; shorter ones are ordinary delays.
const SHORTEST: Micros = Micros(100_000);

/// The minimum part of a stall in an interval for reporting its length there: a stall is noticed only when it is
/// over, and the interval may have ended before that.
const PART: Micros = Micros(50_000);

/// Stalls that were not reported completely yet.
#[derive(Debug, Default)]
pub(super) struct Standstills {
    /// Start and end.
    seen: Vec<(Micros, Micros)>,
    /// The time up to which intervals have been reported.
    told: Micros,
    /// Lengths are counted from here at the earliest: the end of the warm-up.
    floor: Micros,
}

/// The stalls of an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Still {
    /// The full length of the longest stall, as far as it is known.
    pub(super) longest: Micros,
    /// The total stalled time in the interval.
    pub(super) together: Micros,
}

impl Standstills {
    /// Adds a delay; returns false if it is too short for a stall.
    pub(super) fn add(&mut self, from: Micros, to: Micros) -> bool {
        let is_still = to.saturating_sub(from) >= SHORTEST;
        if is_still {
            self.seen.push((from, to));
        }
        is_still
    }

    /// Ends an interval. If the event `due` has not happened by its end, a stall may be in progress.
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
        // Another thread has noticed the same stall.
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
        // The stall ended with the interval, and the ticker reports it shortly after.
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
