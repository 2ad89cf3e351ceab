//! Change points of a series of runs: the runs at which the level of a figure changed.
//!
//! The places are found by E-divisive: the split with the largest energy distance between both sides, then again on each side
//! (Matteson and James, Journal of the American Statistical Association 109, 2014). Significance comes from Student's t, as
//! in Hunter (Fleming et al., ICPE 2023), instead of permutations, which need more runs than a young history has. The best of
//! many places always looks significant, so its p-value is multiplied by the number of places and of figures (Bonferroni),
//! which bounds the chance of a false change point in histories without changes, whatever the place that is chosen.

use super::{Effect, POWER, mean, t_quantile, variance};

/// The chance of a false change point in histories without changes, at most, for all figures of a history together.
pub const CHANGE_LEVEL: f64 = 0.001;

/// The smallest number of runs on each side of a change point.
pub const FEWEST_RUNS: usize = 3;

/// A run at which the level of a figure changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The index of the first value of the new level.
    pub at: usize,
    /// The mean from there to the next change point, minus the mean from the change point before.
    pub change: f64,
    /// The p-value of that difference, multiplied by the number of places and of figures.
    pub p: f64,
}

/// The change points of a series, one of so many figures, in order. A difference of means below `least` is none.
pub fn change_points(values: &[f64], least: f64, figures: usize) -> Vec<ChangePoint> {
    let mut splits = Vec::new();
    let distances = Distances::of(values);
    let mut open = vec![(0, values.len())];
    while let Some((from, to)) = open.pop() {
        if let Some(at) = split(values, &distances, (from, to), figures) {
            splits.push(at);
            open.extend([(from, at), (at, to)]);
        }
    }
    splits.sort_unstable();
    loop {
        let found = measure(values, &splits, figures);
        let is_clear = |point: &ChangePoint| {
            let (from, to) = neighbours(values, &splits, point.at);
            are_levels(&values[from..point.at], &values[point.at..to])
        };
        let weak = |point: &&ChangePoint| {
            point.p > CHANGE_LEVEL || point.change.abs() < least || !is_clear(point)
        };
        let weakest = found
            .iter()
            .filter(weak)
            .min_by(|a, b| a.change.abs().total_cmp(&b.change.abs()));
        match weakest {
            Some(weakest) => splits.retain(|at| *at != weakest.at),
            None => return found,
        }
    }
}

/// The smallest change of the level that the next `further` runs would show with a chance of [`POWER`], from the values since
/// the last change point, of one of so many figures. `None` for too few values.
pub fn detectable_change(values: &[f64], further: usize, figures: usize) -> Option<f64> {
    if values.len() < FEWEST_RUNS {
        return None;
    }
    let (runs, more) = (values.len() as f64, further as f64);
    let tail = CHANGE_LEVEL / places(values.len() + further, figures).0 / 2.0;
    let df = runs + more - 2.0;
    let error = (variance(values)? * (1.0 / runs + 1.0 / more)).sqrt();
    Some((t_quantile(1.0 - tail, df) + t_quantile(POWER, df)) * error)
}

/// The differences of the means on both sides of each split.
fn measure(values: &[f64], splits: &[usize], figures: usize) -> Vec<ChangePoint> {
    let measured = splits.iter().filter_map(|&at| {
        let (from, to) = neighbours(values, splits, at);
        let effect = Effect::of_groups(&values[from..at], &values[at..to])?;
        Some(ChangePoint {
            at,
            change: effect.change,
            p: (effect.p_value() * places(to - from, figures).0).min(1.0),
        })
    });
    measured.collect()
}

/// The split before one, or the beginning, and the split after it, or the end.
fn neighbours(values: &[f64], splits: &[usize], at: usize) -> (usize, usize) {
    let before = splits.iter().rev().find(|split| **split < at);
    let after = splits.iter().find(|split| **split > at);
    (
        before.copied().unwrap_or(0),
        after.copied().unwrap_or(values.len()),
    )
}

