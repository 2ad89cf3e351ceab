//! A piecewise linear level over time: users of a closed model, starts per second of an open one.
//!
//! In a piece of length D from level r₀ to r₁, the level after t is r(t) = r₀ + s·t with slope s = (r₁ − r₀)/D, the
//! area under it A(t) = r₀·t + s·t²/2, and its inverse t(a) = 2a / (r₀ + √(r₀² + 2·s·a)). This form of the root has no
//! cancellation, so that a slope near zero is as exact as a constant level.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A level over time. Pieces follow one another without a gap; at a boundary the later piece applies; after the last
/// one the level is zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The pieces in order; at least one, each longer than zero.
    pub pieces: Vec<Piece>,
}

/// A linear piece of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Level at its start.
    pub from: f64,
    /// Level at its end.
    pub to: f64,
    /// Its duration.
    pub duration: Duration,
}

/// A level this little above a whole number counts as that number, so that rounding errors of the interpolation start
/// no user.
const DUST: f64 = 1e-9;

/// The resolution of the clock and of the times at which users become active.
const TICK: Duration = Duration::from_micros(1);

impl Piece {
    /// The level `t` seconds into the piece.
    fn level(&self, t: f64) -> f64 {
        let part = t / self.duration.as_secs_f64();
        // With this weighting both ends are exact.
        self.from * (1.0 - part) + self.to * part
    }

    /// The part of the piece from `from` to `to`, both since its start.
    fn between(&self, from: Duration, to: Duration) -> Self {
        Self {
            from: self.level(from.as_secs_f64()),
            to: self.level(to.as_secs_f64()),
            duration: to.saturating_sub(from),
        }
    }

    fn slope(&self) -> f64 {
        (self.to - self.from) / self.duration.as_secs_f64()
    }

    /// The area of the first `t` seconds.
    fn area(&self, t: f64) -> f64 {
        t * (self.from + self.level(t)) / 2.0
    }

    /// The number of seconds after which the area is `a`; at most the piece's length.
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
    /// The total duration of the pieces.
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

    /// This curve until `at`, then the other one.
    #[must_use]
    pub fn followed_by(&self, at: Duration, next: &Self) -> Self {
        let mut pieces = self.pieces_until(at);
        for (start, piece) in next.starts() {
            let end = start + piece.duration;
            if end > at {
                pieces.push(piece.between(at.saturating_sub(start), piece.duration));
            }
        }
        Self { pieces }
    }

    /// This curve until `at`, then this level until its end.
    #[must_use]
    pub fn held_from(&self, at: Duration, level: f64) -> Self {
        let mut pieces = self.pieces_until(at);
        let duration = self.duration().saturating_sub(at);
        if !duration.is_zero() {
            pieces.push(Piece {
                from: level,
                to: level,
                duration,
            });
        }
        Self { pieces }
    }

    fn pieces_until(&self, at: Duration) -> Vec<Piece> {
        let before = self.starts().take_while(|(start, _)| *start < at);
        before
            .map(|(start, piece)| {
                let length = at.saturating_sub(start).min(piece.duration);
                piece.between(Duration::ZERO, length)
            })
            .collect()
    }

    /// The highest number of active users.
    pub fn peak_users(&self) -> u32 {
        whole_users(self.peak())
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

    /// The time at which the area under the curve passes `a`; `None` if it never does.
    ///
    /// While the level is zero the area does not grow, and the result is the end of that pause.
    pub fn inverse_area(&self, a: f64) -> Option<Duration> {
        Cumulative::of(self).inverse(a).map(Duration::from_secs_f64)
    }

    /// The number of active users: user i (from 0) is active while the level is above i.
    ///
    /// So a ramp 0 → 50 over 30 s starts user 0 at once and user 49 after 29.4 s, a ramp 50 → 0 stops user 49 after 0.6
    /// s and user 0 at its end (last in, first out), and a constant level of 50 has exactly 50.
    pub fn active_users(&self, t: Duration) -> u32 {
        whole_users(self.level_at(t))
    }

    /// The first microsecond from `from` on at which user `user` is active; `None` if it is never active again.
    pub fn next_active(&self, user: u32, from: Duration) -> Option<Duration> {
        self.first(from, |level| level - DUST > f64::from(user), user)
    }

    /// The first microsecond from `from` on at which user `user` is not active: at the latest the curve's end.
    pub fn inactive_after(&self, user: u32, from: Duration) -> Duration {
        self.first(from, |level| level - DUST <= f64::from(user), user)
            .unwrap_or_else(|| self.duration().max(from))
    }

    /// The first microsecond from `from` on, within the curve, at which `holds` is true of the level. The condition
    /// changes at most once within a piece, where the level crosses `threshold`.
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
            // The closed form is exact up to rounding; the level itself decides the microsecond.
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

    /// The pieces with their starts.
    fn starts(&self) -> impl Iterator<Item = (Duration, &Piece)> {
        self.pieces.iter().scan(Duration::ZERO, |next, piece| {
            let start = *next;
            *next += piece.duration;
            Some((start, piece))
        })
    }
}

/// The users that are active at a level.
fn whole_users(level: f64) -> u32 {
    (level - DUST).ceil().max(0.0) as u32
}

/// A curve with its cumulative area; the inverse is a bisection over the pieces, O(1) for one piece.
#[derive(Debug, Clone)]
pub(crate) struct Cumulative {
    stretches: Vec<Stretch>,
    total: f64,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    piece: Piece,
    /// The seconds before the piece.
    start: f64,
    /// The area before the piece.
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
        // The last piece that starts at or below `a`; this skips pieces without area.
        let after = self.stretches.partition_point(|stretch| stretch.area <= a);
        let stretch = self.stretches[..after].last().or(self.stretches.first())?;
        Some(stretch.start + stretch.piece.inverse_area(a - stretch.area))
    }
}

/// Removes the rounding error from an area that should be whole, so that 1,000 starts do not become 1,001 and the first
/// start after a pause does not move before it.
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
mod tests;
