//! `secrets:`: texts from the environment, from files and from commands.

use super::command_words;
use super::names::{self, NameTable};
use crate::format::Problems;
use crate::format::tables::secret as table;
use crate::scenario::{Secret, SecretCommand, SecretOrigin};
use crate::source::{Content, Entry, Files, Node, Scalar, Span, brief};

/// Reads `secrets:`.
pub(super) fn secrets(
    node: &Node,
    files: &Files,
    names: &mut NameTable,
    problems: &mut Problems,
) -> Vec<Secret> {
    let Some(entries) = problems.entries(node, "a mapping of secrets to texts") else {
        return Vec::new();
    };
    let mut secrets = Vec::new();
    for entry in entries {
        let found = secret(entry, files, problems);
        // The name is added in any case, so that its uses are not errors too.
        let (text, origin) =
            found.map_or((String::new(), None), |(text, origin)| (text, Some(origin)));
        if let Some(slot) = names.add_secret(entry, text, problems)
            && let Some(origin) = origin
        {
            secrets.push(Secret {
                slot,
                origin,
                span: entry.value.span,
            });
        }
    }
    secrets
}

fn secret(entry: &Entry, files: &Files, problems: &mut Problems) -> Option<(String, SecretOrigin)> {
    let node = &entry.value;
    match &node.value {
        Content::Map(_) => elsewhere(&entry.key, node, files, problems),
        Content::Scalar(scalar) => {
            let text = given(&entry.key, node, scalar, problems)?;
            Some((text, SecretOrigin::Text))
        }
        Content::List(_) => {
            problems.expected(
                "`${NAME}` of the environment, or a mapping with `file` or `command`",
                node,
            );
            None
        }
    }
}

/// The secret of a text from environment variables, or from `--set` on the command line. A constant in the file is an error.
fn given(name: &str, node: &Node, scalar: &Scalar, problems: &mut Problems) -> Option<String> {
    if let Some(span) = names::first_expression(node) {
        problems.report_with(
            span,
            format!(
                "the secret `{}` is known before the run and cannot hold `${{…}}`",
                brief(name)
            ),
            "only ${NAME} of the environment is replaced here",
        );
        return None;
    }
    if scalar.written.is_none() && node.span.is_in_file() {
        let message = if node.is_null() || scalar.text.trim().is_empty() {
            format!("the secret `{}` has no value", brief(name))
        } else {
            format!(
                "the secret `{}` is written in the file, where everyone can read it",
                brief(name)
            )
        };
        let hint = format!(
            "write `\"${{{}}}\"` and set that environment variable, or use `file` or `command`; a value that is no \
             secret belongs under `vars:`",
            variable_for(name)
        );
        problems.report_with(node.span, message, hint);
        return None;
    }
    // An environment variable is a text, so its `${` was escaped.
    let text = scalar.text.replace("$${", "${");
    not_empty(name, node, text, problems)
}

/// The usual name of an environment variable for this secret.
fn variable_for(name: &str) -> String {
    let upper = |c: char| match c.to_ascii_uppercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '_',
    };
    name.chars().map(upper).collect()
}

fn not_empty(name: &str, node: &Node, text: String, problems: &mut Problems) -> Option<String> {
    if !text.trim().is_empty() {
        return Some(text);
    }
    let hint = match &node.value {
        Content::Scalar(scalar) if scalar.written.is_some() => {
            format!(
                "set the environment variable in `{}`",
                brief(scalar.as_written())
            )
        }
        Content::Scalar(_) | Content::List(_) | Content::Map(_) => "give it a value".to_owned(),
    };
    problems.report_with(
        node.span,
        format!("the secret `{}` is empty", brief(name)),
        hint,
    );
    None
}

/// A secret from a file or a command.
fn elsewhere(
    name: &str,
    node: &Node,
    files: &Files,
    problems: &mut Problems,
) -> Option<(String, SecretOrigin)> {
    let fields = problems.fields(node, &table::TABLE)?;
    let timeout = problems.value(&fields, &table::TIMEOUT);
    let entry = match fields.chosen(&table::ORIGIN).as_slice() {
        [one] => *one,
        [] => {
            if !fields.has_slip {
                problems.report(node.span, "a secret needs the key `file` or `command`");
            }
            return None;
        }
        [_, second, ..] => {
            problems.report(
                second.key_span,
                "a secret comes from a `file` or a `command`, not from both",
            );
            return None;
        }
    };
    if entry.key == table::COMMAND.key {
        const WHAT: &str =
            "a program and its arguments, such as `[ vault, read, -field=key, secret/shop ]`";
        let words = command_words::read(&entry.value, WHAT, problems, constant)?;
        let command = SecretCommand {
            words,
            cwd: files.own_folder(node.span),
            timeout: timeout?,
        };
        return Some((String::new(), SecretOrigin::Command(command)));
    }
    if let Some(timeout) = fields.entry(&table::TIMEOUT) {
        problems.report(
            timeout.key_span,
            "`timeout` belongs to a secret from a `command`",
        );
    }
    let node = &entry.value;
    let named = problems.name(node, "the name of a file")?;
    match files.read_secret(named, node.span) {
        Ok(text) => {
            problems.secrets.push(text.clone());
            not_empty(name, node, text, problems).map(|text| (text, SecretOrigin::File))
        }
        Err(refusal) => {
            problems.refused(node.span, refusal);
            None
        }
    }
}

/// A word of a command, which is known before the run.
fn constant(word: &str, span: Span, problems: &mut Problems) -> Option<String> {
    if word.replace("$${", "").contains("${") {
        let message = format!(
            "`{}` inserts no value here: the command runs before any user",
            brief(word)
        );
        let hint = "`${NAME}` is an environment variable, and `$${` a literal `${`";
        problems.report_with(span, message, hint);
        return None;
    }
    Some(word.replace("$${", "${"))
}
