//! The totals of a run so far: a fold of its intervals, of bounded size, cheap enough to be read every second.
//!
//! Warm-up intervals are counted separately. Histograms are merged, so a percentile of the run is the percentile of
//! all its samples.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::bins::Sum;
use super::merge::add_times;
use super::monitored::add_kept;
use super::{
    Carried, CheckCounts, Counts, Health, Interval, KeptSum, LoadCounts, Parted, Recorded, Scrapes,
    SeriesInterval, TargetHealth, histogram,
};
use crate::plan::{CheckId, MetricId, Series, SeriesId, Subject};
use crate::probe::WakeUps;
use crate::units::Micros;

/// The totals of a run without the warm-up.
#[derive(Debug, Clone)]
pub struct Totals {
    subjects: Vec<Subject>,
    series: Vec<SeriesInterval<Sum>>,
    /// Over all series, so that the most common query needs no merging.
    all: BTreeMap<MetricId, Sum>,
    checks: Vec<CheckCounts>,
    values: BTreeMap<String, Recorded<Sum>>,
    kept: BTreeMap<String, KeptSum>,
    scrapes: Scrapes,
    measured: PhaseTotals,
    warm_up: PhaseTotals,
    carried: Carried,
    /// The gauges of the last interval, warm-up or not.
    now: LoadCounts,
    health: HealthTotals,
    target: Option<TargetTotals>,
}

/// Totals of the measured time, or of the warm-up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhaseTotals {
    /// The number of intervals.
    pub intervals: u64,
    /// Their total duration.
    pub duration: Micros,
    /// Counts of requests.
    pub requests: Counts,
    /// Counts of iterations.
    pub iterations: Counts,
    /// Counts of groups.
    pub groups: Counts,
    /// The sums of offered, started, late and unstarted iterations and of the drain time. The gauges in it are zero.
    pub load: LoadCounts,
    /// The maximum number of active users.
    pub peak_users: u32,
    /// ∫ requests in flight dt, in request-seconds.
    in_flight_seconds: f64,
}

impl PhaseTotals {
    /// Requests in flight, averaged over the time; zero without time.
    pub fn mean_in_flight(&self) -> f64 {
        mean_over(self.in_flight_seconds, self.duration)
    }

    fn add_load(&mut self, load: &LoadCounts) {
        self.load.offered += load.offered;
        self.load.started += load.started;
        self.load.late += load.late;
        self.load.unstarted += load.unstarted;
        self.load.drain += load.drain;
    }

    /// Adds an interval; `own` is the load that belongs to this part of the run.
    fn absorb(&mut self, interval: &Interval, own: &LoadCounts, subjects: &[Subject]) {
        let length = interval.end.saturating_sub(interval.start);
        self.intervals += 1;
        self.duration += length;
        self.add_load(own);
        self.peak_users = self.peak_users.max(own.peak_users).max(own.active_users);
        self.in_flight_seconds += interval.load.in_flight_milli as f64 / 1e3 * length.as_secs_f64();
        for (id, series) in &interval.series {
            match subjects.get(id.0 as usize) {
                Some(Subject::Requests | Subject::Silent) => self.requests += &series.counts,
                Some(Subject::Iterations) => self.iterations += &series.counts,
                Some(Subject::Groups) => self.groups += &series.counts,
                None => {}
            }
        }
    }
}

/// The generator's health over the measured time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HealthTotals {
    /// User and system CPU time.
    pub cpu_time: Micros,
    /// CPU usage as a fraction of all cores, averaged over the time.
    pub mean_cpu: f64,
    /// The maximum of each field over all intervals, except for wake-ups.
    pub peak: Health,
    /// The total stalled time of the event loop, in stalls of 100 ms or more.
    pub stood_still: Micros,
    /// Timers on the users' threads, by lateness.
    pub wake_ups: WakeUps,
    /// The fraction of the machine's CPU time that went to other machines (steal).
    pub mean_stolen: f64,
    /// The time for which a CPU quota throttled the generator, summed over its cores.
    pub throttled: Micros,
    cpu_seconds: f64,
    stolen_seconds: f64,
}

