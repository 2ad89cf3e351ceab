//! Changes of the load while it ran.

use crate::record::{LoadChange, LoadChangeKind};
use crate::report::text;
use crate::units::show_duration;

/// A change whose texts are clean.
pub(super) fn clean(change: &LoadChange) -> LoadChange {
    let kind = match &change.kind {
        LoadChangeKind::Tag { text } => LoadChangeKind::Tag {
            text: text::clean(text),
        },
        kind => kind.clone(),
    };
    LoadChange {
        flow: change.flow.as_deref().map(text::clean),
        kind,
        ..change.clone()
    }
}

/// Says that the load is not that of the plan.
pub(super) fn told(changes: &[LoadChange]) -> Option<String> {
    const MOST: usize = 5;
    let of_load: Vec<&LoadChange> = changes
        .iter()
        .filter(|change| change.is_of_load())
        .collect();
    if of_load.is_empty() {
        return None;
    }
    let first = of_load.iter().take(MOST);
    let told =
        first.map(|change| format!("{change} at {}", show_duration(change.at.as_duration())));
    let told: Vec<String> = told.collect();
    let more = match of_load.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(text::clean(&format!(
        "the load was changed while it ran: {}{more}",
        told.join(", ")
    )))
}
