//! From intervals to a report, in one pass: each is seen once and dropped.

use hdrhistogram::Histogram;

use super::distribution::{curve, quantiles};
use super::failures::Classes;
use super::heatmap::Cells;
use super::rows::RowFold;
use super::timeline::{Buckets, intervals_per_point};
use super::{CheckRow, FlowRow, Report, StepRow, ThresholdRow, Times, VerdictSummary, Violation};
use crate::plan::threshold::Standing;
use crate::plan::{CheckId, SeriesId, Subject};
use crate::record::journal::{Ending, Event, RunHeader, StopReason};
use crate::record::{Interval, Timing, Totals, histogram};
use crate::report::text::clean;
use crate::units::Micros;
use crate::verdict::Judged;

/// Points per decade of the curves over all steps, and of a step's own.
const CURVE_STEPS: u32 = 40;
const STEP_CURVE_STEPS: u32 = 12;

/// A report in the making.
#[derive(Debug)]
pub struct Draft {
    header: RunHeader,
    totals: Totals,
    timeline: Buckets,
    cells: Cells,
    classes: Classes,
    rows: RowFold,
    sparks: Sparks,
}

impl Draft {
    /// Of a run of so many intervals.
    pub fn new(header: &RunHeader, intervals: u64) -> Self {
        let header = cleaned(header.clone());
        Self {
            totals: Totals::new(&header.series, header.checks.len()),
            timeline: Buckets::new(intervals),
            cells: Cells::new(intervals),
            classes: Classes::default(),
            rows: RowFold::new(intervals, header.series.len()),
            sparks: Sparks::new(intervals),
            header,
        }
    }

    /// Adds the next interval.
    pub fn absorb(&mut self, interval: &Interval) {
        let series = &self.header.series;
        let response = response_of(interval);
        self.totals.absorb(interval);
        self.timeline.absorb(interval, series, response.as_ref());
        self.cells.absorb(interval, response.as_ref());
        self.classes.absorb(interval, series);
        self.rows.absorb(interval, series);
        self.sparks.absorb(interval);
    }

    /// The totals so far, for the judge.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The report, with the verdict and the thresholds as judged, in the header's order.
    pub fn finish(
        self,
        verdict: VerdictSummary,
        judged: &[Judged],
        events: &[Event],
        ending: &Ending,
    ) -> Report {
        let (totals, header) = (self.totals, self.header);
        let (failures, unmeasured_failures) = self.classes.finish(&header.series, events);
        let sparks = self.sparks.finish();
        let spark_of = |id: SeriesId| sparks.get(id.0 as usize).cloned().unwrap_or_default();
        let of_subject = |subject: Subject| {
            (0..)
                .map(SeriesId)
                .zip(&header.series)
                .filter(move |(_, series)| series.subject == subject)
        };
        let steps = of_subject(Subject::Requests)
            .map(|(id, series)| {
                let own = totals.series(id);
                StepRow {
                    name: series.name.clone(),
                    flow: series.flow.clone(),
                    tags: series.tags.clone(),
                    counts: own.counts.clone(),
                    times: Times::of_series(own),
                    curve: own
                        .histogram(Timing::ResponseTime)
                        .map(|times| curve(times, STEP_CURVE_STEPS))
                        .unwrap_or_default(),
                    spark: spark_of(id),
                }
            })
            .collect();
        let flows = of_subject(Subject::Iterations)
            .map(|(id, series)| FlowRow {
                name: series.flow.clone(),
                counts: totals.series(id).counts.clone(),
                times: Times::of_series(totals.series(id)),
            })
            .collect();
        let checks = (0..)
            .map(CheckId)
            .zip(&header.checks)
            .map(|(id, check)| CheckRow {
                name: check.name.clone(),
                step: check.step.clone(),
                flow: check.flow.clone(),
                counts: totals.check(id),
            })
            .collect();
        let curve_of = |timing| curve(&totals.timing(timing, &[]), CURVE_STEPS);
        Report {
            thresholds: threshold_rows(&header, judged),
            violations: violations(events, ending.at),
            verdict: cleaned_verdict(verdict),
            ended_at: ending.at,
            measured: totals.duration(),
            stop: ending.stop.clone().map(cleaned_stop),
            is_complete: ending.is_complete,
            load: totals.load(),
            peak_users: totals.peak_users(),
            mean_in_flight: totals.mean_in_flight(),
            requests: totals.counts(Subject::Requests),
            iterations: totals.counts(Subject::Iterations),
            warm_up_requests: totals.warm_up().requests.ended,
            times: Times::of(|timing| Some(totals.timing(timing, &[]))),
            steps,
            flows,
            checks,
            timeline: self.timeline.finish(),
            heatmap: self.cells.finish(),
            response_curve: curve_of(Timing::ResponseTime),
            service_curve: curve_of(Timing::ServiceTime),
            failures,
            unmeasured_failures,
            generator: totals.health(),
            target: totals.target(),
            rows: self.rows.finish(&header.series),
            header,
        }
    }
}

