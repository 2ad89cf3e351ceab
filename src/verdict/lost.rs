//! Describes users that left early, for the first sentence of a verdict or a warning.

use super::Ending;
use crate::record::LostUsers;
use crate::units::show_count;

/// Reports that the run ended before its schedule, if it did.
pub(super) fn early_end(ending: &Ending, unstarted: u64) -> Option<String> {
    let lost = &ending.lost;
    if !lost.ended_the_load {
        return None;
    }
    let planned = lost
        .planned
        .map_or_else(String::new, |planned| format!(" of {planned}"));
    let undone = match unstarted {
        0 => String::new(),
        count => format!(", with {} iterations never started", show_count(count)),
    };
    let permit = match (lost.may_end_the_load, lost.out_of_rows) {
        (true, 1..) => ", as `when_used_up: end` allows",
        (true, 0) => ", as its steps `stop: user` say",
        (false, _) => "",
    };
    Some(format!(
        "the run ended before its planned end, after {}{planned}{undone}{permit}: {}",
        ending.at,
        told(lost)
    ))
}

/// The number of users that left early, and the reasons.
pub(super) fn told(lost: &LostUsers) -> String {
    let mut causes = Vec::new();
    if lost.stopped > 0 {
        causes.push(format!(
            "{} by `on_error: stop_user`",
            show_count(lost.stopped)
        ));
    }
    if lost.left > 0 {
        causes.push(format!("{} by a step `stop: user`", show_count(lost.left)));
    }
    if lost.out_of_rows > 0 {
        let feeder = lost.feeder.as_deref().unwrap_or_default();
        causes.push(format!(
            "{} because the rows of `{feeder}` were used up",
            show_count(lost.out_of_rows)
        ));
    }
    format!(
        "{} of {} users left early, {}",
        show_count(lost.count()),
        show_count(lost.of),
        causes.join(", ")
    )
}
