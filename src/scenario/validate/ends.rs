//! Ends of requests: statuses and outcomes, in `retry`.

use super::status;
use crate::format::Problems;
use crate::format::words::{EndWord, FromWord as _};
use crate::scenario::{Ends, RequestEnd};
use crate::source::{Content, Node, Span, brief, did_you_mean, listed, nearest};

const WHAT: &str =
    "a status such as 503, 5xx or 500..504, or an outcome of a request such as `timeout`";

/// Reads one end, or a list of them.
pub(in crate::scenario) fn ends(node: &Node, problems: &mut Problems) -> Option<Ends> {
    let items = match &node.value {
        Content::List(_) => problems.list(node, "a list of statuses and outcomes")?,
        Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    };
    let ends: Vec<Option<RequestEnd>> = items
        .iter()
        .map(|item| {
            let text = &problems.scalar(item, WHAT)?.text;
            end(text, item.span, problems)
        })
        .collect();
    ends.into_iter().collect::<Option<_>>().map(Ends)
}

/// Reads the text of an end.
pub(in crate::scenario) fn end(
    text: &str,
    span: Span,
    problems: &mut Problems,
) -> Option<RequestEnd> {
    if let Some(range) = status::parse(text) {
        return Some(RequestEnd::Status(range));
    }
    let mut words = EndWord::VALUES.iter();
    if let Some(word) = words.find(|word| word.word() == text) {
        return Some(RequestEnd::Outcome(*word));
    }
    let words: Vec<&str> = EndWord::VALUES.iter().map(|word| word.word()).collect();
    let hint = match nearest(text, words.iter().copied()) {
        Some(near) => did_you_mean(near),
        None => format!("the outcomes are {}", listed(&words)),
    };
    problems.report_with(
        span,
        format!("expected {WHAT}, found `{}`", brief(text)),
        hint,
    );
    None
}
