//! The numbers that a threshold needs from a part of the run. They are small and can be added.

use std::collections::BTreeMap;

use super::kept::{self, KeptTally};
use super::recorded::{self, ValueTally};
use crate::plan::threshold::{Aggregate, Metric, Selection};
use crate::plan::{Series, SeriesId, Subject, is_auth_step};
use crate::record::bins::Sum;
use crate::record::{
    AfterLoad, Bins, CheckCounts, Counts, Interval, LoadCounts, SeriesInterval, Timing,
};
use crate::units::Micros;

/// The numbers that a threshold needs from a part of the run: from one interval, or (with sums of times) from many.
#[derive(Debug, Clone)]
pub(crate) struct Tally<T = Bins> {
    length: Micros,
    /// The time for which load was sent; rates are per second of it.
    load_time: Micros,
    times: Option<T>,
    /// The count of the metric.
    part: u64,
    /// The count's denominator: the number of samples.
    whole: u64,
    /// Started iterations that were due before this part of the run. They count as offered there, so they must not
    /// count against the iterations that this part offered.
    before: u64,
    gauge: Gauge,
    /// The counts of recorded values, if the metric has them.
    values: Option<ValueTally>,
    /// A kept metric of the target.
    kept: Option<Box<KeptTally>>,
}

/// A level, read at the end of each interval and weighted by the interval's length.
#[derive(Debug, Clone, Copy, Default)]
struct Gauge {
    readings: u64,
    integral: f64,
    lowest: f64,
    highest: f64,
}

/// A number and its sample count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Reading {
    pub(crate) value: Option<f64>,
    pub(crate) samples: u64,
}

/// Selects the samples of a threshold from an interval.
#[derive(Debug, Clone)]
pub(crate) struct Picker {
    metric: Metric,
    aggregate: Aggregate,
    times: &'static [Timing],
    /// The name of the recorded values.
    values: Option<String>,
    series: Vec<SeriesId>,
    checks: Vec<crate::plan::CheckId>,
    /// Ranges of statuses; empty means every one.
    statuses: Vec<(u16, u16)>,
}

impl Picker {
    pub(crate) fn of(selection: &Selection, series: &[Series]) -> Self {
        let all_of = |subject: Subject| -> Vec<SeriesId> {
            let ids = (0..).map(SeriesId).zip(series);
            ids.filter(move |(_, series)| series.subject == subject)
                // Fetching a token is no request of the scenario.
                .filter(|(_, series)| !is_auth_step(&series.name))
                .map(|(id, _)| id)
                .collect()
        };
        let selected = match selection.metric.subject() {
            None if selection.metric == Metric::TargetWork => {
                let subjects = [Subject::Requests, Subject::Silent];
                subjects.into_iter().flat_map(all_of).collect()
            }
            Some(subject) if selection.series.is_empty() => all_of(subject),
            _ => selection.series.clone(),
        };
        Self {
            metric: selection.metric,
            aggregate: selection.aggregate,
            times: selection.times(),
            values: selection.values.clone(),
            series: selected,
            checks: selection.checks.clone(),
            statuses: selection.statuses.clone(),
        }
    }

