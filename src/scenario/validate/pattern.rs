//! JSON paths, CSS selectors and regular expressions, compiled once.

use regex::Regex;

use crate::format::Problems;
use crate::format::tables::css as table;
use crate::scenario::{CssQuery, JsonPath};
use crate::source::{Content, Node};
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

/// `css:`, a selector or a mapping with one.
pub(in crate::scenario) fn css_query(node: &Node, problems: &mut Problems) -> Option<CssQuery> {
    if matches!(node.value, Content::Scalar(_)) {
        return css(node, None, problems);
    }
    let fields = problems.fields(node, &table::TABLE)?;
    let attribute = match fields.get(&table::ATTR) {
        Some(node) => problems.name(node, "an attribute's name").map(Some),
        None => Some(None),
    };
    let selector = problems.require(&fields, &table::SELECT)?;
    css(selector, attribute?, problems)
}

fn css(node: &Node, attribute: Option<&str>, problems: &mut Problems) -> Option<CssQuery> {
    let text = &problems
        .scalar(node, "a CSS selector such as `#basket li`")?
        .text;
    match CssQuery::parse(text, attribute) {
        Ok(query) => Some(query),
        Err(reason) => {
            let message = format!("`{}` is not a CSS selector: {reason}", brief(text));
            problems.report(node.span, message);
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
