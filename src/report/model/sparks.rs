//! p95 response times over time by series, for sparklines: the first hundred series, with at most sixty points.

use super::timeline::intervals_per_point;
use crate::record::bins::Sum;
use crate::record::{Interval, Timing};
use crate::units::Micros;

/// Collects intervals into points.
#[derive(Debug)]
pub(super) struct Sparks {
    per_point: u64,
    /// Intervals in the current point.
    intervals: u64,
    closed: usize,
    open: Vec<Sum>,
    points: Vec<Vec<Option<Micros>>>,
}

impl Sparks {
    const MAX_POINTS: u64 = 60;
    const MAX_SERIES: usize = 100;

    pub(super) fn new(intervals: u64) -> Self {
        Self {
            per_point: intervals_per_point(intervals, Self::MAX_POINTS),
            intervals: 0,
            closed: 0,
            open: Vec::new(),
            points: Vec::new(),
        }
    }

    pub(super) fn absorb(&mut self, interval: &Interval) {
        if self.intervals >= self.per_point && !interval.is_tail() {
            self.close();
        }
        for (id, part) in &interval.series {
            let index = id.0 as usize;
            let Some(times) = part.histogram(Timing::ResponseTime) else {
                continue;
            };
            if index >= Self::MAX_SERIES {
                continue;
            }
            if self.open.len() <= index {
                self.open.resize_with(index + 1, Sum::default);
            }
            self.open[index].add(times);
        }
        self.intervals += 1;
    }

    fn close(&mut self) {
        let before = self.closed;
        self.points
            .resize_with(self.open.len(), || vec![None; before]);
        for (points, times) in self.points.iter_mut().zip(&mut self.open) {
            let times = times.take();
            points.push((!times.is_empty()).then(|| Micros(times.value_at_quantile(0.95))));
        }
        self.closed += 1;
        self.intervals = 0;
    }

    pub(super) fn finish(mut self) -> Vec<Vec<Option<Micros>>> {
        if self.intervals > 0 {
            self.close();
        }
        self.points
    }
}
