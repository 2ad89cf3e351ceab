//! Everything that is found wrong while a file is read.
//!
//! Nothing stops at an error. A reader that fails returns `None`, the caller goes on with the next key, and the scenario is
//! refused in the end because something was reported.

use std::collections::{BTreeSet, HashSet};

use super::Format;
use crate::mask::Mask;
use crate::source::{Diagnostic, Refusal, Span};

/// Everything that was found wrong so far.
#[derive(Debug)]
pub(crate) struct Problems {
    /// What may be written.
    pub(super) format: &'static Format,
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
    pub(crate) secrets: Vec<String>,
}

impl Problems {
    /// Problems of a file of this format.
    pub(crate) fn of(format: &'static Format) -> Self {
        Self {
            format,
            list: Vec::new(),
            arguments: Vec::new(),
            spoiled: HashSet::new(),
            accepts_unset: false,
            unset: BTreeSet::new(),
            has_held_back: false,
            secrets: Vec::new(),
        }
    }

    /// The same for a file that is checked where it is not run: its secrets need not be set.
    pub(crate) fn without_environment(format: &'static Format) -> Self {
        Self {
            accepts_unset: true,
            ..Self::of(format)
        }
    }

    /// What stands for a variable of the environment that is not set, if it need not be; it is remembered.
    pub(crate) fn stand_in(&mut self, name: &str) -> Option<String> {
        if !self.accepts_unset {
            return None;
        }
        self.unset.insert(name.to_owned());
        Some(name.to_owned())
    }

    pub(crate) const fn accepts_unset(&self) -> bool {
        self.accepts_unset
    }

    /// The variables of the environment that stand-ins were used for.
    pub(crate) fn unset(&self) -> impl Iterator<Item = &str> {
        self.unset.iter().map(String::as_str)
    }

    /// Whether something was not said because it is about a value that is not known.
    pub(crate) const fn has_held_back(&self) -> bool {
        self.has_held_back
    }

    /// Registers a command-line argument and returns the span of what it puts into the tree.
    pub(crate) fn argument(&mut self, shown: String) -> Span {
        self.arguments.push(shown);
        Span {
            line: 0,
            column: self.arguments.len() as u32,
            length: 1,
        }
    }

    pub(crate) fn report(&mut self, span: Span, message: impl Into<String>) {
        self.push(Some(span), message.into(), None);
    }

    pub(crate) fn report_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Some(span), message.into(), Some(hint.into()));
    }

    pub(crate) fn report_perhaps_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(Some(span), message.into(), hint);
    }

    /// Something wrong that has no place in the file.
    pub(crate) fn report_nowhere(&mut self, message: impl Into<String>, hint: Option<String>) {
        self.push(None, message.into(), hint);
    }

    /// Says nothing more about the value at this place, whose text is not what it was meant to be.
    pub(crate) fn spoil(&mut self, span: Span) {
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
    pub(crate) fn refused(&mut self, span: Span, refusal: Refusal) {
        self.push(Some(span), refusal.message, refusal.hint);
    }

    pub(crate) fn add(&mut self, diagnostics: Vec<Diagnostic>) {
        self.list.extend(diagnostics);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        let mask = Mask::of(&self.secrets);
        let mut list = self.list;
        for diagnostic in &mut list {
            diagnostic.hide(&mask);
        }
        list
    }
}
