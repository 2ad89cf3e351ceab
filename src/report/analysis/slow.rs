//! Slow points of a run: those whose p95 is far above the run's own median. If p50 shows more of them, it decides: of few
//! requests a second, p95 is so uneven that a rise of all times disappears in its noise.

use std::fmt::Write as _;
use std::time::Duration;

use super::figures::{Figures, Moment, Quantile, Shown, median};
use super::{Finding, Topic};
use crate::report::text;
use crate::units::{show_duration, show_number};

/// A point is slow if the logarithm of its time is this many standard deviations above the median, the deviation estimated by the median
/// absolute deviation. Source: Leys et al., Journal of Experimental Social Psychology 49 (2013), who advise 2.5 to 3.
const DEVIATIONS: f64 = 5.0;

/// The median absolute deviation of a normal distribution is its standard deviation divided by this.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// A point is slow only if its time is at least this many times the median.
const LEAST_RATIO: f64 = 1.5;

/// And at least this much above it.
const LEAST_EXCESS: f64 = 1_000.0;

/// The fewest slow points from which anything is said.
const FEWEST: usize = 3;

/// Slow points belong together if at most this many others lie between them.
const LARGEST_GAP: usize = 2;

/// The most periods told.
const MOST_PERIODS: usize = 3;

/// The slow points of a run.
#[derive(Debug, Clone)]
pub(super) struct Slow {
    /// The times that are compared.
    pub(super) by: Quantile,
    /// For each point, true if it is slow.
    pub(super) marks: Vec<bool>,
    /// First and last point of each period.
    pub(super) periods: Vec<(usize, usize)>,
    /// The median of these times over all points, in microseconds.
    usual: f64,
    /// The time from which a point is slow.
    limit: f64,
}

impl Slow {
    /// The slow points; `None` if they are too few to say anything.
    pub(super) fn of(figures: &Figures) -> Option<Self> {
        let found = [Quantile::P50, Quantile::P95].map(|by| Self::by(figures, by));
        let count = |slow: &Self| slow.marks.iter().filter(|slow| **slow).count();
        found.into_iter().flatten().max_by_key(count)
    }

    fn by(figures: &Figures, by: Quantile) -> Option<Self> {
        let times = || figures.points.iter().map(|point| by.of(point));
        let logs = || times().map(|time| time.max(1.0).ln());
        let middle = median(logs());
        let deviation = MAD_TO_DEVIATION * median(logs().map(|log| (log - middle).abs()));
        let usual = middle.exp();
        let limit =
            (usual * LEAST_RATIO.max((DEVIATIONS * deviation).exp())).max(usual + LEAST_EXCESS);
        let marks: Vec<bool> = times().map(|time| time > limit).collect();
        let mut periods: Vec<(usize, usize)> = Vec::new();
        let slow = marks.iter().enumerate().filter(|(_, slow)| **slow);
        for (index, _) in slow {
            match periods.last_mut() {
                Some((_, last)) if index - *last <= LARGEST_GAP + 1 => *last = index,
                _ => periods.push((index, index)),
            }
        }
        let count = marks.iter().filter(|slow| **slow).count();
        (count >= FEWEST).then_some(Self {
            by,
            marks,
            periods,
            usual,
            limit,
        })
    }

    /// When the run was slow, and how much.
    pub(super) fn told(&self, figures: &Figures) -> Finding {
        let time = |value: f64| Shown::Micros.show(value);
        let slow = || self.members(&figures.points).filter(|(slow, _)| *slow);
        let worst = slow()
            .map(|(_, point)| self.by.of(point))
            .fold(0.0, f64::max);
        let mut longest = self.periods.clone();
        longest.sort_by_key(|(first, last)| std::cmp::Reverse(last - first));
        let more = longest.len().saturating_sub(MOST_PERIODS);
        longest.truncate(MOST_PERIODS);
        longest.sort_unstable();
        let shown = longest.iter().map(|&(first, last)| {
            let (from, to) = (figures.points[first].start, figures.points[last].end);
            format!("{} – {}", text::clock(from), text::clock(to))
        });
        let mut periods = shown.collect::<Vec<_>>().join(", ");
        if more > 0 {
            let _ = write!(periods, " and {more} more");
        }
        Topic::SlowSeconds.says(
            None,
            format!(
                "{} was above {} in {} of {} ({periods}), up to {}; its median was {}.",
                self.by.name(),
                time(self.limit),
                span(slow().map(|(_, point)| point)),
                span(figures.points.iter()),
                time(worst),
                time(self.usual),
            ),
        )
    }

    /// Each of the values, one a point, and whether its point is slow.
    pub(super) fn members<'a, T>(&self, values: &'a [T]) -> impl Iterator<Item = (bool, &'a T)> {
        self.marks.clone().into_iter().zip(values)
    }
}

/// That no point was slow.
pub(super) fn nothing(figures: &Figures) -> Finding {
    let p95 = || figures.points.iter().map(|point: &Moment| point.p95);
    let highest = p95().fold(0.0, f64::max);
    Topic::Nothing.says(
        None,
        format!(
            "Nothing stood out from the run's own noise: the p95 of {} had the median {} and the maximum {}.",
            span(figures.points.iter()),
            Shown::Micros.show(median(p95())),
            Shown::Micros.show(highest),
        ),
    )
}

/// The time of some points in all.
fn span<'a>(points: impl Iterator<Item = &'a Moment>) -> String {
    let lengths = points.map(|point| point.end.saturating_sub(point.start).as_secs_f64());
    let seconds = lengths.sum::<f64>().round();
    if seconds < 120.0 {
        return format!("{} s", show_number(seconds));
    }
    show_duration(Duration::from_secs(seconds as u64))
}
