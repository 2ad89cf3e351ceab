//! Checks that the generator kept up. If it did not, the measurements describe the generator, not the target.

use super::warning::Warning;
use crate::outcome::Outcome;
use crate::plan::Subject;
use crate::record::{Interval, Timing, Totals};
use crate::units::Micros;

/// CPU usage, as a fraction of the cores that run users, above which a second counts as busy.
const CPU_BUSY: f64 = 0.80;
/// CPU usage above which a second counts as saturated.
pub const CPU_SATURATED: f64 = 0.90;
/// The shortest interval with a meaningful CPU usage: the last one may be only a few milliseconds of shutdown.
const CPU_SHORTEST: Micros = Micros(500_000);
/// Continuous CPU saturation of this length makes the run invalid.
const CPU_PATIENCE: Micros = Micros(5_000_000);
/// Scheduling lag at p99 that causes a warning.
pub const LAG_HIGH: Micros = Micros(5_000);
/// Scheduling lag at p99 that makes the run invalid.
pub const LAG_INVALID: Micros = Micros(50_000);
/// The minimum number of iterations for judging the lag.
const LAG_SAMPLES: u64 = 100;
/// The minimum number of wake-ups for judging the lag: two seconds of one thread.
const WAKE_UP_SAMPLES: u64 = 48;
/// A delay of the event loop that causes a warning.
const LOOP_DELAY_HIGH: Micros = Micros(100_000);
/// A stall of this length makes the run invalid.
const STANDSTILL_INVALID: Micros = Micros(1_000_000);
/// The fraction of the measured time that stalls may take in total.
const STANDSTILL_PART: f64 = 0.05;
/// The fraction of the measured time for which a CPU quota may throttle the generator.
pub const THROTTLED_PART: f64 = 0.01;
/// The fraction of the machine's CPU time that other machines may take.
pub const STOLEN_PART: f64 = 0.05;
/// A difference in Little's law that causes a warning.
const LITTLE_GAP: f64 = 0.05;
/// The shortest measurement to which Little's law is applied.
const LITTLE_LENGTH: Micros = Micros(10_000_000);
/// The minimum number of requests in flight for Little's law: with only a few, one more or less is a large fraction.
const LITTLE_HANDFUL: f64 = 5.0;
/// Samples of requests in flight per second.
const LITTLE_SAMPLING: f64 = 24.0;

/// The parts of the generator's health that must be observed in each interval.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GeneratorWatch {
    busy: Micros,
    peak: f64,
    saturated: Micros,
    longest_saturated: Micros,
}

impl GeneratorWatch {
    pub(super) fn observe(&mut self, interval: &Interval) {
        let length = interval.end.saturating_sub(interval.start);
        if length < CPU_SHORTEST {
            return;
        }
        self.peak = self.peak.max(interval.health.user_cores);
        if interval.health.user_cores >= CPU_BUSY {
            self.busy += length;
        }
        if interval.health.user_cores >= CPU_SATURATED {
            self.saturated += length;
            self.longest_saturated = self.longest_saturated.max(self.saturated);
        } else {
            self.saturated = Micros::ZERO;
        }
    }

    /// Warnings about the generator, the most serious first.
    pub(super) fn warnings(&self, totals: &Totals) -> Vec<Warning> {
        let found = [
            still(totals),
            cpu(self),
            late(totals),
            little(totals),
            throttled(totals),
            stolen(totals),
        ];
        let mut warnings: Vec<Warning> = found.into_iter().flatten().collect();
        warnings.extend(own_limits(totals));
        warnings.sort_by_key(|warning| !warning.is_invalidating());
        warnings
    }
}

fn cpu(watch: &GeneratorWatch) -> Option<Warning> {
    if watch.longest_saturated >= CPU_PATIENCE {
        return Some(Warning::CpuSaturated {
            lasted: watch.longest_saturated,
        });
    }
    (watch.busy > Micros::ZERO).then_some(Warning::CpuBusy {
        peak: watch.peak,
        lasted: watch.busy,
    })
}

/// Warns of late iterations or of late timers, not of both, since one delay causes both. A closed model starts its
/// iterations as soon as it can, so only its timers show the delay.
fn late(totals: &Totals) -> Option<Warning> {
    let (lag, wake_ups) = (lag(totals), wake_ups(totals));
    let is_grave = |warning: &Warning| warning.is_invalidating();
    match (&lag, &wake_ups) {
        (Some(lag), Some(wake_ups)) if is_grave(wake_ups) && !is_grave(lag) => {
            Some(wake_ups.clone())
        }
        _ => lag.or(wake_ups),
    }
}