/// True if most values of each side, and [`FEWEST_RUNS`] at least, are nearer to the mean of their own side. One disturbed run
/// at the end of a long history moves a mean, and t takes that for a change, because the spread of few runs counts for little
/// beside that of many.
fn are_levels(left: &[f64], right: &[f64]) -> bool {
    let (Some(below), Some(above)) = (mean(left), mean(right)) else {
        return false;
    };
    let middle = f64::midpoint(below, above);
    let is_rise = above > below;
    let is_enough = |side: &[f64], is_upper: bool| {
        let own = side.iter().filter(|value| (**value > middle) == is_upper);
        own.count() >= FEWEST_RUNS.max(side.len().div_ceil(2))
    };
    is_enough(left, !is_rise) && is_enough(right, is_rise)
}

/// The factors for the p-values of splits of so many values: one for splits into two parts, one for those that leave out values
/// at the end. Each kind gets half of the level.
fn places(values: usize, figures: usize) -> (f64, f64) {
    let (free, figures) = (
        values.saturating_sub(2 * FEWEST_RUNS) as f64,
        figures as f64,
    );
    if free == 0.0 {
        return (figures, 0.0);
    }
    (2.0 * (free + 1.0) * figures, free * (free + 1.0) * figures)
}

/// The significant split of the values `from..to`, if there is one. The right side may end before `to`, so that a level that
/// came back does not hide that it was away.
fn split(
    values: &[f64],
    distances: &Distances,
    (from, to): (usize, usize),
    figures: usize,
) -> Option<usize> {
    let (whole, partial) = places(to - from, figures);
    let mut best = [(f64::NEG_INFINITY, 0, 0); 2];
    for at in from + FEWEST_RUNS..=to.checked_sub(FEWEST_RUNS)? {
        for end in at + FEWEST_RUNS..=to {
            let energy = distances.energy(from, at, end);
            let kind = &mut best[usize::from(end < to)];
            if energy > kind.0 && are_levels(&values[from..at], &values[at..end]) {
                *kind = (energy, at, end);
            }
        }
    }
    let tested = best.into_iter().zip([whole, partial]);
    let significant = tested.filter_map(|((energy, at, end), factor)| {
        if energy <= 0.0 {
            return None;
        }
        let effect = Effect::of_groups(&values[from..at], &values[at..end])?;
        let p = effect.p_value() * factor;
        (p <= CHANGE_LEVEL).then_some((p, at))
    });
    let (_, at) = significant.min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(at)
}

/// Sums of the distances between values, for any two ranges in constant time.
struct Distances {
    /// Row by row, `side` numbers each: the sum of the distances between the values before the row and those before the column.
    sums: Vec<f64>,
    side: usize,
}

impl Distances {
    fn of(values: &[f64]) -> Self {
        let side = values.len() + 1;
        let mut sums = vec![0.0; side * side];
        for (row, a) in values.iter().enumerate() {
            let mut in_row = 0.0;
            for (column, b) in values.iter().enumerate() {
                in_row += (a - b).abs();
                sums[(row + 1) * side + column + 1] = sums[row * side + column + 1] + in_row;
            }
        }
        Self { sums, side }
    }

    /// The sum between the values `a..b` and `c..d`.
    fn between(&self, (a, b): (usize, usize), (c, d): (usize, usize)) -> f64 {
        let sum = |row: usize, column: usize| self.sums[row * self.side + column];
        sum(b, d) - sum(a, d) - sum(b, c) + sum(a, c)
    }

    /// The scaled energy distance of `from..at` and `at..to`, with the exponent 1 for distances.
    fn energy(&self, from: usize, at: usize, to: usize) -> f64 {
        let (left, right) = ((at - from) as f64, (to - at) as f64);
        // Each pair within a side is counted twice, as the formula has it.
        let within = |a, b, count: f64| self.between((a, b), (a, b)) / (count * (count - 1.0));
        let across = 2.0 * self.between((from, at), (at, to)) / (left * right);
        let distance = across - within(from, at, left) - within(at, to, right);
        left * right / (left + right) * distance
    }
}

