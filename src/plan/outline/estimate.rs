//! Estimates a plan's iterations and requests: exact if the schedule determines them, else from think times and an
//! assumed response time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::plan::curve::Curve;
use crate::plan::{
    LoadProfile, MeasuredRequest, PlannedFlow, Players, Schedule, SeriesId, Workload,
};
use crate::scenario::program::requests;
use crate::scenario::{Action, ArrivalLaw, Delay, Sharing, Step};

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
            let parts = Part::all(load, workload);
            let expected = throttled(expected(load, workload, &parts), load, workload, &parts);
            let iterations: f64 = expected.iterations.iter().sum();
            whole.iterations += iterations;
            whole.is_exact &= expected.is_exact;
            whole.duration = whole.duration.max(expected.duration);
            whole.iteration_seconds.push(mean_seconds(&parts));
            for (part, of_part) in parts.iter().zip(expected.iterations) {
                for &(flow, share) in &part.flows {
                    let own = of_part * share;
                    let mut requests = Vec::new();
                    // Each user runs a flow's `start` and `stop` at most once.
                    let once = own.min(part.users.len() as f64);
                    let blocks = workload.flows[flow].blocks();
                    for (block, times) in blocks.into_iter().zip([once, own, once]) {
                        count(block, times, &mut requests);
                    }
                    let share = FlowShare {
                        share: if iterations > 0.0 {
                            own / iterations
                        } else {
                            share
                        },
                        iterations: own,
                        requests,
                    };
                    flows.insert(flow, share);
                }
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

/// Users of a load that play the same flows.
struct Part {
    /// Numbered among the load's users.
    users: Range<u32>,
    /// The flows, each with its share of the iterations.
    flows: Vec<(usize, f64)>,
    /// The mean time between two starts of a user.
    seconds: f64,
}

impl Part {
    /// The parts of a load.
    fn all(load: &LoadProfile, workload: &Workload) -> Vec<Self> {
        let Players {
            alone,
            mixed,
            others,
        } = workload.players(load);
        let weights: f64 = mixed.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let mixed = mixed.iter();
        let mixed: Vec<(usize, f64)> = mixed
            .map(|&(flow, weight)| (flow, f64::from(weight) / weights))
            .collect();
        let alone = alone.into_iter();
        let parts = alone.map(|(users, flow)| (users, vec![(flow, 1.0)]));
        let parts = parts.chain((!mixed.is_empty()).then_some((others, mixed)));
        let first = load.users.start;
        parts
            .map(|(users, flows)| {
                let seconds = |flow: usize| cycle_seconds(&workload.flows[flow]);
                let each = flows.iter().map(|&(flow, share)| share * seconds(flow));
                Self {
                    users: users.start - first..users.end - first,
                    seconds: each.sum(),
                    flows,
                }
            })
            .collect()
    }

    /// Avoids a division by zero for an iteration that takes no time.
    fn at_least(&self) -> f64 {
        self.seconds.max(1e-3)
    }

    /// The iterations per second of all its users.
    fn rate(&self) -> f64 {
        self.users.len() as f64 / self.at_least()
    }
}

/// The mean time between two starts of a user of any part.
fn mean_seconds(parts: &[Part]) -> f64 {
    match parts {
        [one] => one.seconds,
        several => {
            let users: f64 = several.iter().map(|part| part.users.len() as f64).sum();
            let rate: f64 = several.iter().map(Part::rate).sum();
            users / rate
        }
    }
}

/// The expected iterations of a load.
struct Expected {
    /// By part.
    iterations: Vec<f64>,
    /// True if the schedule determines them.
    is_exact: bool,
    duration: Duration,
}

/// The same, with no more requests than the load's throughput allows.
fn throttled(
    expected: Expected,
    load: &LoadProfile,
    workload: &Workload,
    parts: &[Part],
) -> Expected {
    let Some(throughput) = load.throughput else {
        return expected;
    };
    let sent = |flow: usize| requests(&workload.flows[flow].steps).map(|(_, times)| times);
    let each = parts.iter().zip(&expected.iterations).map(|(part, count)| {
        let flows = part.flows.iter();
        let per_iteration = flows.map(|&(flow, share)| share * sent(flow).sum::<f64>());
        count * per_iteration.sum::<f64>()
    });
    if let Schedule::Iterations { .. } = load.schedule {
        // Fewer requests per second make it longer, not smaller.
        let seconds = each.sum::<f64>() / throughput.as_per_second();
        let needed = load.from + Duration::try_from_secs_f64(seconds).unwrap_or_default();
        return Expected {
            duration: expected.duration.max(needed),
            ..expected
        };
    }
    let lasts = expected.duration.saturating_sub(load.from).as_secs_f64();
    let most = throughput.as_per_second() * lasts / f64::from(workload.segment.count);
    let part = (most / each.sum::<f64>().max(1e-9)).min(1.0);
    let iterations = expected.iterations.iter().map(|count| count * part);
    Expected {
        iterations: iterations.collect(),
        ..expected
    }
}

fn expected(load: &LoadProfile, workload: &Workload, parts: &[Part]) -> Expected {
    // A load by `rate` has one part.
    let of_all = |iterations: f64, is_exact: bool, duration: Duration| Expected {
        iterations: parts.iter().map(|_| iterations).collect(),
        is_exact,
        duration,
    };
    match &load.schedule {
        Schedule::Users(curve) => Expected {
            iterations: parts
                .iter()
                .map(|part| user_seconds(curve, &part.users) / part.at_least())
                .collect(),
            is_exact: false,
            duration: curve.duration(),
        },
        // Uses the mean of random arrivals; drawing all of them takes time in proportion to their number.
        Schedule::Arrivals {
            curve,
            law: ArrivalLaw::Poisson,
            ..
        } => of_all(
            curve.area(curve.duration()) / f64::from(workload.segment.count),
            false,
            curve.duration(),
        ),
        Schedule::Arrivals { curve, .. } => {
            let planned = load.planned_iterations(workload.seed, workload.segment);
            of_all(planned.unwrap_or(0) as f64, true, curve.duration())
        }
        &Schedule::Iterations {
            count,
            sharing,
            max_duration,
            ..
        } => {
            let rate: f64 = parts.iter().map(Part::rate).sum();
            let counts: Vec<f64> = match sharing {
                Sharing::Shared => {
                    let each = parts.iter();
                    each.map(|part| count as f64 * part.rate() / rate).collect()
                }
                Sharing::PerUser => {
                    let each = parts.iter();
                    each.map(|part| count as f64 * part.users.len() as f64)
                        .collect()
                }
            };
            let each = parts.iter().zip(&counts);
            let needed = each
                .map(|(part, count)| count / part.rate())
                .fold(0.0, f64::max);
            let limit = max_duration.map_or(f64::INFINITY, |limit| limit.as_secs_f64());
            let part = (limit / needed).min(1.0);
            let is_shared = sharing == Sharing::Shared && parts.len() > 1;
            Expected {
                iterations: counts.into_iter().map(|count| count * part).collect(),
                is_exact: part >= 1.0 && !is_shared,
                duration: Duration::try_from_secs_f64(needed.min(limit))
                    .ok()
                    .and_then(|needed| needed.checked_add(load.from))
                    .unwrap_or(Duration::MAX),
            }
        }
    }
}

/// The time for which these users are active, summed over them, in seconds.
fn user_seconds(curve: &Curve, users: &Range<u32>) -> f64 {
    const STEPS: u32 = 1_000;
    let whole = curve.duration();
    if users.start == 0 && f64::from(users.end) >= curve.peak() {
        return curve.area(whole);
    }
    let step = whole / STEPS;
    let active = (0..STEPS).map(|n| {
        let level = curve.level_at(step * n + step / 2);
        (level - f64::from(users.start)).clamp(0.0, users.len() as f64)
    });
    active.sum::<f64>() * step.as_secs_f64()
}

/// Adds the requests of `times` runs of the steps, in the order of the steps.
fn count(steps: &[Step<MeasuredRequest>], times: f64, into: &mut Vec<(SeriesId, f64)>) {
    for (request, passes) in requests(steps) {
        let series = request.series;
        let sent = times * passes;
        match into.iter_mut().find(|(known, _)| *known == series) {
            Some((_, sum)) => *sum += sent,
            None => into.push((series, sent)),
        }
    }
}

/// The time between two starts of the flow by the same user.
fn cycle_seconds(flow: &PlannedFlow) -> f64 {
    let pacing = flow.pacing.map_or(0.0, Delay::mean_seconds);
    let rest = flow.rest.map_or(0.0, Delay::mean_seconds);
    (seconds(&flow.steps) + rest).max(pacing)
}

fn seconds(steps: &[Step<MeasuredRequest>]) -> f64 {
    let each = steps.iter().map(|step| {
        let action = &step.action;
        let response = action
            .request()
            .map_or(0.0, |_| ASSUMED_RESPONSE.as_secs_f64());
        let blocks = action.blocks().into_iter();
        let inner: f64 = blocks.map(|block| block.times * seconds(block.steps)).sum();
        let at_once = if let Action::Parallel(block) = action {
            let sent: f64 = requests(&block.steps).map(|(_, times)| times).sum();
            sent.clamp(1.0, block.at_once.into())
        } else {
            1.0
        };
        action.pause_seconds() + response + inner / at_once
    });
    each.sum()
}
