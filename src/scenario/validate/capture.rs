//! `capture:`: values to keep from a response.

use super::compiler::Compiler;
use super::http::header_name;
use super::pattern::{json_path, regex};
use crate::format::Problems;
use crate::format::tables::capture::{COOKIE, HEADER, JSON, PICK, REGEX, SOURCE, TABLE};
use crate::scenario::{Capture, CaptureFrom, CapturePick};
use crate::source::{Content, Node, brief, did_you_mean};

/// Reads `capture:`, a mapping of variables to the sources of their values.
pub(in crate::scenario) fn captures(node: &Node, compiler: &mut Compiler<'_>) -> Vec<Capture> {
    let what = "a mapping of variables to what they capture, such as `id: {json: $.id}`";
    let Some(entries) = compiler.problems.entries(node, what) else {
        return Vec::new();
    };
    let mut captures = Vec::new();
    for entry in entries {
        let read = capture(&entry.value, compiler.problems);
        // Registered even after an error, so that uses of the name are not reported too.
        let slot = compiler.capture(&entry.key);
        if let (Some((from, pick)), Some(slot)) = (read, slot) {
            captures.push(Capture { slot, from, pick });
        }
    }
    captures
}

fn capture(node: &Node, problems: &mut Problems) -> Option<(CaptureFrom, CapturePick)> {
    if let Content::Scalar(scalar) = &node.value
        && scalar.text.starts_with('$')
    {
        let path = brief(&scalar.text);
        let message = format!("expected a capture, found `{path}`");
        let hint = did_you_mean(&format!("{{ json: '{path}' }}"));
        problems.report_with(node.span, message, hint);
        return None;
    }
    let fields = problems.fields(node, &TABLE)?;
    let source = match fields.chosen(&SOURCE).as_slice() {
        [one] => *one,
        [] if fields.has_slip => return None,
        found => {
            let message = if found.is_empty() {
                "this capture has no source for its value"
            } else {
                "a capture has only one source"
            };
            problems.report_with(
                node.span,
                message,
                "write one of `json: $.path`, `header: name`, `regex: pattern` or `cookie: name`",
            );
            return None;
        }
    };
    let value = &source.value;
    let key = source.key.as_str();
    let from = if key == JSON.key {
        json_path(value, problems).map(CaptureFrom::Json)
    } else if key == REGEX.key {
        regex(value, problems).map(CaptureFrom::Regex)
    } else if key == HEADER.key {
        problems
            .name(value, "a header's name")
            .and_then(|text| header_name(text, value.span, problems))
            .map(CaptureFrom::Header)
    } else {
        debug_assert_eq!(key, COOKIE.key);
        problems
            .name(value, "a cookie's name")
            .map(|name| CaptureFrom::Cookie(name.to_owned()))
    };
    let pick = problems.value(&fields, &PICK);
    Some((from?, pick?))
}
