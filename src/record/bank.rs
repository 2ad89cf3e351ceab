//! The histograms of one interval: a cell for each time that a series has, empty until the first such time.

use std::collections::BTreeMap;

use super::bins::{Bins, Sum};
use super::{Timing, histogram};
use crate::plan::{MetricId, Metrics, Series, Subject};
use crate::units::Micros;

/// The cells in the order of the series; those of a series in the order of its metrics.
#[derive(Debug)]
pub(super) struct Cells {
    /// The metric of each cell.
    metrics: Vec<MetricId>,
    series: Vec<SeriesCells>,
}

/// The cells of one series.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesCells {
    pub(super) subject: Subject,
    /// Its first cell.
    first: u32,
}

impl SeriesCells {
    /// The cell of a timing, which must be one of the subject's.
    pub(super) const fn of(self, timing: Timing) -> u32 {
        self.first + timing.place()
    }
}

impl Cells {
    pub(super) fn of(metrics: &Metrics, series: &[Series]) -> Self {
        let mut cells = Self {
            metrics: Vec::new(),
            series: Vec::with_capacity(series.len()),
        };
        for Series { subject, .. } in series {
            cells.series.push(SeriesCells {
                subject: *subject,
                first: cells.metrics.len() as u32,
            });
            cells.metrics.extend(metrics.times_of(*subject));
        }
        cells
    }

    /// The number of cells.
    pub(super) const fn count(&self) -> usize {
        self.metrics.len()
    }

    /// By series.
    pub(super) fn series(&self) -> &[SeriesCells] {
        &self.series
    }

    /// The cells of a series, each with its metric.
    pub(super) fn of_series(&self, series: usize) -> impl Iterator<Item = (usize, MetricId)> {
        let first_of = |series: usize| self.series.get(series).map(|cells| cells.first as usize);
        let end = first_of(series + 1).unwrap_or(self.metrics.len());
        let cells = first_of(series).unwrap_or(end)..end;
        cells.map(|cell| (cell, self.metrics[cell]))
    }
}

/// A time on its way to its histogram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    cell: u32,
    micros: u32,
}

const _: () = assert!(histogram::LONGEST.0 <= u32::MAX as u64, "a time is 32 bits");

impl Timed {
    pub(super) fn new(cell: u32, time: Micros) -> Self {
        Self {
            cell,
            micros: time.min(histogram::LONGEST).0 as u32,
        }
    }
}

/// The histograms of one interval, by cell.
#[derive(Debug)]
pub(super) struct Bank {
    cells: Vec<Option<Sum>>,
    /// Empty sums of earlier intervals, for reuse.
    pool: Vec<Sum>,
}

impl Bank {
    pub(super) fn new(cells: &Cells) -> Self {
        Self {
            cells: vec![None; cells.count()],
            pool: Vec::new(),
        }
    }

    pub(super) fn fill(&mut self, batch: &[Timed]) {
        for timed in batch {
            let cell = &mut self.cells[timed.cell as usize];
            let sum = match cell {
                Some(sum) => sum,
                None => cell.insert(self.pool.pop().unwrap_or_default()),
            };
            sum.record(Micros(timed.micros.into()));
        }
    }

    /// Takes the times of a series, by metric.
    pub(super) fn take(
        &mut self,
        cells: impl Iterator<Item = (usize, MetricId)>,
    ) -> BTreeMap<MetricId, Bins> {
        let taken = cells.filter_map(|(cell, metric)| {
            let mut sum = self.cells[cell].take()?;
            let bins = sum.take();
            self.pool.push(sum);
            Some((metric, bins))
        });
        taken.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MetricEntry;

    #[test]
    fn a_metric_that_nobody_records_has_no_histogram() {
        let subjects = [Subject::Requests, Subject::Iterations, Subject::Groups];
        let series = subjects.map(|subject| Series {
            name: "home".to_owned(),
            flow: "browse".to_owned(),
            subject,
            tags: BTreeMap::new(),
        });
        let mut metrics = Metrics::built_in();
        for name in ["queue_time", "render_time"] {
            metrics.declare(MetricEntry {
                name: name.to_owned(),
                ..Timing::Ttfb.into()
            });
        }
        let cells = Cells::of(&metrics, &series);
        assert_eq!(cells.count(), Timing::ALL.len() + 2);
        let mut bank = Bank::new(&cells);
        let [step, flow, group] = *cells.series() else {
            panic!("three series");
        };
        let times = [
            (step, Timing::Tls),
            (flow, Timing::StartLag),
            (group, Timing::GroupTime),
        ];
        bank.fill(&times.map(|(cells, timing)| Timed::new(cells.of(timing), Micros(7))));
        assert_eq!(bank.cells.iter().flatten().count(), 3);
        for (series, (_, timing)) in times.into_iter().enumerate() {
            let taken = bank.take(cells.of_series(series));
            assert_eq!(taken.into_keys().collect::<Vec<_>>(), [timing.into()]);
        }
        assert_eq!(
            (bank.cells.iter().flatten().count(), bank.pool.len()),
            (0, 3)
        );
    }
}
