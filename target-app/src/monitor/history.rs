//! The history of recent samples, for charts and trends: a bounded number of numbers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::level::AREAS;
use super::sample::Sample;
use super::trend::Trend;
use super::usage::PoolUse;

/// Samples kept: ten minutes at one per second.
pub(crate) const MOST_POINTS: usize = 600;
/// Period of a trend.
const TREND: Duration = Duration::from_mins(1);

/// A chart's name and its value in a sample.
type Measure = (&'static str, fn(&Sample) -> Option<f64>);

/// The charts, as columns of numbers.
const MEASURES: [Measure; 15] = [
    ("requests_per_second", |s| Some(s.requests.per_second)),
    ("p50_ms", |s| Some(s.requests.latency_ms?.p50)),
    ("p95_ms", |s| Some(s.requests.latency_ms?.p95)),
    ("p99_ms", |s| Some(s.requests.latency_ms?.p99)),
    ("error_ratio", |s| s.requests.error_ratio),
    ("hit_ratio", |s| s.cache.as_ref()?.overall.hit_ratio),
    ("l1_hit_ratio", |s| s.cache.as_ref()?.l1.hit_ratio),
    ("l2_hit_ratio", |s| s.cache.as_ref()?.l2.hit_ratio),
    ("queries_per_second", |s| {
        Some(s.database.as_ref()?.queries_per_second)
    }),
    ("pool_in_use", |s| pools(s, |pool| pool.in_use)),
    ("pool_waiting", |s| pools(s, |pool| pool.waiting)),
    ("rejected_per_second", |s| {
        Some(s.admission.as_ref()?.rejected_per_second)
    }),
    ("tasks_per_second", |s| {
        Some(s.tasks.as_ref()?.ended_per_second)
    }),
    ("cpu", |s| Some(s.process.as_ref()?.cpu)),
    ("resident_bytes", |s| {
        Some(s.process.as_ref()?.resident_bytes)
    }),
];

/// The recent samples, oldest first.
#[derive(Default)]
pub(super) struct History {
    points: VecDeque<Point>,
}

struct Point {
    at: Instant,
    at_ms: u64,
    measures: [Option<f64>; MEASURES.len()],
    areas: [Option<f64>; AREAS.len()],
}

impl History {
    pub(super) fn push(&mut self, at: Instant, sample: &Sample) {
        if self.points.len() == MOST_POINTS {
            self.points.pop_front();
        }
        self.points.push_back(Point {
            at,
            at_ms: sample.at_ms,
            measures: MEASURES.map(|(_, of)| of(sample)),
            areas: AREAS.map(|area| (area.measure)(sample)),
        });
    }

    /// The trend of each of [`AREAS`] over the last minute.
    pub(super) fn trends(&self) -> [Option<Trend>; AREAS.len()] {
        let Some(last) = self.points.back() else {
            return [None; AREAS.len()];
        };
        let recent = self.points.iter().rev();
        let recent: Vec<_> = recent
            .take_while(|point| last.at.duration_since(point.at) <= TREND)
            .collect();
        let mut trends = [None; AREAS.len()];
        for (place, (trend, area)) in trends.iter_mut().zip(&AREAS).enumerate() {
            let points = recent.iter().filter_map(|point| {
                let before_now = last.at.duration_since(point.at).as_secs_f64();
                Some((-before_now, point.areas[place]?))
            });
            *trend = Trend::of(&points.collect::<Vec<_>>(), area.least_change);
        }
        trends
    }

    /// The latest `count` samples as columns: `at_ms` and one per chart, with `null` for missing values.
    pub(super) fn columns(&self, count: usize) -> Value {
        let first = self.points.len().saturating_sub(count);
        let latest = || self.points.range(first..);
        let mut columns = Map::new();
        let times = latest().map(|point| Value::from(point.at_ms));
        columns.insert("at_ms".to_owned(), times.collect());
        for (place, (name, _)) in MEASURES.iter().enumerate() {
            let values = latest().map(|point| Value::from(point.measures[place]));
            columns.insert((*name).to_owned(), values.collect());
        }
        Value::Object(columns)
    }
}

fn pools(sample: &Sample, of: fn(&PoolUse) -> f64) -> Option<f64> {
    let pools = &sample.pools;
    (!pools.is_empty()).then(|| pools.iter().map(of).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::sample::Latency;
    use crate::monitor::trend::Direction;

    fn pushed(count: u32, p95: impl Fn(u32) -> Option<f64>) -> History {
        let mut history = History::default();
        let began = Instant::now();
        for second in 0..count {
            let mut sample = Sample::blank();
            sample.at_ms = u64::from(second) * 1_000;
            sample.requests.latency_ms = p95(second).map(|p95| Latency {
                p50: 1.0,
                p95,
                p99: p95,
            });
            history.push(began + Duration::from_secs(second.into()), &sample);
        }
        history
    }

    #[test]
    fn the_history_is_bounded() {
        let history = pushed(MOST_POINTS as u32 + 5, |_| None);
        let columns = history.columns(usize::MAX);
        let times = columns["at_ms"].as_array().expect("a column");
        assert_eq!(times.len(), MOST_POINTS);
        assert_eq!(times[0], 5_000);
        let few = history.columns(3);
        assert_eq!(few["p95_ms"], serde_json::json!([null, null, null]));
        assert_eq!(
            few["requests_per_second"],
            serde_json::json!([0.0, 0.0, 0.0])
        );
        assert_eq!(few["at_ms"][2], times[MOST_POINTS - 1]);
    }

    #[test]
    fn a_trend_uses_only_the_last_minute() {
        // It fell for a long time and has risen for a minute.
        let history = pushed(300, |second| {
            Some(if second < 239 {
                3_000.0 - 10.0 * f64::from(second)
            } else {
                100.0 + 2.0 * f64::from(second - 239)
            })
        });
        let latency = history.trends()[0].expect("a trend");
        assert_eq!(latency.direction, Direction::Rising);
        assert!((latency.per_minute - 120.0).abs() < 1e-6, "{latency:?}");
    }

    #[test]
    fn samples_without_a_value_do_not_affect_the_trend() {
        let history = pushed(60, |second| {
            (second % 2 == 0).then(|| f64::from(second) * 3.0)
        });
        let latency = history.trends()[0].expect("a trend");
        assert!((latency.per_minute - 180.0).abs() < 1e-6, "{latency:?}");
        assert!(pushed(0, |_| None).trends().iter().all(Option::is_none));
    }
}
