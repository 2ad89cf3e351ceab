//! The total number of requests of a plan; impossible totals are refused.

use super::{LoadProfile, PlannedFlow, Schedule};
use crate::scenario::Sharing;
use crate::scenario::program::requests;
use crate::units::show_number;

/// The maximum number of requests of a run: a hundred thousand per second for three hundred years.
const MAX_REQUESTS: f64 = 1e15;

/// The error for a load with more requests than any run can send.
pub(super) fn refusal(load: &LoadProfile, flows: &[PlannedFlow]) -> Option<String> {
    let iterations = match &load.schedule {
        // The target decides how often a user starts an iteration.
        Schedule::Users(_) => return None,
        Schedule::Arrivals { curve, .. } => curve.area(curve.duration()),
        Schedule::Iterations {
            count,
            sharing,
            users,
            ..
        } => match sharing {
            Sharing::Shared => *count as f64,
            Sharing::PerUser => *count as f64 * f64::from(*users),
        },
    };
    let of_flow = |flow: &PlannedFlow| requests(&flow.steps).map(|(_, times)| times).sum();
    let each = load.flows.iter().map(|&flow| of_flow(&flows[flow]));
    let each = each.fold(0.0, f64::max);
    let total = iterations * each;
    (total > MAX_REQUESTS).then(|| {
        format!(
            "this load sends {} requests: {} iterations × {} requests in each; at most {} are allowed",
            show_number(total),
            show_number(iterations),
            show_number(each),
            show_number(MAX_REQUESTS)
        )
    })
}
