//! Rates a measure in five levels, by one table of bounds.

use serde::Serialize;

use super::sample::Sample;
use super::usage::{BreakerMode, PoolUse};

/// From best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Excellent,
    Good,
    Fair,
    Poor,
    Critical,
}

/// An area of the service, its measure and the bounds of its levels.
pub(super) struct HealthArea {
    /// Name in JSON and on the status page.
    pub(super) name: &'static str,
    /// The measured value; `None` if the window has none.
    pub(super) measure: fn(&Sample) -> Option<f64>,
    /// Unit of the measure: milliseconds, a ratio, or a state.
    pub(super) unit: &'static str,
    /// The last value that is still Excellent, Good, Fair, Poor. Descending bounds mean that higher is better.
    pub(super) bounds: [f64; 4],
    /// Minimum change of a trend.
    pub(super) least_change: f64,
}

/// The bounds of every level; a value beyond the last bound is Critical.
#[rustfmt::skip]
pub(super) const AREAS: [HealthArea; 9] = [
    // 95th percentile of the time to the response head.
    HealthArea { name: "latency", measure: latency, unit: "ms", bounds: [20.0, 100.0, 300.0, 1_000.0], least_change: 1.0 },
    // Ratio of 5xx responses.
    HealthArea { name: "errors", measure: errors, unit: "ratio", bounds: [0.001, 0.005, 0.01, 0.05], least_change: 0.001 },
    // Ratio of cached reads that needed no query.
    HealthArea { name: "cache", measure: cache, unit: "ratio", bounds: [0.95, 0.85, 0.7, 0.5], least_change: 0.01 },
    // 95th percentile of the wait for a connection, in the pool with the longest.
    HealthArea { name: "pool_wait", measure: pool_wait, unit: "ms", bounds: [1.0, 5.0, 20.0, 100.0], least_change: 0.5 },
    // Ratio of connections in use, in the pool with the highest.
    HealthArea { name: "pool_use", measure: pool_use, unit: "ratio", bounds: [0.5, 0.7, 0.85, 0.95], least_change: 0.05 },
    // Ratio of rejected requests.
    HealthArea { name: "admission", measure: rejected, unit: "ratio", bounds: [0.001, 0.01, 0.05, 0.2], least_change: 0.01 },
    // The worst breaker: 0 closed, 1 half-open, 2 open.
    HealthArea { name: "breakers", measure: breakers, unit: "state", bounds: [0.0, 0.0, 1.0, 1.0], least_change: 0.5 },
    // Ratio of the available cores that the process uses.
    HealthArea { name: "cpu", measure: cpu, unit: "ratio", bounds: [0.5, 0.7, 0.85, 0.95], least_change: 0.05 },
    // Ratio of open file descriptors to the limit.
    HealthArea { name: "files", measure: files, unit: "ratio", bounds: [0.5, 0.7, 0.85, 0.95], least_change: 0.05 },
];

impl HealthArea {
    /// The best level that the latency can have: an error response is not good, however fast it is.
    pub(super) fn least_level(&self, sample: &Sample) -> Level {
        let errors = AREAS.iter().find(|area| area.name == "errors");
        let told = errors.filter(|_| self.name == "latency");
        told.and_then(|errors| Some(Level::of((errors.measure)(sample)?, &errors.bounds)))
            .unwrap_or(Level::Excellent)
    }
}

impl Level {
    /// The level of `value` under `bounds`, see [`HealthArea::bounds`].
    pub(super) fn of(value: f64, bounds: &[f64; 4]) -> Self {
        let more_is_better = bounds[0] > bounds[3];
        let is_within = |bound: &f64| {
            if more_is_better {
                value >= *bound
            } else {
                value <= *bound
            }
        };
        match bounds.iter().position(is_within) {
            Some(0) => Self::Excellent,
            Some(1) => Self::Good,
            Some(2) => Self::Fair,
            Some(_) => Self::Poor,
            None => Self::Critical,
        }
    }
}

fn latency(sample: &Sample) -> Option<f64> {
    sample.requests.latency_ms.map(|latency| latency.p95)
}

