//! Typed reading of the tree: each reader returns the value or reports the value found and the value expected.

use std::time::Duration;

use super::words::FromWord;
use super::{Choice, Field, Form, Mapping, Presence, Problems, synonyms};
use crate::source::{Content, Entry, Node, Scalar, Span};
use crate::source::{LONGEST_NAME, brief, describe, listed, one_of};
use crate::units::{ByteSize, Rate, UnitError, parse_duration};

/// A value of a field's type.
pub(crate) trait Readable: Sized {
    /// Reads a value of the field, or reports why it is invalid.
    fn read(node: &Node, field: &Field, problems: &mut Problems) -> Option<Self>;
}

impl Readable for bool {
    fn read(node: &Node, _: &Field, problems: &mut Problems) -> Option<Self> {
        problems.flag(node)
    }
}

impl Readable for u64 {
    fn read(node: &Node, field: &Field, problems: &mut Problems) -> Option<Self> {
        let wanted = format!("`{}`: a whole number", field.key);
        let text = &problems.scalar(node, &wanted)?.text;
        let Ok(number) = text.replace('_', "").parse::<Self>() else {
            problems.expected(&wanted, node);
            return None;
        };
        let (least, most) = field.kind.bounds()?;
        let bound = if number < least {
            format!("at least {least}")
        } else if number > most {
            format!("at most {most}")
        } else {
            return Some(number);
        };
        let message = format!("`{}` must be {bound}, found {number}", field.key);
        problems.report(node.span, message);
        None
    }
}

impl Readable for u32 {
    fn read(node: &Node, field: &Field, problems: &mut Problems) -> Option<Self> {
        u64::read(node, field, problems)?.try_into().ok()
    }
}

impl Readable for Duration {
    fn read(node: &Node, field: &Field, problems: &mut Problems) -> Option<Self> {
        let text = problems
            .scalar(node, "a duration such as 500ms, 30s or 5m")?
            .text
            .as_str();
        let result = parse_duration(text);
        let plain = text.parse::<f64>().ok().filter(|_| result.is_err());
        let is_nothing = plain == Some(0.0) || result.as_ref().is_ok_and(Duration::is_zero);
        if is_nothing && field.kind.is_positive() {
            let message = format!("`{}` must be longer than 0, found `{text}`", field.key);
            let hint = match field.presence {
                Presence::Required | Presence::Optional => {
                    format!("write one such as `5s`, or leave `{}` out", field.key)
                }
                Presence::Default(text) => {
                    format!("leave `{}` out for its default, {text}", field.key)
                }
            };
            problems.report_with(node.span, message, hint);
            return None;
        }
        if let Some(number) = plain.filter(|number| *number >= 0.0) {
            let hint = if number < 100.0 {
                format!("did you mean `{text}s`?")
            } else {
                // Some tools measure in milliseconds.
                format!("did you mean `{text}ms` or `{text}s`?")
            };
            let message =
                format!("`{text}` has no unit: a duration is written like 500ms, 30s or 5m");
            problems.report_with(node.span, message, hint);
            return None;
        }
        let duration = problems.parsed(node, result)?;
        Some(duration)
    }
}

impl Readable for Rate {
    fn read(node: &Node, _: &Field, problems: &mut Problems) -> Option<Self> {
        let text = problems
            .scalar(node, "a rate such as 200/s or 90/min")?
            .text
            .as_str();
        let result = text.parse();
        if result.is_err() && text.parse::<f64>().is_ok_and(|number| number >= 0.0) {
            problems.report_with(
                node.span,
                format!("`{text}` has no unit: a rate is written like 200/s or 90/min"),
                format!("did you mean `{text}/s`?"),
            );
            return None;
        }
        problems.parsed(node, result)
    }
}

impl Readable for ByteSize {
    fn read(node: &Node, _: &Field, problems: &mut Problems) -> Option<Self> {
        let result = problems
            .scalar(node, "a size such as 64KiB or 1MiB")?
            .text
            .parse();
        problems.parsed(node, result)
    }
}

impl<T: FromWord> Readable for T {
    fn read(node: &Node, _: &Field, problems: &mut Problems) -> Option<Self> {
        let words: Vec<&str> = T::SET.words.iter().map(|word| word.word).collect();
        let index = problems.word(node, T::SET.what, &words)?;
        T::VALUES.get(index).copied()
    }
}

impl Problems {
    /// The value of a key, or its default; `None` if it has neither, or if the value is invalid.
    pub(crate) fn value<T: Readable>(&mut self, fields: &Fields<'_>, field: &Field) -> Option<T> {
        match (fields.get(field), field.presence) {
            (Some(node), _) => T::read(node, field, self),
            (None, Presence::Default(text)) => {
                T::read(&Node::plain(text, Span::default()), field, self)
            }
            (None, Presence::Required) => {
                self.require(fields, field);
                None
            }
            (None, Presence::Optional) => None,
        }
    }

    /// The value of a node.
    pub(crate) fn at<T: Readable>(&mut self, node: &Node, field: &Field) -> Option<T> {
        T::read(node, field, self)
    }

    /// Reports that the value is not the expected one.
    pub(crate) fn expected(&mut self, what: &str, node: &Node) {
        self.report(
            node.span,
            format!("expected {what}, found {}", describe(node)),
        );
    }

