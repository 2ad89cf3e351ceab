//! Converts YAML syntax errors to diagnostics with a hint.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::super::{Diagnostic, FileId, Span};
use super::too_deep;

/// The diagnostic for a syntax error, with its position and a remedy.
pub(super) fn fault(error: &ScanError, text: &str, file: FileId) -> Diagnostic {
    let marker = error.marker();
    let span = Span {
        file,
        line: marker.line().max(1) as u32,
        column: marker.col() as u32 + 1,
        length: 1,
    };
    let line = text.lines().nth(span.line as usize - 1).unwrap_or_default();
    let (message, hint) = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::UnexpectedCharacter { character: '\t' } => (
            "there is a tab where YAML allows only spaces".to_owned(),
            Some("indent with spaces"),
        ),
        ErrorKind::RecursionLimitExceeded => (too_deep(), None),
        ErrorKind::UnclosedQuotedScalar => (
            "this quoted text has no closing quote".to_owned(),
            Some("a quote inside the text is doubled in '…' and written \\\" in \"…\""),
        ),
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => (
            "this line is still inside a quoted text that began above it".to_owned(),
            Some("close the quote on the line where the text ends"),
        ),
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("this `{open}` is never closed"), None)
        }
        ErrorKind::UnknownAnchor => (
            "this alias names an anchor that is not defined before it".to_owned(),
            Some("define it with `&name`, or put quotes around a text that starts with `*`"),
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "this is not a YAML escape sequence".to_owned(),
            Some(
                "write regular expressions and JSON paths in single quotes, where `\\` is literal",
            ),
        ),
        ErrorKind::DirectiveDisallowed => (
            "a line starts with `%`, which YAML reserves for directives".to_owned(),
            None,
        ),
        kind => (format!("this is not valid YAML: {kind}"), None),
    };
    let hint = if line.contains("json: $") && line.contains('[') && hint.is_none() {
        Some("put quotes around a JSON path, such as `json: '$.items[0].id'`")
    } else if line.contains("${") && line.contains(['{', '[']) && hint.is_none() {
        Some("inside `{ }` and `[ ]`, put quotes around a value with `${…}`")
    } else if line.contains('\t') && hint.is_none() {
        Some("there is a tab in this line; indent with spaces")
    } else if matches!(error.kind(), ErrorKind::MappingValueNotAllowed) {
        Some("put quotes around a text that contains `: `, and check the indentation")
    } else {
        hint
    };
    let diagnostic = Diagnostic::new(Some(span), message);
    match hint {
        Some(hint) => diagnostic.with_hint(hint),
        None => diagnostic,
    }
}
