//! Statuses of responses: in checks, `fail_on` and `expect`.

use http::StatusCode;

use crate::format::Problems;
use crate::scenario::StatusRange;
use crate::source::{Content, Node, describe, did_you_mean};

/// Reads one status, class or range, or a list of them; each comes with its text.
pub(in crate::scenario) fn statuses(
    node: &Node,
    problems: &mut Problems,
) -> Option<Vec<(String, StatusRange)>> {
    let items = match &node.value {
        Content::List(_) => problems.list(node, "a list of statuses")?,
        Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    };
    let ranges: Vec<Option<(String, StatusRange)>> = items
        .iter()
        .map(|item| status_range(item, problems))
        .collect();
    ranges.into_iter().collect()
}

fn status_range(node: &Node, problems: &mut Problems) -> Option<(String, StatusRange)> {
    const WHAT: &str =
        "a status such as 200, 2xx for all from 200 to 299, or a range such as 200..204";
    let text = problems.scalar(node, WHAT)?.text.as_str();
    if let Some(range) = parse(text) {
        return Some((text.to_owned(), range));
    }
    let bounds = text.split_once("..").or_else(|| text.split_once('-'));
    let hint = bounds.and_then(|(first, last)| {
        let (first, last) = (code(first.trim())?, code(last.trim())?);
        let (low, high) = (first.min(last), first.max(last));
        Some(did_you_mean(&format!(
            "{}..{}",
            low.as_u16(),
            high.as_u16()
        )))
    });
    let message = format!("expected {WHAT}, found {}", describe(node));
    problems.report_perhaps_with(node.span, message, hint);
    None
}

/// The statuses of a text such as `503`, `5xx` or `500..504`.
pub(super) fn parse(text: &str) -> Option<StatusRange> {
    let (first, last) = if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok()?;
        (1..=9).contains(&class).then_some(())?;
        let first = class * 100;
        (
            StatusCode::from_u16(first).ok()?,
            StatusCode::from_u16(first + 99).ok()?,
        )
    } else if let Some((first, last)) = text.split_once("..") {
        (code(first.trim())?, code(last.trim())?)
    } else {
        let status = code(text)?;
        (status, status)
    };
    (first <= last).then_some(StatusRange { first, last })
}

fn code(text: &str) -> Option<StatusCode> {
    let number: u16 = text.parse().ok()?;
    // The type accepts exactly 100 to 999.
    StatusCode::from_u16(number).ok()
}
