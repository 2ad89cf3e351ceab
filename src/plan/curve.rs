//! A piecewise linear level over time: users of a closed model, starts per second of an open one.
//!
//! Within a piece of length D from level r₀ to r₁, the level after t is r(t) = r₀ + s·t with slope s = (r₁ − r₀)/D,
//! the area under it A(t) = r₀·t + s·t²/2, and its inverse t(a) = 2a / (r₀ + √(r₀² + 2·s·a)): the root that has no
//! cancellation, so that a slope near zero is as exact as a constant level.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A level over time; pieces follow one another without a gap. At a boundary the later piece decides; after the last
/// one the level is zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// In order; at least one; each longer than nothing.
    pub pieces: Vec<Piece>,
}

/// A linear piece of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Level at its start.
    pub from: f64,
    /// Level at its end.
    pub to: f64,
    /// How long it lasts.
    pub duration: Duration,
}

/// A level this close above a whole number is that number: the dust of floating-point interpolation starts no user.
const DUST: f64 = 1e-9;

/// The clock's resolution, in which users become active.
const TICK: Duration = Duration::from_micros(1);

impl Piece {
    /// The level `t` seconds into the piece.
    fn level(&self, t: f64) -> f64 {
        let part = t / self.duration.as_secs_f64();
        // Weighted this way both ends are exact.
        self.from * (1.0 - part) + self.to * part
    }

    fn slope(&self) -> f64 {
        (self.to - self.from) / self.duration.as_secs_f64()
    }

    /// The area of the first `t` seconds.
    fn area(&self, t: f64) -> f64 {
        t * (self.from + self.level(t)) / 2.0
    }

    /// After how many seconds the area is `a`; at most the piece's length.
    fn inverse_area(&self, a: f64) -> f64 {
        if a <= 0.0 {
            return 0.0;
        }
        let root = (self.from * self.from + 2.0 * self.slope() * a)
            .max(0.0)
            .sqrt();
        (2.0 * a / (self.from + root)).min(self.duration.as_secs_f64())
    }
}

impl Curve {
    /// How long all pieces last.
    pub fn duration(&self) -> Duration {
        self.pieces.iter().map(|piece| piece.duration).sum()
    }

    /// The highest level.
    pub fn peak(&self) -> f64 {
        self.pieces
            .iter()
            .map(|piece| piece.from.max(piece.to))
            .fold(0.0, f64::max)
    }

    /// The level at an instant.
    pub fn level_at(&self, t: Duration) -> f64 {
        self.starts()
            .take_while(|(start, _)| *start <= t)
            .filter(|(start, piece)| t < *start + piece.duration)
            .map(|(start, piece)| piece.level(t.saturating_sub(start).as_secs_f64()))
            .last()
            .unwrap_or(0.0)
    }

    /// The area under the curve up to an instant: starts due by then, of an arrival rate; user-seconds, of users.
    pub fn area(&self, t: Duration) -> f64 {
        Cumulative::of(self).area(t)
    }

    /// When the area under the curve passes `a`; none if it never does.
    ///
    /// Where the level is zero the area stands still, and the answer is the end of that pause.
    pub fn inverse_area(&self, a: f64) -> Option<Duration> {
        Cumulative::of(self).inverse(a).map(Duration::from_secs_f64)
    }

    /// How many users are active: user i (from 0) is while the level is above i.
    ///
    /// So a ramp 0 → 50 over 30 s starts user 0 at once and user 49 after 29.4 s, a ramp 50 → 0 stops user 49 after
    /// 0.6 s and user 0 at its end (last in, first out), and a hold at 50 has exactly 50.
    pub fn active_users(&self, t: Duration) -> u32 {
        (self.level_at(t) - DUST).ceil().max(0.0) as u32
    }

    /// The first microsecond from `from` on at which user `user` is active; none if there is none any more.
    pub fn next_active(&self, user: u32, from: Duration) -> Option<Duration> {
        self.first(from, |level| level - DUST > f64::from(user), user)
    }

    /// The first microsecond from `from` on at which user `user` is not active: at the latest the curve's end.
    pub fn inactive_after(&self, user: u32, from: Duration) -> Duration {
        self.first(from, |level| level - DUST <= f64::from(user), user)
            .unwrap_or_else(|| self.duration().max(from))
    }

