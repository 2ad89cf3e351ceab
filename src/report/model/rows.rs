//! The timeline by series: one row a second and series, or, in runs so long or wide that these would not fit into
//! memory, a row for several seconds.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::distribution::quantiles;
use super::timeline::{Spread, intervals_per_point};
use crate::plan::{Series, SeriesId, Subject};
use crate::record::{Interval, LoadCounts, SeriesInterval, Timing, histogram};
use crate::units::Micros;

/// The most rows that are kept.
const MAX_ROWS: u64 = 400_000;

/// The timeline by series.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// How many intervals go into a row.
    pub intervals_per_row: u64,
    /// In time order; within a time the whole run first, then series.
    pub rows: Vec<Row>,
}

/// A row: the whole run, or a series, in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// When it begins, on the run's clock.
    pub start: Micros,
    /// When it ends.
    pub end: Micros,
    /// Whether it lies in the warm-up.
    pub is_warm_up: bool,
    /// The series; none for the run as a whole, whose requests these then are.
    pub series: Option<SeriesId>,
    /// Requests or iterations ended.
    pub ended: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Response time of requests, iteration time of iterations.
    pub response: Option<Spread>,
    /// p99 of the service time of requests.
    pub service_p99: Option<Micros>,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// What was offered and started; of the run as a whole only.
    pub load: Option<LoadCounts>,
}

/// Folds intervals into rows.
#[derive(Debug)]
pub(super) struct RowFold {
    rows: Rows,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    start: Micros,
    end: Micros,
    is_warm_up: bool,
    intervals: u64,
    load: LoadCounts,
    in_flight_seconds: f64,
    all: SeriesInterval,
    series: BTreeMap<SeriesId, SeriesInterval>,
}

impl RowFold {
    pub(super) fn new(intervals: u64, series: usize) -> Self {
        let max_points = (MAX_ROWS / (series as u64 + 1)).max(1);
        Self {
            rows: Rows {
                intervals_per_row: intervals_per_point(intervals, max_points),
                rows: Vec::new(),
            },
            open: None,
        }
    }

    pub(super) fn absorb(&mut self, interval: &Interval, series: &[Series]) {
        let is_full = self.open.as_ref().is_some_and(|open| {
            open.intervals == self.rows.intervals_per_row || open.is_warm_up != interval.is_warm_up
        });
        if is_full {
            self.close(series);
        }
        let open = self.open.get_or_insert_with(|| Open::new(interval));
        open.absorb(interval, series);
    }

    pub(super) fn finish(mut self, series: &[Series]) -> Rows {
        self.close(series);
        self.rows
    }

    fn close(&mut self, series: &[Series]) {
        let Some(open) = self.open.take() else {
            return;
        };
        let rows = &mut self.rows.rows;
        rows.push(Row {
            load: Some(open.load()),
            ..open.row(None, &open.all, Timing::ResponseTime)
        });
        for (id, part) in &open.series {
            let subject = series.get(id.0 as usize).map(|series| series.subject);
            let timing = match subject {
                Some(Subject::Requests) => Timing::ResponseTime,
                Some(Subject::Iterations) => Timing::IterationTime,
                None => continue,
            };
            rows.push(open.row(Some(*id), part, timing));
        }
    }
}

impl Open {
    fn new(interval: &Interval) -> Self {
        Self {
            start: interval.start,
            end: interval.end,
            is_warm_up: interval.is_warm_up,
            intervals: 0,
            load: LoadCounts::default(),
            in_flight_seconds: 0.0,
            all: SeriesInterval::default(),
            series: BTreeMap::new(),
        }
    }

    fn absorb(&mut self, interval: &Interval, series: &[Series]) {
        const KEPT: [Timing; 3] = [
            Timing::ResponseTime,
            Timing::ServiceTime,
            Timing::IterationTime,
        ];
        self.intervals += 1;
        self.end = interval.end;
        let length = interval.end.saturating_sub(interval.start).as_secs_f64();
        self.in_flight_seconds += interval.load.in_flight_milli as f64 / 1e3 * length;
        self.load = LoadCounts {
            offered: self.load.offered + interval.load.offered,
            started: self.load.started + interval.load.started,
            late: self.load.late + interval.load.late,
            unstarted: self.load.unstarted + interval.load.unstarted,
            ..interval.load
        };
        for (id, part) in &interval.series {
            let is_requests =
                series.get(id.0 as usize).map(|series| series.subject) == Some(Subject::Requests);
            let own = self.series.entry(*id).or_default();
            for sum in [Some(own), is_requests.then_some(&mut self.all)]
                .into_iter()
                .flatten()
            {
                sum.counts += &part.counts;
                for timing in KEPT {
                    if let Some(times) = part.histogram(timing) {
                        merge(&mut sum.histograms[timing as usize], times);
                    }
                }
            }
        }
    }

    fn load(&self) -> LoadCounts {
        let seconds = self.end.saturating_sub(self.start).as_secs_f64().max(1e-6);
        LoadCounts {
            in_flight_milli: (self.in_flight_seconds / seconds * 1e3).round() as u64,
            ..self.load
        }
    }

    fn row(&self, series: Option<SeriesId>, part: &SeriesInterval, timing: Timing) -> Row {
        let times = |timing: Timing| part.histogram(timing);
        Row {
            start: self.start,
            end: self.end,
            is_warm_up: self.is_warm_up,
            series,
            ended: part.counts.ended,
            failed: part.counts.failed,
            response: times(timing).and_then(Spread::of),
            service_p99: times(Timing::ServiceTime)
                .filter(|times| !times.is_empty())
                .map(|times| quantiles(times, [0.99])[0]),
            bytes_in: part.counts.bytes_in,
            bytes_out: part.counts.bytes_out,
            load: None,
        }
    }
}

fn merge(sum: &mut Option<Histogram<u64>>, part: &Histogram<u64>) {
    match sum {
        Some(sum) => histogram::merge(sum, part),
        None => *sum = Some(part.clone()),
    }
}