fn errors(sample: &Sample) -> Option<f64> {
    sample.requests.error_ratio
}

fn cache(sample: &Sample) -> Option<f64> {
    sample.cache.as_ref()?.overall.hit_ratio
}

pub(super) fn pool_wait(sample: &Sample) -> Option<f64> {
    let waits = sample.pools.iter().filter_map(|pool| pool.wait_p95_ms);
    waits.max_by(f64::total_cmp)
}

fn pool_use(sample: &Sample) -> Option<f64> {
    let used = |pool: &PoolUse| (pool.size > 0.0).then(|| pool.in_use / pool.size);
    let parts = sample.pools.iter().filter_map(used);
    parts.max_by(f64::total_cmp)
}

fn rejected(sample: &Sample) -> Option<f64> {
    sample.admission.as_ref()?.rejected_ratio
}

fn breakers(sample: &Sample) -> Option<f64> {
    let states = sample.breakers.iter().map(|breaker| match breaker.state {
        BreakerMode::Closed => 0.0,
        BreakerMode::HalfOpen => 1.0,
        BreakerMode::Open => 2.0,
    });
    states.max_by(f64::total_cmp)
}

fn cpu(sample: &Sample) -> Option<f64> {
    sample.process.as_ref().map(|process| process.cpu)
}

pub(super) fn files(sample: &Sample) -> Option<f64> {
    let process = sample.process.as_ref()?;
    (process.most_files > 0.0).then(|| process.open_files / process.most_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_has_the_better_level() {
        let bounds = [1.0, 2.0, 3.0, 4.0];
        for (value, level) in [
            (0.0, Level::Excellent),
            (1.0, Level::Excellent),
            (1.01, Level::Good),
            (2.0, Level::Good),
            (3.0, Level::Fair),
            (4.0, Level::Poor),
            (4.01, Level::Critical),
        ] {
            assert_eq!(Level::of(value, &bounds), level, "{value}");
        }
    }

    #[test]
    fn descending_bounds_mean_that_higher_is_better() {
        let bounds = [0.95, 0.85, 0.7, 0.5];
        for (value, level) in [
            (1.0, Level::Excellent),
            (0.95, Level::Excellent),
            (0.94, Level::Good),
            (0.7, Level::Fair),
            (0.5, Level::Poor),
            (0.0, Level::Critical),
        ] {
            assert_eq!(Level::of(value, &bounds), level, "{value}");
        }
    }

    #[test]
    fn every_area_has_ordered_bounds_and_a_unique_name() {
        for (position, area) in AREAS.iter().enumerate() {
            let rises = area.bounds.is_sorted();
            let falls = area.bounds.is_sorted_by(|one, next| one >= next);
            assert!(rises || falls, "{}", area.name);
            let same = AREAS[..position].iter();
            assert_eq!(same.filter(|other| other.name == area.name).count(), 0);
        }
    }

    #[test]
    fn errors_are_not_excellent_however_fast_they_come() {
        let area = AREAS.iter().find(|area| area.name == "latency");
        let area = area.expect("the area");
        let mut sample = Sample::blank();
        for (ratio, level) in [
            (0.0, Level::Excellent),
            (0.02, Level::Poor),
            (1.0, Level::Critical),
        ] {
            sample.requests.error_ratio = Some(ratio);
            assert_eq!(area.least_level(&sample), level, "{ratio}");
        }
        let cpu = AREAS.iter().find(|area| area.name == "cpu");
        assert_eq!(
            cpu.expect("the area").least_level(&sample),
            Level::Excellent
        );
    }

    #[test]
    fn a_breaker_is_excellent_closed_fair_half_open_and_critical_open() {
        let area = AREAS.iter().find(|area| area.name == "breakers");
        let bounds = area.expect("the area").bounds;
        assert_eq!(Level::of(0.0, &bounds), Level::Excellent);
        assert_eq!(Level::of(1.0, &bounds), Level::Fair);
        assert_eq!(Level::of(2.0, &bounds), Level::Critical);
    }
}