/// The health of a target that Gander started, over the measured time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TargetTotals {
    /// User and system CPU time; zero in runs of older versions.
    pub cpu_time: Micros,
    /// CPU usage as a fraction of all cores, averaged over the observed time.
    pub mean_cpu: f64,
    /// The maximum of each field over all intervals.
    pub peak: TargetHealth,
    cpu_seconds: f64,
    seen: Micros,
}

impl Totals {
    /// Empty totals for these series and this many checks.
    pub fn new(series: &[Series], checks: usize) -> Self {
        Self {
            subjects: series.iter().map(|series| series.subject).collect(),
            series: vec![SeriesInterval::default(); series.len()],
            all: BTreeMap::new(),
            checks: vec![CheckCounts::default(); checks],
            values: BTreeMap::new(),
            kept: BTreeMap::new(),
            scrapes: Scrapes::default(),
            measured: PhaseTotals::default(),
            warm_up: PhaseTotals::default(),
            carried: Carried::default(),
            now: LoadCounts::default(),
            health: HealthTotals::default(),
            target: None,
        }
    }

    /// Adds an interval. Unknown series and checks are ignored.
    pub fn absorb(&mut self, interval: &Interval) {
        self.now = interval.load;
        let Parted { own, of_warm_up } = self.carried.part(interval);
        if interval.is_warm_up {
            self.warm_up.absorb(interval, &own, &self.subjects);
            return;
        }
        self.measured.absorb(interval, &own, &self.subjects);
        self.warm_up.add_load(&of_warm_up);
        for (id, part) in &interval.series {
            let Some(sum) = self.series.get_mut(id.0 as usize) else {
                continue;
            };
            *sum += part;
            add_times(&mut self.all, &part.histograms);
        }
        for (id, counts) in &interval.checks {
            if let Some(sum) = self.checks.get_mut(id.0 as usize) {
                *sum += *counts;
            }
        }
        for (name, part) in &interval.values {
            match self.values.get_mut(name) {
                Some(sum) => sum.absorb(part),
                None => self.values.entry(name.clone()).or_default().absorb(part),
            }
        }
        add_kept(&mut self.kept, interval);
        self.scrapes += interval.monitored.scrapes;
        self.absorb_health(interval);
        if let Some(target) = interval.target {
            self.absorb_target(target, interval);
        }
    }

    /// Counts over all series of a kind; those of requests include the silent ones, which have no totals of their own.
    pub fn counts(&self, subject: Subject) -> Counts {
        match subject {
            Subject::Requests | Subject::Silent => self.measured.requests.clone(),
            Subject::Iterations => self.measured.iterations.clone(),
            Subject::Groups => self.measured.groups.clone(),
        }
    }

    /// The times that were recorded, over all series, by metric.
    pub const fn times(&self) -> &BTreeMap<MetricId, Sum> {
        &self.all
    }

    /// The merged times of the selected series; of all series if none is selected.
    pub fn timing(&self, metric: impl Into<MetricId>, select: &[SeriesId]) -> Histogram<u64> {
        let metric = metric.into();
        let selected = |id: &SeriesId| self.series.get(id.0 as usize)?.histogram(metric);
        match select {
            [] => self.all.get(&metric).map(Sum::to_histogram),
            [one] => selected(one).map(Sum::to_histogram),
            several => several.iter().filter_map(selected).fold(
                None,
                |sum: Option<Histogram<u64>>, part| {
                    let mut sum = sum.unwrap_or_else(histogram::empty);
                    histogram::merge(&mut sum, &part.bins());
                    Some(sum)
                },
            ),
        }
        .unwrap_or_else(histogram::empty)
    }

    /// One series.
    ///
    /// # Panics
    /// If the series is not in the totals.
    pub fn series(&self, id: SeriesId) -> &SeriesInterval<Sum> {
        &self.series[id.0 as usize]
    }

    /// The counts of one check; zero for an unknown check.
    pub fn check(&self, id: CheckId) -> CheckCounts {
        self.checks.get(id.0 as usize).copied().unwrap_or_default()
    }

    /// The recorded values, by the names of their metrics.
    pub const fn values(&self) -> &BTreeMap<String, Recorded<Sum>> {
        &self.values
    }

    /// The kept metrics of the target, by name.
    pub const fn kept(&self) -> &BTreeMap<String, KeptSum> {
        &self.kept
    }

