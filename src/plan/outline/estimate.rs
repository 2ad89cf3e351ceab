//! Estimates a plan's iterations and requests: exact if the schedule determines them, else from think times and an
//! assumed response time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::{LoadProfile, MeasuredRequest, PlannedFlow, Schedule, SeriesId, Workload};
use crate::scenario::program::{requests, visit};
use crate::scenario::{ArrivalLaw, Delay, Sharing, Step};

/// The assumed response time if the plan cannot know it.
pub(super) const ASSUMED_RESPONSE: Duration = Duration::from_millis(100);

/// The estimated work of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Estimate {
    /// Total iterations.
    pub(super) iterations: f64,
    /// True if the schedule determines the number.
    pub(super) is_exact: bool,
    /// The duration of the loads; an estimate if it depends on iterations.
    pub(super) duration: Duration,
    /// By load, in the plan's order: the mean length of an iteration in seconds, think time included.
    pub(super) iteration_seconds: Vec<f64>,
    /// By flow, in the plan's order.
    pub(super) flows: Vec<FlowShare>,
}

/// A flow's part of the work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FlowShare {
    /// Its share of its load's iterations.
    pub(super) share: f64,
    /// Its iterations.
    pub(super) iterations: f64,
    /// Requests by series, in the order of the steps.
    pub(super) requests: Vec<(SeriesId, f64)>,
}

impl FlowShare {
    pub(super) fn requests(&self) -> f64 {
        self.requests.iter().map(|(_, count)| count).sum()
    }
}

impl Estimate {
    pub(super) fn of(workload: &Workload) -> Self {
        let mut whole = Self {
            iterations: 0.0,
            is_exact: true,
            duration: Duration::ZERO,
            iteration_seconds: Vec::new(),
            flows: Vec::new(),
        };
        let mut flows = BTreeMap::new();
        for load in workload.loads.iter() {
            let weight = |flow: usize| f64::from(workload.flows[flow].weight);
            let weights: f64 = load.flows.iter().map(|&flow| weight(flow)).sum();
            let share = |flow: usize| weight(flow) / weights;
            let seconds = |flow: usize| cycle_seconds(&workload.flows[flow], workload.pacing);
            let each = load.flows.iter();
            let seconds = each.map(|&flow| share(flow) * seconds(flow)).sum();
            let (iterations, is_exact, duration) = expected(load, workload, seconds);
            whole.iterations += iterations;
            whole.is_exact &= is_exact;
            whole.duration = whole.duration.max(duration);
            whole.iteration_seconds.push(seconds);
            for &flow in &load.flows {
                let own = iterations * share(flow);
                let mut requests = Vec::new();
                // Each user runs a flow's `start` at most once.
                let users = load.users.len() as f64;
                count(&workload.flows[flow].start, users.min(own), &mut requests);
                count(&workload.flows[flow].steps, own, &mut requests);
                let part = FlowShare {
                    share: share(flow),
                    iterations: own,
                    requests,
                };
                flows.insert(flow, part);
            }
        }
        whole.flows = flows.into_values().collect();
        whole
    }

    pub(super) fn requests(&self) -> f64 {
        self.flows.iter().map(FlowShare::requests).sum()
    }

    /// The time at which this many iterations have started, with loads assumed to be even; `None` if not within the
    /// run.
    pub(super) fn reaches(&self, iterations: u64, workload: &Workload) -> Option<Duration> {
        if iterations as f64 >= self.iterations {
            return None;
        }
        let evenly = self.duration.mul_f64(iterations as f64 / self.iterations);
        let ([load], [seconds]) = (&*workload.loads, &*self.iteration_seconds) else {
            return Some(evenly);
        };
        match &load.schedule {
            Schedule::Arrivals { curve, .. } => curve.inverse_area(iterations as f64),
            Schedule::Users(curve) => curve.inverse_area(iterations as f64 * seconds.max(1e-3)),
            Schedule::Iterations { .. } => Some(evenly),
        }
    }
}

/// A load's iterations, whether its schedule determines them, and its duration.
fn expected(
    load: &LoadProfile,
    workload: &Workload,
    iteration_seconds: f64,
) -> (f64, bool, Duration) {
    // Avoids a division by zero for an iteration that takes no time.
    let at_least = iteration_seconds.max(1e-3);
    match &load.schedule {
        Schedule::Users(curve) => (
            curve.area(curve.duration()) / at_least,
            false,
            curve.duration(),
        ),
        // Uses the mean of random arrivals; drawing all of them takes time in proportion to their number.
        Schedule::Arrivals {
            curve,
            law: ArrivalLaw::Poisson,
            ..
        } => (
            curve.area(curve.duration()) / f64::from(workload.segment.count),
            false,
            curve.duration(),
        ),
        Schedule::Arrivals { curve, .. } => {
            let planned = load.planned_iterations(workload.seed, workload.segment);
            (planned.unwrap_or(0) as f64, true, curve.duration())
        }
        &Schedule::Iterations {
            count,
            sharing,
            users,
            max_duration,
        } => {
            let count = match sharing {
                Sharing::Shared => count as f64,
                Sharing::PerUser => count as f64 * f64::from(users),
            };
            let needed = count * at_least / f64::from(users.max(1));
            let limit = max_duration.map_or(f64::INFINITY, |limit| limit.as_secs_f64());
            let part = (limit / needed).min(1.0);
            let lasts = Duration::try_from_secs_f64(needed.min(limit)).unwrap_or(Duration::MAX);
            (count * part, part >= 1.0, lasts)
        }
    }
}

/// Adds the requests of `times` runs of the steps, in the order of the steps.
fn count(steps: &[Step<MeasuredRequest>], times: f64, into: &mut Vec<(SeriesId, f64)>) {
    for (request, passes) in requests(steps) {
        let series = request.series;
        let sent = times * passes as f64;
        match into.iter_mut().find(|(known, _)| *known == series) {
            Some((_, sum)) => *sum += sent,
            None => into.push((series, sent)),
        }
    }
}

/// The time between two starts of the flow by the same user.
fn cycle_seconds(flow: &PlannedFlow, pacing: Option<Duration>) -> f64 {
    let pacing = pacing.map_or(0.0, |pacing| pacing.as_secs_f64());
    let rest = flow.rest.map_or(0.0, Delay::mean_seconds);
    (seconds(&flow.steps) + rest).max(pacing)
}

fn seconds(steps: &[Step<MeasuredRequest>]) -> f64 {
    let pauses = visit(steps)
        .into_iter()
        .map(|visit| visit.times as f64 * visit.step.action.pause_seconds());
    let responses = requests(steps).map(|(_, times)| times as f64 * ASSUMED_RESPONSE.as_secs_f64());
    pauses.chain(responses).sum()
}
