//! Whether the generator kept up: if it did not, the numbers are about it and not about the target.

use super::warning::Warning;
use crate::outcome::Outcome;
use crate::plan::Subject;
use crate::record::{Interval, Timing, Totals};
use crate::units::Micros;

/// CPU use, as a part of the cores that users are played on, from which a second is busy.
const CPU_BUSY: f64 = 0.80;
/// CPU use from which a second is saturated.
const CPU_SATURATED: f64 = 0.90;
/// The shortest interval whose CPU use says anything: the last one may be a few milliseconds of winding up.
const CPU_SHORTEST: Micros = Micros(500_000);
/// How long the CPU must be saturated without a pause to make the run invalid.
const CPU_PATIENCE: Micros = Micros(5_000_000);
/// Scheduling lag, at the 99th percentile, of a generator that is not healthy.
const LAG_HIGH: Micros = Micros(5_000);
/// Scheduling lag, at the 99th percentile, that makes the run invalid.
const LAG_INVALID: Micros = Micros(50_000);
/// Fewer iterations than this say nothing about the lag.
const LAG_SAMPLES: u64 = 100;
/// Fewer wake-ups than this say nothing about the lag: those of two seconds on one thread.
const WAKE_UP_SAMPLES: u64 = 48;
/// A delay of the event loop worth a warning.
const LOOP_DELAY_HIGH: Micros = Micros(100_000);
/// A standstill that makes the run invalid.
const STANDSTILL_INVALID: Micros = Micros(1_000_000);
/// The part of the measured time that standstills may take together.
const STANDSTILL_PART: f64 = 0.05;
/// The part of the measured time in which a CPU quota may keep the generator from running.
const THROTTLED_PART: f64 = 0.01;
/// The part of the machine's CPU time that others may have.
const STOLEN_PART: f64 = 0.05;
/// The gap in Little's law worth a warning.
const LITTLE_GAP: f64 = 0.05;
/// The shortest measurement that Little's law is asked of.
const LITTLE_LENGTH: Micros = Micros(10_000_000);
/// More requests in flight than Little's law is asked of: of a handful, one more or less is a large part.
const LITTLE_HANDFUL: f64 = 5.0;
/// How often requests in flight are counted, a second.
const LITTLE_SAMPLING: f64 = 24.0;

/// What of the generator's health must be seen interval by interval.
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

    /// What is to be said of the generator, the gravest first.
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

/// Iterations that started late, and timers that woke up late: one of the two, since both are the same delay. A closed
/// model starts its iterations when it can, so that only its timers tell.
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

/// Standstills, however few iterations or requests there were to see them.
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

/// Requests that this machine's own limits kept from being sent.
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

/// Little's law, L = λ·W: the mean of requests in flight, counted by the clock, against throughput × mean service time.
///
/// The law holds for any stable system, so a gap means that the times or the counts are wrong. It is asked only where
/// the two sides are comparable: more than a handful of requests in flight, nearly none failed (their service time is not
/// recorded), and a measurement much longer than a request. The tolerance allows for what the counting misses: four
/// standard errors of the mean of independent Poisson counts, and the requests that straddle the ends.
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
    // Two samples within one request's life are nearly the same one.
    let independent = seconds / (2.0 * mean_seconds).max(1.0 / LITTLE_SAMPLING);
    let error = 4.0 / (level * independent).sqrt();
    let tolerance = LITTLE_GAP.max(error) + mean_seconds / seconds;
    let gap = (in_flight - expected).abs() / level;
    (level >= LITTLE_HANDFUL && gap > tolerance).then_some(Warning::LittlesLaw {
        in_flight,
        expected,
    })
}
