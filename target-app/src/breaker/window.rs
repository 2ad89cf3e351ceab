//! Call outcomes of the recent past: a ring of buckets, each counting the calls of a tenth of the window.
//!
//! A bucket is one atomic word: its period, failures and successes change together by one compare-and-swap, so that no
//! reader sees a reused bucket half cleared. Counts are halved together before they overflow, which keeps their ratio.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets of a window: the oldest tenth leaves at once, which is the error of the window's length.
const BUCKETS: u64 = 10;
/// Bits of a count.
const COUNT_BITS: u32 = 20;
const COUNT_MOST: u64 = (1 << COUNT_BITS) - 1;
/// The period is kept modulo 2²⁴: a bucket that was idle for exactly that many periods would be taken for a current
/// one.
const TURN_MOST: u64 = (1 << (64 - 2 * COUNT_BITS)) - 1;

/// A sliding window of outcomes.
pub(super) struct OutcomeWindow {
    buckets: [AtomicU64; BUCKETS as usize],
    /// Nanoseconds per bucket, as of the last record.
    width: AtomicU64,
}

/// The counts of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OutcomeCounts {
    pub(super) failed: u64,
    pub(super) succeeded: u64,
}

#[derive(Clone, Copy)]
struct WindowBucket {
    turn: u64,
    tally: OutcomeCounts,
}

impl OutcomeCounts {
    /// Whether enough calls failed to open the breaker.
    pub(super) fn is_bad(self, failures: f64, least_calls: u32) -> bool {
        let calls = self.failed + self.succeeded;
        calls >= u64::from(least_calls) && self.failed as f64 >= failures * calls as f64
    }
}

impl OutcomeWindow {
    pub(super) fn new() -> Self {
        Self {
            buckets: array::from_fn(|_| AtomicU64::new(0)),
            width: AtomicU64::new(0),
        }
    }

    /// Counts one outcome at `at` nanoseconds of the breaker's clock, in a window of `length`.
    pub(super) fn record(&self, at: u64, length: Duration, has_failed: bool) {
        let turn = self.turn(at, length);
        let bucket = &self.buckets[(turn % BUCKETS) as usize];
        let turn = turn & TURN_MOST;
        let counted = |word| {
            let found = WindowBucket::unpack(word);
            let mut tally = if found.turn == turn {
                found.tally
            } else {
                OutcomeCounts::default()
            };
            if tally.failed.max(tally.succeeded) >= COUNT_MOST {
                tally.failed /= 2;
                tally.succeeded /= 2;
            }
            if has_failed {
                tally.failed += 1;
            } else {
                tally.succeeded += 1;
            }
            Some(WindowBucket { turn, tally }.pack())
        };
        // The closure always has a next word: the update cannot fail.
        let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
    }

    /// The counts of the last `length` before `at`.
    pub(super) fn tally(&self, at: u64, length: Duration) -> OutcomeCounts {
        let now = self.turn(at, length);
        let oldest = now.saturating_sub(BUCKETS - 1);
        (oldest..=now).fold(OutcomeCounts::default(), |sum, turn| {
            let word = self.buckets[(turn % BUCKETS) as usize].load(Ordering::Relaxed);
            let found = WindowBucket::unpack(word);
            if found.turn == turn & TURN_MOST {
                OutcomeCounts {
                    failed: sum.failed + found.tally.failed,
                    succeeded: sum.succeeded + found.tally.succeeded,
                }
            } else {
                sum
            }
        })
    }

    /// Resets all counts.
    pub(super) fn clear(&self) {
        for bucket in &self.buckets {
            bucket.store(0, Ordering::Relaxed);
        }
    }

    /// The number of the bucket's period; a window of another length starts empty.
    fn turn(&self, at: u64, length: Duration) -> u64 {
        let width = (length.as_nanos() as u64 / BUCKETS).max(1);
        if self.width.load(Ordering::Relaxed) != width
            && self.width.swap(width, Ordering::Relaxed) != width
        {
            self.clear();
        }
        // From one, so that no period of the first round equals that of a cleared bucket.
        at / width + 1
    }
}

impl WindowBucket {
    fn pack(self) -> u64 {
        self.turn << (2 * COUNT_BITS) | self.tally.failed << COUNT_BITS | self.tally.succeeded
    }

    fn unpack(word: u64) -> Self {
        Self {
            turn: word >> (2 * COUNT_BITS),
            tally: OutcomeCounts {
                failed: word >> COUNT_BITS & COUNT_MOST,
                succeeded: word & COUNT_MOST,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const LENGTH: Duration = Duration::from_secs(10);

    fn tally(failed: u64, succeeded: u64) -> OutcomeCounts {
        OutcomeCounts { failed, succeeded }
    }

    #[test]
    fn outcomes_leave_when_the_window_has_passed() {
        let window = OutcomeWindow::new();
        window.record(0, LENGTH, true);
        window.record(5 * SECOND, LENGTH, false);
        for (at, expected) in [
            (5 * SECOND, tally(1, 1)),
            (10 * SECOND - 1, tally(1, 1)),
            (10 * SECOND, tally(0, 1)),
            (15 * SECOND, tally(0, 0)),
            (1_000 * SECOND, tally(0, 0)),
        ] {
            assert_eq!(window.tally(at, LENGTH), expected, "at {at} ns");
        }
        window.record(20 * SECOND, LENGTH, true);
        assert_eq!(window.tally(20 * SECOND, LENGTH), tally(1, 0));
    }

    #[test]
    fn a_window_of_another_length_starts_empty() {
        let window = OutcomeWindow::new();
        window.record(SECOND, LENGTH, true);
        assert_eq!(window.tally(SECOND, LENGTH), tally(1, 0));
        assert_eq!(window.tally(SECOND, LENGTH * 2), tally(0, 0));
    }

    #[test]
    fn a_full_bucket_keeps_the_ratio_of_its_counts() {
        let window = OutcomeWindow::new();
        let full = WindowBucket {
            turn: 1,
            tally: tally(1_000, COUNT_MOST),
        };
        window.tally(0, LENGTH);
        window.buckets[1].store(full.pack(), Ordering::Relaxed);
        window.record(0, LENGTH, false);
        assert_eq!(window.tally(0, LENGTH), tally(500, COUNT_MOST / 2 + 1));
    }

    #[test]
    fn no_outcome_of_concurrent_threads_is_lost() {
        let window = OutcomeWindow::new();
        // Sets the length here, so that the threads do not have to do it first.
        window.tally(0, LENGTH);
        std::thread::scope(|scope| {
            for has_failed in [true, false, true, false] {
                let window = &window;
                scope.spawn(move || {
                    for at in 0..5_000 {
                        window.record(at * 1_000_000, LENGTH, has_failed);
                    }
                });
            }
        });
        assert_eq!(
            window.tally(5 * SECOND, LENGTH),
            tally(2 * 5_000, 2 * 5_000)
        );
    }
}
