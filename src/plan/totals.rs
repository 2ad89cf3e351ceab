//! The total number of requests that a plan asks for; absurd totals are refused.

use super::{Action, Plan, Schedule, Step};
use crate::scenario::Sharing;
use crate::units::show_count;

/// The most requests of a run: a hundred thousand a second for three hundred years.
const MAX_REQUESTS: f64 = 1e15;

/// Why a load is refused that sends more than any run could.
pub(super) fn refusal(plan: &Plan) -> Option<String> {
    let iterations = match &plan.schedule {
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
    let each = plan.flows.iter().map(|flow| requests(&flow.steps));
    let each = each.fold(0.0, f64::max);
    let total = iterations * each;
    (total > MAX_REQUESTS).then(|| {
        format!(
            "this load sends {} requests: {} iterations × {} requests in each; at most {} are allowed",
            show_count(total),
            show_count(iterations),
            show_count(each),
            show_count(MAX_REQUESTS)
        )
    })
}

/// The requests of one pass through the steps.
fn requests(steps: &[Step]) -> f64 {
    let of = |step: &Step| match &step.action {
        Action::Request(_) => 1.0,
        Action::Think(_) => 0.0,
        Action::Repeat { times, steps, .. } => f64::from(*times) * requests(steps),
    };
    steps.iter().map(of).sum()
}