    /// The first microsecond from `from` on, within the curve, at which `holds` of the level: a condition that changes
    /// at most once within a piece, where the level crosses `threshold`.
    fn first(
        &self,
        from: Duration,
        holds: impl Fn(f64) -> bool,
        threshold: u32,
    ) -> Option<Duration> {
        for (start, piece) in self.starts() {
            let end = start + piece.duration;
            if end <= from {
                continue;
            }
            let begin = from.max(start);
            if holds(piece.level(begin.saturating_sub(start).as_secs_f64())) {
                return Some(begin);
            }
            let crossing = (f64::from(threshold) + DUST - piece.from) / piece.slope();
            if !crossing.is_finite() || crossing < 0.0 {
                continue;
            }
            // The closed form is right to within rounding; settle which microsecond it is by the level itself.
            let offset = Duration::from_micros((crossing * 1e6) as u64).saturating_sub(TICK);
            let mut t = (start + offset).max(begin);
            for _ in 0..4 {
                if t < end && holds(piece.level(t.saturating_sub(start).as_secs_f64())) {
                    return Some(t);
                }
                t += TICK;
            }
        }
        None
    }

    /// Each piece with its start.
    fn starts(&self) -> impl Iterator<Item = (Duration, &Piece)> {
        self.pieces.iter().scan(Duration::ZERO, |next, piece| {
            let start = *next;
            *next += piece.duration;
            Some((start, piece))
        })
    }
}

/// A curve with its running area: the inverse by bisection over the pieces, in constant time for one piece.
#[derive(Debug, Clone)]
pub(crate) struct Cumulative {
    stretches: Vec<Stretch>,
    total: f64,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    piece: Piece,
    /// Seconds before it.
    start: f64,
    /// Area before it.
    area: f64,
}

impl Cumulative {
    pub(crate) fn of(curve: &Curve) -> Self {
        let mut total = 0.0;
        let stretches = curve
            .starts()
            .map(|(start, piece)| {
                let stretch = Stretch {
                    piece: *piece,
                    start: start.as_secs_f64(),
                    area: total,
                };
                total = snap(total + piece.area(piece.duration.as_secs_f64()));
                stretch
            })
            .collect();
        Self { stretches, total }
    }

    /// The area under the whole curve.
    pub(crate) const fn total(&self) -> f64 {
        self.total
    }

    pub(crate) fn area(&self, t: Duration) -> f64 {
        let t = t.as_secs_f64();
        let after = self.stretches.partition_point(|stretch| stretch.start <= t);
        self.stretches[..after].last().map_or(0.0, |stretch| {
            let within = (t - stretch.start).min(stretch.piece.duration.as_secs_f64());
            stretch.area + stretch.piece.area(within)
        })
    }

    /// Seconds until the area passes `a`; none if it never does.
    pub(crate) fn inverse(&self, a: f64) -> Option<f64> {
        if a >= self.total {
            return None;
        }
        // The last piece that starts at or below `a`: pieces without area are passed over.
        let after = self.stretches.partition_point(|stretch| stretch.area <= a);
        let stretch = self.stretches[..after].last().or(self.stretches.first())?;
        Some(stretch.start + stretch.piece.inverse_area(a - stretch.area))
    }
}