/// The response times of an interval over all steps.
fn response_of(interval: &Interval) -> Option<Histogram<u64>> {
    interval
        .series
        .values()
        .filter_map(|part| part.histogram(Timing::ResponseTime))
        .fold(None, |sum: Option<Histogram<u64>>, part| match sum {
            None => Some(part.clone()),
            Some(mut sum) => {
                histogram::merge(&mut sum, part);
                Some(sum)
            }
        })
}

fn threshold_rows(header: &RunHeader, judged: &[Judged]) -> Vec<ThresholdRow> {
    header
        .thresholds
        .iter()
        .enumerate()
        .map(|(index, threshold)| {
            let judged = judged.get(index);
            ThresholdRow {
                expression: threshold.expression.clone(),
                metric: threshold.metric,
                is_over_all: threshold.series.is_empty() && threshold.checks.is_empty(),
                standing: judged.map_or(Standing::NoData, |judged| judged.standing),
                observed: judged.and_then(|judged| judged.observed),
                comparator: threshold.comparator,
                limit: threshold.limit,
                unit: threshold.unit,
                samples: judged.map_or(0, |judged| judged.samples),
                first_violation: judged.and_then(|judged| judged.first_violation),
                window: threshold.window,
                severity: threshold.severity,
                line: threshold.line,
            }
        })
        .collect()
}

/// From the changes of standing in the journal to stretches of time.
fn violations(events: &[Event], end: Micros) -> Vec<Violation> {
    let mut open: Vec<(usize, Micros)> = Vec::new();
    let mut closed = Vec::new();
    for event in events {
        let Event::Threshold {
            at,
            threshold,
            standing,
            ..
        } = event
        else {
            continue;
        };
        let index = open.iter().position(|(other, _)| other == threshold);
        match (index, *standing == Standing::Fail) {
            (None, true) => open.push((*threshold, *at)),
            (Some(index), false) => {
                let (threshold, from) = open.remove(index);
                closed.push(Violation {
                    threshold,
                    from,
                    to: *at,
                });
            }
            _ => {}
        }
    }
    closed.extend(open.into_iter().map(|(threshold, from)| Violation {
        threshold,
        from,
        to: end.max(from),
    }));
    closed.sort_by_key(|violation| (violation.from, violation.threshold));
    closed
}

fn cleaned(mut header: RunHeader) -> RunHeader {
    for text in [
        &mut header.gander,
        &mut header.run_id,
        &mut header.scenario,
        &mut header.scenario_path,
        &mut header.scenario_sha256,
        &mut header.plan_hash,
        &mut header.target,
        &mut header.load,
        &mut header.started_at,
        &mut header.machine.platform,
        &mut header.machine.kernel,
        &mut header.machine.cpu,
    ]
    .into_iter()
    .chain(&mut header.description)
    .chain(&mut header.git_commit)
    .chain(&mut header.overrides)
    .chain(
        header
            .thresholds
            .iter_mut()
            .map(|threshold| &mut threshold.expression),
    )
    .chain(
        header
            .checks
            .iter_mut()
            .flat_map(|check| [&mut check.name, &mut check.step, &mut check.flow]),
    )
    .chain(
        header
            .series
            .iter_mut()
            .flat_map(|series| [&mut series.name, &mut series.flow]),
    ) {
        *text = clean(text);
    }
    for series in &mut header.series {
        series.tags = series
            .tags
            .iter()
            .map(|(key, value)| (clean(key), clean(value)))
            .collect();
    }
    header
}

