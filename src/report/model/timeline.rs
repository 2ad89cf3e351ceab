//! The timeline in at most 600 points: intervals collected into buckets of one or more whole seconds.

use std::collections::BTreeMap;

use crate::outcome::Outcome;
use crate::plan::{Series, Subject};
use crate::record::bins::Sum;
use crate::record::{Bins, Interval, KeptSum, SeriesInterval, Timing, add_kept};
use crate::units::Micros;

/// The maximum number of points, plus one for the boundary of the warm-up.
const MAX_POINTS: u64 = 599;

/// A time span of the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// Its start, on the run's clock.
    pub start: Micros,
    /// Its end.
    pub end: Micros,
    /// True if it is part of the warm-up.
    pub is_warm_up: bool,
    /// Iterations due.
    pub offered: u64,
    /// Iterations started.
    pub started: u64,
    /// Iterations due but not started at its end.
    pub backlog: u64,
    /// Active users at its end.
    pub active_users: u32,
    /// Requests in flight, averaged over it.
    pub in_flight: f64,
    /// Ended requests, including failed ones.
    pub requests: u64,
    /// The failed requests among them.
    pub failed: u64,
    /// Failed requests by class.
    pub failures: BTreeMap<Outcome, u64>,
    /// Response times; `None` if no request succeeded.
    pub response: Option<Spread>,
    /// The parts of the response times.
    pub phases: Phases,
    /// The generator's CPU usage as a fraction of all cores, averaged.
    pub generator_cpu: f64,
    /// The generator's resident memory at its end, in bytes.
    pub generator_rss: u64,
    /// The longest delay of the generator's event loop.
    pub loop_delay_max: Micros,
    /// Average CPU usage and resident memory in bytes of a target that Gander started.
    pub target: Option<(f64, u64)>,
    /// The kept metrics of the target, by name.
    pub kept: BTreeMap<String, KeptSum>,
}

/// Sums of times of successful requests and of opened connections, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Phases {
    /// The number of successful requests.
    pub requests: u64,
    /// From the intended start to the last byte.
    pub response: f64,
    /// From the actual start to the last byte.
    pub service: f64,
    /// From the actual start to the first byte.
    pub first_byte: f64,
    /// TCP connects.
    pub connect: f64,
    /// TLS handshakes.
    pub tls: f64,
}

impl Phases {
    fn add(&mut self, part: &SeriesInterval) {
        let total_of = |timing| part.histogram(timing).map_or(0.0, total);
        self.requests += part.histogram(Timing::ResponseTime).map_or(0, Bins::len);
        self.response += total_of(Timing::ResponseTime);
        self.service += total_of(Timing::ServiceTime);
        self.first_byte += total_of(Timing::Ttfb);
        self.connect += total_of(Timing::Connect);
        self.tls += total_of(Timing::Tls);
    }
}

/// Percentiles of a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// The median.
    pub p50: Micros,
    /// 95 of 100 lie at or below.
    pub p95: Micros,
    /// 99 of 100 lie at or below.
    pub p99: Micros,
    /// The longest.
    pub max: Micros,
    /// The mean, in microseconds.
    pub mean: f64,
}

impl Spread {
    /// Percentiles of some times; `None` if there are none.
    pub fn of(times: &Bins) -> Option<Self> {
        if times.is_empty() {
            return None;
        }
        let [p50, p95, p99] = times.values_at_quantiles([0.50, 0.95, 0.99]).map(Micros);
        Some(Self {
            p50,
            p95,
            p99,
            max: Micros(times.max()),
            mean: total(times) / times.len() as f64,
        })
    }
}

/// The sum of some times, in microseconds.
fn total(times: &Bins) -> f64 {
    let times = times.values();
    times.map(|(time, count)| time as f64 * count as f64).sum()
}

impl Point {
    /// Its duration in seconds; never zero.
    pub fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start).as_secs_f64().max(1e-6)
    }

    /// Its middle, in seconds on the run's clock.
    pub fn middle(&self) -> f64 {
        f64::midpoint(self.start.as_secs_f64(), self.end.as_secs_f64())
    }

    /// A count of it per second.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.seconds()
    }
}

/// The number of intervals per point that keeps the number of points below the limit: a round number.
pub fn intervals_per_point(intervals: u64, max_points: u64) -> u64 {
    const STEPS: [u64; 17] = [
        1, 2, 3, 4, 5, 6, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600,
    ];
    let least = intervals.div_ceil(max_points.max(1)).max(1);
    STEPS
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(least)
}

