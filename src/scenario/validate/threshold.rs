//! `thresholds:`, parsed and type-checked; which series their names select is for the plan.

use std::time::Duration;

use super::reader::{Problems, Shape};
use crate::expr::threshold::Rule;
use crate::scenario::{Severity, ThresholdEntry, Window};
use crate::source::{Content, Node};
use crate::source::{brief, describe};

const THRESHOLD: Shape = Shape {
    what: "a threshold",
    known: &["expect", "window", "min_samples", "abort", "severity"],
    later: &["name", "baseline"],
};

const WINDOW: Shape = Shape {
    what: "a window",
    known: &["rolling", "sustained"],
    later: &[],
};

const ABORT: Shape = Shape {
    what: "`abort`",
    known: &["after"],
    later: &[],
};

/// Reads `thresholds:`.
pub(super) fn thresholds(node: &Node, problems: &mut Problems) -> Vec<ThresholdEntry> {
    let Content::List(items) = &node.value else {
        problems.report_with(
            node.span,
            format!("expected a list of thresholds, found {}", describe(node)),
            "write `- p95(response_time) < 500ms`, one a line",
        );
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| threshold(item, problems))
        .collect()
}

fn threshold(node: &Node, problems: &mut Problems) -> Option<ThresholdEntry> {
    let fields = match &node.value {
        Content::Map(_) => Some(problems.fields(node, &THRESHOLD)?),
        _ => None,
    };
    let expect = match &fields {
        Some(fields) => problems.require(fields, "expect"),
        None => Some(node),
    };
    let get = |key| fields.as_ref().and_then(|fields| fields.entry(key));
    // Each part is read whether or not the others can be: everything wrong is told at once.
    let parsed = expect.and_then(|expect| expression(expect, problems));
    let window = match get("window") {
        Some(entry) => window(&entry.value, problems),
        None => Some(Window::Total),
    };
    let min_samples = match get("min_samples") {
        Some(entry) => problems.count(&entry.value, "`min_samples`", 1..=1_000_000_000_000),
        None => Some(0),
    };
    let abort_after = match get("abort") {
        Some(entry) => abort(&entry.value, problems).map(Some),
        None => Some(None),
    };
    let severity = match get("severity") {
        Some(entry) => {
            let words = [("fail", Severity::Fail), ("warn", Severity::Warn)];
            problems.choice(&entry.value, "a severity", &words)
        }
        None => Some(Severity::Fail),
    };
    if let (Some(Severity::Warn), Some(abort)) = (severity, get("abort")) {
        problems.report_with(
            abort.key_span,
            "`abort` ends the run when the threshold breaks, but with `severity: warn` a breach is no failure",
            "remove `abort`, or `severity: warn`",
        );
    }
    let (text, parsed) = parsed?;
    Some(ThresholdEntry {
        expression: text,
        parsed,
        window: window?,
        min_samples: min_samples?,
        abort_after: abort_after?,
        severity: severity?,
        span: expect?.span,
    })
}

/// An expression as written, and parsed.
fn expression(node: &Node, problems: &mut Problems) -> Option<(String, Rule)> {
    const WHAT: &str = "an expression such as `p95(response_time) < 500ms`";
    let scalar = problems.scalar(node, WHAT)?;
    let text = scalar.text.trim();
    if text.is_empty() {
        problems.expected(WHAT, node);
        return None;
    }
    match Rule::parse(text) {
        Ok(expression) => Some((text.to_owned(), expression)),
        Err(error) => {
            let skipped = scalar
                .text
                .chars()
                .take_while(|c| c.is_whitespace())
                .count();
            let place = scalar.place(node.span, skipped + error.offset, error.length);
            let message = match place {
                Some(_) => error.message,
                None => format!("`{}`: {}", brief(text), error.message),
            };
            problems.report_perhaps_with(place.unwrap_or(node.span), message, error.hint);
            None
        }
    }
}

/// How much of the run must have passed before it may be stopped.
fn abort(node: &Node, problems: &mut Problems) -> Option<Duration> {
    let fields = problems.fields(node, &ABORT)?;
    let after = problems.require(&fields, "after")?;
    problems.duration(after)
}

fn window(node: &Node, problems: &mut Problems) -> Option<Window> {
    if matches!(node.value, Content::Scalar(_)) {
        return problems.choice(
            node,
            "a window such as {rolling: 10s}, {sustained: 10s} or",
            &[("total", Window::Total)],
        );
    }
    let fields = problems.fields(node, &WINDOW)?;
    match (fields.get("rolling"), fields.get("sustained")) {
        (Some(length), None) => problems.positive_duration(length).map(Window::Rolling),
        (None, Some(length)) => problems.positive_duration(length).map(Window::Sustained),
        _ => {
            problems.report(
                node.span,
                "a window is either {rolling: 10s} or {sustained: 10s}",
            );
            None
        }
    }
}
