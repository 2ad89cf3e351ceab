//! The labels of a series: the scenario, where the series belongs, and its tags. Their values come from the scenario
//! file alone, so their number is that of its steps, flows and groups.

use std::collections::BTreeSet;

use chrono::DateTime;

use crate::plan::{Series, Subject};
use crate::record::RunHeader;
use crate::units::Micros;

/// Names that tags cannot have: those of other labels, and those that a receiver reserves.
const RESERVED: [&str; 14] = [
    "scenario",
    "flow",
    "step",
    "group",
    "phase",
    "outcome",
    "status_class",
    "check",
    "result",
    "le",
    "job",
    "instance",
    "run_id",
    "time",
];

/// Pairs of name and value.
pub(super) type Labels = Vec<(String, String)>;

/// The labels of a series.
pub(super) fn of_series(header: &RunHeader, series: &Series) -> Labels {
    let mut labels = of_run(header);
    labels.push(("flow".to_owned(), series.flow.clone()));
    match series.subject {
        Subject::Requests | Subject::Silent => {
            labels.push(("step".to_owned(), series.name.clone()));
        }
        Subject::Groups => labels.push(("group".to_owned(), series.name.clone())),
        Subject::Iterations => {}
    }
    let mut taken = BTreeSet::new();
    for (tag, value) in &series.tags {
        let mut name = label_name(tag);
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        labels.push((name, value.clone()));
    }
    labels
}

/// The labels of the whole run.
pub(super) fn of_run(header: &RunHeader) -> Labels {
    vec![("scenario".to_owned(), header.scenario.clone())]
}

/// A name for a label: ASCII letters, digits and `_`; a reserved name gets `tag_` in front.
fn label_name(tag: &str) -> String {
    let plain: String = tag
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let is_free =
        plain.starts_with(|c: char| c.is_ascii_alphabetic()) && !RESERVED.contains(&plain.as_str());
    if is_free {
        plain
    } else {
        format!("tag_{plain}")
    }
}

/// The wall time at which the load began, in microseconds since 1970; zero if the header's time cannot be read.
pub(super) fn began_at(header: &RunHeader) -> Micros {
    let began = DateTime::parse_from_rfc3339(&header.started_at);
    Micros(began.map_or(0, |began| began.timestamp_micros().max(0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_never_takes_the_name_of_another_label() {
        assert_eq!(label_name("team"), "team");
        assert_eq!(label_name("code-path"), "code_path");
        assert_eq!(label_name("scenario"), "tag_scenario");
        assert_eq!(label_name("le"), "tag_le");
        assert_eq!(label_name("1st"), "tag_1st");
        assert_eq!(label_name("__name__"), "tag___name__");
        assert_eq!(label_name("größe"), "gr__e");
    }
}
