//! Describes a failed threshold in one sentence.

use super::judge::{Judged, JudgedThreshold};
use crate::plan::threshold::Threshold;
use crate::record::Standing;
use crate::scenario::{Comparator, Window};
use crate::units::{show_count, show_duration};

/// `p95(response_time) was 612 ms, over its limit of 500 ms`
pub(super) fn of(rule: &JudgedThreshold) -> String {
    let JudgedThreshold {
        threshold, judged, ..
    } = rule;
    if let Some(detail) = &judged.detail {
        let subject = subject(threshold);
        return match judged.observed.filter(|_| threshold.unit.is_of_slope()) {
            Some(_) => format!("{subject} was {}: {detail}", observed(threshold, judged)),
            None => format!("{subject}: {detail}"),
        };
    }
    match judged.standing {
        Standing::Pass => format!("{} holds", threshold.expression),
        Standing::Inconclusive => format!("{}: the samples do not decide it", threshold.expression),
        Standing::Fail => broken(threshold, judged),
        Standing::NoData => no_data(threshold, judged),
    }
}

fn broken(threshold: &Threshold, judged: &Judged) -> String {
    let limit = judged
        .limit
        .map_or_else(|| "nothing".to_owned(), |limit| threshold.unit.show(limit));
    let observed = observed(threshold, judged);
    let length = |length| show_duration(length);
    let window = match threshold.window {
        Window::Total => String::new(),
        Window::Rolling(rolling) => format!(" in a window of {}", length(rolling)),
        Window::Sustained(sustained) => format!(" or worse for {}", length(sustained)),
    };
    let against = match threshold.comparator {
        // After rounding, both numbers may look the same.
        _ if observed == limit => format!(
            "against its limit of {} {limit}",
            threshold.comparator.symbol()
        ),
        Comparator::Less | Comparator::LessOrEqual => format!("over its limit of {limit}"),
        Comparator::Greater | Comparator::GreaterOrEqual => format!("under its limit of {limit}"),
        Comparator::Equal => format!("not {limit}"),
        Comparator::NotEqual => format!("but must differ from {limit}"),
    };
    format!("{} was {observed}{window}, {against}", subject(threshold))
}

/// The observed number, with its interval if it has one.
fn observed(threshold: &Threshold, judged: &Judged) -> String {
    let show = |value| threshold.unit.show(value);
    match (judged.observed, judged.interval) {
        (Some(value), Some((from, to))) => {
            format!("{} ({} to {})", show(value), show(from), show(to))
        }
        (Some(value), None) => show(value),
        (None, _) => "nothing".to_owned(),
    }
}

fn no_data(threshold: &Threshold, judged: &Judged) -> String {
    let subject = subject(threshold);
    if judged.samples > 0 {
        let (samples, asked) = (
            show_count(judged.samples),
            show_count(threshold.min_samples),
        );
        return format!("{subject} had {samples} samples, fewer than its minimum of {asked}");
    }
    match threshold.window {
        Window::Total => format!("{subject} had no samples to judge"),
        Window::Rolling(length) | Window::Sustained(length) => {
            format!(
                "{subject} had no window of {} with enough samples to judge",
                show_duration(length)
            )
        }
    }
}

/// The expression up to its comparator, which is the first one outside parentheses, selectors and their quotes.
fn subject(threshold: &Threshold) -> &str {
    let expression = &threshold.expression;
    let (mut quote, mut depth) = (None, 0_u32);
    let end = expression.find(|c: char| {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '(') => depth += 1,
            (None, '}' | ')') => depth = depth.saturating_sub(1),
            (None, '<' | '>' | '=' | '!') => return depth == 0,
            (Some(_) | None, _) => {}
        }
        false
    });
    expression[..end.unwrap_or(expression.len())].trim_end()
}
