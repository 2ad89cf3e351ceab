//! The times at which the arrivals of an open model are due.
//!
//! Arrival k (from 0) is due when the area under the rate curve passes k, for every k below the total area: 200/s for 5
//! s is exactly 1,000 arrivals, at 0, 5, …, 4,995 ms. Under the Poisson law the arrivals are those of a unit-rate
//! Poisson process on the axis of area (gaps −ln U), mapped through the same inverse, so that the mean rate follows the
//! curve everywhere. Times are rounded to the microsecond.

use rand::{RngExt as _, SeedableRng as _, distr::OpenClosed01};
use rand_pcg::Pcg64Mcg;

use super::curve::{Cumulative, Curve};
use crate::plan::Segment;
use crate::scenario::ArrivalLaw;
use crate::units::Micros;

/// Separates the schedule's random numbers from those that users draw from the same seed.
const STREAM: u64 = 0x9e37_79b9_7f4a_7c15;

/// The arrivals of one segment, in order: arrival k of the run belongs to segment k modulo the count, so that the
/// segments together are exactly the run.
///
/// ```
/// use std::time::Duration;
/// use gander::plan::{Segment, arrivals::ArrivalTimes, curve::{Curve, Piece}};
/// use gander::scenario::ArrivalLaw;
/// use gander::units::Micros;
///
/// let curve = Curve { pieces: vec![Piece { from: 0.0, to: 10.0, duration: Duration::from_secs(1) }] };
/// let due: Vec<_> = ArrivalTimes::new(&curve, ArrivalLaw::Constant, 1, Segment::WHOLE).collect();
/// assert_eq!(due, [0, 447_214, 632_456, 774_597, 894_427].map(Micros));
/// ```
#[derive(Debug, Clone)]
pub struct ArrivalTimes {
    cumulative: Cumulative,
    segment: Segment,
    position: Position,
}

/// The segment's next arrival.
#[derive(Debug, Clone)]
enum Position {
    Constant {
        /// The segment's own count so far.
        taken: u64,
    },
    Poisson {
        random: Pcg64Mcg,
        /// Its number in the run.
        number: u64,
        /// Its position on the axis of area.
        area: f64,
    },
}

impl ArrivalTimes {
    /// The arrivals of a rate curve (per second); `seed` determines a random law completely.
    pub fn new(curve: &Curve, law: ArrivalLaw, seed: u64, segment: Segment) -> Self {
        let position = match law {
            ArrivalLaw::Constant => Position::Constant { taken: 0 },
            ArrivalLaw::Poisson => {
                let mut random = Pcg64Mcg::seed_from_u64(seed ^ STREAM);
                let area = after_gaps(0.0, &mut random, segment.index + 1);
                let number = u64::from(segment.index);
                Position::Poisson {
                    random,
                    number,
                    area,
                }
            }
        };
        Self {
            cumulative: Cumulative::of(curve),
            segment,
            position,
        }
    }

    /// The due time of the segment's `k`-th arrival (from 0, regardless of the arrivals taken); `None` after the last.
    ///
    /// Constant law: O(1) for one stage, O(log stages) otherwise, without state. Poisson: O(k), counted from the next
    /// arrival not yet taken; use the iterator to take them in order.
    pub fn due(&self, k: u64) -> Option<Micros> {
        match self.position {
            Position::Constant { .. } => self.at(self.segment.global(k) as f64),
            Position::Poisson { .. } => self.clone().nth(usize::try_from(k).ok()?),
        }
    }

    /// The due time of the next arrival, without taking it.
    pub fn peek(&self) -> Option<Micros> {
        match self.position {
            Position::Constant { taken } => self.due(taken),
            Position::Poisson { area, .. } => self.at(area),
        }
    }

    /// Goes on by another curve, whose area is the same up to now.
    pub fn follow(&mut self, curve: &Curve) {
        self.cumulative = Cumulative::of(curve);
    }

    /// The next arrival's number among all segments of the run, from 0.
    pub const fn number(&self) -> u64 {
        match self.position {
            Position::Constant { taken } => self.segment.global(taken),
            Position::Poisson { number, .. } => number,
        }
    }

