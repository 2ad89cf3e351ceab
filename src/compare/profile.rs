//! What a comparison needs of a run: its figures with their errors, and the facts that decide whether two runs are
//! comparable. Of bounded size, whatever the length of the run.

use serde::{Deserialize, Serialize};

use crate::plan::schedule::Model;
use crate::plan::threshold::{self, Aggregate, Metric, MetricKind, Threshold};
use crate::plan::{Series, SeriesId, Subject};
use crate::record::{Carried, Counts, Interval, RunHeader};
use crate::units::Quantile;
use crate::verdict::tally::{Picker, Tally};

use super::blocks::{Blocks, Distribution, Estimate, Portion, estimate, jackknife, sum_of};
use super::facts::RunFacts;
use super::figure::{Figure, Part, Scale, Worse};

/// The name of the target's CPU time per request, in µs.
pub const TARGET_CPU: &str = "target.cpu_per_request";

const P50: Aggregate = Aggregate::Percentile(Quantile::P50);
const P90: Aggregate = Aggregate::Percentile(Quantile::P90);
const P95: Aggregate = Aggregate::Percentile(Quantile::P95);
const P99: Aggregate = Aggregate::Percentile(Quantile::P99);

/// The quantiles of the curve, from the median's side to the tail; fewer where a run has too few requests.
pub const CURVE: [f64; 21] = [
    0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.75, 0.80, 0.85, 0.90, 0.925, 0.95, 0.96,
    0.97, 0.98, 0.985, 0.99, 0.995, 0.999,
];

/// A figure's value in one run, on the figure's [`Scale`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The value.
    pub value: f64,
    /// Its standard error within the run; `None` if the run is too short to estimate it.
    pub error: Option<f64>,
    /// The number of samples.
    pub samples: u64,
    /// The number of independent samples that would give this error.
    pub effective: Option<f64>,
}

/// A run, as far as a comparison needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The facts about the run.
    pub facts: RunFacts,
    /// Its figures. A figure without data has no reading.
    pub figures: Vec<(Figure, Option<Reading>)>,
    /// The response time at the quantiles of [`CURVE`]; empty if the profile comes from a baseline.
    pub curve: Vec<Option<Reading>>,
}

impl Profile {
    /// The reading of a figure.
    pub fn reading(&self, name: &str) -> Option<Reading> {
        let figure = self.figures.iter().find(|(figure, _)| figure.name == name);
        figure.and_then(|(_, reading)| *reading)
    }
}

/// Builds a profile from a run's intervals, each in order.
#[derive(Debug)]
pub struct ProfileFold {
    selections: Vec<Selection>,
    /// The CPU time of the whole machine per second, in µs; the target's is recorded as a part of it.
    machine_cpu: f64,
    target: Blocks<TargetWork>,
    /// The series of requests.
    requests: Vec<SeriesId>,
    carried: Carried,
}

/// Series of a metric, and the figures that are read from them.
#[derive(Debug)]
struct Selection {
    picker: Picker,
    during: threshold::Selection,
    blocks: Blocks,
    figures: Vec<(Aggregate, Figure)>,
}

/// The target's CPU time and the requests that it served.
#[derive(Debug, Default)]
struct TargetWork {
    cpu_us: f64,
    requests: u64,
}

impl Portion for TargetWork {
    fn append(&mut self, later: &Self) {
        self.cpu_us += later.cpu_us;
        self.requests += later.requests;
    }
}

impl TargetWork {
    fn per_request(&self) -> Option<f64> {
        (self.requests > 0 && self.cpu_us > 0.0).then(|| self.cpu_us / self.requests as f64)
    }
}