fn wake_ups(totals: &Totals) -> Option<Warning> {
    let wake_ups = totals.health().wake_ups;
    if wake_ups.count() < WAKE_UP_SAMPLES {
        return None;
    }
    let (later_than, _) = wake_ups.p99()?;
    if later_than >= LAG_INVALID {
        Some(Warning::WakeUpsInvalid { later_than })
    } else {
        (later_than >= LAG_HIGH).then_some(Warning::WakeUpsHigh { later_than })
    }
}

fn lag(totals: &Totals) -> Option<Warning> {
    let lag = totals.timing(Timing::SchedulingLag, &[]);
    if lag.len() < LAG_SAMPLES {
        return None;
    }
    let p99 = Micros(lag.value_at_quantile(0.99));
    if p99 > LAG_INVALID {
        Some(Warning::LagInvalid { p99 })
    } else {
        (p99 > LAG_HIGH).then_some(Warning::LagHigh { p99 })
    }
}

/// Warns of stalls, however few iterations or requests were affected.
fn still(totals: &Totals) -> Option<Warning> {
    let health = totals.health();
    let (longest, together) = (health.peak.loop_delay_max, health.stood_still);
    let measured = totals.duration();
    if longest > STANDSTILL_INVALID || is_more_than(STANDSTILL_PART, together, measured) {
        return Some(Warning::Standstill {
            longest,
            together,
            measured,
        });
    }
    (longest > LOOP_DELAY_HIGH).then_some(Warning::LoopDelay { longest })
}

fn throttled(totals: &Totals) -> Option<Warning> {
    let (lasted, measured) = (totals.health().throttled, totals.duration());
    is_more_than(THROTTLED_PART, lasted, measured)
        .then_some(Warning::CpuThrottled { lasted, measured })
}

fn stolen(totals: &Totals) -> Option<Warning> {
    let part = totals.health().mean_stolen;
    (part > STOLEN_PART).then_some(Warning::CpuStolen { part })
}

fn is_more_than(limit: f64, time: Micros, of: Micros) -> bool {
    time.0 as f64 > limit * of.0 as f64
}

/// Requests that limits of this machine prevented.
fn own_limits(totals: &Totals) -> impl Iterator<Item = Warning> {
    let counts = totals.counts(Subject::Requests);
    let (files, ports) = (
        counts.by_outcome(Outcome::FdLimit),
        counts.by_outcome(Outcome::PortLimit),
    );
    [
        (files > 0).then_some(Warning::FdLimit { requests: files }),
        (ports > 0).then_some(Warning::PortLimit { requests: ports }),
    ]
    .into_iter()
    .flatten()
}

/// Little's law, L = λ·W: the mean number of requests in flight, sampled by the clock, against throughput × mean
/// service time.
///
/// The law holds for any stable system, so a difference means that the times or the counts are wrong. It is applied
/// only where the two sides are comparable: more than a few requests in flight, nearly no failures (their service
/// time is not recorded), and a measurement much longer than a request. The tolerance covers the error of the
/// sampling: four standard errors of the mean of independent Poisson counts, and the requests that cross the ends of
/// the measurement.
fn little(totals: &Totals) -> Option<Warning> {
    let counts = totals.counts(Subject::Requests);
    let service = totals.timing(Timing::ServiceTime, &[]);
    let (in_flight, seconds) = (totals.mean_in_flight(), totals.duration().as_secs_f64());
    let is_comparable = totals.duration() >= LITTLE_LENGTH
        && in_flight >= 1.0
        && !service.is_empty()
        && (counts.failed + counts.interrupted) * 100 <= counts.ended;
    if !is_comparable {
        return None;
    }
    let mean_seconds = service.mean() / 1e6;
    let expected = counts.ended as f64 / seconds * mean_seconds;
    let level = in_flight.max(expected);
    // Two samples within the lifetime of one request are strongly correlated.
    let independent = seconds / (2.0 * mean_seconds).max(1.0 / LITTLE_SAMPLING);
    let error = 4.0 / (level * independent).sqrt();
    let tolerance = LITTLE_GAP.max(error) + mean_seconds / seconds;
    let gap = (in_flight - expected).abs() / level;
    (level >= LITTLE_HANDFUL && gap > tolerance).then_some(Warning::LittlesLaw {
        in_flight,
        expected,
    })
}