/// Takes the floating-point dust off an area that is meant to be whole, so that 1,000 starts are not 1,001 and the
/// first start after a pause is not the last before it.
fn snap(area: f64) -> f64 {
    let whole = area.round();
    let tolerance = 1e-9_f64.max(area * 1e-13);
    if (area - whole).abs() <= tolerance {
        whole
    } else {
        area
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn curve(pieces: &[(f64, f64, f64)]) -> Curve {
        let pieces = pieces
            .iter()
            .map(|&(from, to, seconds)| Piece {
                from,
                to,
                duration: secs(seconds),
            })
            .collect();
        Curve { pieces }
    }

    #[test]
    fn the_later_piece_decides_at_a_boundary_and_nothing_follows_the_end() {
        let curve = curve(&[(0.0, 50.0, 30.0), (20.0, 20.0, 10.0)]);
        for (t, level) in [
            (0.0, 0.0),
            (15.0, 25.0),
            (30.0, 20.0),
            (39.9, 20.0),
            (40.0, 0.0),
            (99.0, 0.0),
        ] {
            assert!((curve.level_at(secs(t)) - level).abs() < 1e-12, "at {t} s");
        }
    }

    #[test]
    fn area_and_inverse_are_the_closed_forms() {
        let curve = curve(&[(0.0, 100.0, 10.0), (100.0, 100.0, 10.0), (100.0, 0.0, 10.0)]);
        for (a, t) in [
            (0.0, 0.0),
            (125.0, 5.0),
            (500.0, 10.0),
            (1_500.0, 20.0),
            (1_875.0, 25.0),
        ] {
            let found = curve
                .inverse_area(a)
                .expect("below the total")
                .as_secs_f64();
            assert!((found - t).abs() < 1e-9, "area {a} at {found} s, not {t} s");
            assert!((curve.area(secs(t)) - a).abs() < 1e-9, "area at {t} s");
        }
        assert_eq!(curve.inverse_area(2_000.0), None);
    }

    #[test]
    fn a_slope_near_zero_is_as_exact_as_none() {
        let nearly = curve(&[(1_000.0, 1_000.0 + 1e-12, 3_600.0)]);
        let flat = curve(&[(1_000.0, 1_000.0, 3_600.0)]);
        for k in [1.0, 999.0, 1e6, 3.5e6] {
            assert_eq!(nearly.inverse_area(k), flat.inverse_area(k), "start {k}");
        }
    }

    #[test]
    fn a_pause_is_skipped_by_the_start_that_follows_it() {
        let curve = curve(&[(0.1, 0.1, 100.0), (0.0, 0.0, 10.0), (0.1, 0.1, 100.0)]);
        assert_eq!(curve.inverse_area(9.0), Some(secs(90.0)));
        assert_eq!(curve.inverse_area(10.0), Some(secs(110.0)));
    }

    #[test]
    fn users_come_and_go_where_the_level_passes_their_number() {
        let curve = curve(&[(0.0, 50.0, 30.0), (50.0, 50.0, 60.0), (50.0, 0.0, 30.0)]);
        let tick = Duration::from_micros(1);
        for (user, on, off) in [(0, 0.0, 120.0), (25, 15.0, 105.0), (49, 29.4, 90.6)] {
            let active = curve
                .next_active(user, Duration::ZERO)
                .expect("everyone is active some time");
            assert!(
                active.abs_diff(secs(on)) <= tick,
                "user {user} on at {active:?}"
            );
            let inactive = curve.inactive_after(user, active);
            assert!(
                inactive.abs_diff(secs(off)) <= tick,
                "user {user} off at {inactive:?}"
            );
        }
        assert_eq!(curve.next_active(50, Duration::ZERO), None);
        for t in [30.0, 60.0, 89.999] {
            assert_eq!(curve.active_users(secs(t)), 50, "at {t} s");
        }
        assert_eq!(
            curve.active_users(Duration::ZERO),
            0,
            "a ramp from nothing starts with no one"
        );
    }

    #[test]
    fn a_user_comes_back_with_the_second_wave() {
        let curve = curve(&[
            (20.0, 20.0, 10.0),
            (200.0, 200.0, 5.0),
            (20.0, 20.0, 10.0),
            (20.0, 120.0, 10.0),
        ]);
        assert_eq!(curve.next_active(100, Duration::ZERO), Some(secs(10.0)));
        assert_eq!(curve.inactive_after(100, secs(10.0)), secs(15.0));
        let again = curve
            .next_active(100, secs(15.0))
            .expect("the ramp passes 100");
        assert!(
            again.abs_diff(secs(33.0)) <= Duration::from_micros(1),
            "{again:?}"
        );
        assert_eq!(curve.inactive_after(100, again), secs(35.0));
        assert_eq!(curve.next_active(100, secs(35.0)), None);
    }

    /// One to five stages of 1 ms to 100 s between 0 and 40 users; about half of the levels are held.
    fn user_curves() -> impl Strategy<Value = Curve> {
        let stage = (0..40_u32, any::<bool>(), 1..100_000_u64);
        prop::collection::vec(stage, 1..5).prop_map(|stages| {
            let mut before = 0.0;
            let mut pieces = Vec::new();
            for (users, is_held, millis) in stages {
                let to = f64::from(users);
                let from = if is_held { to } else { before };
                pieces.push(Piece {
                    from,
                    to,
                    duration: Duration::from_millis(millis),
                });
                before = to;
            }
            Curve { pieces }
        })
    }

    proptest! {
        #[test]
        fn every_change_is_at_the_microsecond_at_which_the_count_changes(curve in user_curves(), user in 0..40_u32) {
            let is_active = |t| curve.active_users(t) > user;
            let (mut t, mut changes) = (Duration::ZERO, 0);
            while let Some(on) = curve.next_active(user, t) {
                prop_assert!(is_active(on), "inactive at {:?}", on);
                prop_assert!(on == t || !is_active(on.saturating_sub(TICK)), "active before {:?}", on);
                let off = curve.inactive_after(user, on);
                prop_assert!(off > on && !is_active(off), "active at {:?}", off);
                prop_assert!(is_active(off.saturating_sub(TICK)), "inactive before {:?}", off);
                t = off;
                changes += 1;
            }
            prop_assert!(changes <= curve.pieces.len(), "{} changes", changes);
            prop_assert_eq!(changes == 0, curve.peak() <= f64::from(user));
        }

        #[test]
        fn active_users_are_those_below_the_level(curve in user_curves(), part in 0.0..1.0_f64) {
            let t = Duration::from_micros((curve.duration().as_micros() as f64 * part) as u64);
            let count = (0..41).filter(|user| curve.next_active(*user, t) == Some(t)).count();
            prop_assert_eq!(count as u32, curve.active_users(t));
        }
    }
}