impl ProfileFold {
    /// A fold for a run with this header.
    pub fn new(header: &RunHeader) -> Self {
        let mut fold = Self {
            selections: Vec::new(),
            machine_cpu: header.machine.cpu_capacity() * 1e6,
            target: Blocks::new(),
            requests: (0..)
                .map(SeriesId)
                .zip(&header.series)
                .filter(|(_, series)| matches!(series.subject, Subject::Requests | Subject::Silent))
                .map(|(id, _)| id)
                .collect(),
            carried: Carried::default(),
        };
        fold.select(Metric::ResponseTime, &[P50, P90, P95, P99], None, header);
        if header.model == Model::Open || header.pacing.is_some() {
            fold.select(Metric::ServiceTime, &[P50, P95], None, header);
        }
        fold.select(Metric::IterationTime, &[P50, P95], None, header);
        fold.select(Metric::Failed, &[Aggregate::Ratio], None, header);
        fold.select(Metric::Requests, &[Aggregate::Rate], None, header);
        for (id, series) in (0..).map(SeriesId).zip(&header.series) {
            let (time, failed) = match series.subject {
                Subject::Requests => (Metric::ResponseTime, Metric::Failed),
                Subject::Groups => (Metric::GroupTime, Metric::FailedGroups),
                Subject::Iterations | Subject::Silent => continue,
            };
            fold.select(time, &[P50, P95, P99], Some(id), header);
            fold.select(failed, &[Aggregate::Ratio], Some(id), header);
        }
        for kept in &header.kept_metrics {
            fold.select_kept(&kept.name, kept.kind.metric(), header);
        }
        for threshold in &header.thresholds {
            fold.select_for(threshold, header);
        }
        fold
    }

    /// Adds the figures of a metric, of one step or of the run.
    fn select(
        &mut self,
        metric: Metric,
        aggregates: &[Aggregate],
        step: Option<SeriesId>,
        header: &RunHeader,
    ) {
        let of = step.and_then(|id| header.series.get(id.0 as usize));
        let selector = of.map_or_else(String::new, |series| selector(series, &header.series));
        let part = of.map_or(Part::Run, |series| Part::Step {
            flow: series.flow.clone(),
            step: series.name.clone(),
        });
        let figure = |&aggregate: &Aggregate| {
            let name = format!("{aggregate}({}{selector})", metric.name());
            (
                aggregate,
                Figure::new(name, part.clone(), aggregate, metric),
            )
        };
        let selection = threshold::Selection {
            aggregate: aggregates.first().copied().unwrap_or(Aggregate::Count),
            metric,
            values: None,
            series: step.into_iter().collect(),
            checks: Vec::new(),
            during: Vec::new(),
            statuses: Vec::new(),
        };
        self.selections.push(Selection {
            during: selection.clone(),
            picker: Picker::of(&selection, &header.series),
            blocks: Blocks::new(),
            figures: aggregates.iter().map(figure).collect(),
        });
    }

    /// Adds the figures of a kept metric of the target. Percentiles have a reading only if it is a histogram.
    fn select_kept(&mut self, name: &str, metric: Metric, header: &RunHeader) {
        let name = format!("target.{name}");
        let aggregates: &[Aggregate] = match metric.kind() {
            MetricKind::KeptValue => &[Aggregate::Mean, P50, P99],
            _ => &[Aggregate::Mean],
        };
        let figure = |&aggregate: &Aggregate| {
            let figure = format!("{aggregate}({name})");
            (aggregate, Figure::new(figure, Part::Run, aggregate, metric))
        };
        let selection = threshold::Selection {
            aggregate: Aggregate::Mean,
            metric,
            values: Some(name.clone()),
            series: Vec::new(),
            checks: Vec::new(),
            during: Vec::new(),
            statuses: Vec::new(),
        };
        self.selections.push(Selection {
            picker: Picker::of(&selection, &header.series),
            figures: aggregates.iter().map(figure).collect(),
            during: selection,
            blocks: Blocks::new(),
        });
    }

    /// Adds the figure of a threshold against a baseline, unless it is there already.
    fn select_for(&mut self, threshold: &Threshold, header: &RunHeader) {
        let Some(name) = threshold.baseline_figure() else {
            return;
        };
        let mut figures = self.selections.iter().flat_map(|known| &known.figures);
        if figures.any(|(_, figure)| figure.name == name) {
            return;
        }
        let (aggregate, metric) = (threshold.aggregate, threshold.metric);
        let selection = threshold.selection();
        self.selections.push(Selection {
            picker: Picker::of(&selection, &header.series),
            during: selection,
            blocks: Blocks::new(),
            figures: vec![(
                aggregate,
                Figure::new(name, Part::Threshold, aggregate, metric),
            )],
        });
    }