    /// The interval's numbers; `load` is the part that was offered in measured time.
    pub(crate) fn pick(&self, interval: &Interval, load: &LoadCounts) -> Tally {
        let mut tally = Tally {
            length: interval.end.saturating_sub(interval.start),
            load_time: interval.load_time(),
            ..Tally::default()
        };
        match self.metric {
            Metric::KeptValue
            | Metric::KeptSeconds
            | Metric::KeptBytes
            | Metric::KeptRate
            | Metric::KeptQuotient
            | Metric::TargetWork => tally.kept = self.kept(interval).map(Box::new),
            Metric::ServerTiming
            | Metric::CustomTrend
            | Metric::CustomCounter
            | Metric::CustomGauge
            | Metric::CustomRate => self.pick_values(interval, &mut tally),
            Metric::ResponseTime
            | Metric::ServiceTime
            | Metric::StartLag
            | Metric::Ttfb
            | Metric::Connect
            | Metric::Tls
            | Metric::IterationTime
            | Metric::GroupTime => {
                tally.times = self.times(interval);
                tally.whole = if matches!(self.aggregate, Aggregate::Apdex(_)) {
                    self.sum(interval, |counts| counts.ended)
                } else {
                    tally.times.as_ref().map_or(0, Bins::len)
                };
                tally.part = tally.whole;
            }
            Metric::Requests | Metric::Iterations | Metric::Groups => {
                tally.whole = self.sum(interval, |counts| counts.ended);
                tally.part = self
                    .of_status(interval, |counts| &counts.statuses)
                    .unwrap_or_else(|| {
                        tally.whole - self.after_load(interval, |after| after.ended)
                    });
            }
            Metric::Failed | Metric::FailedGroups => {
                tally.whole = self.sum(interval, |counts| counts.ended);
                tally.part = self.failed(interval);
            }
            Metric::FailedIterations => {
                tally.whole = self.sum(interval, Counts::judged_iterations);
                tally.part = self.sum(interval, Counts::failed_iterations);
            }
            Metric::BytesIn => {
                tally.whole = self.sum(interval, |counts| counts.ended);
                tally.part = self.sum(interval, |counts| counts.bytes_in)
                    - self.after_load(interval, |after| after.bytes_in);
            }
            Metric::BytesOut => {
                tally.whole = self.sum(interval, |counts| counts.ended);
                tally.part = self.sum(interval, |counts| counts.bytes_out)
                    - self.after_load(interval, |after| after.bytes_out);
            }
            Metric::Checks => {
                let CheckCounts { passed, failed } = self.checks(interval);
                tally.whole = passed + failed;
                tally.part = if self.aggregate == Aggregate::Ratio {
                    passed
                } else {
                    tally.whole
                };
            }
            Metric::Started => {
                (tally.part, tally.whole) = (load.started, load.offered);
                tally.before = load.backlog_before();
            }
            Metric::Unstarted => (tally.part, tally.whole) = (load.unstarted, load.offered),
            Metric::ActiveUsers => {
                let (level, peak) = (load.active_users, load.peak_users.max(load.active_users));
                tally.gauge = Gauge {
                    highest: peak.into(),
                    ..Gauge::reading(level.into(), tally.length)
                };
            }
            Metric::GeneratorCpu => tally.gauge = Gauge::reading(interval.health.cpu, tally.length),
            Metric::GeneratorRss => {
                tally.gauge = Gauge::reading(interval.health.rss_bytes as f64, tally.length);
            }
            Metric::TargetCpu => {
                if let Some(target) = &interval.target {
                    tally.gauge = Gauge::reading(target.cpu, tally.length);
                }
            }
            Metric::TargetRss => {
                if let Some(target) = &interval.target {
                    tally.gauge = Gauge::reading(target.rss_bytes as f64, tally.length);
                }
            }
        }
        tally
    }

    /// The recorded values of the interval.
    fn pick_values(&self, interval: &Interval, tally: &mut Tally) {
        let name = self.values.as_deref().unwrap_or_default();
        let recorded = interval.values.get(name);
        let counts = recorded.map(|recorded| recorded.counts);
        tally.times = recorded
            .map(|recorded| &recorded.bins)
            .filter(|bins| !bins.is_empty())
            .cloned();
        tally.values = Some(ValueTally::of(self.metric, counts.unwrap_or_default()));
    }

    /// The metric of the target in the interval; `None` for the work of a target that Gander did not start.
    fn kept(&self, interval: &Interval) -> Option<KeptTally> {
        if self.metric == Metric::TargetWork {
            let target = interval.target.as_ref()?;
            let requests = self.sum(interval, Counts::sent);
            return Some(KeptTally::work(requests, target, interval));
        }
        let name = self.values.as_deref().unwrap_or_default();
        Some(KeptTally::of(self.metric, name, interval))
    }

    /// Requests or groups that failed.
    fn failed(&self, interval: &Interval) -> u64 {
        let of_status = self.of_status(interval, |counts| &counts.failed_statuses);
        of_status.unwrap_or_else(|| {
            self.sum(interval, |counts| counts.failed)
                - self.after_load(interval, |after| after.failed)
        })
    }

