//! Response times as counts over time × log latency, in at most 120 × 40 cells.

use super::timeline::intervals_per_point;
use crate::record::{Bins, Interval, bins};
use crate::units::Micros;

const MAX_COLUMNS: u64 = 120;
const MAX_ROWS: usize = 40;

/// Fine rows per decade while the range is unknown; 1 µs to 1 h are 9.6 decades.
const FINE_PER_DECADE: usize = 20;
const FINE_ROWS: usize = 10 * FINE_PER_DECADE;

const _: () = assert!(FINE_ROWS <= 256, "a fine row is a byte");

/// Counts of response times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heatmap {
    /// In time order, without gaps.
    pub columns: Vec<Column>,
    /// Lower and upper bound of each row in µs, ascending.
    pub rows: Vec<(f64, f64)>,
    /// Requests of measured time by row; the columns also have those of the warm-up.
    pub measured: Vec<u64>,
    /// The largest count of a cell.
    pub peak: u64,
}

/// A time span.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its start.
    pub start: Micros,
    /// Its end.
    pub end: Micros,
    /// Requests by row.
    pub counts: Vec<u64>,
}

/// Collects intervals into columns.
#[derive(Debug)]
pub(super) struct HeatmapCells {
    per_column: u64,
    absorbed: u64,
    columns: Vec<Column>,
    /// Requests of measured time by fine row.
    measured: [u64; FINE_ROWS],
    /// The fine row of each bin; precomputed, because an interval has thousands of bins and logarithms are slow.
    row_of: Vec<u8>,
}

impl HeatmapCells {
    pub(super) fn new(intervals: u64) -> Self {
        Self {
            per_column: intervals_per_point(intervals, MAX_COLUMNS),
            absorbed: 0,
            columns: Vec::new(),
            measured: [0; FINE_ROWS],
            row_of: (0..=bins::LAST)
                .map(|bin| fine_row(bins::range_of(bin).1) as u8)
                .collect(),
        }
    }

    pub(super) fn absorb(&mut self, interval: &Interval, response: Option<&Bins>) {
        let is_tail = interval.is_tail() && !self.columns.is_empty();
        if self.absorbed.is_multiple_of(self.per_column) && !is_tail {
            self.columns.push(Column {
                start: interval.start,
                end: interval.end,
                counts: vec![0; FINE_ROWS],
            });
        }
        self.absorbed += u64::from(!is_tail);
        let Some(column) = self.columns.last_mut() else {
            return;
        };
        column.end = interval.end;
        for (bin, count) in response.iter().flat_map(|all| all.iter()) {
            let row = usize::from(self.row_of[bin as usize]);
            column.counts[row] += count;
            self.measured[row] += if interval.is_warm_up { 0 } else { count };
        }
    }

    /// Crops the rows to the observed range and joins them until there are few enough.
    pub(super) fn finish(self) -> Heatmap {
        let is_used = |row: &usize| self.columns.iter().any(|column| column.counts[*row] > 0);
        let (Some(first), Some(last)) = (
            (0..FINE_ROWS).find(is_used),
            (0..FINE_ROWS).rev().find(is_used),
        ) else {
            return Heatmap::default();
        };
        let joined = (last - first + 1).div_ceil(MAX_ROWS);
        let starts = || (first..=last).step_by(joined);
        let sums = |counts: &[u64]| -> Vec<u64> {
            let rows = starts().map(|row| row..(row + joined).min(FINE_ROWS));
            rows.map(|rows| counts[rows].iter().sum()).collect()
        };
        let columns: Vec<Column> = self
            .columns
            .into_iter()
            .map(|column| Column {
                counts: sums(&column.counts),
                ..column
            })
            .collect();
        let peak = columns.iter().flat_map(|column| &column.counts).max();
        Heatmap {
            measured: sums(&self.measured),
            peak: peak.copied().unwrap_or(0),
            rows: starts()
                .map(|row| (bound(row), bound(row + joined)))
                .collect(),
            columns,
        }
    }
}

fn fine_row(time: u64) -> usize {
    let row = (time.max(1) as f64).log10() * FINE_PER_DECADE as f64;
    (row as usize).min(FINE_ROWS - 1)
}

fn bound(row: usize) -> f64 {
    10f64.powf(row as f64 / FINE_PER_DECADE as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_cell_whatever_its_time() {
        let mut cells = HeatmapCells::new(500);
        for number in 0..500_u64 {
            let mut times = Bins::default();
            for time in [0, 1, 999, 1_000, number * 7_919, 3_600_000_000] {
                times.record(Micros(time));
            }
            let interval = Interval {
                number,
                start: Micros(number * 1_000_000),
                end: Micros((number + 1) * 1_000_000),
                is_warm_up: number < 100,
                ..Interval::default()
            };
            cells.absorb(&interval, Some(&times));
        }
        let map = cells.finish();
        let total: u64 = map.columns.iter().flat_map(|column| &column.counts).sum();
        assert_eq!(total, 3_000);
        assert_eq!(map.measured.iter().sum::<u64>(), 2_400);
        assert!(map.columns.len() <= 120 && map.rows.len() <= 40);
        assert!(
            map.rows
                .windows(2)
                .all(|pair| (pair[0].1 - pair[1].0).abs() < 1e-9)
        );
    }

    #[test]
    fn no_samples_are_no_map() {
        assert_eq!(HeatmapCells::new(0).finish(), Heatmap::default());
    }
}
