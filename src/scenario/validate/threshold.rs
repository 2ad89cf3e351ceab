//! `thresholds:`, parsed and type-checked. The plan resolves the series that their names select.

use std::time::Duration;

use super::metrics;
use super::names::NameTable;
use crate::expr::threshold::{CustomName, Rule, RuleLimit};
use crate::format::tables::threshold::{
    ABORT, EXPECT, MIN_SAMPLES, SEVERITY, TABLE, WINDOW, abort as abort_table,
    window as window_table,
};
use crate::format::{Fields, Problems};
use crate::scenario::{Severity, ThresholdEntry, Window};
use crate::source::{Content, Node, Span, describe};

/// Reads `thresholds:`.
pub(super) fn thresholds(
    node: &Node,
    names: &NameTable,
    problems: &mut Problems,
) -> Vec<ThresholdEntry> {
    let Content::List(items) = &node.value else {
        problems.report_with(
            node.span,
            format!("expected a list of thresholds, found {}", describe(node)),
            "write `- p95(response_time) < 500ms`, one a line",
        );
        return Vec::new();
    };
    let declared = names.metrics.iter().map(metrics::custom_name);
    let own: Vec<CustomName> = declared.chain(names.kept.iter().cloned()).collect();
    items
        .iter()
        .filter_map(|item| threshold(item, &own, problems))
        .collect()
}

fn threshold(node: &Node, own: &[CustomName], problems: &mut Problems) -> Option<ThresholdEntry> {
    // A bare expression is read as a mapping without options.
    let bare = Node {
        value: Content::Map(Vec::new()),
        span: node.span,
    };
    let is_bare = !matches!(node.value, Content::Map(_));
    let fields = problems.fields(if is_bare { &bare } else { node }, &TABLE)?;
    let expect = if is_bare {
        Some(node)
    } else {
        problems.require(&fields, &EXPECT)
    };
    // Each part is read even if another has an error, so that all errors are reported at once.
    let parsed = expect.and_then(|expect| expression(expect, own, problems));
    let window = match fields.get(&WINDOW) {
        Some(node) => window(node, problems),
        None => Some(Window::Total),
    };
    let min_samples = match fields.get(&MIN_SAMPLES) {
        Some(node) => problems.at(node, &MIN_SAMPLES),
        None => Some(0),
    };
    let abort_after = match fields.get(&ABORT) {
        Some(node) => abort(node, problems).map(Some),
        None => Some(None),
    };
    let severity = problems.value(&fields, &SEVERITY);
    if let (Some(Severity::Warn), Some(abort)) = (severity, fields.entry(&ABORT)) {
        problems.report_with(
            abort.key_span,
            "`abort` stops the run when the threshold fails, but a threshold with `severity: warn` only warns",
            "remove `abort`, or `severity: warn`",
        );
    }
    if let Some((_, rule, _)) = &parsed
        && let Some(what) = of_whole_run(rule)
    {
        refuse_window(&fields, what, problems);
        if let RuleLimit::Baseline { .. } = rule.limit {
            refuse_abort(&fields, problems);
        }
    }
    let (text, parsed, start) = parsed?;
    Some(ThresholdEntry {
        expression: text,
        parsed,
        window: window?,
        min_samples: min_samples?,
        abort_after: abort_after?,
        severity: severity?,
        span: expect?.span,
        start,
    })
}

/// The kind of a rule that is only judged over the whole run; `None` for one that may have a window.
const fn of_whole_run(rule: &Rule) -> Option<&'static str> {
    if rule.unit.is_of_slope() {
        return Some("a slope");
    }
    if rule.in_seconds.is_some() {
        return Some("a share of seconds");
    }
    match rule.limit {
        RuleLimit::Value(_) => None,
        RuleLimit::Times { .. } => Some("a comparison of two numbers of the run"),
        RuleLimit::Baseline { .. } => Some("a comparison with a baseline"),
    }
}

fn refuse_window(fields: &Fields<'_>, what: &str, problems: &mut Problems) {
    let is_total =
        |node: &Node| matches!(&node.value, Content::Scalar(scalar) if scalar.text == "total");
    if let Some(window) = fields.entry(&WINDOW)
        && !is_total(&window.value)
    {
        problems.report_with(
            window.key_span,
            format!("{what} is over the whole run, or its stages, and has no window"),
            "remove `window`, or compare with a fixed limit",
        );
    }
}

/// Refuses stopping the run by a result that is known when it is over.
fn refuse_abort(fields: &Fields<'_>, problems: &mut Problems) {
    if let Some(abort) = fields.entry(&ABORT) {
        problems.report_with(
            abort.key_span,
            "a comparison with a baseline is judged when the run is over, so it cannot stop the run",
            "remove `abort`, or compare with a fixed limit",
        );
    }
}

/// The text of an expression, its parsed form, and the position of its first character.
fn expression(
    node: &Node,
    own: &[CustomName],
    problems: &mut Problems,
) -> Option<(String, Rule, Option<Span>)> {
    const WHAT: &str = "an expression such as `p95(response_time) < 500ms`";
    let scalar = problems.scalar(node, WHAT)?;
    let text = scalar.text.trim();
    if text.is_empty() {
        problems.expected(WHAT, node);
        return None;
    }
    let spaces = scalar.text.chars().take_while(|c| c.is_whitespace());
    let start = scalar.place(node.span, spaces.count(), 1);
    match Rule::parse_with(text, own) {
        Ok(expression) => Some((text.to_owned(), expression, start)),
        Err(error) => {
            problems.add([error.in_file(text, node.span, start)]);
            None
        }
    }
}

/// The time that must pass before the threshold may stop the run.
fn abort(node: &Node, problems: &mut Problems) -> Option<Duration> {
    let fields = problems.fields(node, &abort_table::TABLE)?;
    problems.value(&fields, &abort_table::AFTER)
}

fn window(node: &Node, problems: &mut Problems) -> Option<Window> {
    use window_table::{ROLLING, SUSTAINED};

    const WHAT: &str = "a window such as {rolling: 10s}, {sustained: 10s} or `total`";
    if let Content::Scalar(scalar) = &node.value {
        if scalar.text == "total" {
            return Some(Window::Total);
        }
        problems.expected(WHAT, node);
        return None;
    }
    let fields = problems.fields(node, &window_table::TABLE)?;
    match (fields.get(&ROLLING), fields.get(&SUSTAINED)) {
        (Some(length), None) => problems.at(length, &ROLLING).map(Window::Rolling),
        (None, Some(length)) => problems.at(length, &SUSTAINED).map(Window::Sustained),
        _ => {
            problems.report(
                node.span,
                "a window is either {rolling: 10s} or {sustained: 10s}",
            );
            None
        }
    }
}