    /// The requests with a selected status; `None` if the threshold selects none by status.
    fn of_status(
        &self,
        interval: &Interval,
        counts: impl Fn(&Counts) -> &BTreeMap<u16, u64>,
    ) -> Option<u64> {
        let selected = |all: &Counts| {
            let ranges = self.statuses.iter();
            let chosen = ranges.flat_map(|&(from, to)| counts(all).range(from..=to));
            chosen.map(|(_, count)| count).sum()
        };
        (!self.statuses.is_empty()).then(|| self.sum(interval, selected))
    }

    /// The times of the selected series in the interval.
    fn times<'i>(&self, interval: &'i Interval) -> Option<Bins> {
        let parts = self.series.iter().filter_map(|id| interval.series.get(id));
        let times = |part: &'i SeriesInterval| {
            self.times
                .iter()
                .filter_map(|&timing| part.histogram(timing))
        };
        let mut parts = parts.flat_map(times);
        let first = parts.next()?;
        let Some(second) = parts.next() else {
            return Some(first.clone());
        };
        let mut sum = Sum::default();
        for part in [first, second].into_iter().chain(parts) {
            sum.add(part);
        }
        Some(sum.bins())
    }

    fn sum(&self, interval: &Interval, count: impl Fn(&Counts) -> u64) -> u64 {
        self.series
            .iter()
            .filter_map(|id| interval.series.get(id))
            .map(|part| count(&part.counts))
            .sum()
    }

    /// Requests that a rate excludes: those that started after the end of the load. Other aggregates exclude nothing.
    fn after_load(&self, interval: &Interval, count: impl Fn(&AfterLoad) -> u64) -> u64 {
        if self.aggregate == Aggregate::Rate {
            self.sum(interval, |counts| count(&counts.after_load))
        } else {
            0
        }
    }

    fn checks(&self, interval: &Interval) -> CheckCounts {
        let mut sum = CheckCounts::default();
        for (id, counts) in &interval.checks {
            if self.checks.is_empty() || self.checks.contains(id) {
                sum += *counts;
            }
        }
        sum
    }
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self {
            length: Micros::ZERO,
            load_time: Micros::ZERO,
            times: None,
            part: 0,
            whole: 0,
            before: 0,
            gauge: Gauge::default(),
            values: None,
            kept: None,
        }
    }
}

impl Tally {
    /// The aggregate of this interval alone.
    pub(crate) fn read(&self, aggregate: Aggregate) -> Reading {
        let mut sum = Tally::default();
        sum.merge(self);
        sum.read(aggregate)
    }
}

impl Tally {
    /// Adds a later part of the run, without a dense histogram.
    pub(crate) fn append(&mut self, later: &Self) {
        if self.length == Micros::ZERO {
            self.before = later.before;
        }
        self.length += later.length;
        self.load_time += later.load_time;
        match (&mut self.times, &later.times) {
            (Some(times), Some(more)) => times.merge(more),
            (times @ None, Some(more)) => *times = Some(more.clone()),
            (_, None) => {}
        }
        self.part += later.part;
        self.whole += later.whole;
        self.gauge.merge(later.gauge);
        recorded::merge(&mut self.values, later.values);
        kept::merge(&mut self.kept, later.kept.as_deref());
    }

    /// True if it is of a kept metric of the target.
    pub(crate) const fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// The recorded times, if the metric is a time.
    pub(crate) const fn times(&self) -> Option<&Bins> {
        self.times.as_ref()
    }
}

impl Tally<Sum> {
    /// The same numbers in less memory.
    pub(super) fn compact(&self) -> Tally {
        Tally {
            length: self.length,
            load_time: self.load_time,
            times: self.times.as_ref().map(Sum::bins),
            part: self.part,
            whole: self.whole,
            before: self.before,
            gauge: self.gauge,
            values: self.values,
            kept: self.kept.clone(),
        }
    }

    /// Adds a later interval.
    pub(super) fn merge(&mut self, other: &Tally) {
        if self.length == Micros::ZERO {
            self.before = other.before;
        }
        self.length += other.length;
        self.load_time += other.load_time;
        if let Some(part) = &other.times {
            self.times.get_or_insert_default().add(part);
        }
        self.part += other.part;
        self.whole += other.whole;
        self.gauge.merge(other.gauge);
        recorded::merge(&mut self.values, other.values);
        kept::merge(&mut self.kept, other.kept.as_deref());
    }

