//! The timeline by series: one row per second and series, or per several seconds if the run is so long or has so many
//! series that the rows would not fit into memory.

use std::collections::BTreeMap;

use super::timeline::{Spread, intervals_per_point};
use crate::plan::{Series, SeriesId, Subject};
use crate::record::bins::Sum;
use crate::record::{Bins, Counts, Interval, KeptSum, LoadCounts, Timing, add_kept};
use crate::units::Micros;

/// The maximum number of rows.
const MAX_ROWS: u64 = 400_000;

/// The timeline by series.
#[derive(Debug, Clone, Default)]
pub struct SeriesTimeline {
    /// Intervals per row.
    pub intervals_per_row: u64,
    /// In chronological order; for each time the whole run first, then the series.
    pub rows: Vec<Row>,
    /// The kept metrics of the target, for each row of the whole run in their order.
    pub kept: Vec<BTreeMap<String, KeptSum>>,
}

/// A row: the whole run or a series in a time span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Its start, on the run's clock.
    pub start: Micros,
    /// Its end.
    pub end: Micros,
    /// True if it is part of the warm-up.
    pub is_warm_up: bool,
    /// The series; `None` for the whole run, with counts of requests.
    pub series: Option<SeriesId>,
    /// Ended requests or iterations.
    pub ended: u64,
    /// The failed ones among them.
    pub failed: u64,
    /// Response time of requests, iteration time of iterations.
    pub response: Option<Spread>,
    /// p99 of the service time of requests.
    pub service_p99: Option<Micros>,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// The offered and the started load; only for the whole run.
    pub load: Option<LoadCounts>,
}

impl SeriesTimeline {
    /// The rows of a single interval.
    pub fn of(interval: &Interval, series: &[Series]) -> Self {
        let mut sum = Sum::default();
        let mut over_all = |timing| super::build::over_all(interval, timing, &mut sum);
        let response = over_all(Timing::ResponseTime);
        let service = over_all(Timing::ServiceTime);
        let mut fold = RowFold::new(1, series.len());
        fold.absorb(interval, series, response.as_ref(), service.as_ref());
        fold.finish()
    }
}

/// Collects intervals into rows.
#[derive(Debug)]
pub(super) struct RowFold {
    rows: SeriesTimeline,
    open: Option<OpenRow>,
}

/// Sums for the row in progress.
#[derive(Debug, Default)]
struct OpenRow {
    start: Micros,
    end: Micros,
    is_warm_up: bool,
    intervals: u64,
    load: LoadCounts,
    in_flight_seconds: f64,
    all: SeriesSum,
    series: BTreeMap<SeriesId, SeriesSum>,
    kept: BTreeMap<String, KeptSum>,
}

/// Sums of a series, or of all requests.
#[derive(Debug, Default)]
struct SeriesSum {
    ended: u64,
    failed: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// The times of the first interval, which is usually the only one.
    first: (Option<Bins>, Option<Bins>),
    /// All times, if there are more intervals.
    merged: Option<(Sum, Sum)>,
}

impl RowFold {
    pub(super) fn new(intervals: u64, series: usize) -> Self {
        let max_points = (MAX_ROWS / (series as u64 + 1)).max(1);
        Self {
            rows: SeriesTimeline {
                intervals_per_row: intervals_per_point(intervals, max_points),
                rows: Vec::new(),
                kept: Vec::new(),
            },
            open: None,
        }
    }

