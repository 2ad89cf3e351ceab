//! Typed reading of the tree: each reader returns the value or reports what it found and what it expected.
//!
//! Nothing here stops at an error. A reader that fails returns `None`, the caller goes on with the next key, and the
//! scenario is refused in the end because something was reported.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::files::Refusal;
use crate::scenario::diagnostic::{Diagnostic, Span};
use crate::scenario::raw::{Entry, Node, Notation, Scalar, Value};
use crate::units::{ByteSize, Rate, UnitError, parse_duration};

/// Everything that was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Diagnostic>,
    /// What the command line put into the tree; a span with line 0 names one of these by its column.
    arguments: Vec<String>,
}

impl Problems {
    /// Registers a command-line argument and returns the span of what it puts into the tree.
    pub(super) fn argument(&mut self, shown: String) -> Span {
        self.arguments.push(shown);
        Span {
            line: 0,
            column: self.arguments.len() as u32,
            length: 1,
        }
    }

    pub(super) fn report(&mut self, span: Span, message: impl Into<String>) {
        self.push(Some(span), message.into(), None);
    }

    pub(super) fn report_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Some(span), message.into(), Some(hint.into()));
    }

    /// Something wrong that has no place in the file.
    pub(super) fn report_nowhere(&mut self, message: impl Into<String>, hint: Option<String>) {
        self.push(None, message.into(), hint);
    }

    fn push(&mut self, span: Option<Span>, message: String, hint: Option<String>) {
        let argument = span
            .filter(|span| !span.is_in_file())
            .and_then(|span| self.arguments.get((span.column as usize).wrapping_sub(1)));
        let message = match argument {
            Some(argument) => format!("{message} (from `{argument}`)"),
            None => message,
        };
        self.list.push(Diagnostic {
            span: span.filter(|span| span.is_in_file()),
            message,
            hint,
        });
    }

    /// A file that cannot be used.
    pub(super) fn refused(&mut self, span: Span, refusal: Refusal) {
        self.push(Some(span), refusal.message, refusal.hint);
    }

    pub(super) fn add(&mut self, diagnostics: Vec<Diagnostic>) {
        self.list.extend(diagnostics);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }

    /// Says that the value is something else than was expected.
    pub(super) fn expected(&mut self, what: &str, node: &Node) {
        self.report(
            node.span,
            format!("expected {what}, found {}", describe(node)),
        );
    }

    pub(super) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.value {
            Value::Scalar(scalar) if !node.is_null() => Some(scalar),
            _ => {
                self.expected(what, node);
                None
            }
        }
    }

    /// A text that is not empty and can be shown on one line.
    pub(super) fn name<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.scalar(node, what)?.text.as_str();
        if text.trim().is_empty() {
            self.report(node.span, format!("expected {what}, found an empty text"));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.report(
                node.span,
                format!("{what} may not hold control characters or line breaks"),
            );
            return None;
        }
        if text.chars().count() > LONGEST_NAME {
            self.report(
                node.span,
                format!("{what} may have at most {LONGEST_NAME} characters"),
            );
            return None;
        }
        Some(text)
    }

    /// A name that is shown as written, so that a template in it would be a mistake.
    pub(super) fn fixed_name<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.name(node, what)?;
        if text.contains("${") {
            self.report_with(
                node.span,
                format!("{what} is never expanded, but holds `${{`"),
                "write a fixed text: each value would become a series of its own",
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn flag(&mut self, node: &Node) -> Option<bool> {
        match self.scalar(node, "`true` or `false`")?.text.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => {
                self.expected("`true` or `false`", node);
                None
            }
        }
    }

    pub(super) fn count(
        &mut self,
        node: &Node,
        what: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let wanted = format!("{what}: a whole number");
        let text = &self.scalar(node, &wanted)?.text;
        let Ok(number) = text.replace('_', "").parse::<u64>() else {
            self.expected(&wanted, node);
            return None;
        };
        if !range.contains(&number) {
            let (least, most) = range.into_inner();
            self.report(
                node.span,
                format!("{what} must be from {least} to {most}, found {number}"),
            );
            return None;
        }
        Some(number)
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self
            .scalar(node, "a duration such as 500ms, 30s or 5m")?
            .text
            .as_str();
        let result = parse_duration(text);
        if result.is_err() && text.parse::<f64>().is_ok_and(|number| number >= 0.0) {
            self.report_with(
                node.span,
                format!("`{text}` has no unit: a duration is written like 500ms, 30s or 5m"),
                format!("did you mean `{text}s`?"),
            );
            return None;
        }
        self.parsed(node, result)
    }

    /// A duration that is longer than nothing.
    pub(super) fn positive_duration(&mut self, node: &Node) -> Option<Duration> {
        let duration = self.duration(node)?;
        if duration.is_zero() {
            self.report(node.span, "this duration must be longer than nothing");
            return None;
        }
        Some(duration)
    }

    pub(super) fn rate(&mut self, node: &Node) -> Option<Rate> {
        let text = self
            .scalar(node, "a rate such as 200/s or 90/min")?
            .text
            .as_str();
        let result = text.parse();
        if result.is_err() && text.parse::<f64>().is_ok_and(|number| number >= 0.0) {
            self.report_with(
                node.span,
                format!("`{text}` has no unit: a rate is written like 200/s or 90/min"),
                format!("did you mean `{text}/s`?"),
            );
            return None;
        }
        self.parsed(node, result)
    }

    pub(super) fn size(&mut self, node: &Node) -> Option<ByteSize> {
        let result = self
            .scalar(node, "a size such as 64KiB or 1MiB")?
            .text
            .parse();
        self.parsed(node, result)
    }

    fn parsed<T>(&mut self, node: &Node, result: Result<T, UnitError>) -> Option<T> {
        result
            .map_err(|error| self.report(node.span, error.to_string()))
            .ok()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let wanted = format!("{what}: {}", one_of(&words));
        let text = self.scalar(node, &wanted)?.text.as_str();
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let message = format!("expected {wanted}, found `{text}`");
        match nearest(text, words) {
            Some(word) => self.report_with(node.span, message, did_you_mean(word)),
            None => self.report(node.span, message),
        }
        None
    }

    /// The items of a list that has at least one.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                self.report(node.span, format!("expected {what}, found an empty list"));
                None
            }
            Value::List(items) => Some(items),
            _ => {
                self.expected(what, node);
                None
            }
        }
    }

    /// The entries of a mapping whose keys are free.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.expected(what, node);
                None
            }
        }
    }

    /// A mapping with fixed keys; every key that is not of this shape is reported.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        shape: &'static Shape,
    ) -> Option<Fields<'n>> {
        let entries = self.entries(node, shape.what)?;
        for entry in entries {
            let key = entry.key.as_str();
            if shape.known.contains(&key) {
                continue;
            }
            if shape.later.contains(&key) {
                self.report_with(
                    entry.key_span,
                    format!("`{key}` is not supported yet"),
                    "it belongs to a later version of the scenario format; remove it for now",
                );
                continue;
            }
            let message = format!("`{}` is not a key of {}", brief(key), shape.what);
            let hint = nearest(key, shape.known.iter().copied()).map_or_else(
                || format!("the keys are {}", listed(shape.known)),
                did_you_mean,
            );
            self.report_with(entry.key_span, message, hint);
        }
        Some(Fields {
            entries,
            span: node.span,
            shape,
        })
    }

    /// The value of a key that must be there.
    pub(super) fn require<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &'static str,
    ) -> Option<&'n Node> {
        let node = fields.get(key);
        if node.is_none() {
            self.report(
                fields.span,
                format!("{} needs the key `{key}`", fields.shape.what),
            );
        }
        node
    }
}

