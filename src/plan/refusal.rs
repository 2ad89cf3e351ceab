//! Loads that cannot be played: nothing to measure, or users and flows that do not fit.

use super::schedule::Model;
use super::{LoadProfile, Schedule, Workload, totals};
use crate::scenario::program::visit;
use crate::scenario::{Action, Diagnostic, Share, Sharing, Span};
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

/// The diagnostics for rendezvous that never have all their users.
pub(super) fn of_rendezvous(workload: &Workload) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for load in workload.loads.iter() {
        for &flow in &load.flows {
            let most = most_at_once(load, flow, workload);
            let flow = &workload.flows[flow];
            let blocks = flow.blocks().into_iter();
            for visit in blocks.flat_map(|block| visit(block)) {
                let Action::Rendezvous(rendezvous) = &visit.step.action else {
                    continue;
                };
                let is_known = |known: &Diagnostic| known.span == Some(rendezvous.span);
                if u64::from(rendezvous.users) <= most || found.iter().any(is_known) {
                    continue;
                }
                let machine = match workload.segment.count {
                    1 => "",
                    _ => " on this machine",
                };
                let message = format!(
                    "the rendezvous needs {} users, but at most {} play the flow `{}` at once{machine}",
                    show_count(rendezvous.users.into()),
                    show_count(most),
                    flow.name
                );
                let hint = "lower its `users`, or give the load more users";
                let problem = Diagnostic::new(Some(rendezvous.span), message);
                found.push(problem.with_hint(hint));
            }
        }
    }
    found
}

/// The maximum number of users of this segment that play a flow of a load at the same time.
fn most_at_once(load: &LoadProfile, flow: usize, workload: &Workload) -> u64 {
    let (players, segment) = (workload.players(load), workload.segment);
    let mut alone = players.alone.into_iter();
    let alone = alone.find(|(_, of)| *of == flow).map(|(users, _)| users);
    let users = alone.unwrap_or(players.others);
    let share = |user: u32| segment.share(user.into());
    let users = share(users.end.min(load.users.end)).saturating_sub(share(users.start));
    match &load.schedule {
        Schedule::Iterations {
            count,
            sharing: Sharing::Shared,
            ..
        } => users.min(segment.share(*count)),
        Schedule::Iterations { .. } | Schedule::Users(_) | Schedule::Arrivals { .. } => users,
    }
}

fn never_starts(schedule: &Schedule) -> bool {
    match schedule {
        Schedule::Users(_) => false,
        Schedule::Iterations { count, .. } => *count == 0,
        Schedule::Arrivals { curve, .. } => curve.inverse_area(0.0).is_none(),
    }
}