    /// Adds an interval; `response` and `service` are its times over all requests.
    pub(super) fn absorb(
        &mut self,
        interval: &Interval,
        series: &[Series],
        response: Option<&Bins>,
        service: Option<&Bins>,
    ) {
        let per_row = self.rows.intervals_per_row;
        let is_full = self.open.as_ref().is_some_and(|open| {
            (open.intervals >= per_row && !interval.is_tail())
                || open.is_warm_up != interval.is_warm_up
        });
        if is_full {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| OpenRow {
            start: interval.start,
            is_warm_up: interval.is_warm_up,
            ..OpenRow::default()
        });
        open.end = interval.end;
        open.intervals += 1;
        open.add_load(interval);
        add_kept(&mut open.kept, interval);
        // The short rest of a run may still be added to a single-interval row.
        let is_single = per_row == 1 && open.intervals == 1;
        open.all.add_times(response, service, is_single);
        for (id, part) in &interval.series {
            let Some(subject) = series.get(id.0 as usize).map(|series| series.subject) else {
                continue;
            };
            let timing = match subject {
                Subject::Requests | Subject::Silent => Timing::ResponseTime,
                Subject::Iterations => Timing::IterationTime,
                Subject::Groups => Timing::GroupTime,
            };
            match subject {
                Subject::Requests => open.all.add_counts(&part.counts),
                Subject::Silent => {
                    // A part of the whole run, and of no row of its own.
                    open.all.add_counts(&part.counts);
                    continue;
                }
                Subject::Iterations | Subject::Groups => {}
            }
            let own = open.series.entry(*id).or_default();
            own.add_counts(&part.counts);
            own.add_times(
                part.histogram(timing),
                part.histogram(Timing::ServiceTime),
                is_single,
            );
        }
    }

    pub(super) fn finish(mut self) -> SeriesTimeline {
        self.close();
        self.rows
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let load = open.load();
        let all = std::mem::take(&mut open.all);
        let series = std::mem::take(&mut open.series);
        self.rows.kept.push(std::mem::take(&mut open.kept));
        let rows = &mut self.rows.rows;
        rows.push(Row {
            load: Some(load),
            ..open.row(None, &all)
        });
        rows.extend(series.into_iter().map(|(id, sum)| open.row(Some(id), &sum)));
    }
}

impl OpenRow {
    fn add_load(&mut self, interval: &Interval) {
        let length = interval.end.saturating_sub(interval.start).as_secs_f64();
        self.in_flight_seconds += interval.load.in_flight_milli as f64 / 1e3 * length;
        // Levels of the last full second.
        let levels = if interval.is_tail() && self.intervals > 1 {
            self.load
        } else {
            interval.load
        };
        self.load = LoadCounts {
            offered: self.load.offered + interval.load.offered,
            started: self.load.started + interval.load.started,
            late: self.load.late + interval.load.late,
            unstarted: self.load.unstarted + interval.load.unstarted,
            drain: self.load.drain + interval.load.drain,
            peak_users: self.load.peak_users.max(interval.load.peak_users),
            ..levels
        };
    }

    fn load(&self) -> LoadCounts {
        let seconds = self.end.saturating_sub(self.start).as_secs_f64().max(1e-6);
        LoadCounts {
            in_flight_milli: (self.in_flight_seconds / seconds * 1e3).round() as u64,
            ..self.load
        }
    }

    fn row(&self, series: Option<SeriesId>, sum: &SeriesSum) -> Row {
        let (response, service_p99) = match &sum.merged {
            Some((response, service)) => (Spread::of(&response.bins()), p99(&service.bins())),
            None => (
                sum.first.0.as_ref().and_then(Spread::of),
                sum.first.1.as_ref().and_then(p99),
            ),
        };
        Row {
            start: self.start,
            end: self.end,
            is_warm_up: self.is_warm_up,
            series,
            ended: sum.ended,
            failed: sum.failed,
            response,
            service_p99,
            bytes_in: sum.bytes_in,
            bytes_out: sum.bytes_out,
            load: None,
        }
    }
}

impl SeriesSum {
    fn add_counts(&mut self, counts: &Counts) {
        self.ended += counts.ended;
        self.failed += counts.failed;
        self.bytes_in += counts.bytes_in;
        self.bytes_out += counts.bytes_out;
    }

    /// A single-interval row needs no sums over all bins.
    fn add_times(&mut self, response: Option<&Bins>, service: Option<&Bins>, is_single: bool) {
        if is_single {
            self.first = (response.cloned(), service.cloned());
            return;
        }
        let (all_response, all_service) = self.merged.get_or_insert_default();
        let (first_response, first_service) = std::mem::take(&mut self.first);
        for part in [first_response.as_ref(), response].into_iter().flatten() {
            all_response.add(part);
        }
        for part in [first_service.as_ref(), service].into_iter().flatten() {
            all_service.add(part);
        }
    }
}

fn p99(times: &Bins) -> Option<Micros> {
    (!times.is_empty()).then(|| Micros(times.value_at_quantile(0.99)))
}