    /// The names of the figures that the profile can have.
    pub fn names(&self) -> Vec<String> {
        let figures = self
            .selections
            .iter()
            .flat_map(|selection| &selection.figures);
        let names = figures.map(|(_, figure)| figure.name.clone());
        names.chain([TARGET_CPU.to_owned()]).collect()
    }

    /// Adds the next interval; the warm-up is left out.
    pub fn absorb(&mut self, interval: &Interval) {
        let own = self.carried.part(interval).own;
        if interval.is_warm_up {
            return;
        }
        let start = interval.start;
        let selected = self.selections.iter_mut();
        for selection in selected.filter(|selection| selection.during.is_during(start)) {
            let picked = selection.picker.pick(interval, &own);
            selection.blocks.absorb(&picked);
        }
        if let Some(target) = interval.target {
            let length = interval.end.saturating_sub(interval.start);
            let served = interval.series.iter();
            let served = served.filter(|(id, _)| self.requests.contains(id));
            let counts = served.map(|(_, series)| &series.counts);
            self.target.absorb(&TargetWork {
                cpu_us: target.cpu * self.machine_cpu * length.as_secs_f64(),
                requests: counts.map(Counts::sent).sum(),
            });
        }
    }

    /// The profile of a run with these facts.
    pub fn finish(self, facts: RunFacts) -> Profile {
        let (mut figures, mut curve) = (Vec::new(), Vec::new());
        for (index, selection) in self.selections.into_iter().enumerate() {
            let blocks = selection.blocks.finish();
            // The first selection is the response times of all steps.
            if index == 0 {
                curve = curve_of(&blocks);
            }
            for (aggregate, figure) in selection.figures {
                let found = estimate(&blocks, aggregate);
                let reading = found.and_then(|found| Reading::of(&found, figure.scale));
                figures.push((figure, reading));
            }
        }
        let work = self.target.finish();
        let whole = sum_of(&work, None);
        if let Some(number) = whole.per_request() {
            let error = jackknife(&work, TargetWork::per_request);
            let found = Estimate {
                number,
                around: error.map(|error| (number - error, number + error)),
                samples: whole.requests,
                effective: error.map(|_| whole.requests as f64),
            };
            let figure = Figure {
                name: TARGET_CPU.to_owned(),
                part: Part::Run,
                scale: Scale::Factor,
                worse: Worse::More,
                quantile: None,
                is_kept_time: false,
            };
            let reading = Reading::of(&found, figure.scale);
            figures.push((figure, reading));
        }
        Profile {
            facts,
            figures,
            curve,
        }
    }
}

/// The response time at the quantiles of [`CURVE`]; none where fewer than ten requests took longer.
fn curve_of(blocks: &[Tally]) -> Vec<Option<Reading>> {
    const LEFT_ABOVE: f64 = 10.0;
    let Some(distribution) = Distribution::of(blocks) else {
        return Vec::new();
    };
    let at = |quantile: f64| {
        let found = distribution.at(quantile)?;
        let above = found.samples as f64 * (1.0 - quantile);
        Reading::of(&found, Scale::Factor).filter(|_| above >= LEFT_ABOVE)
    };
    CURVE.into_iter().map(at).collect()
}

/// The selector of a step or a group in a threshold; with its flow if another flow has one of that name.
fn selector(series: &Series, all: &[Series]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let is_alike = |other: &&Series| other.subject == series.subject && other.name == series.name;
    let key = match series.subject {
        Subject::Requests | Subject::Silent | Subject::Iterations => "step",
        Subject::Groups => "group",
    };
    let name = quoted(&series.name);
    if all.iter().filter(is_alike).count() > 1 {
        format!("{{flow={},{key}={name}}}", quoted(&series.flow))
    } else {
        format!("{{{key}={name}}}")
    }
}

impl Reading {
    /// The estimate on a scale; `None` if the number has no place on it.
    fn of(found: &Estimate, scale: Scale) -> Option<Self> {
        let value = scale.place(found.number)?;
        let error = found.around.and_then(|(low, high)| {
            let width = scale.place(high)? - scale.place(low).unwrap_or(value);
            Some(width / 2.0)
        });
        Some(Self {
            value,
            error,
            samples: found.samples,
            effective: found.effective.filter(|_| error.is_some()),
        })
    }
}