/// Collects intervals into points.
#[derive(Debug)]
pub(super) struct Buckets {
    per_point: u64,
    open: Option<OpenPoint>,
    points: Vec<Point>,
}

#[derive(Debug)]
struct OpenPoint {
    point: Point,
    intervals: u64,
    response: Sum,
    in_flight_seconds: f64,
    cpu_seconds: f64,
    target_seconds: f64,
}

impl Buckets {
    pub(super) fn new(intervals: u64) -> Self {
        Self {
            per_point: intervals_per_point(intervals, MAX_POINTS),
            open: None,
            points: Vec::new(),
        }
    }

    /// Adds an interval; `response` is the interval's response times over all series.
    pub(super) fn absorb(
        &mut self,
        interval: &Interval,
        series: &[Series],
        response: Option<&Bins>,
    ) {
        let is_full = self.open.as_ref().is_some_and(|open| {
            (open.intervals >= self.per_point && !interval.is_tail())
                || open.point.is_warm_up != interval.is_warm_up
        });
        if is_full {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| OpenPoint::new(interval));
        open.absorb(interval, series, response);
    }

    pub(super) fn finish(mut self) -> Vec<Point> {
        self.close();
        self.points
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.points.push(open.finish());
        }
    }
}

impl OpenPoint {
    fn new(interval: &Interval) -> Self {
        Self {
            point: Point {
                start: interval.start,
                is_warm_up: interval.is_warm_up,
                ..Point::default()
            },
            intervals: 0,
            response: Sum::default(),
            in_flight_seconds: 0.0,
            cpu_seconds: 0.0,
            target_seconds: 0.0,
        }
    }

    fn absorb(&mut self, interval: &Interval, series: &[Series], response: Option<&Bins>) {
        self.intervals += 1;
        let seconds = interval.end.saturating_sub(interval.start).as_secs_f64();
        let (point, load, health) = (&mut self.point, &interval.load, &interval.health);
        point.end = interval.end;
        point.offered += load.offered;
        point.started += load.started;
        // Levels of the last full second.
        let is_level = !interval.is_tail() || self.intervals == 1;
        if is_level {
            point.backlog = load.backlog;
            point.active_users = load.active_users;
            point.generator_rss = health.rss_bytes;
        }
        self.in_flight_seconds += load.in_flight_milli as f64 / 1e3 * seconds;
        for (id, part) in &interval.series {
            if series.get(id.0 as usize).map(|series| series.subject) != Some(Subject::Requests) {
                continue;
            }
            point.requests += part.counts.ended;
            point.failed += part.counts.failed;
            point.phases.add(part);
            for (outcome, count) in &part.counts.outcomes {
                if outcome.is_failure() {
                    *point.failures.entry(*outcome).or_default() += count;
                }
            }
        }
        if let Some(part) = response {
            self.response.add(part);
        }
        add_kept(&mut point.kept, interval);
        self.cpu_seconds += health.cpu * seconds;
        point.loop_delay_max = point.loop_delay_max.max(health.loop_delay_max);
        if let Some(target) = interval.target {
            self.target_seconds += target.cpu * seconds;
            point.target = Some((0.0, target.rss_bytes));
        }
    }

    fn finish(self) -> Point {
        let mut point = self.point;
        let seconds = point.seconds();
        point.in_flight = self.in_flight_seconds / seconds;
        point.generator_cpu = self.cpu_seconds / seconds;
        point.response = Spread::of(&self.response.bins());
        if let Some((cpu, _)) = &mut point.target {
            *cpu = self.target_seconds / seconds;
        }
        point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_length_has_at_most_600_points() {
        for (intervals, expected) in [
            (0, 1),
            (5, 1),
            (599, 1),
            (600, 2),
            (7_200, 15),
            (86_400, 300),
        ] {
            let per_point = intervals_per_point(intervals, MAX_POINTS);
            assert_eq!(per_point, expected, "{intervals}");
            assert!(intervals.div_ceil(per_point) <= MAX_POINTS);
        }
        assert!(10_000_000_u64.div_ceil(intervals_per_point(10_000_000, MAX_POINTS)) <= MAX_POINTS);
    }
}
