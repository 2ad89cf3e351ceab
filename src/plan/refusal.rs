//! Loads that cannot be played: nothing to measure, or users and flows that do not fit.

use super::schedule::Model;
use super::{Schedule, Workload, totals};
use crate::scenario::{Diagnostic, Share, Span};
use crate::units::show_count;

/// The diagnostic for a load that measures nothing.
pub(super) fn of_load(workload: &Workload) -> Option<Diagnostic> {
    let message = match workload.loads.duration() {
        Some(run) if run.is_zero() => "the load has a duration of zero".to_owned(),
        Some(run) if run <= workload.warm_up => {
            "the warm-up is as long as the load: nothing would be measured".to_owned()
        }
        _ => workload.loads.iter().find_map(|load| {
            if load.users.is_empty() {
                Some("the load never has a user".to_owned())
            } else if never_starts(&load.schedule) {
                Some("the load never starts an iteration".to_owned())
            } else {
                totals::refusal(load, &workload.flows)
            }
        })?,
    };
    Some(Diagnostic::new(None, message))
}

/// The diagnostic for flows with `count` that do not fit the users of their load.
pub(super) fn of_counts(workload: &Workload) -> Option<Diagnostic> {
    workload.loads.iter().find_map(|load| {
        let players = workload.players(load);
        let counts = load.flows.iter().filter_map(|&flow| match workload.flows[flow].share {
            Share::Users { count, span } => Some((count, span)),
            Share::Weight(_) => None,
        });
        let counts: Vec<(u32, Span)> = counts.collect();
        let (_, span) = *counts.last()?;
        let asked: u64 = counts.iter().map(|(count, _)| u64::from(*count)).sum();
        let users = load.users.len() as u64;
        let (message, hint) = if load.schedule.model() == Model::Open {
            (
                "`count` needs a load by `users` or `iterations`: in a load by `rate` any free user takes the next arrival"
                    .to_owned(),
                "write `weight:`",
            )
        } else if asked > users {
            (
                format!(
                    "the flows with `count` need {} users, but the load has {}",
                    show_count(asked),
                    show_count(users)
                ),
                "lower a `count`, or give the load more users",
            )
        } else if asked == users && !players.mixed.is_empty() {
            let left = &workload.flows[players.mixed[0].0].name;
            (
                format!(
                    "the flows with `count` take all {} users: none is left for the flow `{left}`",
                    show_count(users)
                ),
                "lower a `count`, or give the load more users",
            )
        } else if asked < users && players.mixed.is_empty() {
            (
                format!(
                    "{} of {} users have no flow: every flow has a `count`",
                    show_count(users - asked),
                    show_count(users)
                ),
                "raise a `count`, or give a flow a `weight`",
            )
        } else {
            return None;
        };
        Some(Diagnostic::new(Some(span), message).with_hint(hint))
    })
}

fn never_starts(schedule: &Schedule) -> bool {
    match schedule {
        Schedule::Users(_) => false,
        Schedule::Iterations { count, .. } => *count == 0,
        Schedule::Arrivals { curve, .. } => curve.inverse_area(0.0).is_none(),
    }
}
