//! The slowest requests, selected from the journal by the rule of [`Slowest`].

use super::timeline::Point;
use crate::plan::SeriesId;
use crate::record::journal::{Event, RunHeader};
use crate::record::{SlowRequest, Slowest};
use crate::report::text::clean;
use crate::scenario::TRACE_ID;
use crate::units::Micros;

/// The maximum number of steps with a list of their own, so that a report of a thousand steps stays small.
pub(super) const MOST_STEPS: usize = 100;

/// One of the slowest requests.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowRow {
    /// The step.
    pub step: String,
    /// Its flow.
    pub flow: String,
    /// The request; texts are cleaned.
    pub request: SlowRequest,
    /// Iterations due per second when the request was; in a closed model, iterations started.
    pub offered: Option<f64>,
    /// The address of its trace, if it has one and the scenario says where traces are.
    pub trace_url: Option<String>,
}

/// Selects the slowest requests of a run.
pub(super) struct SlowRows<'a> {
    slowest: Slowest<&'a SlowRequest>,
    header: &'a RunHeader,
    timeline: &'a [Point],
}

impl<'a> SlowRows<'a> {
    /// Those of a run with these events.
    pub(super) fn of(events: &'a [Event], header: &'a RunHeader, timeline: &'a [Point]) -> Self {
        let mut slowest = Slowest::default();
        for event in events {
            if let Event::Slow { requests } = event {
                for request in requests {
                    slowest.add(request.series, request.response_time, request);
                }
            }
        }
        Self {
            slowest,
            header,
            timeline,
        }
    }

    /// Those of the run, the slowest first.
    pub(super) fn of_run(&self) -> Vec<SlowRow> {
        let requests = self.slowest.of_run();
        requests.map(|request| self.row(request)).collect()
    }

    /// Those of a series, the slowest first.
    pub(super) fn of_series(&self, series: SeriesId) -> Vec<SlowRow> {
        let requests = self.slowest.of_series(series);
        requests.map(|request| self.row(request)).collect()
    }

    fn row(&self, request: &SlowRequest) -> SlowRow {
        let series = self.header.series.get(request.series.0 as usize);
        let names = series.map(|series| (series.name.clone(), series.flow.clone()));
        let (step, flow) = names.unwrap_or_default();
        let base = self.header.trace_url.as_ref();
        // The header may come from anyone.
        let base = base.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        let trace_url = base.zip(request.trace_id());
        SlowRow {
            step,
            flow,
            offered: offered(self.timeline, request.intended),
            trace_url: trace_url.map(|(url, id)| url.replace(TRACE_ID, id)),
            request: cleaned(request),
        }
    }
}

/// Iterations due per second around this time; `None` if the timeline does not contain it.
fn offered(timeline: &[Point], at: Micros) -> Option<f64> {
    let next = timeline.partition_point(|point| point.end <= at);
    let point = timeline.get(next).filter(|point| point.start <= at)?;
    Some(point.rate(point.offered))
}

fn cleaned(request: &SlowRequest) -> SlowRequest {
    let clean_values = |(name, value): &(String, String)| (clean(name), clean(value));
    SlowRequest {
        request: clean(&request.request),
        values: request.values.iter().map(clean_values).collect(),
        traceparent: request.traceparent.as_deref().map(clean),
        server_timing: request.server_timing.as_deref().map(clean),
        ..request.clone()
    }
}