/// The levels between change points: the first index, the index after the last, and the mean.
pub fn levels(values: &[f64], changes: &[ChangePoint]) -> Vec<(usize, usize, f64)> {
    let starts = std::iter::once(0).chain(changes.iter().map(|change| change.at));
    let ends = changes.iter().map(|change| change.at).chain([values.len()]);
    starts
        .zip(ends)
        .filter_map(|(from, to)| Some((from, to, mean(&values[from..to])?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: f64 = 0.05;

    /// Values that rise and fall by at most 2 % around a level.
    fn around(level: f64, runs: usize) -> impl Iterator<Item = f64> {
        (0..runs).map(move |run| level + 0.02 * ((run * 7 % 5) as f64 / 2.0 - 1.0))
    }

    fn found(values: &[f64]) -> Vec<usize> {
        change_points(values, LEAST, 1)
            .iter()
            .map(|point| point.at)
            .collect()
    }

    #[test]
    fn a_step_is_found_at_its_place_and_with_its_size() {
        let values: Vec<f64> = around(1.0, 10).chain(around(1.1, 5)).collect();
        let points = change_points(&values, LEAST, 1);
        assert_eq!(points.len(), 1, "{points:?}");
        assert_eq!(points[0].at, 10);
        assert!(
            (points[0].change - 0.1).abs() < 1e-9 && points[0].p < CHANGE_LEVEL,
            "{points:?}"
        );
        assert_eq!(levels(&values, &points).len(), 2);
    }

    #[test]
    fn a_level_that_came_back_was_away() {
        let values: Vec<f64> = around(1.0, 15)
            .chain(around(1.2, 5))
            .chain(around(1.0, 15))
            .collect();
        assert_eq!(found(&values), [15, 20]);
        let stairs: Vec<f64> = around(1.0, 10)
            .chain(around(1.2, 10))
            .chain(around(1.4, 10))
            .collect();
        assert_eq!(found(&stairs), [10, 20]);
    }

    #[test]
    fn a_small_step_is_none_and_hides_no_large_one() {
        let small: Vec<f64> = around(1.0, 30).chain(around(1.03, 30)).collect();
        assert!(found(&small).is_empty());
        let both: Vec<f64> = small.iter().copied().chain(around(1.2, 4)).collect();
        assert_eq!(found(&both), [60]);
    }

    #[test]
    fn two_runs_are_no_level() {
        let values: Vec<f64> = around(1.0, 20).chain([1.5, 1.5]).collect();
        assert!(found(&values).is_empty());
        for disturbed in [&[1.5][..], &[1.5, 1.5], &[1.0, 1.5, 1.0]] {
            let after = disturbed.iter().copied();
            let values: Vec<f64> = around(1.0, 100).chain(after).collect();
            assert!(found(&values).is_empty(), "{disturbed:?}");
        }
        let outlier: Vec<f64> = around(1.0, 10)
            .chain([1.5])
            .chain(around(1.0, 10))
            .collect();
        assert!(found(&outlier).is_empty());
        for few in 0..=6 {
            assert!(found(&vec![1.0; few]).is_empty(), "{few}");
        }
        assert_eq!(found(&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), [3]);
    }

    /// By hand: X = {0, 1, 2}, Y = {4, 5, 6}: the mean distance across is 4, within 4/3.
    #[test]
    fn the_energy_distance_is_that_of_the_paper() {
        let energy = Distances::of(&[0.0, 1.0, 2.0, 4.0, 5.0, 6.0]).energy(0, 3, 6);
        assert!((energy - 1.5 * (8.0 - 8.0 / 3.0)).abs() < 1e-12, "{energy}");
    }

    #[test]
    fn what_can_be_found_shrinks_with_the_noise_and_the_runs() {
        let size = |runs: usize, spread: f64| {
            let values: Vec<f64> = around(1.0, runs)
                .map(|value| 1.0 + (value - 1.0) * spread)
                .collect();
            detectable_change(&values, FEWEST_RUNS, 1)
        };
        assert_eq!(size(2, 1.0), None);
        assert!(size(10, 1.0) < size(5, 1.0));
        assert!(size(10, 0.5) < size(10, 1.0));
        assert_eq!(size(10, 0.0), Some(0.0));
    }
}