    /// Skips the arrivals due by `now` and returns their number.
    pub fn take_until(&mut self, now: Micros) -> u64 {
        let mut count = 0;
        if let Position::Constant { taken } = &mut self.position {
            // The area gives the number up to rounding; the due times decide the last one.
            let reached = self.cumulative.area(now.as_duration()) as u64;
            let nearly = self.segment.share(reached).saturating_sub(1);
            count = nearly.saturating_sub(*taken);
            *taken += count;
        }
        while self.peek().is_some_and(|due| due <= now) {
            self.advance();
            count += 1;
        }
        count
    }

    /// The number of arrivals left to take; O(1) for the constant law, O(n) for Poisson.
    pub fn remaining(&self) -> u64 {
        match self.position {
            Position::Constant { taken } => {
                let total = self.cumulative.total().ceil() as u64;
                self.segment.share(total).saturating_sub(taken)
            }
            Position::Poisson { .. } => {
                let mut ahead = self.clone();
                let mut count = 0;
                while ahead.area() < ahead.cumulative.total() {
                    ahead.advance();
                    count += 1;
                }
                count
            }
        }
    }

    /// The next arrival's position on the axis of area.
    const fn area(&self) -> f64 {
        match self.position {
            Position::Constant { taken } => self.segment.global(taken) as f64,
            Position::Poisson { area, .. } => area,
        }
    }

    fn advance(&mut self) {
        match &mut self.position {
            Position::Constant { taken } => *taken += 1,
            Position::Poisson {
                random,
                number,
                area,
            } => {
                // Draws the gaps of all segments, so that every segment sees the same process.
                *area = after_gaps(*area, random, self.segment.count);
                *number += u64::from(self.segment.count);
            }
        }
    }

    fn at(&self, area: f64) -> Option<Micros> {
        let seconds = self.cumulative.inverse(area)?;
        Some(Micros((seconds * 1e6).round() as u64))
    }
}

impl Iterator for ArrivalTimes {
    type Item = Micros;

    fn next(&mut self) -> Option<Micros> {
        let due = self.peek()?;
        self.advance();
        Some(due)
    }
}

