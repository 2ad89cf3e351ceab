//! The metrics of a plan: which numbers are measured, of which kind and unit, and which series have them.
//!
//! A built-in metric is a variant of [`Timing`]. A plan may declare others; they follow the built-in ones. Everything
//! behind the plan identifies a metric by its number.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, VariantArray};

use super::Subject;
use super::threshold::{MetricKind, Unit};

/// A number for a metric; the index into [`Metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(pub u32);

/// A metric as the plan declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricEntry {
    /// The name in files: `response_time`.
    pub name: String,
    /// The kind of number. The recorder keeps a histogram of a time; it records no other kind yet.
    pub kind: MetricKind,
    /// The unit of the number.
    pub unit: Unit,
    /// The series that have it: all with this subject.
    pub subject: Subject,
}

/// The metrics of a plan by [`MetricId`]: first the built-in ones, then those it declares itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics(Vec<MetricEntry>);

impl Metrics {
    /// The built-in metrics, which every plan has.
    pub fn built_in() -> Self {
        Self::of(Timing::ALL)
    }

    /// These built-in metrics, numbered in this order.
    pub fn of(timings: impl IntoIterator<Item = Timing>) -> Self {
        Self(timings.into_iter().map(MetricEntry::from).collect())
    }

    /// Declares a metric, unless it is declared already; returns its number.
    pub fn declare(&mut self, metric: MetricEntry) -> MetricId {
        let known = self.0.iter().position(|known| *known == metric);
        let index = known.unwrap_or_else(|| {
            self.0.push(metric);
            self.0.len() - 1
        });
        MetricId(index as u32)
    }

    /// The metrics of kind time that a series with this subject has, by ascending number.
    pub fn times_of(&self, subject: Subject) -> impl Iterator<Item = MetricId> {
        self.iter()
            .filter(move |(_, metric)| metric.subject == subject && metric.kind == MetricKind::Time)
            .map(|(id, _)| id)
    }

    /// All metrics, in ascending order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (MetricId, &MetricEntry)> {
        (0..).map(MetricId).zip(&self.0)
    }

    /// The names, so that a reader can clean those of a foreign journal.
    pub fn names_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.0.iter_mut().map(|metric| &mut metric.name)
    }

    /// The metrics besides the built-in ones.
    pub fn declared(&self) -> impl Iterator<Item = (MetricId, &MetricEntry)> {
        self.iter().skip(Timing::COUNT)
    }

    /// The metric with this number.
    pub fn get(&self, id: MetricId) -> Option<&MetricEntry> {
        self.0.get(id.0 as usize)
    }
}

/// A built-in metric: a time in µs, of a request, an iteration or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumCount, VariantArray)]
pub enum Timing {
    /// Successful requests: last byte − intended start.
    ResponseTime,
    /// Successful requests: last byte − actual start.
    ServiceTime,
    /// Successful requests: first byte − actual start.
    Ttfb,
    /// Connections opened: TCP connect.
    Connect,
    /// Connections opened: TLS handshake.
    Tls,
    /// Failed requests, except for time limits: last byte or error − intended start.
    FailedTime,
    /// Requests that reached a time limit or the end of the grace period: limit − intended start; the true time is at
    /// least that.
    TimedOut,
    /// Started iterations, including interrupted ones: actual start − intended start.
    StartLag,
    /// Started iterations, including interrupted ones: actual start − the later of intended start and the moment when
    /// their user was free. It is the start lag without waiting for busy users: the delay that the generator caused.
    SchedulingLag,
    /// Ended iterations, including failed ones: end − intended start.
    IterationTime,
    /// Groups without a failure: end − start, or − intended start if the iteration begins with the group.
    GroupTime,
}

impl Timing {
    /// Every timing; its index is `timing as usize`, and its [`MetricId`].
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS
        .first_chunk()
        .expect("there are COUNT variants");

    /// The timing with this number; `None` for a metric that is not built in.
    pub fn of(id: MetricId) -> Option<Self> {
        Self::ALL.get(id.0 as usize).copied()
    }

    /// The name in files: `response_time`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResponseTime => "response_time",
            Self::ServiceTime => "service_time",
            Self::Ttfb => "ttfb",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FailedTime => "failed_time",
            Self::TimedOut => "timed_out",
            Self::StartLag => "start_lag",
            Self::SchedulingLag => "scheduling_lag",
            Self::IterationTime => "iteration_time",
            Self::GroupTime => "group_time",
        }
    }

    /// The series that have it.
    pub const fn subject(self) -> Subject {
        match self {
            Self::ResponseTime
            | Self::ServiceTime
            | Self::Ttfb
            | Self::Connect
            | Self::Tls
            | Self::FailedTime
            | Self::TimedOut => Subject::Requests,
            Self::StartLag | Self::SchedulingLag | Self::IterationTime => Subject::Iterations,
            Self::GroupTime => Subject::Groups,
        }
    }

    /// Its index in [`Metrics::times_of`] its subject. The timings of a subject are consecutive, so the index of a
    /// constant timing is a constant.
    pub const fn place(self) -> u32 {
        let first = match self.subject() {
            // No timing has silent requests as its subject.
            Subject::Requests | Subject::Silent => Self::ResponseTime,
            Subject::Iterations => Self::StartLag,
            Subject::Groups => Self::GroupTime,
        };
        self as u32 - first as u32
    }
}

impl From<Timing> for MetricId {
    fn from(timing: Timing) -> Self {
        Self(timing as u32)
    }
}

impl From<Timing> for MetricEntry {
    fn from(timing: Timing) -> Self {
        Self {
            name: timing.name().to_owned(),
            kind: MetricKind::Time,
            unit: Unit::Us,
            subject: timing.subject(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timing_has_its_place_among_the_times_of_its_subject() {
        let mut metrics = Metrics::built_in();
        metrics.declare(MetricEntry {
            name: "queue_time".to_owned(),
            ..Timing::Ttfb.into()
        });
        for timing in Timing::ALL {
            let id = MetricId::from(timing);
            assert_eq!(Timing::of(id), Some(timing));
            let mut times = metrics.times_of(timing.subject());
            assert_eq!(times.nth(timing.place() as usize), Some(id), "{timing:?}");
        }
    }

    #[test]
    fn only_what_is_new_gets_a_number() {
        let mut metrics = Metrics::built_in();
        assert_eq!(metrics.declare(Timing::Tls.into()), Timing::Tls.into());
        let queue_time = MetricEntry {
            name: "queue_time".to_owned(),
            ..Timing::Ttfb.into()
        };
        let id = metrics.declare(queue_time.clone());
        assert_eq!(id, MetricId(Timing::COUNT as u32));
        assert_eq!(metrics.declare(queue_time.clone()), id);
        assert_eq!((metrics.get(id), Timing::of(id)), (Some(&queue_time), None));
        assert_eq!(metrics.declared().count(), 1);
    }
}