    /// The scrapes of the target's metrics in the measured time.
    pub const fn scrapes(&self) -> Scrapes {
        self.scrapes
    }

    /// Sums of the offered and the started load. The gauges are those of the last interval, except for the requests
    /// in flight in thousandths, which are averaged over the measured time.
    pub fn load(&self) -> LoadCounts {
        LoadCounts {
            backlog: self.now.backlog,
            active_users: self.now.active_users,
            in_flight: self.now.in_flight,
            in_flight_milli: (self.mean_in_flight() * 1e3).round() as u64,
            ..self.measured.load
        }
    }

    /// The measured time.
    pub const fn duration(&self) -> Micros {
        self.measured.duration
    }

    /// The part of the measured time in which load was sent; rates are per second of it. Responses during the drain
    /// are counted, but not the time of the drain.
    pub fn load_time(&self) -> Micros {
        self.measured
            .duration
            .saturating_sub(self.measured.load.drain)
    }

    /// The maximum number of active users in the measured time.
    pub const fn peak_users(&self) -> u32 {
        self.measured.peak_users
    }

    /// Requests in flight, averaged over the measured time: the L of Little's law, L = λ·W.
    pub fn mean_in_flight(&self) -> f64 {
        self.measured.mean_in_flight()
    }

    /// The generator's health over the measured time.
    pub const fn health(&self) -> HealthTotals {
        self.health
    }

    /// The health over the measured time of a target that Gander started.
    pub const fn target(&self) -> Option<TargetTotals> {
        self.target
    }

    /// The counts of the measured time, without times.
    pub const fn measured(&self) -> &PhaseTotals {
        &self.measured
    }

    /// The counts of the warm-up.
    pub const fn warm_up(&self) -> &PhaseTotals {
        &self.warm_up
    }

    fn absorb_health(&mut self, interval: &Interval) {
        let health = &interval.health;
        let length = interval.end.saturating_sub(interval.start);
        // A few milliseconds of work are a large share of a fragment of a second, and no peak.
        let has_share = !interval.is_tail() || self.health.cpu_seconds == 0.0;
        let sum = &mut self.health;
        sum.cpu_time += Micros(health.cpu_us);
        sum.cpu_seconds += health.cpu * length.as_secs_f64();
        sum.mean_cpu = mean_over(sum.cpu_seconds, self.measured.duration);
        sum.stood_still += health.stood_still;
        sum.wake_ups += health.wake_ups;
        sum.stolen_seconds += health.stolen * length.as_secs_f64();
        sum.mean_stolen = mean_over(sum.stolen_seconds, self.measured.duration);
        sum.throttled += health.throttled;
        let peak = &mut sum.peak;
        peak.cpu_us = peak.cpu_us.max(health.cpu_us);
        if has_share {
            peak.cpu = peak.cpu.max(health.cpu);
            peak.user_cores = peak.user_cores.max(health.user_cores);
            peak.stolen = peak.stolen.max(health.stolen);
        }
        peak.rss_bytes = peak.rss_bytes.max(health.rss_bytes);
        peak.open_fds = peak.open_fds.max(health.open_fds);
        peak.loop_delay_max = peak.loop_delay_max.max(health.loop_delay_max);
        peak.stood_still = peak.stood_still.max(health.stood_still);
        peak.throttled = peak.throttled.max(health.throttled);
    }

    fn absorb_target(&mut self, target: TargetHealth, interval: &Interval) {
        let length = interval.end.saturating_sub(interval.start);
        let sum = self.target.get_or_insert_default();
        if !interval.is_tail() || sum.cpu_seconds == 0.0 {
            sum.peak.cpu = sum.peak.cpu.max(target.cpu);
        }
        sum.seen += length;
        sum.cpu_time += Micros(target.cpu_us);
        sum.cpu_seconds += target.cpu * length.as_secs_f64();
        sum.mean_cpu = mean_over(sum.cpu_seconds, sum.seen);
        sum.peak.rss_bytes = sum.peak.rss_bytes.max(target.rss_bytes);
    }
}

fn mean_over(integral: f64, time: Micros) -> f64 {
    if time == Micros::ZERO {
        0.0
    } else {
        integral / time.as_secs_f64()
    }
}
