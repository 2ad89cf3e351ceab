//! `thresholds:` as written; what an expression means is for the plan, which knows the series.

use super::reader::{Problems, Shape};
use crate::scenario::raw::{Node, Value};
use crate::scenario::{Severity, ThresholdEntry, Window};

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
    let items = match &node.value {
        Value::List(items) => items,
        _ => {
            problems.expected("a list of thresholds", node);
            return Vec::new();
        }
    };
    items
        .iter()
        .filter_map(|item| threshold(item, problems))
        .collect()
}

fn threshold(node: &Node, problems: &mut Problems) -> Option<ThresholdEntry> {
    const WHAT: &str = "an expression such as `p95(response_time) < 500ms`";
    let expect = match &node.value {
        Value::Map(_) => {
            let fields = problems.fields(node, &THRESHOLD)?;
            problems.require(&fields, "expect")?
        }
        _ => node,
    };
    let mut entry = ThresholdEntry {
        expression: problems.scalar(expect, WHAT)?.text.trim().to_owned(),
        window: Window::Total,
        min_samples: 1,
        abort_after: None,
        severity: Severity::Fail,
        span: expect.span,
    };
    if entry.expression.is_empty() {
        problems.expected(WHAT, expect);
        return None;
    }
    if let Some(node) = node.get("window") {
        entry.window = window(node, problems)?;
    }
    if let Some(node) = node.get("min_samples") {
        entry.min_samples = problems.count(node, "`min_samples`", 1..=1_000_000_000_000)?;
    }
    if let Some(node) = node.get("abort") {
        let fields = problems.fields(node, &ABORT)?;
        let after = problems.require(&fields, "after")?;
        entry.abort_after = Some(problems.duration(after)?);
    }
    if let Some(node) = node.get("severity") {
        let words = [("fail", Severity::Fail), ("warn", Severity::Warn)];
        entry.severity = problems.choice(node, "a severity", &words)?;
    }
    Some(entry)
}

fn window(node: &Node, problems: &mut Problems) -> Option<Window> {
    if matches!(node.value, Value::Scalar(_)) {
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
