//! `${NAME}` and `${NAME:-default}` in any scalar: environment variables, inserted when the file is read.
//!
//! Upper-case names are environment variables, all other names are template variables, so neither can hide the other.
//! Values are inserted after the YAML is parsed, so they cannot change its structure.

use url::Url;

use crate::format::tables::scenario::TARGET;
use crate::format::{Problems, Secrecy};
use crate::scenario::FORMAT;
use crate::source::{Content, Node, Scalar};

/// True for the name of an environment variable: upper-case letters, digits and `_`.
pub(super) fn is_environment_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Replaces every environment reference in the tree's values.
pub(super) fn substitute(
    node: &mut Node,
    lookup: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) {
    let span = node.span;
    match &mut node.value {
        Content::List(items) => {
            for item in items {
                substitute(item, lookup, problems);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                substitute(&mut entry.value, lookup, problems);
            }
        }
        Content::Scalar(scalar) if scalar.text.contains("${") => {
            let mut missing = Vec::new();
            let mut has_stand_in = false;
            let mut value = |name: &str, has_default: bool| {
                let found = lookup(name).filter(|value| !has_default || !value.is_empty());
                if found.is_some() || has_default {
                    return found;
                }
                let stand_in = problems.stand_in(name);
                has_stand_in |= stand_in.is_some();
                stand_in
            };
            if let Some(text) = expand(&scalar.text, &mut value, &mut missing) {
                replace(scalar, text);
            }
            // A placeholder value is not the real value, so the text with it cannot be checked.
            let is_missing = !missing.is_empty() || has_stand_in;
            for name in missing {
                problems.report_with(
                    span,
                    format!("the environment variable `{name}` is not set"),
                    format!("set it, or give a default: `${{{name}:-default}}`"),
                );
            }
            if is_missing {
                problems.spoil(span);
            }
        }
        Content::Scalar(_) => {}
    }
}

/// Registers as a secret every environment value that `${NAME}` or `env(NAME)` inserts into a part that is not public.
pub(super) fn note_secrets(
    root: &Node,
    lookup: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) {
    let Content::Map(entries) = &root.value else {
        return;
    };
    for entry in entries {
        let field = FORMAT.root.field(&entry.key);
        let is_address = entry.key == TARGET.key && matches!(entry.value.value, Content::Scalar(_));
        if is_address {
            note_path(&entry.value, problems);
        } else if field.is_some_and(|field| field.secrecy != Secrecy::Public) {
            note(&entry.value, lookup, problems);
        }
    }
}

/// Registers as a secret the path of a target that comes from the environment. Reports show its host and port.
fn note_path(target: &Node, problems: &mut Problems) {
    if let Content::Scalar(Scalar {
        text,
        written: Some(_),
        ..
    }) = &target.value
        && let Ok(url) = Url::parse(text.trim())
    {
        problems
            .secrets
            .push(url.path().trim_matches('/').to_owned());
    }
}

fn note(node: &Node, lookup: &dyn Fn(&str) -> Option<String>, problems: &mut Problems) {
    match &node.value {
        Content::List(items) => items.iter().for_each(|item| note(item, lookup, problems)),
        Content::Map(entries) => entries
            .iter()
            .for_each(|entry| note(&entry.value, lookup, problems)),
        Content::Scalar(scalar) => {
            let written = scalar.written.as_deref().unwrap_or(&scalar.text);
            let references = written
                .split("${")
                .skip(1)
                .filter_map(|rest| rest.split('}').next());
            // The names in `NAME`, `NAME:-default` and `base64(env('NAME'))`; a default is in the file and so no
            // secret.
            let names = references.flat_map(|inside| {
                let inside = inside.split(":-").next().unwrap_or_default();
                inside.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            });
            let values = names
                .filter(|name| is_environment_name(name))
                .filter_map(lookup);
            problems.secrets.extend(values);
        }
    }
}

fn replace(scalar: &mut Scalar, text: String) {
    let written = std::mem::replace(&mut scalar.text, text);
    scalar.written = Some(written);
    scalar.offset = None;
}

/// The text with references replaced; `None` if there are none.
fn expand(
    text: &str,
    value: &mut dyn FnMut(&str, bool) -> Option<String>,
    missing: &mut Vec<String>,
) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut changed = false;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        let inner = &rest[start + 2..start + length];
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let end = start + length + 1;
        // In a template, `$${` means a literal `${`.
        let is_escaped = rest[..start].ends_with('$');
        if is_escaped || !is_environment_name(name) {
            out.push_str(&rest[..end]);
        } else {
            changed = true;
            out.push_str(&rest[..start]);
            // As in a shell, `:-` also replaces a value that is set but empty.
            match (value(name, default.is_some()), default) {
                // An environment value is text, never a template.
                (Some(value), _) => out.push_str(&value.replace("${", "$${")),
                (None, Some(default)) => out.push_str(default),
                (None, None) => missing.push(name.to_owned()),
            }
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, has_default: bool) -> Option<String> {
        match name {
            "HOST" => Some("example.test".to_owned()),
            "EMPTY" if !has_default => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn upper_case_names_are_replaced_and_all_else_is_left() {
        for (text, expected) in [
            (
                "http://${HOST}:${PORT:-80}/",
                Some("http://example.test:80/"),
            ),
            ("${EMPTY}|${EMPTY:-x}|${PORT:-}", Some("|x|")),
            ("${id} ${users.email} ${uuid()}", None),
            ("$${HOST}", None),
            ("${HOST", None),
            ("${é}${HOST}", Some("${é}example.test")),
        ] {
            let mut missing = Vec::new();
            assert_eq!(
                expand(text, &mut environment, &mut missing).as_deref(),
                expected,
                "{text}"
            );
            assert!(missing.is_empty());
        }
    }

    #[test]
    fn a_name_without_value_or_default_is_missing() {
        let mut missing = Vec::new();
        expand("${PORT} ${USER_NAME}", &mut environment, &mut missing);
        assert_eq!(missing, ["PORT", "USER_NAME"]);
    }
}