/// `area` plus `count` gaps of a unit-rate Poisson process, added one by one so that all segments round alike.
fn after_gaps(area: f64, random: &mut Pcg64Mcg, count: u32) -> f64 {
    (0..count).fold(area, |area, _| {
        area - random.sample::<f64, _>(OpenClosed01).ln()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::curve::Piece;

    fn constant(rate: f64, seconds: u64) -> Curve {
        let duration = Duration::from_secs(seconds);
        Curve {
            pieces: vec![Piece {
                from: rate,
                to: rate,
                duration,
            }],
        }
    }

    fn whole(curve: &Curve, law: ArrivalLaw) -> ArrivalTimes {
        ArrivalTimes::new(curve, law, 7, Segment::WHOLE)
    }

    /// One to five stages of 1 ms to 20 s; about half of the levels are constant, some are zero.
    fn curves() -> impl Strategy<Value = Curve> {
        let level = prop_oneof![1 => Just(0.0), 4 => 0.01..200.0_f64];
        let stage = (level, any::<bool>(), 1_000..20_000_000_u64);
        prop::collection::vec(stage, 1..5).prop_map(|stages| {
            let mut before = 0.0;
            let pieces = stages
                .into_iter()
                .map(|(to, is_held, micros)| {
                    let from = if is_held { to } else { before };
                    before = to;
                    Piece {
                        from,
                        to,
                        duration: Duration::from_micros(micros),
                    }
                })
                .collect();
            Curve { pieces }
        })
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_without_drift() {
        let arrivals = whole(&constant(200.0, 3_600), ArrivalLaw::Constant);
        assert_eq!(arrivals.remaining(), 720_000);
        for k in [0, 1, 2, 719_999] {
            assert_eq!(arrivals.due(k), Some(Micros(k * 5_000)));
        }
        assert_eq!(arrivals.due(720_000), None);
    }

    #[test]
    fn rates_that_are_no_binary_fractions_still_give_whole_counts() {
        for (rate, seconds, count) in [
            (0.1, 3_600, 360),
            (100.0 / 60.0, 3_600, 6_000),
            (1.0 / 3.0, 30, 10),
            (0.3, 10, 3),
        ] {
            let arrivals = whole(&constant(rate, seconds), ArrivalLaw::Constant);
            assert_eq!(arrivals.remaining(), count, "{rate}/s for {seconds} s");
            assert_eq!(arrivals.count() as u64, count, "{rate}/s for {seconds} s");
        }
    }

    /// Kolmogorov-Smirnov: sup|Fₙ − F| of n gaps stays below 1.63/√n at the 1 % level.
    #[test]
    fn poisson_gaps_are_exponential_on_the_axis_of_area() {
        let ramp = Curve {
            pieces: vec![
                Piece {
                    from: 0.0,
                    to: 400.0,
                    duration: Duration::from_mins(1),
                },
                Piece {
                    from: 400.0,
                    to: 50.0,
                    duration: Duration::from_secs(40),
                },
            ],
        };
        let times: Vec<Micros> = whole(&ramp, ArrivalLaw::Poisson).collect();
        let areas: Vec<f64> = times.iter().map(|t| ramp.area(t.as_duration())).collect();
        let mut gaps: Vec<f64> = areas.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = gaps.iter().enumerate().fold(0.0_f64, |worst, (i, gap)| {
            let law = 1.0 - (-gap).exp();
            let (below, above) = (i as f64 / n, (i as f64 + 1.0) / n);
            worst.max((law - below).abs()).max((above - law).abs())
        });
        assert!(
            distance < 1.63 / n.sqrt(),
            "sup|Fn - F| = {distance} of {n} gaps"
        );
        // 21,000 are expected; the tolerance is five standard deviations of a Poisson count.
        assert!(
            (n - 21_000.0).abs() < 5.0 * 21_000_f64.sqrt(),
            "{n} arrivals"
        );
    }

    #[test]
    fn another_seed_is_another_process_and_the_same_seed_the_same() {
        let curve = constant(100.0, 10);
        let of = |seed| ArrivalTimes::new(&curve, ArrivalLaw::Poisson, seed, Segment::WHOLE);
        assert!(of(1).eq(of(1)));
        assert!(of(1).ne(of(2)));
    }

    proptest! {
        #[test]
        fn arrivals_are_the_area_exactly(curve in curves()) {
            let area = curve.area(curve.duration());
            let arrivals = whole(&curve, ArrivalLaw::Constant);
            prop_assert_eq!(arrivals.remaining(), area.ceil() as u64);
            let times: Vec<Micros> = arrivals.collect();
            prop_assert_eq!(times.len() as u64, area.ceil() as u64);
            prop_assert!(times.is_sorted());
            for (k, due) in times.iter().enumerate() {
                prop_assert!(*due <= curve.duration().into());
                // Within half a microsecond of the time at which the area passes k.
                let slack = curve.peak() * 1e-6 + 1e-6;
                prop_assert!((curve.area(due.as_duration()) - k as f64).abs() <= slack, "arrival {} at {}", k, due);
            }
        }

        #[test]
        fn segments_together_are_the_whole(curve in curves(), count in 1..5_u32, is_poisson in any::<bool>()) {
            let law = if is_poisson { ArrivalLaw::Poisson } else { ArrivalLaw::Constant };
            let parts = (0..count).map(|index| ArrivalTimes::new(&curve, law, 7, Segment { index, count }));
            let mut union: Vec<(u64, Micros)> = Vec::new();
            for mut part in parts {
                let left = part.remaining();
                let before = union.len();
                while let Some(due) = part.peek() {
                    union.push((part.number(), due));
                    part.next();
                }
                prop_assert_eq!((union.len() - before) as u64, left);
            }
            union.sort_unstable();
            let single: Vec<(u64, Micros)> = (0..).zip(whole(&curve, law)).collect();
            prop_assert_eq!(union, single);
        }

        #[test]
        fn counting_up_to_an_instant_agrees_with_taking_one_by_one(
            curve in curves(), is_poisson in any::<bool>(), parts in 1..20_u64, count in 1..4_u32,
        ) {
            let law = if is_poisson { ArrivalLaw::Poisson } else { ArrivalLaw::Constant };
            let segment = Segment { index: count - 1, count };
            let times: Vec<Micros> = ArrivalTimes::new(&curve, law, 3, segment).collect();
            let mut counter = ArrivalTimes::new(&curve, law, 3, segment);
            let mut counted = 0;
            for part in 0..=parts {
                let now = Micros(Micros::from(curve.duration()).0 * part / parts);
                counted += counter.take_until(now);
                prop_assert_eq!(counted, times.partition_point(|due| *due <= now) as u64, "at {}", now);
            }
        }
    }
}
