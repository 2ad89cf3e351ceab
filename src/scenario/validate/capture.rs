//! `capture:`: values to keep from a response.

use super::compiler::Compiler;
use super::http::header_name;
use super::pattern::{css_query, json_path, regex};
use crate::format::tables::capture::{
    BETWEEN, BODY, COOKIE, CSS, DEFAULT, GROUP, HEADER, JSON, OPTIONAL, PICK, REGEX, SOURCE,
    STATUS, TABLE, URL,
};
use crate::format::{Fields, Problems};
use crate::scenario::{
    Capture, CaptureDefault, CaptureFrom, CapturePick, CaptureSelection, Template, Value,
};
use crate::source::{Content, Entry, Node, brief, did_you_mean};

/// Reads `capture:`, a mapping of variables to the sources of their values.
pub(in crate::scenario) fn captures(node: &Node, compiler: &mut Compiler<'_>) -> Vec<Capture> {
    let what = "a mapping of variables to what they capture, such as `id: {json: $.id}`";
    let Some(entries) = compiler.problems.entries(node, what) else {
        return Vec::new();
    };
    let mut captures = Vec::new();
    for entry in entries {
        let read = capture(&entry.value, compiler);
        // Registered even after an error, so that uses of the name are not reported too.
        let slot = compiler.capture_from_response(&entry.key);
        if let (Some((from, pick, otherwise)), Some(slot)) = (read, slot) {
            captures.push(Capture {
                slot,
                from,
                pick,
                otherwise,
            });
        }
    }
    captures
}

fn capture(
    node: &Node,
    compiler: &mut Compiler<'_>,
) -> Option<(CaptureFrom, CaptureSelection, CaptureDefault)> {
    let problems = &mut *compiler.problems;
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
    let from = match fields.chosen(&SOURCE).as_slice() {
        [one] => source(one, &fields, problems),
        [] if fields.has_slip => return None,
        found => {
            let message = if found.is_empty() {
                "this capture has no source for its value"
            } else {
                "a capture has only one source"
            };
            let hint = "write one of `json: $.path`, `css: selector`, `regex: pattern`, `between: [ text, text ]`, \
                        `header: name`, `cookie: name`, `body: true`, `status: true` or `url: true`";
            problems.report_with(node.span, message, hint);
            return None;
        }
    };
    if let Some(group) = fields.entry(&GROUP)
        && fields.get(&REGEX).is_none()
    {
        problems.report(group.key_span, "`group` belongs to a capture by `regex`");
    }
    let pick = selection(&fields, problems);
    let otherwise = otherwise(&fields, compiler);
    Some((from?, pick?, otherwise?))
}

fn source(source: &Entry, fields: &Fields<'_>, problems: &mut Problems) -> Option<CaptureFrom> {
    let value = &source.value;
    let key = source.key.as_str();
    if key == JSON.key {
        json_path(value, problems).map(CaptureFrom::Json)
    } else if key == CSS.key {
        css_query(value, problems).map(CaptureFrom::Css)
    } else if key == REGEX.key {
        let regex = regex(value, problems)?;
        let group = match fields.get(&GROUP) {
            Some(node) => group(node, &regex, problems)?,
            None => usize::from(regex.captures_len() > 1),
        };
        Some(CaptureFrom::Regex(regex, group))
    } else if key == BETWEEN.key {
        between(value, problems)
    } else if key == HEADER.key {
        problems
            .name(value, "a header's name")
            .and_then(|text| header_name(text, value.span, problems))
            .map(CaptureFrom::Header)
    } else if key == COOKIE.key {
        problems
            .name(value, "a cookie's name")
            .map(|name| CaptureFrom::Cookie(name.to_owned()))
    } else {
        let from = if key == BODY.key {
            CaptureFrom::Body
        } else if key == STATUS.key {
            CaptureFrom::Status
        } else {
            debug_assert_eq!(key, URL.key);
            CaptureFrom::Url
        };
        if !problems.flag(value)? {
            problems.report(value.span, format!("`{key}` can only be true"));
            return None;
        }
        Some(from)
    }
}

/// The number of a group, given by its number or its name.
fn group(node: &Node, regex: &regex::Regex, problems: &mut Problems) -> Option<usize> {
    let text = &problems.scalar(node, "a group's number or name")?.text;
    let groups = regex.captures_len();
    let found = match text.parse::<usize>() {
        Ok(number) => (number < groups).then_some(number),
        Err(_) => regex
            .capture_names()
            .position(|name| name == Some(text.as_str())),
    };
    if found.is_none() {
        let message = format!("the regular expression has no group `{}`", brief(text));
        let hint = match groups - 1 {
            0 => "it has no group; write one as `(…)`".to_owned(),
            1 => "it has one group, with the number 1".to_owned(),
            most => format!("its groups have the numbers 1 to {most}"),
        };
        problems.report_with(node.span, message, hint);
    }
    found
}

fn between(node: &Node, problems: &mut Problems) -> Option<CaptureFrom> {
    const WHAT: &str = "two texts, such as `[ 'value=\"', '\"' ]`";
    let [before, after] = problems.list(node, WHAT)? else {
        problems.expected(WHAT, node);
        return None;
    };
    let mut text = |node: &Node| {
        let text = &*problems.scalar(node, "a text")?.text;
        if text.is_empty() {
            problems.report(
                node.span,
                "an empty text is everywhere; write what stands there",
            );
            return None;
        }
        Some(text.into())
    };
    let (before, after) = (text(before), text(after));
    Some(CaptureFrom::Between(before?, after?))
}

fn selection(fields: &Fields<'_>, problems: &mut Problems) -> Option<CaptureSelection> {
    if let Some(node) = fields.get(&PICK)
        && let Content::Scalar(scalar) = &node.value
        && scalar
            .text
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
    {
        return problems.at(node, &PICK).map(CaptureSelection::Number);
    }
    let pick: CapturePick = problems.value(fields, &PICK)?;
    Some(CaptureSelection::Pick(pick))
}

fn otherwise(fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> Option<CaptureDefault> {
    let is_optional = compiler.problems.value(fields, &OPTIONAL)?;
    let Some(entry) = fields.entry(&DEFAULT) else {
        return Some(if is_optional {
            CaptureDefault::Nothing
        } else {
            CaptureDefault::Fail
        });
    };
    if is_optional {
        compiler.problems.report_with(
            entry.key_span,
            "`default` has no effect beside `optional: true`",
            "remove one of the two",
        );
    }
    let value = match &entry.value.value {
        Content::Scalar(scalar) => compiler.typed(&entry.value, scalar)?,
        Content::List(_) | Content::Map(_) => {
            let value = Value::from(&entry.value);
            Template::constant(value, DEFAULT.key)
        }
    };
    Some(CaptureDefault::Value(value))
}