    /// Removes the earliest interval again. Integer sums are subtracted exactly; levels, counts of recorded values and kept metrics are
    /// recomputed from `rest`, because a subtraction leaves rounding errors and knows no new maximum, and there are only
    /// a few of them.
    pub(super) fn remove<'t>(&mut self, first: &Tally, rest: impl Iterator<Item = &'t Tally>) {
        self.length = self.length.saturating_sub(first.length);
        self.load_time = self.load_time.saturating_sub(first.load_time);
        if let (Some(sum), Some(part)) = (&mut self.times, &first.times) {
            sum.subtract(part);
        }
        self.part -= first.part;
        self.whole -= first.whole;
        self.gauge = Gauge::default();
        self.values = None;
        self.kept = None;
        let mut rest = rest.peekable();
        self.before = rest.peek().map_or(0, |next| next.before);
        for part in rest {
            self.gauge.merge(part.gauge);
            recorded::merge(&mut self.values, part.values);
            kept::merge(&mut self.kept, part.kept.as_deref());
        }
    }

    /// The aggregate of this part of the run; `None` if it is undefined.
    pub(super) fn read(&self, aggregate: Aggregate) -> Reading {
        if let Some(kept) = &self.kept {
            return kept.read(aggregate);
        }
        if let Some(values) = &self.values {
            return values.read(aggregate, self.times.as_ref(), self.load_time);
        }
        let of_times = |value: &dyn Fn(&Sum) -> f64| {
            let times = self.times.as_ref().filter(|times| !times.is_empty());
            times.map(value)
        };
        let is_gauge = self.gauge.readings > 0;
        let value = match aggregate {
            Aggregate::Percentile(quantile) => {
                of_times(&|times| times.value_at_quantile(quantile.value()) as f64)
            }
            Aggregate::Min if is_gauge => Some(self.gauge.lowest),
            Aggregate::Max if is_gauge => Some(self.gauge.highest),
            Aggregate::Mean if is_gauge => Some(self.gauge.mean(self.length)),
            Aggregate::Min => of_times(&|times| times.min() as f64),
            Aggregate::Max => of_times(&|times| times.max() as f64),
            Aggregate::Mean => of_times(&Sum::mean),
            Aggregate::StandardDeviation => of_times(&Sum::standard_deviation),
            Aggregate::Count => Some(self.part as f64),
            Aggregate::Rate => (self.load_time > Micros::ZERO)
                .then(|| self.part as f64 / self.load_time.as_secs_f64()),
            Aggregate::Ratio => (self.whole > 0).then(|| {
                let own = self.part.saturating_sub(self.before);
                own as f64 / self.whole as f64
            }),
            Aggregate::Apdex(limit) => (self.whole > 0).then(|| self.apdex(limit)),
            // Only recorded values have one.
            Aggregate::Last => None,
        };
        Reading {
            value,
            samples: if is_gauge {
                self.gauge.readings
            } else {
                self.whole
            },
        }
    }

    /// (satisfied + tolerating / 2) / all: satisfied up to T, tolerating up to 4 T; failed requests are neither.
    /// Source: Apdex Technical Specification 1.1.
    fn apdex(&self, limit: Micros) -> f64 {
        let up_to = |time: u64| {
            let times = self.times.as_ref();
            times.map_or(0, |times| times.count_up_to(Micros(time))) as f64
        };
        let (satisfied, tolerated) = (up_to(limit.0), up_to(limit.0.saturating_mul(4)));
        f64::midpoint(satisfied, tolerated) / self.whole as f64
    }
}

impl Gauge {
    fn reading(level: f64, length: Micros) -> Self {
        Self {
            readings: 1,
            integral: level * length.as_secs_f64(),
            lowest: level,
            highest: level,
        }
    }

    fn mean(self, length: Micros) -> f64 {
        if length == Micros::ZERO {
            self.lowest
        } else {
            self.integral / length.as_secs_f64()
        }
    }

    fn merge(&mut self, other: Self) {
        if self.readings == 0 {
            *self = other;
        } else if other.readings > 0 {
            self.readings += other.readings;
            self.integral += other.integral;
            self.lowest = self.lowest.min(other.lowest);
            self.highest = self.highest.max(other.highest);
        }
    }
}