/// The longest a name, a tag or a tag's value may be, in characters.
const LONGEST_NAME: usize = 200;

/// The keys that a mapping may have.
pub(super) struct Shape {
    /// What the mapping is, with its article: `a flow`.
    pub(super) what: &'static str,
    /// The keys it may have.
    pub(super) known: &'static [&'static str],
    /// Keys of the format that this version does not read yet.
    pub(super) later: &'static [&'static str],
}

/// A mapping whose keys have been checked.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
    /// Where the mapping starts.
    pub(super) span: Span,
    shape: &'static Shape,
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(super) fn get(&self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key with its value.
    pub(super) fn entry(&self, key: &'static str) -> Option<&'n Entry> {
        debug_assert!(
            self.shape.known.contains(&key),
            "{key} is read but not known to be a key of {}",
            self.shape.what
        );
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Those of the keys that are there, in the order of the file.
    pub(super) fn present(&self, keys: &[&'static str]) -> Vec<&'n Entry> {
        self.entries
            .iter()
            .filter(|entry| keys.contains(&entry.key.as_str()))
            .collect()
    }
}

/// What a value is, for a message.
pub(super) fn describe(node: &Node) -> String {
    match &node.value {
        _ if node.is_null() => "nothing".to_owned(),
        Value::Scalar(scalar) if scalar.text.is_empty() => "an empty text".to_owned(),
        Value::Scalar(scalar) => format!("`{}`", brief(&scalar.text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

/// The start of a text that may be long.
pub(super) fn brief(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let start: String = line.chars().take(LONGEST).collect();
    format!("{start}…")
}

pub(super) fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}

/// `` `a`, `b` or `c` ``
pub(super) fn one_of(words: &[&str]) -> String {
    let (last, rest) = match words {
        [] => return String::new(),
        [one] => return format!("`{one}`"),
        [rest @ .., last] => (last, rest),
    };
    let rest: Vec<String> = rest.iter().map(|word| format!("`{word}`")).collect();
    format!("{} or `{last}`", rest.join(", "))
}

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// The word that was most likely meant, if one is near enough.
pub(super) fn nearest<'w>(
    found: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    if found.len() > LONGEST_NAME {
        return None;
    }
    let found = found.to_lowercase();
    // Half a word wrong is no longer a slip; a swap of two letters counts once.
    let reach = (found.chars().count() / 2).clamp(1, 3);
    words
        .into_iter()
        .map(|word| {
            (
                strsim::damerau_levenshtein(&found, &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// A scalar that was put into the tree and not read from the file.
pub(super) fn plain(text: &str, span: Span) -> Node {
    Node {
        value: Value::Scalar(Scalar {
            text: text.to_owned(),
            written: None,
            notation: Notation::Plain,
            offset: None,
        }),
        span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_a_slip_away_and_no_further() {
        let words = ["users", "stages", "rate"];
        assert_eq!(nearest("user", words), Some("users"));
        assert_eq!(nearest("Users", words), Some("users"));
        assert_eq!(nearest("stagse", words), Some("stages"));
        assert_eq!(nearest("duration", words), None);
        assert_eq!(nearest("x", words), None);
    }
}