    pub(crate) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.value {
            Content::Scalar(scalar) if !node.is_null() => Some(scalar),
            Content::Scalar(_) | Content::List(_) | Content::Map(_) => {
                self.expected(what, node);
                None
            }
        }
    }

    /// A text that is not empty and fits on one line.
    pub(crate) fn name<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.scalar(node, what)?.text.as_str();
        if text.trim().is_empty() {
            self.report(node.span, format!("expected {what}, found an empty text"));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.report(
                node.span,
                format!("{what} may not contain control characters or line breaks"),
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

    /// A name that is never expanded, so a template in it is an error.
    pub(crate) fn fixed_name<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.name(node, what)?;
        if text.contains("${") {
            self.report_with(
                node.span,
                format!("{what} is never expanded, but contains `${{`"),
                "write a fixed text: each value would become a series of its own",
            );
            return None;
        }
        Some(text)
    }

    pub(crate) fn flag(&mut self, node: &Node) -> Option<bool> {
        match self.scalar(node, "`true` or `false`")?.text.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => {
                self.expected("`true` or `false`", node);
                None
            }
        }
    }

    fn parsed<T>(&mut self, node: &Node, result: Result<T, UnitError>) -> Option<T> {
        result
            .map_err(|error| self.report(node.span, error.to_string()))
            .ok()
    }

    /// The index of the word in a list of allowed words.
    fn word(&mut self, node: &Node, what: &str, words: &[&str]) -> Option<usize> {
        let wanted = format!("{what}: {}", one_of(words));
        let text = self.scalar(node, &wanted)?.text.as_str();
        if let Some(index) = words.iter().position(|word| *word == text) {
            return Some(index);
        }
        let message = format!("expected {wanted}, found `{text}`");
        let meant = synonyms::value(text, words);
        self.report_perhaps_with(node.span, message, meant);
        None
    }

    /// The items of a list with at least one item.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Content::List(items) if items.is_empty() => {
                self.report(node.span, format!("expected {what}, found an empty list"));
                None
            }
            Content::List(items) => Some(items),
            Content::Scalar(_) | Content::Map(_) => {
                self.expected(what, node);
                None
            }
        }
    }

    /// The entries of a mapping whose keys are free.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        if let Content::Map(entries) = &node.value {
            return Some(entries);
        }
        self.expected(what, node);
        None
    }

    /// A mapping with fixed keys; every unknown key is reported.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        table: &'static Mapping,
    ) -> Option<Fields<'n>> {
        let Content::Map(entries) = &node.value else {
            let what = if table.what.starts_with('`') {
                format!("a mapping under {}", table.what)
            } else {
                table.what.to_owned()
            };
            let message = format!("expected {what}, found {}", describe(node));
            let hint = format!("it is a mapping with the keys {}", listed(&table.keys()));
            self.report_with(node.span, message, hint);
            return None;
        };
        let mut has_slip = false;
        for entry in entries {
            let key = entry.key.as_str();
            if table.field(key).is_some() {
                continue;
            }
            let message = format!("`{}` is not a key of {}", brief(key), table.what);
            let meant = self.meant(key, &table.keys());
            has_slip |= meant.is_some();
            let hint = meant.unwrap_or_else(|| format!("the keys are {}", listed(&table.keys())));
            self.report_with(entry.key_span, message, hint);
        }
        Some(Fields {
            entries,
            span: node.span,
            table,
            has_slip,
        })
    }

    /// The hint for a key that is none of these.
    pub(crate) fn meant(&self, key: &str, known: &[&str]) -> Option<String> {
        synonyms::key(key, known, self.format)
    }

    /// The value of a required key.
    pub(crate) fn require<'n>(&mut self, fields: &Fields<'n>, field: &Field) -> Option<&'n Node> {
        let node = fields.get(field);
        if node.is_none() && !fields.has_slip {
            let message = format!("{} needs the key `{}`", fields.table.what, field.key);
            self.report(fields.span, message);
        }
        node
    }

    /// Reports every key that does not belong to this form of the mapping.
    pub(crate) fn refuse_beside(&mut self, fields: &Fields<'_>, form: &Form) {
        for entry in fields.entries {
            if fields.table.field(&entry.key).is_some() && !form.has(&entry.key) {
                let message = format!("`{}` does not belong to {}", entry.key, form.what);
                self.report(entry.key_span, message);
            }
        }
    }
}

/// A mapping whose keys have been checked.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
    /// The start of the mapping.
    pub(crate) span: Span,
    table: &'static Mapping,
    /// True if an unknown key is probably a misspelt known one; a missing key is then not reported separately.
    pub(crate) has_slip: bool,
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(crate) fn get(&self, field: &Field) -> Option<&'n Node> {
        self.entry(field).map(|entry| &entry.value)
    }

    /// A key with its value.
    pub(crate) fn entry(&self, field: &Field) -> Option<&'n Entry> {
        debug_assert!(
            self.table.field(field.key).is_some(),
            "{} is read but is not a key of {}",
            field.key,
            self.table.what
        );
        self.entries.iter().find(|entry| entry.key == field.key)
    }

    /// The entries with one of these keys, in the order of the file.
    pub(crate) fn present(&self, keys: &[&str]) -> Vec<&'n Entry> {
        self.entries
            .iter()
            .filter(|entry| keys.contains(&entry.key.as_str()))
            .collect()
    }

    /// The entries whose key belongs to a choice.
    pub(crate) fn chosen(&self, choice: &Choice) -> Vec<&'n Entry> {
        self.present(choice.keys)
    }
}
