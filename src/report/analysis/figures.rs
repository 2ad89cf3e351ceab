//! The figures of a run that are compared: a value for each point of the measured load.

use std::collections::BTreeMap;

use super::known::{self, Known};
use crate::plan::Subject;
use crate::record::KeptSum;
use crate::report::model::{Phases, Point, Report};
use crate::scenario::KeptKind;
use crate::units::{ByteSize, Micros, show_number, show_percent, show_rate};

/// The fewest successful requests from which a p95 is read.
const FEWEST_REQUESTS: u64 = 20;

/// The name of the load of an open model.
pub(super) const OFFERED_RATE: &str = "offered rate";

/// The figures of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    /// The usual length of a point in seconds.
    pub(super) seconds: f64,
    /// The points with enough requests, in order of time.
    pub(super) points: Vec<Moment>,
    /// The steps.
    pub(super) steps: Vec<Step>,
    /// What may explain the times: a value for each point.
    pub(super) load: Signal,
    pub(super) failures: Signal,
    pub(super) generator_delay: Signal,
    pub(super) generator_cpu: Signal,
    pub(super) target: Vec<Signal>,
}

/// The times of a point.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    pub(super) start: Micros,
    pub(super) end: Micros,
    /// In microseconds.
    pub(super) p50: f64,
    /// In microseconds.
    pub(super) p95: f64,
    /// In microseconds.
    pub(super) max: f64,
    pub(super) phases: Phases,
}

/// The percentile of the response times by which points are slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantile {
    P50,
    P95,
}

impl Quantile {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
        }
    }

    /// Its value at a point, in microseconds.
    pub(super) const fn of(self, point: &Moment) -> f64 {
        match self {
            Self::P50 => point.p50,
            Self::P95 => point.p95,
        }
    }
}

/// A step: successful requests and the sum of their times in microseconds, for each point.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) times: Vec<(f64, f64)>,
}

/// A figure over time.
#[derive(Debug, Clone, Default)]
pub(super) struct Signal {
    pub(super) name: String,
    pub(super) unit: Shown,
    /// What is known of the figure.
    pub(super) known: Option<Known>,
    /// `None` without a reading.
    pub(super) values: Vec<Option<f64>>,
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Shown {
    #[default]
    Number,
    Rate,
    Share,
    Micros,
    Seconds,
    Bytes,
}

impl Shown {
    const fn of(kind: KeptKind) -> Self {
        match kind {
            KeptKind::Value | KeptKind::Quotient => Self::Number,
            KeptKind::Seconds => Self::Seconds,
            KeptKind::Bytes => Self::Bytes,
            KeptKind::Rate => Self::Rate,
        }
    }

    /// A value with its unit.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Number => show_number(value),
            Self::Rate => show_rate(value),
            Self::Share => show_percent(value),
            Self::Micros => Micros(value.max(0.0).round() as u64).to_string(),
            Self::Seconds => Self::Micros.show(value * 1e6),
            Self::Bytes => ByteSize(value.max(0.0).round() as u64).to_string(),
        }
    }
}

impl Figures {
    /// The figures of a report: measured load only, whole points with enough requests.
    pub(super) fn of(report: &Report) -> Self {
        let measured = || report.timeline.iter().filter(|point| !point.is_warm_up);
        let usual = median(measured().map(Point::seconds));
        let load_ends = measured().next().map_or(0.0, |point| {
            point.start.as_secs_f64() + report.load_time.as_secs_f64()
        });
        let chosen: Vec<&Point> = measured()
            .filter(|point| point.seconds() >= usual / 2.0 && point.middle() < load_ends)
            .filter(|point| point.response.is_some() && point.phases.requests >= FEWEST_REQUESTS)
            .collect();
        let signal = |name: &str, unit, value: &dyn Fn(&Point) -> Option<f64>| Signal {
            name: name.to_owned(),
            unit,
            known: known::known(name),
            values: chosen.iter().map(|point| value(point)).collect(),
        };
        let load = if report.is_closed() {
            signal("active users", Shown::Number, &|point| {
                Some(f64::from(point.active_users))
            })
        } else {
            signal(OFFERED_RATE, Shown::Rate, &|point| {
                Some(point.rate(point.offered))
            })
        };
        let mut target = Vec::new();
        if report.target.is_some() {
            target.push(signal(known::CPU, Shown::Share, &|point| {
                point.target.map(|(cpu, _)| cpu)
            }));
            target.push(signal(known::MEMORY, Shown::Bytes, &|point| {
                point.target.map(|(_, bytes)| bytes as f64)
            }));
        }
        target.extend(report.kept.iter().map(|kept| {
            let read = |point: &&Point| point.kept.get(&kept.metric.name).and_then(KeptSum::mean);
            Signal {
                name: kept.name(),
                unit: Shown::of(kept.metric.kind),
                known: known::known_of_folio(&kept.name(), &kept.metric.selector),
                values: chosen.iter().map(read).collect(),
            }
        }));
        Self {
            seconds: usual,
            steps: steps(report, &chosen),
            load,
            failures: signal("failed requests", Shown::Share, &|point| {
                Some(point.failed as f64 / point.requests.max(1) as f64)
            }),
            generator_delay: signal("the generator's delay", Shown::Micros, &|point| {
                Some(point.loop_delay_max.0 as f64)
            }),
            generator_cpu: signal("the generator's CPU", Shown::Share, &|point| {
                Some(point.generator_cpu)
            }),
            target,
            points: chosen.iter().map(|point| Moment::of(point)).collect(),
        }
    }

    /// All figures that may explain the times.
    pub(super) fn signals(&self) -> impl Iterator<Item = &Signal> {
        [
            &self.generator_delay,
            &self.generator_cpu,
            &self.load,
            &self.failures,
        ]
        .into_iter()
        .chain(&self.target)
    }
}

impl Moment {
    fn of(point: &Point) -> Self {
        let times = point.response.unwrap_or_default();
        Self {
            start: point.start,
            end: point.end,
            p50: times.p50.0 as f64,
            p95: times.p95.0 as f64,
            max: times.max.0 as f64,
            phases: point.phases,
        }
    }
}

/// The steps at the chosen points; a row of the timeline by series belongs to the point in which it starts.
fn steps(report: &Report, chosen: &[&Point]) -> Vec<Step> {
    let mut times = BTreeMap::new();
    for row in &report.rows.rows {
        let (Some(id), Some(response)) = (row.series, row.response) else {
            continue;
        };
        let after = chosen.partition_point(|point| point.start <= row.start);
        let Some(index) = after.checked_sub(1) else {
            continue;
        };
        let series = report.header.series.get(id.0 as usize);
        let is_step = series.is_some_and(|series| series.subject == Subject::Requests);
        if !is_step || row.start >= chosen[index].end {
            continue;
        }
        let own = times
            .entry(id)
            .or_insert_with(|| vec![(0.0, 0.0); chosen.len()]);
        let good = row.ended.saturating_sub(row.failed) as f64;
        own[index].0 += good;
        own[index].1 += good * response.mean;
    }
    let named = times.into_iter().filter_map(|(id, times)| {
        let series = report.header.series.get(id.0 as usize)?;
        let name = format!("{} / {}", series.flow, series.name);
        Some(Step { name, times })
    });
    named.collect()
}

/// The median; zero of nothing.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}