fn cleaned_verdict(verdict: VerdictSummary) -> VerdictSummary {
    let all = |texts: Vec<String>| texts.iter().map(|text| clean(text)).collect();
    VerdictSummary {
        reason: clean(&verdict.reason),
        warnings: all(verdict.warnings),
        generator_warnings: all(verdict.generator_warnings),
        ..verdict
    }
}

fn cleaned_stop(stop: StopReason) -> StopReason {
    match stop {
        StopReason::Panic { message } => StopReason::Panic {
            message: clean(&message),
        },
        StopReason::StepFailed { step } => StopReason::StepFailed { step: clean(&step) },
        StopReason::TargetGone { detail } => StopReason::TargetGone {
            detail: clean(&detail),
        },
        StopReason::SetupFailed { detail } => StopReason::SetupFailed {
            detail: clean(&detail),
        },
        other => other,
    }
}

/// p95 response times over time by series, for sparklines: of the first hundred series, in at most sixty points.
#[derive(Debug)]
struct Sparks {
    per_point: u64,
    absorbed: u64,
    open: Vec<Histogram<u64>>,
    points: Vec<Vec<Option<Micros>>>,
}

impl Sparks {
    const MAX_POINTS: u64 = 60;
    const MAX_SERIES: usize = 100;

    fn new(intervals: u64) -> Self {
        Self {
            per_point: intervals_per_point(intervals, Self::MAX_POINTS),
            absorbed: 0,
            open: Vec::new(),
            points: Vec::new(),
        }
    }

    fn absorb(&mut self, interval: &Interval) {
        for (id, part) in &interval.series {
            let index = id.0 as usize;
            let Some(times) = part.histogram(Timing::ResponseTime) else {
                continue;
            };
            if index >= Self::MAX_SERIES {
                continue;
            }
            if self.open.len() <= index {
                self.open.resize_with(index + 1, histogram::empty);
            }
            histogram::merge(&mut self.open[index], times);
        }
        self.absorbed += 1;
        if self.absorbed.is_multiple_of(self.per_point) {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.points.len() < self.open.len() {
            let before = self.points.iter().map(Vec::len).max().unwrap_or_else(|| {
                (self.absorbed.div_ceil(self.per_point) as usize).saturating_sub(1)
            });
            self.points
                .resize_with(self.open.len(), || vec![None; before]);
        }
        for (points, times) in self.points.iter_mut().zip(&mut self.open) {
            points.push((!times.is_empty()).then(|| quantiles(times, [0.95])[0]));
            times.reset();
        }
    }

    fn finish(mut self) -> Vec<Vec<Option<Micros>>> {
        if !self.absorbed.is_multiple_of(self.per_point) {
            self.close();
        }
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(at: u64, threshold: usize, standing: Standing) -> Event {
        Event::Threshold {
            at: Micros(at),
            threshold,
            standing,
            observed: None,
        }
    }

    #[test]
    fn violations_last_from_a_breach_to_its_end_or_the_runs() {
        let events = [
            turned(1, 0, Standing::Fail),
            turned(2, 1, Standing::NoData),
            turned(3, 0, Standing::Pass),
            turned(4, 1, Standing::Fail),
            turned(5, 0, Standing::Fail),
        ];
        let spans: Vec<_> = violations(&events, Micros(9))
            .into_iter()
            .map(|span| (span.threshold, span.from.0, span.to.0))
            .collect();
        assert_eq!(spans, [(0, 1, 3), (1, 4, 9), (0, 5, 9)]);
    }
}
