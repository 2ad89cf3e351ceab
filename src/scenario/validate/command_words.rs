//! A command: a list of words, or one text that is split as a POSIX shell does.

use crate::format::Problems;
use crate::source::{Content, Node, Span};

/// The program and its arguments, each converted by `read`; `what` describes them in messages.
pub(super) fn read<T>(
    node: &Node,
    what: &str,
    problems: &mut Problems,
    mut read: impl FnMut(&str, Span, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let mut words: Vec<(String, Span)> = Vec::new();
    let mut is_complete = true;
    match &node.value {
        Content::List(_) => {
            for item in problems.list(node, what)? {
                match problems.scalar(item, "a word of the command") {
                    Some(word) => words.push((word.text.clone(), item.span)),
                    None => is_complete = false,
                }
            }
        }
        Content::Scalar(_) => {
            let text = &problems.scalar(node, what)?.text;
            let Some(split) = shlex::split(text) else {
                problems.report_with(
                    node.span,
                    "a quote in this command is not closed",
                    "close it, or write the command as a list of words",
                );
                return None;
            };
            words.extend(split.into_iter().map(|word| (word, node.span)));
        }
        Content::Map(_) => {
            problems.expected(what, node);
            return None;
        }
    }
    let has_no_program = words
        .first()
        .is_none_or(|(program, _)| program.trim().is_empty());
    if is_complete && has_no_program {
        problems.report(node.span, format!("expected {what}, found no program"));
        return None;
    }
    if words.iter().any(|(word, _)| word.contains('\0')) {
        problems.report(node.span, "a command cannot contain the character NUL");
        return None;
    }
    // Every word is read before the first failure is returned.
    let read: Vec<Option<T>> = words
        .iter()
        .map(|(word, span)| read(word, *span, problems))
        .collect();
    read.into_iter()
        .collect::<Option<Vec<T>>>()
        .filter(|_| is_complete)
}
