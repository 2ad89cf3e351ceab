//! JSON paths and regular expressions, compiled once.

use regex::Regex;

use crate::format::Problems;
use crate::scenario::JsonPath;
use crate::source::Node;
use crate::source::{brief, did_you_mean};

pub(in crate::scenario) fn json_path(node: &Node, problems: &mut Problems) -> Option<JsonPath> {
    let what = "a JSON path such as $.items[*].id";
    let text = &problems.scalar(node, what)?.text;
    match JsonPath::parse(text) {
        Ok(path) => Some(path),
        Err(error) => {
            let message = format!("`{}` is not a JSON path", brief(text));
            if text.starts_with('$') {
                // The parser reports only a position.
                let at = error.position();
                let hint = format!("the syntax error is at character {at}");
                problems.report_with(node.span, message, hint);
            } else {
                problems.report_with(
                    node.span,
                    message,
                    did_you_mean(&format!("$.{}", brief(text))),
                );
            }
            None
        }
    }
}

pub(in crate::scenario) fn regex(node: &Node, problems: &mut Problems) -> Option<Regex> {
    let text = &problems.scalar(node, "a regular expression")?.text;
    match Regex::new(text) {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The crate's message has several lines with a picture; the last line is the reason.
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            problems.report(
                node.span,
                format!("`{}` is not a regular expression: {reason}", brief(text)),
            );
            None
        }
    }
}
