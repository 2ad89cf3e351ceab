//! `target:`: an address, or a command that Gander starts.

use url::Url;

use super::command_words;
use crate::format::tables::target as table;
use crate::format::{Fields, Problems};
use crate::mask::is_secret_name;
use crate::scenario::{PortText, Target, TargetCommand, Targets};
use crate::source::{Content, Files, Node, Span, user_info};
use crate::source::{brief, did_you_mean, nearest};

/// Reads `target:`.
pub(super) fn target(node: &Node, files: &Files, problems: &mut Problems) -> Option<Target> {
    if matches!(node.value, Content::Map(_)) {
        return command(node, files, problems).map(Target::Command);
    }
    address(node, problems)
}

/// Reads `targets:`, a mapping of names to base URLs.
pub(super) fn targets(node: &Node, problems: &mut Problems) -> Targets {
    let mut targets = Targets::new();
    let Some(entries) = problems.entries(node, "a mapping of names to base URLs") else {
        return targets;
    };
    for entry in entries {
        let name = entry.key.as_str();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !is_name || ["http", "https"].contains(&name) {
            problems.report_with(
                entry.key_span,
                format!("`{}` is not a name for a target", brief(name)),
                "a name has letters, digits, `-` and `_`, starts with a letter, and is neither `http` nor `https`",
            );
        }
        let Some(text) = problems.scalar(&entry.value, BASE_URL) else {
            continue;
        };
        if let Some(url) = base_url(text.text.trim(), &entry.value, BASE_URL, problems) {
            targets.insert(entry.key.clone(), url);
        }
    }
    targets
}

/// True if the target is Folio.
pub(super) fn is_bundled(node: &Node) -> bool {
    matches!(&node.value, Content::Scalar(scalar) if scalar.text.trim() == "bundled")
}

const BASE_URL: &str = "a base URL such as https://cdn.shop.test";

/// The target as a word or a URL.
fn address(node: &Node, problems: &mut Problems) -> Option<Target> {
    const WHAT: &str = "`bundled`, or a base URL such as http://127.0.0.1:8080";
    let text = problems.scalar(node, WHAT)?.text.trim();
    if text == "bundled" {
        return Some(Target::Bundled);
    }
    if !text.contains("://")
        && let Some(word) = nearest(text, ["bundled"])
    {
        let message = format!("expected {WHAT}, found `{}`", brief(text));
        problems.report_with(node.span, message, did_you_mean(word));
        return None;
    }
    base_url(text, node, WHAT, problems).map(Target::Url)
}

fn base_url(text: &str, node: &Node, what: &str, problems: &mut Problems) -> Option<Url> {
    if !text.contains("://") {
        if looks_like_a_host(text) {
            let message = format!("expected {what}, found `{}`", brief(text));
            problems.report_with(node.span, message, did_you_mean(&format!("http://{text}")));
        } else {
            problems.expected(what, node);
        }
        return None;
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            problems.report(
                node.span,
                format!(
                    "`{}` is not a URL: {error}",
                    brief(&user_info::masked(text))
                ),
            );
            return None;
        }
    };
    let complaint = if !matches!(url.scheme(), "http" | "https") {
        "a target's URL starts with http:// or https://"
    } else if !url.username().is_empty() || url.password().is_some() {
        "a target's URL may not contain credentials: give them under `auth:` of a step"
    } else if url.query().is_some() || url.fragment().is_some() {
        "a target's URL may not contain `?` or `#`"
    } else {
        return Some(url);
    };
    problems.report(node.span, complaint);
    None
}

/// True if a text looks like a host name or address, with an optional port and path.
fn looks_like_a_host(text: &str) -> bool {
    let host = text.split([':', '/']).next().unwrap_or_default();
    let is_host = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    is_host && (host == "localhost" || text[host.len()..].starts_with(':') || host.contains('.'))
}

fn command(node: &Node, files: &Files, problems: &mut Problems) -> Option<TargetCommand> {
    let fields = problems.fields(node, &table::TABLE)?;
    let words = words(&fields, problems);
    let env = env(&fields, problems);
    let ready = match fields.get(&table::READY) {
        Some(node) => ready(node, problems).map(Some),
        None => Some(None),
    };
    let cwd = folder(&fields, files, problems);
    let ready_within = problems.value(&fields, &table::READY_WITHIN);
    Some(TargetCommand {
        words: words?,
        cwd: cwd?,
        env: env?,
        ready: ready?,
        ready_within: ready_within?,
    })
}

/// The program and its arguments.
fn words(fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<PortText>> {
    const WHAT: &str = "a program and its arguments, such as `[ ./server, --port, \"${port}\" ]`";
    let node = problems.require(fields, &table::COMMAND)?;
    command_words::read(node, WHAT, problems, port_text)
}

fn port_text(text: &str, span: Span, problems: &mut Problems) -> Option<PortText> {
    match PortText::parse(text) {
        Ok(text) => Some(text),
        Err(unknown) => {
            problems.report_with(
                span,
                format!("`{}` is not known here: the target starts before any user", brief(&unknown)),
                "`${port}` is the port, `${NAME}` an environment variable, and `$${` a literal `${`",
            );
            None
        }
    }
}

/// The environment variables. The values of those whose name suggests a secret are masked everywhere.
fn env(fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<(String, PortText)>> {
    let Some(node) = fields.get(&table::ENV) else {
        return Some(Vec::new());
    };
    let entries = problems.entries(node, "a mapping of environment variables to values")?;
    let variables: Vec<Option<(String, PortText)>> = entries
        .iter()
        .map(|entry| {
            let name = &entry.key;
            if name.is_empty()
                || name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control())
            {
                problems.report(
                    entry.key_span,
                    format!(
                        "`{}` is not the name of an environment variable",
                        brief(name)
                    ),
                );
                return None;
            }
            // `KEY:` without a value is an empty text.
            let text = match &entry.value.value {
                Content::Scalar(scalar) if scalar.is_null() => "",
                _ => {
                    &problems
                        .scalar(&entry.value, "the value of an environment variable")?
                        .text
                }
            };
            if text.contains('\0') {
                problems.report(entry.value.span, "a value cannot contain the character NUL");
                return None;
            }
            if is_secret_name(name) {
                problems.secrets.push(text.to_owned());
            }
            Some((name.clone(), port_text(text, entry.value.span, problems)?))
        })
        .collect();
    variables.into_iter().collect()
}

fn ready(node: &Node, problems: &mut Problems) -> Option<String> {
    const WHAT: &str = "a path that begins with `/`, such as /health";
    let text = problems.scalar(node, WHAT)?.text.trim();
    let is_path =
        text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic()) && !text.contains('#');
    if is_path {
        return Some(text.to_owned());
    }
    problems.expected(WHAT, node);
    None
}

fn folder(
    fields: &Fields<'_>,
    files: &Files,
    problems: &mut Problems,
) -> Option<std::path::PathBuf> {
    let (named, span) = match fields.get(&table::CWD) {
        Some(node) => (problems.name(node, "a folder")?, node.span),
        None => (table::CWD.default_text(), fields.span),
    };
    match files.folder(named, span) {
        Ok(folder) => Some(folder),
        Err(refusal) => {
            problems.refused(span, refusal);
            None
        }
    }
}
