//! p95 response times over time by series, for sparklines: of the first hundred series, in at most sixty points.

use hdrhistogram::Histogram;

use super::distribution::quantiles;
use super::timeline::intervals_per_point;
use crate::record::{Interval, Timing, histogram};
use crate::units::Micros;

/// Folds intervals into points.
#[derive(Debug)]
pub(super) struct Sparks {
    per_point: u64,
    absorbed: u64,
    open: Vec<Histogram<u64>>,
    points: Vec<Vec<Option<Micros>>>,
}

impl Sparks {
    const MAX_POINTS: u64 = 60;
    const MAX_SERIES: usize = 100;

    pub(super) fn new(intervals: u64) -> Self {
        Self {
            per_point: intervals_per_point(intervals, Self::MAX_POINTS),
            absorbed: 0,
            open: Vec::new(),
            points: Vec::new(),
        }
    }

    pub(super) fn absorb(&mut self, interval: &Interval) {
        for (id, part) in &interval.series {
            let index = id.0 as usize;
            let Some(times) = part.histogram(Timing::ResponseTime) else {
                continue;
            };
            if index >= Self::MAX_SERIES {
                continue;
            }
            if self.open.len() <= index {
                self.open.resize_with(index + 1, histogram::empty);
            }
            histogram::merge(&mut self.open[index], times);
        }
        self.absorbed += 1;
        if self.absorbed.is_multiple_of(self.per_point) {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.points.len() < self.open.len() {
            let before = self.points.iter().map(Vec::len).max().unwrap_or_else(|| {
                (self.absorbed.div_ceil(self.per_point) as usize).saturating_sub(1)
            });
            self.points
                .resize_with(self.open.len(), || vec![None; before]);
        }
        for (points, times) in self.points.iter_mut().zip(&mut self.open) {
            points.push((!times.is_empty()).then(|| quantiles(times, [0.95])[0]));
            times.reset();
        }
    }

    pub(super) fn finish(mut self) -> Vec<Vec<Option<Micros>>> {
        if !self.absorbed.is_multiple_of(self.per_point) {
            self.close();
        }
        self.points
    }
}
