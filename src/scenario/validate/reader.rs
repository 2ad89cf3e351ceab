//! Typed reading of the tree: each reader returns the value or reports what it found and what it expected.
//!
//! Nothing here stops at an error. A reader that fails returns `None`, the caller goes on with the next key, and the
//! scenario is refused in the end because something was reported.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::synonyms;
use crate::mask::Mask;
use crate::source::Refusal;
use crate::source::{Content, Entry, Node, Scalar};
use crate::source::{Diagnostic, Span};
use crate::source::{LONGEST_NAME, brief, describe, listed, one_of};
use crate::units::{ByteSize, Rate, UnitError, parse_duration};

/// Everything that was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Diagnostic>,
    /// What the command line put into the tree; a span with line 0 names one of these by its column.
    arguments: Vec<String>,
    /// Values that are already known to be wrong: nothing more is said about them.
    spoiled: HashSet<(u32, u32)>,
    /// Whether a variable of the environment may be absent: then its own name stands for its value.
    accepts_unset: bool,
    /// Those that are absent.
    unset: BTreeSet<String>,
    /// Whether something was not said because it is about a value that is not known.
    has_held_back: bool,
    /// Values of the environment and the command line that may be secret: no message shows them.
    pub(super) secrets: Vec<String>,
}

impl Problems {
    /// Problems of a file that is checked where it is not run: its secrets need not be set.
    pub(super) fn without_environment() -> Self {
        Self {
            accepts_unset: true,
            ..Self::default()
        }
    }

    /// What stands for a variable of the environment that is not set, if it need not be; it is remembered.
    pub(super) fn stand_in(&mut self, name: &str) -> Option<String> {
        if !self.accepts_unset {
            return None;
        }
        self.unset.insert(name.to_owned());
        Some(name.to_owned())
    }

    pub(super) const fn accepts_unset(&self) -> bool {
        self.accepts_unset
    }

    /// The variables of the environment that stand-ins were used for.
    pub(super) fn unset(&self) -> impl Iterator<Item = &str> {
        self.unset.iter().map(String::as_str)
    }

    /// Whether something was not said because it is about a value that is not known.
    pub(super) const fn has_held_back(&self) -> bool {
        self.has_held_back
    }

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

    pub(super) fn report_perhaps_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(Some(span), message.into(), hint);
    }

    /// Something wrong that has no place in the file.
    pub(super) fn report_nowhere(&mut self, message: impl Into<String>, hint: Option<String>) {
        self.push(None, message.into(), hint);
    }

    /// Says nothing more about the value at this place, whose text is not what it was meant to be.
    pub(super) fn spoil(&mut self, span: Span) {
        self.spoiled.insert((span.line, span.column));
    }

    fn push(&mut self, span: Option<Span>, message: String, hint: Option<String>) {
        if span.is_some_and(|span| self.spoiled.contains(&(span.line, span.column))) {
            self.has_held_back = true;
            return;
        }
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
        let mask = Mask::of(&self.secrets);
        let mut list = self.list;
        for diagnostic in &mut list {
            diagnostic.hide(&mask);
        }
        list
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
            Content::Scalar(scalar) if !node.is_null() => Some(scalar),
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
        let bound = if number < *range.start() {
            format!("at least {}", range.start())
        } else if number > *range.end() {
            format!("at most {}", range.end())
        } else {
            return Some(number);
        };
        self.report(node.span, format!("{what} must be {bound}, found {number}"));
        None
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
        let meant = synonyms::hint(text, &words);
        self.report_perhaps_with(node.span, message, meant);
        None
    }

    /// The items of a list that has at least one.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Content::List(items) if items.is_empty() => {
                self.report(node.span, format!("expected {what}, found an empty list"));
                None
            }
            Content::List(items) => Some(items),
            _ => {
                self.expected(what, node);
                None
            }
        }
    }

    /// The entries of a mapping whose keys are free.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        if let Content::Map(entries) = &node.value {
            return Some(entries);
        }
        self.expected(what, node);
        None
    }

    /// A mapping with fixed keys; every key that is not of this shape is reported.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        shape: &'static Shape,
    ) -> Option<Fields<'n>> {
        let Content::Map(entries) = &node.value else {
            let message = format!("expected {}, found {}", shape.what, describe(node));
            let hint = format!("it is a mapping with the keys {}", listed(shape.known));
            self.report_with(node.span, message, hint);
            return None;
        };
        let mut has_slip = false;
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
            let meant = synonyms::hint(key, shape.known);
            has_slip |= meant.is_some();
            let hint = meant.unwrap_or_else(|| format!("the keys are {}", listed(shape.known)));
            self.report_with(entry.key_span, message, hint);
        }
        Some(Fields {
            entries,
            span: node.span,
            shape,
            has_slip,
        })
    }

    /// The value of a key that must be there.
    pub(super) fn require<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &'static str,
    ) -> Option<&'n Node> {
        let node = fields.get(key);
        if node.is_none() && !fields.has_slip {
            self.report(
                fields.span,
                format!("{} needs the key `{key}`", fields.shape.what),
            );
        }
        node
    }
}

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
    /// Whether an unknown key is most likely a known one misspelt; what is then missing was reported with it.
    pub(super) has_slip: bool,
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
