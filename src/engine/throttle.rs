//! Limits the requests per second of a load.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::units::{Micros, Rate};

/// Gives each request a time of its own, at least 1 / rate after the one before.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Nanoseconds between two requests.
    gap: u64,
    /// The earliest time of the next request, in nanoseconds of the run's clock.
    next: AtomicU64,
}

impl Throttle {
    /// At most `rate` requests per second, of which this machine has one in `segments`.
    pub(super) fn of(rate: Rate, segments: u32) -> Self {
        let gap = 1e9 / rate.as_per_second() * f64::from(segments);
        Self {
            gap: gap as u64,
            next: AtomicU64::new(0),
        }
    }

    /// The time at which the caller may send its request. Time that no request used is lost, so that no burst follows.
    pub(super) fn reserve(&self, now: Micros) -> Micros {
        let now = now.0.saturating_mul(1_000);
        let take = |next: u64| Some(next.max(now).saturating_add(self.gap));
        let taken = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let (Ok(next) | Err(next)) = taken;
        Micros(next.max(now).div_ceil(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_times_of_their_own_and_idle_time_is_lost() {
        let rate = Rate::per_second(1_000.0).expect("a rate");
        let throttle = Throttle::of(rate, 1);
        let times = [0, 0, 0, 10_000, 10_000].map(|now| throttle.reserve(Micros(now)).0);
        assert_eq!(times, [0, 1_000, 2_000, 10_000, 11_000]);
        let throttle = Throttle::of(rate, 4);
        assert_eq!([(); 2].map(|()| throttle.reserve(Micros(0)).0), [0, 4_000]);
    }
}
