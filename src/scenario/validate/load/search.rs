//! A search for the capacity: a rate that rises until a rule breaks.

use std::time::Duration;

use super::{level_rate, required_max_users};
use crate::expr::threshold::RuleLimit;
use crate::format::tables::load as table;
use crate::format::{Field, Fields, Problems};
use crate::scenario::validate::names::NameTable;
use crate::scenario::validate::threshold;
use crate::scenario::{CapacitySearch, SearchStep, ThresholdEntry, Window};
use crate::source::Node;
use crate::units::Rate;

/// The time after which a search ends without a result, unless the file says otherwise.
const LONGEST: Duration = Duration::from_hours(2);

/// Reads a load with `step`.
pub(super) fn search(
    fields: &Fields<'_>,
    names: &NameTable,
    problems: &mut Problems,
) -> Option<CapacitySearch> {
    problems.refuse_beside(fields, &table::OF_SEARCH);
    let rates = match problems.require(fields, &table::RATE) {
        Some(node) => rates(node, problems),
        None => None,
    };
    let step = fields
        .get(&table::STEP)
        .and_then(|node| step(node, problems));
    let every: Option<Duration> = problems
        .require(fields, &table::EVERY)
        .and_then(|node| problems.at(node, &table::EVERY));
    let rules = problems
        .require(fields, &table::UNTIL)
        .and_then(|node| rules(node, names, problems));
    let confirm = optional(fields, &table::CONFIRM, problems);
    let precision = match fields.get(&table::PRECISION) {
        Some(node) => share(node, problems),
        None => Some(0.03),
    };
    let at_least = match fields.get(&table::AT_LEAST) {
        Some(node) => level_rate(node, &table::AT_LEAST, problems).map(Some),
        None => Some(None),
    };
    let max_users = required_max_users(fields, problems);
    let law = problems.value(fields, &table::ARRIVALS);
    let max_duration = optional(fields, &table::MAX_DURATION, problems);
    let ((from, most), every) = (rates?, every?);
    let at_least = at_least?.map(Rate::as_per_second);
    if let (Some(most), Some(wanted), Some(node)) = (most, at_least, fields.get(&table::AT_LEAST))
        && wanted > most
    {
        problems.report(
            node.span,
            "`at_least` is above the highest rate of the search, so every run would fail",
        );
    }
    let max_duration = max_duration?.unwrap_or(LONGEST);
    if every >= max_duration
        && let Some(node) = fields.get(&table::EVERY)
    {
        problems.report(
            node.span,
            "`every` is as long as the search may last (`max_duration`)",
        );
    }
    Some(CapacitySearch {
        from,
        most,
        step: step?,
        every,
        confirm: confirm?.unwrap_or(every * 2),
        precision: precision?,
        at_least,
        rules: rules?,
        max_users: max_users?,
        law: law?,
        max_duration,
    })
}

/// A duration that may be left out; the outer `None` is an error.
#[expect(clippy::option_option, reason = "a key that is absent is no error")]
fn optional(
    fields: &Fields<'_>,
    field: &Field,
    problems: &mut Problems,
) -> Option<Option<Duration>> {
    match fields.get(field) {
        Some(node) => problems.at(node, field).map(Some),
        None => Some(None),
    }
}

/// Reads `50/s..` or `50/s..2000/s`.
fn rates(node: &Node, problems: &mut Problems) -> Option<(f64, Option<f64>)> {
    let text = &problems
        .scalar(node, "the rates to search, such as 50/s..")?
        .text;
    let Some((from, most)) = text.split_once("..") else {
        problems.report_with(
            node.span,
            format!("`step` raises the rate, but `{text}` is a constant one"),
            format!("write `{text}..`, or leave `step` out"),
        );
        return None;
    };
    let mut read = |text: &str| {
        let node = Node::plain(text.trim(), node.span);
        level_rate(&node, &table::RATE, problems).map(Rate::as_per_second)
    };
    let from = read(from)?;
    let most = match most.trim() {
        "" => None,
        most => Some(read(most)?),
    };
    if from <= 0.0 || most.is_some_and(|most| most <= from) {
        problems.report(
            node.span,
            format!("found `{text}`, expected a rate above 0 and a higher one after it"),
        );
        return None;
    }
    Some((from, most))
}

fn step(node: &Node, problems: &mut Problems) -> Option<SearchStep> {
    let text = &problems.scalar(node, "a step such as 50/s or 20%")?.text;
    if text.contains('%') {
        return share(node, problems).map(SearchStep::Part);
    }
    let rate = level_rate(node, &table::STEP, problems)?.as_per_second();
    if rate <= 0.0 {
        problems.report(node.span, "a step must be above 0");
        return None;
    }
    Some(SearchStep::Add(rate))
}

/// A percentage as a fraction.
fn share(node: &Node, problems: &mut Problems) -> Option<f64> {
    let text = problems
        .scalar(node, "a percentage such as 5%")?
        .text
        .trim();
    let number = text
        .strip_suffix('%')
        .and_then(|text| text.trim().parse::<f64>().ok());
    let share = number.filter(|number| *number > 0.0 && *number <= 1_000.0);
    if share.is_none() {
        problems.report(
            node.span,
            format!("found `{text}`, expected a percentage above 0, such as 5%"),
        );
    }
    Some(share? / 100.0)
}

/// The rules, each of which judges one rate.
fn rules(node: &Node, names: &NameTable, problems: &mut Problems) -> Option<Vec<ThresholdEntry>> {
    let before = problems.count();
    let rules = threshold::thresholds(node, names, problems);
    if rules.is_empty() && problems.count() == before {
        problems.report_with(
            node.span,
            "there is no rule, so no rate would break",
            "write the rule that the target must satisfy, such as `p95(response_time) < 500ms`",
        );
    }
    for rule in &rules {
        let what = if rule.parsed.unit.is_of_slope() {
            "a slope is over a whole run"
        } else if matches!(rule.parsed.limit, RuleLimit::Baseline { .. }) {
            "a baseline has no rates to compare with"
        } else if rule.window != Window::Total || rule.abort_after.is_some() {
            "`window` and `abort` are for a whole run"
        } else {
            continue;
        };
        problems.report_with(
            rule.span,
            format!("this rule cannot judge a rate: {what}"),
            "write it under `thresholds`",
        );
    }
    (problems.count() == before).then_some(rules)
}
